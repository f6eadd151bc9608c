#include "sandbox/socket_owner.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>

namespace weir::sandbox {
namespace {

constexpr std::string_view kWhat = "asking the kernel whose socket it is";
constexpr std::uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
// The first interface of every network namespace (net_dev_init).
constexpr std::uint32_t kLoopback = 1;

std::optional<std::uint16_t> port_in(std::string_view text) {
  std::uint16_t port = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

void unmap(Endpoint& end) {
  if (!end.v6 || !std::equal(std::begin(kMapped), std::end(kMapped), end.address.begin())) return;
  std::array<std::uint8_t, 16> v4{};
  std::copy_n(end.address.begin() + 12, 4, v4.begin());
  end.address = v4;
  end.v6 = false;
}

Endpoint endpoint(std::uint8_t family, const __be32 (&address)[4], __be16 port) {
  Endpoint end{.port = ntohs(port), .v6 = family == AF_INET6};
  std::memcpy(end.address.data(), address, end.v6 ? 16 : 4);
  unmap(end);
  return end;
}

inet_diag_req_v2 request_for(const ClientSocket& socket, std::uint32_t interface) {
  inet_diag_req_v2 request{};
  request.sdiag_family = socket.local.v6 ? AF_INET6 : AF_INET;
  request.sdiag_protocol = IPPROTO_TCP;
  request.idiag_states = ~0u;
  inet_diag_sockid& id = request.id;
  id.idiag_sport = htons(socket.local.port);
  id.idiag_dport = htons(socket.peer.port);
  std::memcpy(id.idiag_src, socket.local.address.data(), socket.local.address.size());
  std::memcpy(id.idiag_dst, socket.peer.address.data(), socket.peer.address.size());
  id.idiag_if = interface;
  id.idiag_cookie[0] = id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  return request;
}

// Where there is no such connection the kernel falls back to a listener on the client's port.
bool is_that(const inet_diag_msg& found, const ClientSocket& socket) {
  constexpr std::uint8_t kListening = 10;  // TCP_LISTEN
  const inet_diag_sockid& id = found.id;
  return found.idiag_state != kListening &&
         endpoint(found.idiag_family, id.idiag_src, id.idiag_sport) == socket.local &&
         endpoint(found.idiag_family, id.idiag_dst, id.idiag_dport) == socket.peer;
}

}  // namespace

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
  std::size_t colon = text.rfind(':');
  if (colon == text.npos) return std::nullopt;
  auto port = port_in(text.substr(colon + 1));
  if (!port) return std::nullopt;
  text = text.substr(0, colon);
  Endpoint end{.port = *port, .v6 = text.starts_with('[') && text.ends_with(']')};
  if (end.v6) text = text.substr(1, text.size() - 2);
  std::string address(text.substr(0, text.find('%')));
  if (::inet_pton(end.v6 ? AF_INET6 : AF_INET, address.c_str(), end.address.data()) != 1) return std::nullopt;
  unmap(end);
  return end;
}

Result<SocketOwner> SocketOwner::open() {
  auto netlink = NetlinkSocket::open(NETLINK_SOCK_DIAG);
  if (!netlink) return pass(netlink);
  return SocketOwner(std::move(*netlink));
}

SocketOwner::SocketOwner(UniqueFd netlink) : netlink_(NetlinkSocket::adopt(std::move(netlink))) {}

Result<std::optional<SocketFacts>> SocketOwner::find(const ClientSocket& socket) {
  if (socket.local.v6 != socket.peer.v6) return std::nullopt;
  auto found = ask(socket, 0);
  // A socket that is bound to an interface is found by that alone.
  if (found && !*found) return ask(socket, kLoopback);
  return found;
}

Result<std::optional<SocketFacts>> SocketOwner::ask(const ClientSocket& socket, std::uint32_t interface) {
  NetlinkMessages message;
  message.begin(SOCK_DIAG_BY_FAMILY, 0, request_for(socket, interface));
  auto answer = netlink_.ask(std::move(message), kWhat);
  if (!answer) return pass(answer);
  inet_diag_msg found;
  if (!*answer || (*answer)->body.size() < sizeof found) return std::nullopt;
  std::memcpy(&found, (*answer)->body.data(), sizeof found);
  if (!is_that(found, socket)) return std::nullopt;
  return SocketFacts{.inode = found.idiag_inode, .uid = found.idiag_uid};
}

}  // namespace weir::sandbox
