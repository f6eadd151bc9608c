#include "net/stream.h"

#include <errno.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <cassert>

namespace weir::net {

async::Task<Result<std::size_t>> Stream::read_some(std::span<char> into) {
  for (;;) {
    auto got = try_read(into);
    if (!got) co_return pass(got);
    if (*got) co_return **got;
    auto ready = co_await wait_readable();
    if (!ready) co_return pass(ready);
  }
}

async::Task<Result<void>> Stream::write(std::span<const std::string_view> pieces) {
  assert(pieces.size() <= kMaxPieces);
  std::array<std::string_view, kMaxPieces> left;
  std::size_t first = 0;
  std::size_t count = pieces.size();
  std::ranges::copy(pieces, left.begin());
  for (;;) {
    while (first < count && left[first].empty()) ++first;
    if (first == count) co_return co_await wait_until_flushed();
    auto sent = try_write(std::span(left).subspan(first, count - first));
    if (!sent) co_return pass(sent);
    if (*sent == 0) {
      auto ready = co_await wait_writable();
      if (!ready) co_return pass(ready);
      continue;
    }
    for (std::size_t bytes = *sent; bytes > 0;) {
      std::size_t taken = std::min(bytes, left[first].size());
      left[first].remove_prefix(taken);
      bytes -= taken;
      if (left[first].empty()) ++first;
    }
  }
}

async::Task<Result<void>> Stream::write(std::string_view bytes) {
  while (!bytes.empty()) {
    auto sent = try_write(std::span(&bytes, 1));
    if (!sent) co_return pass(sent);
    bytes.remove_prefix(*sent);
    if (*sent > 0) continue;
    auto ready = co_await wait_writable();
    if (!ready) co_return pass(ready);
  }
  co_return co_await wait_until_flushed();
}

async::Task<Result<void>> Stream::wait_until_flushed() {
  for (;;) {
    auto flushed = flush_pending();
    if (!flushed) co_return pass(flushed);
    if (*flushed) co_return Result<void>();
    auto ready = co_await wait_writable();
    if (!ready) co_return pass(ready);
  }
}

Failure Stream::wait_failure(async::Wake why) const {
  if (why == async::Wake::timeout)
    return fail(side_ == Side::client ? Code::client_timeout : Code::upstream_timeout);
  return fail(Code::cancelled);
}

Failure Stream::io_failure(int error) const {
  bool client = side_ == Side::client;
  switch (error) {
    case ECONNRESET:
    case EPIPE:
    case ENOTCONN: return fail(client ? Code::client_reset : Code::upstream_reset, {}, Retry::if_reused);
    case ETIMEDOUT: return fail(client ? Code::client_timeout : Code::upstream_timeout, strerror(error));
    default: return fail_errno(client ? Code::client_reset : Code::upstream_reset, "socket", error);
  }
}

}  // namespace weir::net
