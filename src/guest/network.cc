#include "guest/network.h"

#include <arpa/inet.h>  // before the kernel's headers, which then leave out what it has
#include <errno.h>
#include <linux/if_link.h>
#include <linux/netfilter.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cstring>

#include "guest/host.h"
#include "sandbox/loopback.h"

namespace weir::guest {
namespace {

namespace nft = sandbox::nft;
using sandbox::NetlinkMessages;
using sandbox::NetlinkSocket;

constexpr std::uint32_t kLoopback = 1;  // of every network namespace
constexpr int kNatPriority = -100;      // before filters look (NF_IP_PRI_NAT_DST)
constexpr std::uint16_t kDns = 53;
constexpr std::uint16_t kDhcp = 67, kDhcpIpv6 = 547;

// Behind every route that somebody else makes.
constexpr std::uint32_t kLastResort = UINT32_MAX - 1;

NetlinkMessages route_message(std::uint16_t type, std::uint16_t flags, unsigned char family) {
  rtmsg to_itself{};
  to_itself.rtm_family = family;
  to_itself.rtm_table = RT_TABLE_MAIN;
  to_itself.rtm_protocol = RTPROT_STATIC;
  to_itself.rtm_scope = family == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
  to_itself.rtm_type = RTN_LOCAL;
  NetlinkMessages out;
  out.begin(type, static_cast<std::uint16_t>(flags | NLM_F_ACK), to_itself);
  out.native32(RTA_OIF, kLoopback);
  out.native32(RTA_PRIORITY, kLastResort);
  return out;
}

bool leads_nowhere(const rtmsg& route) {
  return route.rtm_type == RTN_UNREACHABLE || route.rtm_type == RTN_BLACKHOLE ||
         route.rtm_type == RTN_PROHIBIT || route.rtm_type == RTN_THROW;
}

enum class Ours : bool { counts, does_not };

bool is_ours(const sandbox::NetlinkAnswer& answer) {
  auto parts = sandbox::attributes_of(std::string_view(answer.body).substr(NLMSG_ALIGN(sizeof(rtmsg))));
  std::uint32_t priority = 0;
  std::string_view found = sandbox::find_attribute(parts, RTA_PRIORITY);
  if (found.size() == sizeof priority) std::memcpy(&priority, found.data(), sizeof priority);
  return priority == kLastResort;
}

Result<bool> has_default_route(NetlinkSocket& route, unsigned char family, Ours ours) {
  NetlinkMessages ask;
  rtmsg all{};
  all.rtm_family = family;
  ask.begin(RTM_GETROUTE, NLM_F_DUMP, all);
  auto answers = route.dump(std::move(ask), "listing the routes");
  if (!answers) return pass(answers);
  for (const sandbox::NetlinkAnswer& answer : *answers) {
    rtmsg header{};
    if (answer.body.size() < sizeof header) continue;
    std::memcpy(&header, answer.body.data(), sizeof header);
    if (header.rtm_family != family || header.rtm_dst_len != 0 || leads_nowhere(header)) continue;
    if (ours == Ours::counts || !is_ours(answer)) return true;
  }
  return false;
}

ifinfomsg loopback_up() {
  return {.ifi_family = AF_UNSPEC, .ifi_index = kLoopback, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
}

Result<bool> loopback_is_up(NetlinkSocket& route) {
  NetlinkMessages ask;
  ask.begin(RTM_GETLINK, 0, loopback_up());
  auto answer = route.ask(std::move(ask), "looking at the interface lo");
  if (!answer) return pass(answer);
  ifinfomsg header{};
  if (!*answer || (*answer)->body.size() < sizeof header) return false;
  std::memcpy(&header, (*answer)->body.data(), sizeof header);
  return (header.ifi_flags & IFF_UP) != 0;
}

}  // namespace

nft::Table guest_rules(std::uint16_t port) {
  using namespace nft;
  Rule tcp = protocol_is(IPPROTO_TCP), udp = protocol_is(IPPROTO_UDP);
  // The relay's own connections, where the host is reached over TCP.
  Rule others = not_marked(kMark);
  Chain redirect{.name = "redirect", .type = "nat", .hook = NF_INET_LOCAL_OUT, .priority = kNatPriority};
  redirect.rules = {
      rule({udp, to_port(kDns), redirect_to(port)}),
      rule({tcp, to_port(kDns), others, redirect_to(port)}),
      // What the guest's own programs serve stays reachable for it.
      rule({tcp, to_ipv4_loopback(), accept()}),
      rule({tcp, to_ipv6_loopback(), accept()}),
      rule({tcp, others, redirect_to(port)}),
  };
  Chain guard{.name = "guard", .type = "filter", .hook = NF_INET_LOCAL_OUT};
  guard.rules = {
      rule({of_known_connection(), accept()}), rule({tcp, accept()}),
      rule({to_ipv4_loopback(), accept()}),    rule({to_ipv6_loopback(), accept()}),
      rule({udp, to_port(kDhcp), accept()}),   rule({udp, to_port(kDhcpIpv6), accept()}),
      rule({to_neighbours(), accept()}),       reject(),
  };
  return {.name = kTable, .chains = {std::move(redirect), std::move(guard)}};
}

Result<> bring_loopback_up() {
  auto route = NetlinkSocket::open(NETLINK_ROUTE);
  if (!route) return pass(route);
  NetlinkMessages message;
  message.begin(RTM_NEWLINK, NLM_F_ACK, loopback_up());
  return route->request(std::move(message), "bringing the interface lo up (it wants root)");
}

Result<> Network::add_routes() {
  for (unsigned char family : {AF_INET, AF_INET6}) {
    if (family == AF_INET6 && !sandbox::has_ipv6()) continue;
    auto has = has_default_route(route_, family, Ours::does_not);
    if (!has) return pass(has);
    if (*has) continue;
    // That of a relay that was killed becomes this one's.
    auto added = route_.request(route_message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, family),
                                "a route to this machine itself for all that has no other");
    if (!added) return added;
    routes_.push_back(family);
  }
  return {};
}

Result<Network> Network::make(std::uint16_t port) {
  auto route = NetlinkSocket::open(NETLINK_ROUTE);
  if (!route) return pass(route);
  auto netfilter = NetlinkSocket::open(NETLINK_NETFILTER);
  if (!netfilter)
    return fail(Code::io,
                netfilter.error().context() + "; the guest's kernel needs nf_tables (CONFIG_NF_TABLES_INET)");
  Network out(std::move(*route), std::move(*netfilter));
  if (auto added = out.add_routes(); !added) return pass(added);
  // Of a relay that was killed; usually there is none.
  [[maybe_unused]] auto removed = nft::remove(out.netfilter_, kTable);
  nft::Table rules = guest_rules(port);
  if (auto done = nft::install(out.netfilter_, rules); !done)
    return fail(Code::io, done.error().context() +
                              "; the guest's kernel needs nf_tables with nat, redir and reject (modules "
                              "nf_tables, nft_chain_nat, nft_redir, nft_reject_inet), and this program root");
  out.rules_ = true;
  if (auto same = nft::verify(out.netfilter_, rules); !same) return pass(same);
  return out;
}

Network::Network(Network&& other) noexcept
    : route_(std::move(other.route_)),
      netfilter_(std::move(other.netfilter_)),
      routes_(std::exchange(other.routes_, {})),
      rules_(std::exchange(other.rules_, false)) {}

Network::~Network() {
  // At the end of the program there is nobody to tell, and nothing else to do about it.
  if (rules_) [[maybe_unused]]
    auto removed = nft::remove(netfilter_, kTable);
  for (unsigned char family : routes_) [[maybe_unused]]
    auto removed = route_.request(route_message(RTM_DELROUTE, 0, family), "the route");
}

Result<WayOut> find_way_out() {
  auto route = NetlinkSocket::open(NETLINK_ROUTE);
  if (!route) return pass(route);
  auto up = loopback_is_up(*route);
  if (!up) return pass(up);
  auto ipv4 = has_default_route(*route, AF_INET, Ours::counts);
  auto ipv6 = has_default_route(*route, AF_INET6, Ours::counts);
  if (!ipv4) return pass(ipv4);
  return WayOut{*up, *ipv4, ipv6.value_or(false)};
}

}  // namespace weir::guest
