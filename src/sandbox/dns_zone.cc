#include "sandbox/dns_zone.h"

#include <arpa/inet.h>

#include <algorithm>
#include <optional>

#include "base/host_port.h"

namespace weir::sandbox {
namespace {

constexpr std::string_view kV4Reverse = "in-addr.arpa", kV6Reverse = "ip6.arpa";

DnsAnswer nothing() { return {}; }
DnsAnswer failed(DnsRcode rcode) { return {rcode, {}}; }

bool is_or_below(std::string_view name, std::string_view zone) {
  return name.ends_with(zone) && (name.size() == zone.size() || name[name.size() - zone.size() - 1] == '.');
}

bool is_wish(DnsType type) {
  return type == DnsType::opt || (type >= DnsType::first_meta && type < DnsType::any);
}

bool must_not_exist(std::string_view name) {
  return is_or_below(name, "invalid") || is_or_below(name, "onion") ||
         is_or_below(name, "use-application-dns.net");
}

template <typename Address>
DnsRecord record(DnsType type, const Address& address) {
  return {type, std::string(reinterpret_cast<const char*>(&address), sizeof address)};
}

DnsAnswer addresses(DnsType type, const in_addr& v4, const in6_addr& v6) {
  DnsAnswer out;
  if (type == DnsType::a || type == DnsType::any) out.records.push_back(record(DnsType::a, v4));
  if (type == DnsType::aaaa || type == DnsType::any) out.records.push_back(record(DnsType::aaaa, v6));
  return out;
}

/// The labels of `name` in front of `zone`, last first: an address reads forwards.
std::vector<std::string_view> labels_before(std::string_view name, std::string_view zone) {
  std::vector<std::string_view> out;
  name.remove_suffix(std::min(name.size(), zone.size() + 1));
  while (!name.empty()) {
    std::size_t dot = name.rfind('.');
    std::size_t start = dot == std::string_view::npos ? 0 : dot + 1;
    out.push_back(name.substr(start));
    name = name.substr(0, start == 0 ? 0 : dot);
  }
  return out;
}

/// The text of an address from its labels; inet_pton is the judge of it.
std::string address_text(const std::vector<std::string_view>& labels, bool v6) {
  std::string out;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (i > 0 && (!v6 || i % 4 == 0)) out += v6 ? ':' : '.';
    out += labels[i];
  }
  return out;
}

}  // namespace

DnsZone::DnsZone(SyntheticNames& names, const std::vector<std::string>& own_names) : names_(names) {
  for (const std::string& name : own_names)
    if (auto canonical = canonical_host(name); canonical && !is_ip_literal(*canonical))
      own_names_.push_back(std::move(*canonical));
}

std::string DnsZone::respond(std::string_view message, DnsTransport transport) const {
  auto query = parse_dns_query(message);
  if (!query) return {};
  std::size_t limit = transport == DnsTransport::udp ? query->payload : kDnsLongest;
  return encode_dns_answer(*query, answer(*query), limit);
}

DnsAnswer DnsZone::answer(const DnsQuery& query) const {
  if (query.fault != DnsRcode::no_error) return failed(query.fault);
  if (query.dns_class != kDnsClassInternet || is_wish(query.type)) return failed(DnsRcode::refused);
  if (!query.name) return failed(DnsRcode::name_error);
  const std::string& name = *query.name;
  if (name.empty()) return nothing();
  if (is_or_below(name, kV4Reverse) || is_or_below(name, kV6Reverse)) return reverse(name, query.type);
  if (must_not_exist(name)) return failed(DnsRcode::name_error);
  if (is_loopback(name)) return addresses(query.type, {htonl(INADDR_LOOPBACK)}, in6addr_loopback);
  if (is_or_below(name, "resolver.arpa") || is_or_below(name, "ipv4only.arpa")) return nothing();
  return synthetic(name, query.type);
}

bool DnsZone::is_loopback(std::string_view name) const {
  return is_or_below(name, "localhost") || std::ranges::find(own_names_, name) != own_names_.end();
}

DnsAnswer DnsZone::synthetic(const std::string& name, DnsType type) const {
  // Only questions for addresses take a place in the table.
  if (auto canonical = canonical_host(name); !canonical || is_ip_literal(*canonical))
    return failed(DnsRcode::name_error);
  if (type != DnsType::a && type != DnsType::aaaa && type != DnsType::any) return nothing();
  auto given = names_.addresses_of(name);
  if (!given) return {DnsRcode::server_failure, {}, "Weir's sandbox: " + given.error().context()};
  return addresses(type, given->v4, given->v6);
}

DnsAnswer DnsZone::reverse(std::string_view name, DnsType type) const {
  bool v6 = is_or_below(name, kV6Reverse);
  auto labels = labels_before(name, v6 ? kV6Reverse : kV4Reverse);
  // On the way to an address: an error there would say that there is nothing below (RFC 8020).
  if (labels.size() < (v6 ? 32 : 4)) return nothing();
  std::string address = address_text(labels, v6);
  std::optional<std::string> host = names_.name_of(address);
  if (address == "127.0.0.1" || address == "0000:0000:0000:0000:0000:0000:0000:0001") host = "localhost";
  if (!host) return failed(DnsRcode::name_error);
  if (type != DnsType::ptr && type != DnsType::any) return nothing();
  return {DnsRcode::no_error, {{DnsType::ptr, dns_wire_name(*host)}}};
}

}  // namespace weir::sandbox
