#include "sandbox/loopback.h"

#include <errno.h>
#include <fmt/format.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cstring>

namespace weir::sandbox {
namespace {

template <typename Header>
std::pair<Header, std::vector<NetlinkAttribute>> split(const NetlinkAnswer& answer) {
  Header header{};
  if (answer.body.size() < sizeof header) return {header, {}};
  std::memcpy(&header, answer.body.data(), sizeof header);
  std::size_t begin = std::min(NLMSG_ALIGN(sizeof header), answer.body.size());
  return {header, attributes_of(std::string_view(answer.body).substr(begin))};
}

std::uint32_t number_in(std::string_view payload) {
  std::uint32_t out = 0;
  if (payload.size() == sizeof out) std::memcpy(&out, payload.data(), sizeof out);
  return out;
}

rtmsg every_address(unsigned char family) {
  rtmsg out{};
  out.rtm_family = family;
  out.rtm_table = RT_TABLE_LOCAL;
  out.rtm_protocol = RTPROT_BOOT;
  out.rtm_scope = RT_SCOPE_HOST;
  out.rtm_type = RTN_LOCAL;
  return out;
}

Result<> add_route(NetlinkSocket& route, unsigned char family, const char* what) {
  NetlinkMessages message;
  message.begin(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, every_address(family));
  message.native32(RTA_OIF, kLoopbackInterface);
  return route.request(std::move(message), what);
}

/// Of the interfaces, each with its name.
Result<std::vector<std::pair<std::string, ifinfomsg>>> interfaces(NetlinkSocket& route) {
  NetlinkMessages ask;
  ask.begin(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{.ifi_family = AF_UNSPEC});
  auto answers = route.dump(std::move(ask), "listing the sandbox's interfaces");
  if (!answers) return pass(answers);
  std::vector<std::pair<std::string, ifinfomsg>> out;
  for (const NetlinkAnswer& answer : *answers) {
    auto [header, parts] = split<ifinfomsg>(answer);
    std::string_view name = find_attribute(parts, IFLA_IFNAME);
    out.emplace_back(name.substr(0, name.find('\0')), header);
  }
  return out;
}

Result<> verify_interfaces(NetlinkSocket& route) {
  auto found = interfaces(route);
  if (!found) return pass(found);
  bool up = false;
  for (const auto& [name, header] : *found) {
    bool is_up = (header.ifi_flags & IFF_UP) != 0;
    // The kernel's own dummies of tunnels (sit0, tunl0, ip6tnl0 ...) appear in each new namespace and are
    // down.
    if (name != "lo" && is_up)
      return fail(Code::internal, fmt::format("the sandbox has an interface {}", name));
    up |= name == "lo" && is_up;
  }
  if (!up) return fail(Code::internal, "the sandbox's interface lo is not up");
  return {};
}

Result<> verify_routes(NetlinkSocket& route, unsigned char family) {
  auto found = routes(route, family);
  if (!found) return pass(found);
  const char* name = family == AF_INET ? "IPv4" : "IPv6";
  bool everything = false;
  for (const Route& one : *found) {
    bool leads_to_lo = one.interface == kLoopbackInterface;
    if (!one.is_blind() && (!leads_to_lo || one.by_gateway))
      return fail(Code::internal, fmt::format("the sandbox has an {} route that leads out of it", name));
    everything |= one.type == RTN_LOCAL && one.bits == 0 && leads_to_lo;
  }
  if (!everything)
    return fail(Code::internal,
                fmt::format("the sandbox has no route that makes every {} address local", name));
  return {};
}

}  // namespace

bool Route::is_blind() const {
  return type == RTN_UNREACHABLE || type == RTN_BLACKHOLE || type == RTN_PROHIBIT;
}

Result<std::vector<Route>> routes(NetlinkSocket& route, unsigned char family) {
  NetlinkMessages ask;
  rtmsg all{};
  all.rtm_family = family;
  ask.begin(RTM_GETROUTE, NLM_F_DUMP, all);
  auto answers = route.dump(std::move(ask), "listing the sandbox's routes");
  if (!answers) return pass(answers);
  std::vector<Route> out;
  for (const NetlinkAnswer& answer : *answers) {
    auto [header, parts] = split<rtmsg>(answer);
    if (header.rtm_family != family) continue;
    out.push_back({.type = header.rtm_type,
                   .bits = header.rtm_dst_len,
                   .interface = number_in(find_attribute(parts, RTA_OIF)),
                   .by_gateway = find_attribute(parts, RTA_GATEWAY).data() != nullptr});
  }
  return out;
}

bool has_ipv6() {
  UniqueFd probe(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return static_cast<bool>(probe);
}

Result<> verify_is_new(NetlinkSocket& route) {
  auto found = interfaces(route);
  if (!found) return pass(found);
  for (const auto& [name, header] : *found)
    if (name == "lo" && (header.ifi_flags & IFF_UP) != 0)
      return fail(Code::internal, "the sandbox has no network of its own; nothing was changed in this one");
  return {};
}

Result<> bring_up_loopback(NetlinkSocket& route) {
  NetlinkMessages message;
  message.begin(RTM_NEWLINK, NLM_F_ACK,
                ifinfomsg{.ifi_family = AF_UNSPEC,
                          .ifi_index = static_cast<int>(kLoopbackInterface),
                          .ifi_flags = IFF_UP,
                          .ifi_change = IFF_UP});
  return route.request(std::move(message), "bringing the sandbox's interface lo up");
}

Result<> make_everything_local(NetlinkSocket& route) {
  if (auto up = bring_up_loopback(route); !up) return up;
  if (auto added = add_route(route, AF_INET, "the route that makes every IPv4 address local"); !added)
    return added;
  if (!has_ipv6()) return {};
  return add_route(route, AF_INET6, "the route that makes every IPv6 address local");
}

Result<> verify_everything_is_local(NetlinkSocket& route) {
  if (auto fine = verify_interfaces(route); !fine) return fine;
  if (auto fine = verify_routes(route, AF_INET); !fine) return fine;
  return has_ipv6() ? verify_routes(route, AF_INET6) : Result<>{};
}

}  // namespace weir::sandbox
