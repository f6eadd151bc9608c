// TcpStream: a connected, non-blocking socket (TCP, Unix or vsock).
#pragma once

#include <string>

#include "async/watch.h"
#include "base/fd.h"
#include "net/stream.h"

namespace weir::net {

class TcpStream final : public Stream {
 public:
  /// Takes `socket`, which must be connected and non-blocking.
  TcpStream(async::Loop& loop, UniqueFd socket, Side side);
  ~TcpStream() override;

  Result<std::optional<std::size_t>> try_read(std::span<char> into) override;
  Result<std::size_t> try_write(std::span<const std::string_view> pieces) override;
  async::Task<Result<void>> wait_readable() override;
  async::Task<Result<void>> wait_writable() override;
  async::Task<Result<void>> shutdown() override;
  void cancel() override { watch_.cancel(); }
  bool cancelled() const override { return watch_.cancelled(); }
  void interrupt_read() override { watch_.interrupt_read(); }
  void reset_on_close() override { reset_ = true; }
  void on_hangup(std::move_only_function<void()> call, bool half_close_counts) override {
    watch_.on_hangup(std::move(call), half_close_counts);
  }
  bool quiet() override;
  void set_read_deadline(TimePoint deadline) override {
    read_deadline_ = deadline;
    watch_.rearm_read(deadline);
  }
  async::Loop& loop() const override { return watch_.loop(); }

  int fd() const { return socket_.get(); }
  async::Watch& watch() { return watch_; }
  std::string local_address() const;
  std::string peer_address() const;

 private:
  UniqueFd socket_;
  async::Watch watch_;
  bool write_failed_ = false;  // then reads are tried without an event: the peer's last word may be there
  bool reset_ = false;
};

/// TCP keep-alive: a silent peer is asked after 60 s, and given up after four questions 15 s apart.
void keep_alive(int fd);
/// "127.0.0.1:8080" (of an IPv6 socket, too), "[::1]:8080", "vsock:3:5002" (context and port), or "unix".
std::string socket_address(int fd, bool peer);

}  // namespace weir::net
