#include "policy/address_guard.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace weir::policy {
namespace {

struct Entry {
  const char* range;
  AddressClass address_class;
};

// The more specific come first.
constexpr Entry kRegistry[] = {
    {"169.254.169.254/32", AddressClass::metadata},  // AWS, Google, Azure, Oracle, DigitalOcean, OpenStack
    {"169.254.170.0/24", AddressClass::metadata},    // AWS containers: 169.254.170.2, .23
    {"169.254.169.253/32", AddressClass::metadata},  // AWS: the resolver of the network
    {"100.100.100.200/32", AddressClass::metadata},  // Alibaba
    {"192.0.0.192/32", AddressClass::metadata},      // Oracle, older
    {"168.63.129.16/32", AddressClass::metadata},    // Azure: the agent's endpoint
    {"fd00:ec2::/32", AddressClass::metadata},       // AWS over IPv6
    {"fd20:ce::254/128", AddressClass::metadata},    // Google over IPv6
    {"fd00:42::42/128", AddressClass::metadata},     // Scaleway
    {"127.0.0.0/8", AddressClass::loopback},
    {"::1/128", AddressClass::loopback},
    {"169.254.0.0/16", AddressClass::link_local},
    {"fe80::/10", AddressClass::link_local},
    {"10.0.0.0/8", AddressClass::local},
    {"172.16.0.0/12", AddressClass::local},
    {"192.168.0.0/16", AddressClass::local},
    {"100.64.0.0/10", AddressClass::local},
    {"fc00::/7", AddressClass::local},
    {"fec0::/10", AddressClass::local},
    // 0.0.0.0 and :: are this machine to connect(2).
    {"0.0.0.0/8", AddressClass::loopback},
    {"::/128", AddressClass::loopback},
    {"192.0.0.0/24", AddressClass::reserved},
    {"192.0.2.0/24", AddressClass::reserved},
    {"198.18.0.0/15", AddressClass::reserved},
    {"198.51.100.0/24", AddressClass::reserved},
    {"203.0.113.0/24", AddressClass::reserved},
    {"224.0.0.0/4", AddressClass::reserved},
    {"240.0.0.0/4", AddressClass::reserved},
    {"100::/64", AddressClass::reserved},
    {"2001:db8::/32", AddressClass::reserved},
    {"3fff::/20", AddressClass::reserved},
    {"5f00::/16", AddressClass::reserved},
    {"ff00::/8", AddressClass::reserved},
};

// Where clouds answer the same questions by name.
constexpr std::string_view kMetadataNames[] = {"metadata.google.internal", "metadata.goog", "instance-data",
                                               "instance-data.ec2.internal", "metadata.tencentyun.com"};

struct Row {
  AddressRange range;
  AddressClass address_class;
};

const std::array<Row, std::size(kRegistry)>& registry() {
  static const auto rows = [] {
    std::array<Row, std::size(kRegistry)> out;
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = {*AddressRange::parse(kRegistry[i].range), kRegistry[i].address_class};
    return out;
  }();
  return rows;
}

AddressClass look_up(const AddressBytes& address) {
  auto found = std::ranges::find_if(registry(), [&](const Row& row) { return row.range.contains(address); });
  return found == registry().end() ? AddressClass::global : found->address_class;
}

std::string to_text(const AddressBytes& address) {
  char text[INET6_ADDRSTRLEN];
  bool v4 = is_ipv4(address);
  inet_ntop(v4 ? AF_INET : AF_INET6, address.data() + (v4 ? 12 : 0), text, sizeof text);
  return text;
}

AddressBytes mapped(const std::uint8_t* ipv4) {
  AddressBytes out{};
  out[10] = out[11] = 0xFF;
  std::copy_n(ipv4, 4, out.begin() + 12);
  return out;
}

bool begins(const AddressBytes& address, std::initializer_list<std::uint8_t> prefix) {
  return std::equal(prefix.begin(), prefix.end(), address.begin());
}

}  // namespace

std::string_view name(AddressClass address_class) {
  constexpr std::string_view kNames[] = {"global",     "cloud metadata", "loopback",
                                         "link-local", "private",        "reserved"};
  return kNames[static_cast<std::size_t>(address_class)];
}

AddressClass classify(const AddressBytes& address) {
  // Translators lead to the IPv4 address inside: 6to4 (RFC 3056), NAT64 (RFC 6052), IPv4-compatible.
  if (begins(address, {0x20, 0x02})) return look_up(mapped(address.data() + 2));
  if (begins(address, {0x00, 0x64, 0xFF, 0x9B})) return look_up(mapped(address.data() + 12));
  bool compatible = begins(address, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}) && (address[12] | address[13]) != 0;
  if (compatible) return look_up(mapped(address.data() + 12));
  return look_up(address);
}

AddressClass classify_host(std::string_view host) {
  if (auto address = parse_address(host)) return classify(*address);
  if (host == "localhost" || host.ends_with(".localhost")) return AddressClass::loopback;
  return std::ranges::find(kMetadataNames, host) != std::end(kMetadataNames) ? AddressClass::metadata
                                                                             : AddressClass::global;
}

namespace {

bool is_in_full(const HostPattern& pattern) {
  return pattern.kind == HostPattern::Kind::exact ||
         (pattern.kind == HostPattern::Kind::range && pattern.range.prefix() == 128);
}

bool allows_something(const DomainRule& rule) {
  return rule.read == Action::allow || rule.write == Action::allow;
}

// The patterns of rules that let something pass, and are about hosts.
std::vector<std::string> allowed_hosts(std::span<const RuleSet> layers) {
  std::vector<std::string> out;
  for (const RuleSet& layer : layers) {
    for (const Rule& rule : layer.rules)
      if (rule.action == Action::allow && rule.scope == Scope::host) out.push_back(rule.pattern);
    for (const DomainRule& rule : layer.domains)
      if (allows_something(rule)) out.push_back(rule.pattern);
  }
  return out;
}

}  // namespace

Result<std::shared_ptr<const AddressGuard>> AddressGuard::compile(std::span<const std::string> private_hosts,
                                                                  std::span<const RuleSet> layers) {
  std::vector<std::string> places(private_hosts.begin(), private_hosts.end());
  std::vector<std::string> networks;
  std::vector<std::string> metadata;
  for (const std::string& text : private_hosts) {
    auto pattern = HostPattern::parse(text);
    if (!pattern) return pass(pattern);
    if (pattern->kind == HostPattern::Kind::range) networks.push_back(text);
    if (is_in_full(*pattern)) metadata.push_back(text);
  }
  for (std::string& text : allowed_hosts(layers)) {
    auto pattern = HostPattern::parse(text);
    if (!pattern) continue;  // a glob or an expression over names: it names no address
    if (is_in_full(*pattern)) metadata.push_back(text);
    bool own_name =
        pattern->kind == HostPattern::Kind::exact && classify_host(pattern->name) == AddressClass::loopback;
    if (pattern->kind == HostPattern::Kind::range || own_name) places.push_back(std::move(text));
  }
  std::shared_ptr<AddressGuard> out(new AddressGuard());
  for (auto [compiled, list] :
       {std::pair(&out->places_, &places), {&out->networks_, &networks}, {&out->metadata_, &metadata}}) {
    auto patterns = HostPatterns::compile(*list);
    if (!patterns) return pass(patterns);
    *compiled = std::move(*patterns);
  }
  return out;
}

AddressGuard::Outcome AddressGuard::judge(Client client, const HostPort& place,
                                          const AddressBytes& address) const {
  AddressClass what = classify(address);
  if (what == AddressClass::global) return Outcome::pass;
  // A name is no way to metadata, unless it is metadata's own.
  if (what == AddressClass::metadata)
    return classify_host(place.host) == what && metadata_.matches(place) ? Outcome::pass : Outcome::refuse;
  if (places_.matches(place) || networks_.matches({to_text(address), place.port})) return Outcome::pass;
  return client == Client::local ? Outcome::pass_marked : Outcome::refuse;
}

AddressGuard::Outcome AddressGuard::judge(Client client, const HostPort& place) const {
  AddressClass what = classify_host(place.host);
  if (what == AddressClass::global) return Outcome::pass;
  if (what == AddressClass::metadata) return metadata_.matches(place) ? Outcome::pass : Outcome::refuse;
  if (places_.matches(place)) return Outcome::pass;
  return client == Client::local ? Outcome::pass_marked : Outcome::refuse;
}

}  // namespace weir::policy
