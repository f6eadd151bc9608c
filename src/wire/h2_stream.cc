#include "wire/h2_stream.h"

#include <algorithm>
#include <cstring>

#include "http/trailers.h"

namespace weir::wire {

using http::h2::ErrorCode;

H2Stream::H2Stream(H2Connection& connection, http::h2::StreamId id)
    : connection_(connection), id_(id), arrived_(connection.loop()), taken_(connection.loop()) {
  connection_.add(*this);
}

H2Stream::~H2Stream() {
  connection_.consumed(*this, received_.size() - taken_bytes_ + handed_.size(), true);
  if (!closed_ && id_ > 0) {
    connection_.session().forget(id_);
    bool answered = sent_all_ && connection_.stream().side() == Side::client;
    if (answered && !ended_) {
      connection_.session().finish(id_);
    } else if (!sent_all_ || !ended_) {
      connection_.session().reset(id_, ErrorCode::cancel);
    }
    connection_.flush_soon();
  }
  connection_.drop(*this);
}

std::optional<std::uint64_t> H2Stream::length() const {
  if (length_) return length_;
  // Trailers would find no place behind a body of a known length in HTTP/1.
  if (ended_ && received_.empty() && handed_.empty() && trailers_.empty()) return 0;
  return std::nullopt;
}

void H2Stream::give_back() {
  connection_.consumed(*this, handed_.size(), closed_);
  handed_.clear();
}

async::Task<Result<std::string_view>> H2Stream::read() {
  give_back();
  for (;;) {
    if (unread() > 0 && (ended_ || !failure_) && !stopped_) {
      handed_.swap(received_);
      co_return std::string_view(handed_);
    }
    if (failure_ && !ended_) co_return Failure(*failure_);
    if (ended_) co_return std::string_view();
    if (stopped_) co_return fail(Code::cancelled);
    bool limited = idle_limit_ > Duration::zero();
    auto woken = co_await arrived_.wait(limited ? connection_.loop().now() + idle_limit_ : kNever);
    if (woken == async::Wake::timeout)
      co_return fail(connection_.stream().side() == Side::client ? Code::client_timeout
                                                                 : Code::upstream_timeout);
  }
}

Result<std::optional<std::size_t>> H2Stream::take(std::span<char> into) {
  if (unread() == 0) {
    if (ended_) return 0;
    if (failure_) return Failure(*failure_);
    return std::nullopt;
  }
  std::size_t size = std::min(into.size(), unread());
  std::memcpy(into.data(), received_.data() + taken_bytes_, size);
  taken_bytes_ += size;
  if (unread() == 0) {
    received_.clear();
    taken_bytes_ = 0;
  }
  connection_.consumed(*this, size, closed_);
  return size;
}

void H2Stream::stop() {
  stopped_ = true;
  arrived_.notify();
}

void H2Stream::expect_head_by(TimePoint deadline) {
  if (responded_to()) return;
  head_deadline_ = deadline;
  arrived_.rearm(deadline);
}

async::Task<Result<http::h2::HeaderBlock>> H2Stream::head() {
  for (;;) {
    if (!heads_.empty()) {
      http::h2::HeaderBlock out = std::move(heads_.front());
      heads_.erase(heads_.begin());
      ++heads_taken_;
      co_return out;
    }
    if (failure_) co_return Failure(*failure_);
    if (ended_) co_return fail(Code::upstream_bad_response, "HTTP/2: the stream ended without a response");
    auto woken = co_await arrived_.wait(head_deadline_);
    if (woken == async::Wake::timeout) co_return fail(Code::upstream_timeout);
  }
}

void H2Stream::offer(std::string_view bytes, bool last, const http::Fields* trailers) {
  sending_ = bytes;
  sending_trailers_ = trailers;
  last_ = last;
  offered_ = true;
}

async::Task<Result<void>> H2Stream::wait_taken() {
  if (offered_) {
    connection_.session().resume(id_);
    connection_.pump();
    connection_.flush_soon();
  }
  while (offered_ && !failure_ && !closed_) {
    auto woken = co_await taken_.wait(connection_.loop().now() + connection_.limits().stall);
    if (woken != async::Wake::timeout) continue;
    cancel(ErrorCode::cancel);
    co_return fail(
        connection_.stream().side() == Side::client ? Code::client_timeout : Code::upstream_timeout,
        "HTTP/2: no window was opened for what is to be sent");
  }
  if (!offered_) co_return Result<void>();
  offered_ = false;
  if (failure_) co_return Failure(*failure_);
  // The peer has ended the stream without an error: it wants no more.
  co_return fail(connection_.stream().side() == Side::client ? Code::client_closed : Code::upstream_closed);
}

async::Task<Result<void>> H2Stream::send_body(Body& body, std::optional<std::string_view> first) {
  for (;;) {
    if (!first) {
      auto part = co_await body.read();
      if (!part) {
        if (!failure_) cancel(ErrorCode::internal_error);
        co_return pass(part);
      }
      first = *part;
    }
    bool last = first->empty() || body.finished();
    offer(*first, last, last ? &body.trailers() : nullptr);
    auto taken = co_await wait_taken();
    if (!taken || last) co_return taken;
    first.reset();
  }
}

void H2Stream::cancel(ErrorCode why) {
  cancelled_ = true;
  if (!closed_ && id_ > 0) {
    connection_.session().reset(id_, why);
    connection_.flush_soon();
  }
  if (!failure_) failure_.emplace(Code::cancelled);
  ended_ = false;
  tell();
}

void H2Stream::on_gone(std::move_only_function<void()> call) {
  gone_ = std::move(call);
  if (failure_ && gone_) std::exchange(gone_, nullptr)();
}

void H2Stream::tell() {
  arrived_.notify();
  taken_.notify();
}

void H2Stream::fail_with(const Error& why) {
  if (failure_ || closed_) return;
  closed_ = true;
  failure_ = responded_to() ? Error(why).with_retry(Retry::never) : why;
  tell();
  if (auto call = std::exchange(gone_, nullptr)) call();
}

void H2Stream::on_head(http::h2::HeaderBlock block) {
  heads_.push_back(std::move(block));
  arrived_.notify();
}

void H2Stream::on_data(std::string_view data) {
  if (cancelled_ || stopped_) {
    // Nobody will read it; the other streams must not pay for it.
    connection_.session().consume_connection(data.size());
    return;
  }
  received_.append(data);
  connection_.arrived(data.size());
  arrived_.notify();
}

void H2Stream::on_trailers(http::h2::HeaderBlock block) {
  for (http::Fields::View field : block.fields)
    if (http::may_trail(field.name)) trailers_.add(field.name, field.value);
  if (!block.too_large || failure_) return;
  bool client = connection_.stream().side() == Side::client;
  failure_.emplace(client ? Code::head_too_large : Code::upstream_bad_response,
                   "HTTP/2: trailers of " + std::to_string(block.bytes) + " bytes");
  connection_.session().reset(id_, ErrorCode::enhance_your_calm);
}

void H2Stream::on_end() {
  if (!failure_) ended_ = true;
  arrived_.notify();
}

void H2Stream::on_close(ErrorCode why, std::string_view fault) {
  closed_ = true;
  bool client = connection_.stream().side() == Side::client;
  // An origin may end a request whose response is whole; a client that ends a response wants no more of it.
  bool orderly = why == ErrorCode::no_error && (client ? sent_all_ : ended_);
  if (!orderly && !failure_) {
    std::string detail =
        fault.empty() ? "HTTP/2: RST_STREAM " + std::string(name(why)) : "HTTP/2: " + std::string(fault);
    if (!fault.empty()) {
      failure_.emplace(client ? Code::bad_request : Code::upstream_bad_response, std::move(detail));
    } else if (client) {
      failure_.emplace(Code::client_closed, std::move(detail));
    } else if (why == ErrorCode::refused_stream) {
      failure_.emplace(Code::upstream_closed, "HTTP/2: the stream was refused", Retry::yes);
    } else {
      failure_.emplace(Code::upstream_reset, std::move(detail));
    }
  }
  tell();
  if (failure_)
    if (auto call = std::exchange(gone_, nullptr)) call();
}

std::optional<http::h2::Outflow> H2Stream::outflow() {
  if (!offered_) return std::nullopt;
  return http::h2::Outflow{sending_, last_, sending_trailers_};
}

void H2Stream::sent(std::size_t bytes) {
  sending_.remove_prefix(bytes);
  if (!sending_.empty()) return;
  offered_ = false;
  if (last_) sent_all_ = true;
  taken_.notify();
}

}  // namespace weir::wire
