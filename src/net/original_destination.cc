#include "net/original_destination.h"

#include <arpa/inet.h>
#include <linux/in6.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

namespace weir::net {
namespace {

// <linux/netfilter_ipv6/ip6_tables.h> has it, and cannot be included beside <netinet/in.h> in C++.
constexpr int kIpv6OriginalDestination = 80;

std::optional<HostPort> place_of(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN];
  if (address.ss_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &address, sizeof v4);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return HostPort{text, ntohs(v4.sin_port)};
  }
  if (address.ss_family != AF_INET6) return std::nullopt;
  sockaddr_in6 v6;
  std::memcpy(&v6, &address, sizeof v6);
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
    inet_ntop(AF_INET, v6.sin6_addr.s6_addr + 12, text, sizeof text);
  } else {
    inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
  }
  return HostPort{text, ntohs(v6.sin6_port)};
}

bool is_ipv4(const sockaddr_storage& address) {
  return address.ss_family == AF_INET ||
         (address.ss_family == AF_INET6 &&
          IN6_IS_ADDR_V4MAPPED(&reinterpret_cast<const sockaddr_in6&>(address).sin6_addr));
}

}  // namespace

std::optional<HostPort> local_place(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return std::nullopt;
  return place_of(address);
}

std::optional<HostPort> original_destination(int socket) {
  sockaddr_storage here{}, address{};
  socklen_t size = sizeof here;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&here), &size) != 0) return std::nullopt;
  // Which of the two knows the connection depends on the packets' version, not on the socket's.
  bool ipv4 = is_ipv4(here);
  size = sizeof address;
  if (::getsockopt(socket, ipv4 ? SOL_IP : SOL_IPV6, ipv4 ? SO_ORIGINAL_DST : kIpv6OriginalDestination,
                   &address, &size) != 0)
    return std::nullopt;
  auto found = place_of(address);
  // Without rules at work conntrack, where it runs, knows the connection under its own address.
  if (found && found == place_of(here)) return std::nullopt;
  return found;
}

}  // namespace weir::net
