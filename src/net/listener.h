// Listener: a listening socket on one loop.
#pragma once

#include <cstdint>
#include <string>

#include "async/task.h"
#include "async/watch.h"
#include "base/error.h"
#include "base/fd.h"

namespace weir::net {

/// A bound, listening, non-blocking socket. With `share`, several may be bound to the same address
/// (SO_REUSEPORT) and the kernel spreads connections over them: one a thread.
Result<UniqueFd> listen_tcp(const std::string& address, std::uint16_t port, bool share);
/// The same for redirected connections: IP_TRANSPARENT is set where that is allowed (CAP_NET_RAW), as
/// TPROXY wants it.
Result<UniqueFd> listen_transparent(const std::string& address, std::uint16_t port, bool share);
/// Whether that was allowed for this socket.
bool takes_foreign_addresses(int fd);
/// As listen_tcp, for guests of this machine: AF_VSOCK, any context.
Result<UniqueFd> listen_vsock(std::uint32_t port);
/// The port a socket was bound to (when 0 was asked for).
std::uint16_t bound_port(int fd);

class Listener {
 public:
  Listener(async::Loop& loop, UniqueFd socket);

  /// The next connection. When the process is out of descriptors it waits a little in place of spinning, and
  /// says so in the log once. Code::cancelled after cancel().
  async::Task<Result<UniqueFd>> accept();
  void cancel() { watch_.cancel(); }
  int fd() const { return socket_.get(); }

 private:
  UniqueFd socket_;
  async::Watch watch_;
  bool starved_ = false;
};

}  // namespace weir::net
