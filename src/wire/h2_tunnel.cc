#include "wire/h2_tunnel.h"

namespace weir::wire {

// A body whose other half is whole may end by RST_STREAM without an error; a tunnel is cut by it.
std::optional<Error> H2Tunnel::failure() const {
  if (stream_.failure() || !stream_.closed()) return stream_.failure();
  return Error(side() == Side::client ? Code::client_closed : Code::upstream_closed);
}

Result<std::optional<std::size_t>> H2Tunnel::try_read(std::span<char> into) {
  auto got = stream_.take(into);
  if (got && !*got && failure()) return Failure(*failure());
  if (got && *got) bytes_in_ += **got;
  return got;
}

Result<std::size_t> H2Tunnel::try_write(std::span<const std::string_view> pieces) {
  if (auto why = failure()) return Failure(*why);
  if (ended_ || stream_.offered()) return 0;
  unsent_.clear();
  for (std::string_view piece : pieces) unsent_.append(piece.substr(0, kRoom - unsent_.size()));
  std::size_t size = unsent_.size();
  if (size == 0) return 0;
  stream_.offer(unsent_, false);
  stream_.connection().session().resume(stream_.id());
  stream_.connection().flush_soon();
  bytes_out_ += size;
  return size;
}

Result<bool> H2Tunnel::flush_pending() {
  if (stream_.failure()) return Failure(*stream_.failure());
  if (stream_.offered() && failure()) return Failure(*failure());
  return !stream_.offered();
}

async::Task<Result<void>> H2Tunnel::wait_readable() {
  if (stream_.ready()) co_return Result<void>();
  auto woken = co_await stream_.arrivals().wait(read_deadline_);
  if (woken != async::Wake::ready) co_return wait_failure(woken);
  co_return Result<void>();
}

async::Task<Result<void>> H2Tunnel::wait_writable() {
  if (!stream_.offered()) co_return Result<void>();
  auto woken = co_await stream_.departures().wait(write_deadline_);
  if (woken != async::Wake::ready) co_return wait_failure(woken);
  co_return Result<void>();
}

async::Task<Result<void>> H2Tunnel::shutdown() {
  while (stream_.offered() && !failure()) {
    auto ready = co_await wait_writable();
    if (!ready) co_return pass(ready);
  }
  if (stream_.failure()) co_return Failure(*stream_.failure());
  if (std::exchange(ended_, true) || stream_.closed()) co_return Result<void>();
  stream_.offer({}, true);
  co_return co_await stream_.wait_taken();
}

void H2Tunnel::cancel() { stream_.cancel(http::h2::ErrorCode::cancel); }

void H2Tunnel::on_hangup(std::move_only_function<void()> call, bool) { stream_.on_gone(std::move(call)); }

}  // namespace weir::wire
