// The network of a sandbox, made from inside: loopback alone, every TCP connection redirected to listeners
// that Weir will serve, names asked of Weir, every other packet refused.
//
// The sockets are opened here, and so belong to this network namespace wherever they are carried.
//
// Or, where pasta has connected it, nothing but one port of its gateway: sandbox/pasta.h.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "sandbox/nft.h"
#include "sandbox/plan.h"

namespace weir::sandbox {

constexpr std::uint16_t kDnsPort = 53;

/// With pasta, none of the first three.
struct InsideSockets {
  std::vector<UniqueFd> proxies;                               ///< listening, non-blocking, on one port
  std::vector<UniqueFd> dns_datagrams;                         ///< UDP, 127.0.0.1:53 and [::1]:53
  UniqueFd dns_listener;                                       ///< TCP, port 53 of every address
  std::vector<std::pair<std::uint16_t, UniqueFd>> host_ports;  ///< listening, on loopback
  UniqueFd diagnosis;  ///< NETLINK_SOCK_DIAG: who owns a connection in here
};

/// Fails in a network that is not new: nothing may be written into this machine's own.
Result<> verify_new_network();

/// In a new network namespace, with CAP_NET_ADMIN. Everything is read back and compared.
Result<InsideSockets> make_network(const Plan& plan);

/// The rules, for a proxy that listens on `port`.
nft::Table sandbox_rules(std::uint16_t port);

/// Connects to an address of the documentation networks, where nothing can be, in each IP version: how many
/// connections were made. They arrive at the proxy's listeners if the sandbox is whole. With pasta, one to
/// its gateway, which shows the plan's token.
Result<int> send_canaries(const Plan& plan);

/// True when `socket`, accepted from a listener of the sandbox, is one of these.
bool is_canary(int socket);

}  // namespace weir::sandbox
