#include "sandbox/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cstring>

#include "net/original_destination.h"
#include "sandbox/loopback.h"
#include "sandbox/pasta.h"

namespace weir::sandbox {
namespace {

// Where no host is, by RFC 5737 and RFC 3849; the port is that of the discard service.
constexpr const char* kCanaryIpv4 = "192.0.2.1";
constexpr const char* kCanaryIpv6 = "2001:db8::1";
constexpr std::uint16_t kCanaryPort = 9;

constexpr int kNatPriority = -100;  // before filters look (linux/netfilter_ipv4.h, NF_IP_PRI_NAT_DST)
constexpr int kBacklog = 4096;

/// An address of either version.
struct Address {
  sockaddr_storage bytes{};
  socklen_t size = 0;

  static Address of(const char* text, std::uint16_t port) {
    Address out;
    sockaddr_in v4{.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {}, .sin_zero = {}};
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
      std::memcpy(&out.bytes, &v4, out.size = sizeof v4);
    } else if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1) {
      std::memcpy(&out.bytes, &v6, out.size = sizeof v6);
    }
    return out;
  }
  int family() const { return bytes.ss_family; }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&bytes); }
};

void switch_on(int socket, int level, int option) {
  int on = 1;
  ::setsockopt(socket, level, option, &on, sizeof on);
}

Result<UniqueFd> bound(const Address& address, int type, bool share) {
  UniqueFd out(::socket(address.family(), type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!out) return fail_errno(Code::io, "a socket inside the sandbox", errno);
  switch_on(out.get(), SOL_SOCKET, SO_REUSEADDR);
  if (share) switch_on(out.get(), SOL_SOCKET, SO_REUSEPORT);
  int both = 0;
  if (address.family() == AF_INET6 && type == SOCK_STREAM)
    ::setsockopt(out.get(), IPPROTO_IPV6, IPV6_V6ONLY, &both, sizeof both);
  if (::bind(out.get(), address.get(), address.size) != 0)
    return fail_errno(Code::io, "binding a socket inside the sandbox", errno);
  if (type == SOCK_STREAM && ::listen(out.get(), kBacklog) != 0)
    return fail_errno(Code::io, "listening inside the sandbox", errno);
  return out;
}

Result<std::uint16_t> port_of(const UniqueFd& socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    return fail_errno(Code::io, "the port of the sandbox's listener", errno);
  // Both versions have the port at the same place (RFC 3493 section 3.3).
  return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
}

Result<std::uint16_t> open_proxies(InsideSockets& out, std::uint32_t count, const char* everywhere) {
  std::uint16_t port = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    auto socket = bound(Address::of(everywhere, port), SOCK_STREAM, true);
    if (!socket) return pass(socket);
    auto taken = port_of(*socket);
    if (!taken) return pass(taken);
    port = *taken;
    out.proxies.push_back(std::move(*socket));
  }
  return port;
}

Result<> open_dns(InsideSockets& out, const char* everywhere, bool ipv6) {
  // Not on every address: the answers would come from another one than was asked.
  for (const char* loopback : {"127.0.0.1", "::1"}) {
    if (!ipv6 && loopback[0] == ':') continue;
    auto socket = bound(Address::of(loopback, kDnsPort), SOCK_DGRAM, false);
    if (!socket) return pass(socket);
    out.dns_datagrams.push_back(std::move(*socket));
  }
  auto listener = bound(Address::of(everywhere, kDnsPort), SOCK_STREAM, false);
  if (!listener) return pass(listener);
  out.dns_listener = std::move(*listener);
  return {};
}

Result<> open_host_ports(InsideSockets& out, const Plan& plan, bool ipv6) {
  for (std::uint16_t port : plan.host_ports)
    for (const char* loopback : {"127.0.0.1", "::1"}) {
      if (!ipv6 && loopback[0] == ':') continue;
      auto socket = bound(Address::of(loopback, port), SOCK_STREAM, false);
      if (!socket) return pass(socket);
      out.host_ports.emplace_back(port, std::move(*socket));
    }
  return {};
}

Result<> install_rules(const nft::Table& rules) {
  auto netfilter = NetlinkSocket::open(NETLINK_NETFILTER);
  if (!netfilter) return pass(netfilter);
  if (auto done = nft::install(*netfilter, rules); !done)
    return fail(Code::io, done.error().context() +
                              "; the kernel needs nf_tables with nat, redir and reject (modules nf_tables, "
                              "nft_chain_nat, nft_redir, nft_reject_inet)");
  return nft::verify(*netfilter, rules);
}

Result<> send_canary(const char* to) {
  Address address = Address::of(to, kCanaryPort);
  UniqueFd socket(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno(Code::io, "a socket inside the sandbox", errno);
  timeval patience{.tv_sec = 2, .tv_usec = 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (::connect(socket.get(), address.get(), address.size) != 0)
    return fail_errno(
        Code::io,
        std::string("a connection from the sandbox to ") + to + ", which should have arrived at Weir", errno);
  return {};
}

}  // namespace

nft::Table sandbox_rules(std::uint16_t port) {
  using namespace nft;
  Rule tcp = protocol_is(IPPROTO_TCP), udp = protocol_is(IPPROTO_UDP);
  Chain redirect{.name = "redirect", .type = "nat", .hook = NF_INET_LOCAL_OUT, .priority = kNatPriority};
  redirect.rules = {
      rule({udp, to_port(kDnsPort), redirect_to(kDnsPort)}),
      // What CMD itself serves stays reachable for it.
      rule({tcp, to_ipv4_loopback(), accept()}),
      rule({tcp, to_ipv6_loopback(), accept()}),
      rule({tcp, to_port(kDnsPort), redirect_to(kDnsPort)}),
      rule({tcp, redirect_to(port)}),
  };
  Chain guard{.name = "guard", .type = "filter", .hook = NF_INET_LOCAL_OUT, .policy = NF_DROP};
  guard.rules = {
      rule({of_known_connection(), accept()}),   rule({tcp, accept()}),
      rule({udp, to_port(kDnsPort), accept()}),  rule({udp, to_ipv4_loopback(), accept()}),
      rule({udp, to_ipv6_loopback(), accept()}), reject(),
  };
  return {.name = "weir", .chains = {std::move(redirect), std::move(guard)}};
}

namespace {

Result<> redirect_everything(InsideSockets& out, const Plan& plan, NetlinkSocket& route) {
  if (auto done = make_everything_local(route); !done) return done;
  bool ipv6 = has_ipv6();
  const char* everywhere = ipv6 ? "::" : "0.0.0.0";
  auto port = open_proxies(out, plan.listeners, everywhere);
  if (!port) return pass(port);
  if (auto done = open_dns(out, everywhere, ipv6); !done) return done;
  if (auto done = install_rules(sandbox_rules(*port)); !done) return done;
  return verify_everything_is_local(route);
}

Result<> leave_one_port(const PastaPlan& plan, NetlinkSocket& route) {
  if (auto done = keep_gateway_alone(route); !done) return done;
  if (auto done = install_rules(pasta_rules(plan.port)); !done) return done;
  return verify_gateway_is_alone(route);
}

}  // namespace

Result<> verify_new_network() {
  auto route = NetlinkSocket::open(NETLINK_ROUTE);
  return route ? verify_is_new(*route) : pass(route);
}

Result<InsideSockets> make_network(const Plan& plan) {
  auto route = NetlinkSocket::open(NETLINK_ROUTE);
  if (!route) return pass(route);
  InsideSockets out;
  auto made = plan.pasta ? leave_one_port(*plan.pasta, *route) : redirect_everything(out, plan, *route);
  if (!made) return pass(made);
  if (auto done = open_host_ports(out, plan, has_ipv6()); !done) return pass(done);
  out.diagnosis = UniqueFd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!out.diagnosis) return fail_errno(Code::io, "a socket for looking up processes", errno);
  return out;
}

bool is_canary(int socket) {
  auto place = net::original_destination(socket);
  return place && place->port == kCanaryPort && (place->host == kCanaryIpv4 || place->host == kCanaryIpv6);
}

Result<int> send_canaries(const Plan& plan) {
  if (plan.pasta) {
    auto sent = send_pasta_canary(plan.pasta->port, plan.pasta->closed, plan.pasta->token);
    return sent ? Result<int>(1) : pass(sent);
  }
  if (auto sent = send_canary(kCanaryIpv4); !sent) return pass(sent);
  if (!has_ipv6()) return 1;
  if (auto sent = send_canary(kCanaryIpv6); !sent) return pass(sent);
  return 2;
}

}  // namespace weir::sandbox
