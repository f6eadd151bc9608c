// Stream: bytes both ways over something connected. TCP, TLS over TCP, memory in tests.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "async/loop.h"
#include "async/task.h"
#include "base/error.h"

namespace weir::net {

/// Belongs to one loop's thread. One reader and one writer at a time; both may be different coroutines.
/// Errors name the side the stream was made for: client_reset or upstream_reset, client_timeout or
/// upstream_timeout, and so on.
class Stream {
 public:
  explicit Stream(Side side) : side_(side) {}
  Stream(const Stream&) = delete;
  virtual ~Stream() = default;

  /// Reads what is there, without waiting: nothing when a wait is needed, 0 at the end of the stream.
  virtual Result<std::optional<std::size_t>> try_read(std::span<char> into) = 0;
  /// Writes what fits, without waiting; 0 when a wait is needed. Pieces are sent as if joined.
  virtual Result<std::size_t> try_write(std::span<const std::string_view> pieces) = 0;
  /// Waits until try_read may get further. Holds no buffer meanwhile: what an idle connection sits in.
  virtual async::Task<Result<void>> wait_readable() = 0;
  virtual async::Task<Result<void>> wait_writable() = 0;
  /// Sends on what try_write has taken but could not hand to the system yet; true when nothing is left.
  /// write() sees to it.
  virtual Result<bool> flush_pending() { return true; }
  /// Tells the peer that no more bytes will come (close_notify and FIN); reading goes on.
  virtual async::Task<Result<void>> shutdown() = 0;

  /// Waits if it must; 0 at the end of the stream.
  async::Task<Result<std::size_t>> read_some(std::span<char> into);
  static constexpr std::size_t kMaxPieces = 4;
  /// Writes everything: at most kMaxPieces pieces, whose bytes must live until it returns.
  async::Task<Result<void>> write(std::span<const std::string_view> pieces);
  async::Task<Result<void>> write(std::string_view bytes);

  /// Ends pending and later waits with Code::cancelled, and makes the on_hangup call.
  virtual void cancel() = 0;
  virtual bool cancelled() const = 0;
  /// Ends a pending wait_readable() with Code::cancelled; later ones wait as before.
  virtual void interrupt_read() = 0;
  /// Makes the close abrupt (RST), so that the peer cannot take a cut body for a whole one.
  virtual void reset_on_close() = 0;
  /// Called once when the peer is gone for good, even while nobody reads; null disarms. See async::Watch.
  virtual void on_hangup(std::move_only_function<void()> call, bool half_close_counts = false) = 0;
  /// Whether a peer that has closed its sending side is gone, as far as HTTP is concerned: HTTPS clients
  /// never close half a connection, whatever TLS 1.3 would allow.
  virtual bool half_close_means_gone() const { return false; }
  /// True when nothing has come that was not read and the peer is still there: fit to be reused.
  virtual bool quiet() = 0;

  /// False when the end of the stream may have been forged: TLS without close_notify.
  virtual bool ended_cleanly() const { return true; }

  /// A wait after this moment ends with the side's timeout, one that is under way included. kNever by
  /// default.
  virtual void set_read_deadline(TimePoint deadline) { read_deadline_ = deadline; }
  void set_write_deadline(TimePoint deadline) { write_deadline_ = deadline; }

  Side side() const { return side_; }
  std::uint64_t bytes_in() const { return bytes_in_; }
  std::uint64_t bytes_out() const { return bytes_out_; }
  virtual async::Loop& loop() const = 0;

 private:
  async::Task<Result<void>> wait_until_flushed();

 protected:
  /// The error of a wait that did not end ready.
  Failure wait_failure(async::Wake why) const;
  /// The error of a failed system call.
  Failure io_failure(int error) const;

  Side side_;
  TimePoint read_deadline_ = kNever;
  TimePoint write_deadline_ = kNever;
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
};

}  // namespace weir::net
