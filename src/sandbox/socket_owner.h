// SocketOwner: which socket of this machine is the client's end of a TCP connection, by the kernel's socket
// diagnostics (sock_diag(7)).
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "sandbox/netlink.h"

namespace weir::sandbox {

/// An address and a port. IPv4-mapped IPv6 is IPv4: the kernel finds a connection under either name, and one
/// spelling is enough to compare by.
struct Endpoint {
  std::array<std::uint8_t, 16> address{};  ///< network order; of IPv4 the first four
  std::uint16_t port = 0;
  bool v6 = false;

  /// "127.0.0.1:80", "[::1]:80", "[::ffff:127.0.0.1]:80"; a scope ("%2") behind the address says nothing here
  /// and is left out. Nothing for all else.
  static std::optional<Endpoint> parse(std::string_view text);
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

/// A connection as the client's own socket has it: behind a redirection, `peer` is the place that the client
/// asked for, not the listener it got to.
struct ClientSocket {
  Endpoint local, peer;
};

struct SocketFacts {
  std::uint64_t inode = 0;  ///< unique among the sockets of the machine; 0: no process holds it any more
  uid_t uid = 0;            ///< as the user namespace in which the netlink socket was opened has it
};

/// Asks in one network namespace. One thread; blocks for some microseconds, at most two seconds.
class SocketOwner {
 public:
  /// In the network namespace of the calling thread.
  static Result<SocketOwner> open();
  /// In that of `netlink`, a NETLINK_SOCK_DIAG socket which may have been opened in another process.
  explicit SocketOwner(UniqueFd netlink);

  /// Nothing when the namespace has no such connection (any more). All of both ends must agree.
  Result<std::optional<SocketFacts>> find(const ClientSocket& socket);

 private:
  explicit SocketOwner(NetlinkSocket netlink) : netlink_(std::move(netlink)) {}
  Result<std::optional<SocketFacts>> ask(const ClientSocket& socket, std::uint32_t interface);

  NetlinkSocket netlink_;
};

}  // namespace weir::sandbox
