#include "wire/h1_writer.h"

#include <array>

#include "base/secret_bytes.h"
#include "http/h1/encoder.h"

namespace weir::wire {
namespace {

void extend_deadline(net::Stream& stream, Duration limit) {
  if (limit > Duration::zero()) stream.set_write_deadline(stream.loop().now() + limit);
}

void forget(std::string& head, bool secret) {
  if (secret) zero(head);
  head.clear();
}

}  // namespace

async::Task<Result<void>> write_message(net::Stream& stream, std::string head, Body* body, Writing& how) {
  if (!body || !body->ready()) {
    extend_deadline(stream, how.idle_limit);
    how.head_sent = true;
    auto sent = co_await stream.write(head);
    forget(head, how.secret);
    if (!sent || !body) co_return sent;
  }
  std::array<char, 20> line;
  std::string tail;
  for (bool last = false; !last;) {
    auto part = co_await body->read();
    if (!part) forget(head, how.secret);
    if (!part) co_return pass(part);
    last = part->empty() || body->finished();
    tail.clear();
    std::string_view chunk;
    if (how.chunked && !part->empty()) {
      chunk = http::h1::chunk_line(line, part->size());
      tail = "\r\n";
    }
    if (how.chunked && last) http::h1::append_last_chunk(tail, body->trailers());
    std::array<std::string_view, 4> pieces{head, chunk, *part, tail};
    extend_deadline(stream, how.idle_limit);
    how.head_sent = true;
    auto sent = co_await stream.write(pieces);
    forget(head, how.secret);
    if (!sent) co_return pass(sent);
  }
  co_return Result<void>();
}

}  // namespace weir::wire
