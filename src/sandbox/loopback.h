// The network of a sandbox below its rules: an interface `lo` to which every address is local.
#pragma once

#include <cstdint>
#include <vector>

#include "sandbox/netlink.h"

namespace weir::sandbox {

/// The number of `lo`, the first interface of every network namespace (net/core/dev.c, LOOPBACK_IFINDEX).
constexpr std::uint32_t kLoopbackInterface = 1;

/// One route, of any table.
struct Route {
  unsigned char type = 0;       ///< RTN_LOCAL, RTN_UNICAST ...
  unsigned char bits = 0;       ///< of its destination; 0 = every address
  std::uint32_t interface = 0;  ///< by which it leaves
  bool by_gateway = false;

  /// It leads nowhere.
  bool is_blind() const;
};
/// `family`: AF_INET, AF_INET6. `route` is of NETLINK_ROUTE, as below.
Result<std::vector<Route>> routes(NetlinkSocket& route, unsigned char family);

/// False when this kernel runs without IPv6.
bool has_ipv6();

Result<> bring_up_loopback(NetlinkSocket& route);

/// Fails when `lo` is up: then this is no new network namespace, and nothing may be written into it.
Result<> verify_is_new(NetlinkSocket& route);

/// Brings `lo` up and makes every IPv4 and IPv6 address an address of this network namespace, so that a
/// connection to any of them stays inside. `route` is of NETLINK_ROUTE, opened in the namespace.
Result<> make_everything_local(NetlinkSocket& route);

/// Fails when there is any interface but `lo`, any route that leads elsewhere, or when one of the routes that
/// make_everything_local adds is missing.
Result<> verify_everything_is_local(NetlinkSocket& route);

}  // namespace weir::sandbox
