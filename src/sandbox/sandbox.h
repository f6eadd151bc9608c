// Sandbox: namespaces without a way out, whose every TCP connection arrives at sockets that Weir holds.
//
// See sandbox/init.h for its processes, sandbox/network.h for its network.
#pragma once

#include <poll.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "sandbox/plan.h"
#include "sandbox/spawner.h"

namespace weir::sandbox {

/// Weir's end. Not thread-safe: one thread uses it; the sockets may go to any.
class Sandbox {
 public:
  /// Makes one, and proves that it is whole: connections sent from inside, to addresses where nobody is, have
  /// arrived at the proxy's listeners before this returns. The error says which step failed and how to mend
  /// it; nothing is left behind then. `spawner` must outlive the sandbox.
  static Result<std::unique_ptr<Sandbox>> open(Spawner& spawner, Plan plan);

  Sandbox(const Sandbox&) = delete;
  /// Ends everything that still runs inside.
  ~Sandbox() = default;

  /// Starts CMD, and sees it to its end; process ids are the sandbox's own.
  Spawner& inside() { return inside_; }

  // Sockets of the sandbox's network, each to be taken once. With pasta there are no DNS sockets, and the
  // first listen on this machine's loopback, for clients that know of the proxy.
  std::vector<UniqueFd>& proxies() { return proxies_; }              ///< listening; redirected connections
  std::vector<UniqueFd>& dns_datagrams() { return dns_datagrams_; }  ///< UDP, queries
  UniqueFd& dns_listener() { return dns_listener_; }                 ///< TCP, queries
  /// Listening on the sandbox's loopback, for ports of this machine's.
  std::vector<std::pair<std::uint16_t, UniqueFd>>& host_ports() { return host_ports_; }
  UniqueFd& diagnosis() { return diagnosis_; }  ///< NETLINK_SOCK_DIAG

  /// A new TCP socket (AF_INET, AF_INET6), not connected and non-blocking, that reaches what CMD serves
  /// inside. Blocks for some microseconds. Any thread, one at a time; also while CMD runs.
  Result<UniqueFd> make_socket(int family);

 private:
  explicit Sandbox(UniqueFd socket) : inside_(std::move(socket), 0) {}
  static Result<> listen_here(Plan& plan, std::vector<UniqueFd>& proxies, UniqueFd& closed);
  Result<int> take_sockets();
  std::vector<pollfd> waits_for_connections() const;
  Result<> see_canaries(int count);
  Result<> see_token(const std::string& token);

  Spawner inside_;
  std::vector<UniqueFd> proxies_, dns_datagrams_;
  UniqueFd dns_listener_, diagnosis_, side_;
  std::vector<std::pair<std::uint16_t, UniqueFd>> host_ports_;
};

}  // namespace weir::sandbox
