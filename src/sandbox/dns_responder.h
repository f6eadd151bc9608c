// DnsResponder: answers DNS on the sockets it is handed, from a thread of its own.
#pragma once

#include <sys/socket.h>

#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "sandbox/dns_connection.h"
#include "sandbox/dns_zone.h"

namespace weir::sandbox {

/// Bound, and the TCP ones listening. They may be of another network namespace.
struct DnsSockets {
  /// Each bound to one address (127.0.0.1, ::1), never to a wildcard: the answer must go out with the source
  /// the query was sent to, or the redirect that brought it is not undone.
  std::vector<UniqueFd> udp;
  std::vector<UniqueFd> tcp;
};

/// Start and destruction belong to one thread. No client can end it, delay another one by more than a few
/// answers, or make it hold more than `connections` * 150 kB.
class DnsResponder {
 public:
  struct Limits {
    /// Over it, the connection that has been idle longest makes room for the new one.
    std::size_t connections = 64;
    Duration idle = std::chrono::seconds(10);
  };

  /// Makes the sockets non-blocking and starts the thread. `zone` is copied; its table must live longer.
  static Result<std::unique_ptr<DnsResponder>> start(DnsSockets sockets, DnsZone zone, Limits limits);
  static Result<std::unique_ptr<DnsResponder>> start(DnsSockets sockets, DnsZone zone) {
    return start(std::move(sockets), std::move(zone), Limits{});
  }

  /// Closes all sockets and connections; waits for the thread, which never takes long.
  ~DnsResponder();
  DnsResponder(const DnsResponder&) = delete;
  DnsResponder& operator=(const DnsResponder&) = delete;

 private:
  struct Socket {
    UniqueFd fd;
    bool stream;
    bool told = false;  ///< an error of it was logged
  };

  DnsResponder(std::vector<Socket> sockets, UniqueFd stop, DnsZone zone, Limits limits);
  void run();
  bool wait(TimePoint& now);
  int milliseconds_to_wait(TimePoint now) const;
  void serve_datagrams(Socket& socket);
  void accept_from(Socket& listener, TimePoint now);
  void make_room();
  void tell(Socket& socket, std::string_view doing, int error);
  void end_if_dead(Socket& socket, std::string_view doing, int error);

  const DnsZone zone_;
  const Limits limits_;
  const UniqueFd stop_;
  // The thread's own.
  std::vector<Socket> sockets_;
  std::vector<DnsConnection> connections_;
  std::vector<short> events_;  ///< what poll said: of the sockets, then of the connections
  std::string datagram_;
  TimePoint accept_after_{};  ///< no new connections before, for want of descriptors
  std::thread thread_;
};

}  // namespace weir::sandbox
