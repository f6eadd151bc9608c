#include "policy/host_pattern.h"

#include <idn2.h>

#include <algorithm>
#include <memory>

#include "base/ascii.h"

namespace weir::policy {
namespace {

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

Failure bad_pattern(std::string_view pattern, std::string_view why) {
  std::string text = "host pattern \"";
  text.append(pattern).append("\": ").append(why);
  return fail(Code::bad_config, std::move(text));
}

Result<std::string> a_labels(const std::string& name) {
  char* out = nullptr;
  int status = idn2_to_ascii_8z(name.c_str(), &out, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  if (status != IDN2_OK)
    return fail(Code::bad_config, std::string("no internationalized name (") + idn2_strerror(status) +
                                      "); write its A-labels (xn--...)");
  std::unique_ptr<char, decltype(&idn2_free)> owner(out, &idn2_free);
  return std::string(out);
}

/// "2130706433", "0x7f.1", "0177.0.0.1": what C libraries dial for it. Nothing for names and for garbage.
std::optional<std::string> dotted_quad(const std::string& name) {
  in_addr address;
  if (name.find_first_of(" \t\r\n\v\f") != std::string::npos || inet_aton(name.c_str(), &address) == 0)
    return std::nullopt;
  char out[INET_ADDRSTRLEN];
  inet_ntop(AF_INET, &address, out, sizeof out);
  return std::string(out);
}

/// "::ffff:a.b.c.d" as the IPv4 address that it means; every other host as it is.
std::string unmapped(std::string host) {
  auto address = host.find(':') == std::string::npos ? std::nullopt : parse_address(host);
  if (!address || !is_ipv4(*address)) return host;
  char out[INET_ADDRSTRLEN];
  inet_ntop(AF_INET, address->data() + 12, out, sizeof out);
  return out;
}

/// What people write where a host belongs; "" when it is none of it.
std::string_view common_mistake(std::string_view pattern) {
  if (pattern.empty()) return "is empty; write a name, *.name, an address or *";
  if (pattern.find("://") != std::string_view::npos)
    return "is a URL; write the host alone, or a rule with scope = \"url\"";
  if (pattern.find('@') != std::string_view::npos) return "has user information; write the host alone";
  if (pattern.find('%') != std::string_view::npos)
    return "has percent-encoding or a zone; write the name or address itself";
  return "";
}

}  // namespace

HostSubject::HostSubject(const HostPort& place) : text_(place.host), port_(place.port) {
  if (!is_ip_literal(text_)) return;
  address_ = parse_address(text_);
  if (!address_ || !is_ipv4(*address_) || text_.find(':') == std::string_view::npos) return;
  inet_ntop(AF_INET, address_->data() + 12, dotted_, sizeof dotted_);
  text_ = dotted_;
}

std::optional<std::uint16_t> take_port(std::string_view& text) {
  std::size_t colon = text.rfind(':');
  bool bare_ipv6 = !text.starts_with('[') && colon != text.find(':');
  if (colon == std::string_view::npos || bare_ipv6 || text.ends_with(']')) return HostPattern::kAnyPort;
  std::string_view digits = text.substr(colon + 1);
  auto port = digits.size() <= 5 ? parse_decimal(digits) : std::nullopt;
  if (!port || *port == 0 || *port > 65535) return std::nullopt;
  text = text.substr(0, colon);
  return static_cast<std::uint16_t>(*port);
}

Result<std::string> canonical_pattern_host(std::string_view name) {
  std::string text(name);
  if (!is_ascii(text)) {
    auto ascii = a_labels(text);
    if (!ascii) return ascii;
    text = std::move(*ascii);
  }
  if (text.ends_with('.')) text.pop_back();
  if (auto dotted = dotted_quad(text)) return std::move(*dotted);
  auto host = canonical_host(text);
  return host ? unmapped(std::move(*host)) : host;
}

Result<HostPattern> HostPattern::parse(std::string_view pattern) {
  HostPattern out;
  if (auto mistake = common_mistake(pattern); !mistake.empty()) return bad_pattern(pattern, mistake);
  if (pattern.find('/') != std::string_view::npos) {
    auto range = AddressRange::parse(pattern);
    if (!range) return bad_pattern(pattern, "not an address range like 10.0.0.0/8, and a host has no '/'");
    out.kind = Kind::range;
    out.range = *range;
    return out;
  }
  std::string_view name = pattern;
  auto port = take_port(name);
  if (!port) return bad_pattern(pattern, "a port is a number from 1 to 65535");
  out.port = *port;
  if (name == "*") return out;
  bool below = name.starts_with("*.");
  if (below) name.remove_prefix(2);
  if (name.find('*') != std::string_view::npos)
    return bad_pattern(pattern, "'*' stands alone or as the whole first label (*.example.com)");
  auto host = canonical_pattern_host(name);
  if (!host) return bad_pattern(pattern, host.error().context());
  bool address = is_ip_literal(*host);
  if (below && address) return bad_pattern(pattern, "an address has no names below it; write a range");
  out.kind = address ? Kind::range : below ? Kind::below : Kind::exact;
  if (address) out.range = AddressRange::parse(*host).value_or(AddressRange());
  out.name = std::move(*host);
  return out;
}

bool HostPattern::matches(const HostSubject& subject) const {
  if (port != kAnyPort && port != subject.port()) return false;
  switch (kind) {
    case Kind::every: return true;
    case Kind::range: return subject.address() && range.contains(*subject.address());
    case Kind::exact: return subject.text() == name;
    case Kind::below: break;
  }
  std::string_view host = subject.text();
  return host.size() > name.size() && host.ends_with(name) && host[host.size() - name.size() - 1] == '.';
}

}  // namespace weir::policy
