#include "base/host_port.h"

#include <arpa/inet.h>

#include "base/ascii.h"

namespace weir {
namespace {

Result<std::string> canonical_ipv6(std::string_view text) {
  in6_addr address;
  if (std::string copy(text);
      copy.find('\0') != std::string::npos || inet_pton(AF_INET6, copy.c_str(), &address) != 1)
    return fail(Code::bad_host, "not an IPv6 address: [" + std::string(text) + "]");
  char out[INET6_ADDRSTRLEN];
  inet_ntop(AF_INET6, &address, out, sizeof out);
  return std::string(out);
}

bool is_name_byte(char c) { return is_alpha(c) || is_digit(c) || c == '-' || c == '_'; }

bool looks_numeric(std::string_view label) {
  if (label.starts_with("0x") || label.starts_with("0X")) return true;
  for (char c : label)
    if (!is_digit(c)) return false;
  return true;
}

std::string bracketed(std::string_view host) {
  std::string out;
  out.reserve(host.size() + 8);
  bool ipv6 = host.find(':') != std::string_view::npos;
  if (ipv6) out += '[';
  out += host;
  if (ipv6) out += ']';
  return out;
}

}  // namespace

Result<std::string> canonical_host(std::string_view host) {
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']')
    return canonical_ipv6(host.substr(1, host.size() - 2));
  if (host.find(':') != std::string_view::npos) return canonical_ipv6(host);
  if (host.ends_with('.')) host.remove_suffix(1);
  if (host.empty() || host.size() > 253) return fail(Code::bad_host, "a host name has 1 to 253 bytes");
  std::size_t label_start = 0;
  for (std::size_t i = 0; i <= host.size(); ++i) {
    if (i == host.size() || host[i] == '.') {
      std::size_t length = i - label_start;
      if (length == 0 || length > 63) return fail(Code::bad_host, "a label of a host name has 1 to 63 bytes");
      label_start = i + 1;
    } else if (!is_name_byte(host[i])) {
      return fail(Code::bad_host, "a host name has letters, digits, '-', '_' and '.' only");
    }
  }
  std::string out = lower(host);
  std::string_view last = std::string_view(out).substr(out.rfind('.') + 1);
  if (looks_numeric(last)) {
    in_addr address;
    if (inet_pton(AF_INET, out.c_str(), &address) != 1)
      return fail(Code::bad_host, "not a dotted-quad IPv4 address: " + out);
  }
  return out;
}

Result<HostPort> parse_host_port(std::string_view text, std::uint16_t default_port) {
  std::size_t host_end;
  if (text.starts_with('[')) {
    std::size_t bracket = text.find(']');
    if (bracket == std::string_view::npos) return fail(Code::bad_host, "missing ']'");
    host_end = bracket + 1;
    if (host_end < text.size() && text[host_end] != ':') return fail(Code::bad_host, "bytes after ']'");
  } else {
    host_end = std::min(text.find(':'), text.size());
  }
  auto host = canonical_host(text.substr(0, host_end));
  if (!host) return pass(host);
  std::uint16_t port = default_port;
  if (host_end < text.size()) {
    std::string_view digits = text.substr(host_end + 1);
    auto number = digits.size() <= 5 ? parse_decimal(digits) : std::nullopt;
    if (!number || *number == 0 || *number > 65535)
      return fail(Code::bad_host, "a port is a number from 1 to 65535");
    port = static_cast<std::uint16_t>(*number);
  }
  if (port == 0) return fail(Code::bad_host, "a port is missing");
  return HostPort{std::move(*host), port};
}

std::string HostPort::str() const { return bracketed(host).append(":").append(std::to_string(port)); }

std::string HostPort::authority(bool https) const {
  return port == (https ? 443 : 80) ? bracketed(host) : str();
}

bool is_ip_literal(std::string_view host) {
  if (host.find(':') != std::string_view::npos) return true;
  return !host.empty() && looks_numeric(host.substr(host.rfind('.') + 1));
}

bool is_loopback_host(std::string_view host) {
  if (host == "localhost" || host.ends_with(".localhost") || host == "::1") return true;
  if (host.starts_with("::ffff:127.")) return true;
  return host.starts_with("127.") && is_ip_literal(host);
}

}  // namespace weir
