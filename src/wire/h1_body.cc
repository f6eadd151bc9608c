#include "wire/h1_body.h"

#include <cassert>

namespace weir::wire {

void H1Body::begin(http::h1::BodyLength length) {
  length_ = length;
  decoder_ = http::h1::BodyDecoder(length, stream_.side());
  stopped_ = failed_ = false;
}

std::optional<std::uint64_t> H1Body::length() const {
  using Kind = http::h1::BodyLength::Kind;
  if (length_.kind == Kind::fixed) return length_.bytes;
  if (length_.kind == Kind::none) return 0;
  return std::nullopt;
}

bool H1Body::ready() const {
  if (failed_ || finished()) return true;
  std::string_view data = buffer_.data();
  // The size line of a chunk alone is nothing to hand out yet.
  if (length_.kind == http::h1::BodyLength::Kind::chunked)
    data.remove_prefix(std::min(data.find('\n'), data.size() - 1) + 1);
  return !data.empty();
}

async::Task<Result<std::size_t>> H1Body::fill() {
  if (idle_limit_ > Duration::zero()) stream_.set_read_deadline(stream_.loop().now() + idle_limit_);
  return buffer_.fill(stream_, &stopped_);
}

async::Task<Result<std::string_view>> H1Body::read() {
  while (!decoder_.done()) {
    if (stopped_) co_return fail(Code::cancelled);
    if (buffer_.empty()) {
      auto got = co_await fill();
      if (got && *got == 0) {
        bool forged = length_.kind == http::h1::BodyLength::Kind::until_close && !stream_.ended_cleanly();
        auto ended =
            forged ? Result<void>(fail(Code::upstream_body_incomplete, "TLS ended without close_notify"))
                   : decoder_.end_of_input();
        failed_ = !ended;
        if (!ended) co_return pass(ended);
        continue;
      }
      failed_ = !got;
      if (!got) co_return pass(got);
    }
    auto step = decoder_.step(buffer_.data());
    failed_ = !step;
    if (!step) co_return pass(step);
    buffer_.consume(step->consumed);
    if (step->data.empty()) continue;
    // The end that is there already is taken along, so that the last part is known to be the last.
    if (buffer_.data().starts_with("\r\n0\r\n\r\n") && length_.kind == http::h1::BodyLength::Kind::chunked) {
      while (!decoder_.done()) {
        auto end = decoder_.step(buffer_.data());
        failed_ = !end;
        if (!end) co_return pass(end);
        assert(end->data.empty());
        buffer_.consume(end->consumed);
      }
    }
    co_return step->data;
  }
  co_return std::string_view();
}

}  // namespace weir::wire
