// Where a redirected TCP connection was meant to go.
#pragma once

#include <optional>

#include "base/host_port.h"

namespace weir::net {

/// Of an accepted socket: the destination that its client connected to, before nf_tables (or iptables)
/// redirected it here; IPv4-mapped addresses as IPv4. Nothing when it was not redirected: then the socket's
/// own address is where the client wanted to go (a direct connection, or TPROXY).
std::optional<HostPort> original_destination(int socket);

/// The address a socket has on this machine.
std::optional<HostPort> local_place(int socket);

}  // namespace weir::net
