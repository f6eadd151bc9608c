#include "policy/host_patterns.h"

#include <algorithm>
#include <optional>

#include "base/ascii.h"

namespace weir::policy {
namespace {

Failure bad_pattern(std::string_view pattern, std::string_view why) {
  std::string text = "host pattern \"";
  text.append(pattern).append("\": ").append(why);
  return fail(Code::bad_config, std::move(text));
}

/// Splits ":port" off the end of `text`. The colons of an IPv6 literal without brackets are no port.
/// Nothing when the port is none.
std::optional<std::uint16_t> take_port(std::string_view& text) {
  std::size_t colon = text.rfind(':');
  bool bare_ipv6 = !text.starts_with('[') && colon != text.find(':');
  if (colon == std::string_view::npos || bare_ipv6 || text.ends_with(']')) return 0;
  std::string_view digits = text.substr(colon + 1);
  auto port = digits.size() <= 5 ? parse_decimal(digits) : std::nullopt;
  if (!port || *port == 0 || *port > 65535) return std::nullopt;
  text = text.substr(0, colon);
  return static_cast<std::uint16_t>(*port);
}

}  // namespace

Result<HostPatterns> HostPatterns::compile(std::span<const std::string> patterns) {
  HostPatterns out;
  for (const std::string& pattern : patterns)
    if (auto added = out.add(pattern); !added) return pass(added);
  return out;
}

Result<> HostPatterns::add(std::string_view pattern) {
  if (pattern.find('/') != std::string_view::npos) {
    auto range = AddressRange::parse(pattern);
    if (!range) return bad_pattern(pattern, "not an address range like 10.0.0.0/8, and a host has no '/'");
    ranges_.push_back(*range);
    return {};
  }
  std::string_view name = pattern;
  auto port = take_port(name);
  if (!port) return bad_pattern(pattern, "a port is a number from 1 to 65535");
  if (name == "*") {
    all_.push_back(*port);
    return {};
  }
  bool below = name.starts_with("*.");
  if (below) name.remove_prefix(2);
  if (name.find('*') != std::string_view::npos)
    return bad_pattern(pattern, "'*' stands alone or as the whole first label (*.example.com)");
  auto host = canonical_host(name);
  if (!host) return bad_pattern(pattern, host.error().context());
  if (below && is_ip_literal(*host)) return bad_pattern(pattern, "an address has no names below it");
  (below ? below_ : exact_)[std::move(*host)].push_back(*port);
  return {};
}

bool HostPatterns::covers(const Ports& ports, std::uint16_t port) {
  return std::ranges::any_of(ports, [&](std::uint16_t p) { return p == kAnyPort || p == port; });
}

bool HostPatterns::finds(const PortsByName& names, std::string_view name, std::uint16_t port) {
  auto found = names.find(name);
  return found != names.end() && covers(found->second, port);
}

bool HostPatterns::matches(const HostPort& target) const {
  if (covers(all_, target.port)) return true;
  if (!exact_.empty() && finds(exact_, target.host, target.port)) return true;
  if (is_ip_literal(target.host))
    return std::ranges::any_of(ranges_,
                               [&](const AddressRange& range) { return range.contains(target.host); });
  if (below_.empty()) return false;
  std::string_view rest = target.host;
  for (std::size_t dot; (dot = rest.find('.')) != std::string_view::npos;) {
    rest.remove_prefix(dot + 1);
    if (finds(below_, rest, target.port)) return true;
  }
  return false;
}

}  // namespace weir::policy
