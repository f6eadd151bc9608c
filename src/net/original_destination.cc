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

std::optional<HostPort> asked(int socket, int level, int option) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockopt(socket, level, option, &address, &size) != 0) return std::nullopt;
  return place_of(address);
}

}  // namespace

std::optional<HostPort> local_place(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return std::nullopt;
  return place_of(address);
}

std::optional<HostPort> original_destination(int socket) {
  // Which of the two knows the connection depends on the packets' version, not on the socket's.
  auto found = asked(socket, SOL_IP, SO_ORIGINAL_DST);
  if (!found) found = asked(socket, SOL_IPV6, kIpv6OriginalDestination);
  // Without rules at work conntrack, where it runs, knows the connection under its own address.
  if (found && found == local_place(socket)) return std::nullopt;
  return found;
}

}  // namespace weir::net
