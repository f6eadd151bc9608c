// The network of a sandbox below its rules: an interface `lo` to which every address is local.
#pragma once

#include "sandbox/netlink.h"

namespace weir::sandbox {

/// False when this kernel runs without IPv6.
bool has_ipv6();

/// Brings `lo` up and makes every IPv4 and IPv6 address an address of this network namespace, so that a
/// connection to any of them stays inside. `route` is of NETLINK_ROUTE, opened in the namespace.
Result<> make_everything_local(NetlinkSocket& route);

/// Fails when there is any interface but `lo`, any route that leads elsewhere, or when one of the routes that
/// make_everything_local adds is missing.
Result<> verify_everything_is_local(NetlinkSocket& route);

}  // namespace weir::sandbox
