// HostPort: where to connect, in one canonical spelling.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace weir {

/// A host and a port. The host is canonical: lower case, no brackets, no trailing dot, IP literals in their
/// shortest form. Two HostPorts are the same place exactly when they compare equal.
struct HostPort {
  std::string host;
  std::uint16_t port = 0;

  /// "host:port", with brackets around an IPv6 literal.
  std::string str() const;
  /// "host" when port is the default of the scheme ("https": 443, "http": 80), else str(): a Host field
  /// value.
  std::string authority(bool https) const;

  friend bool operator==(const HostPort&, const HostPort&) = default;
};

/// Canonical host: lower case, one trailing dot removed, brackets removed, IPv6 shortened. Refuses (bad_host)
/// empty names, empty labels, labels over 63 bytes, names over 253 bytes, and bytes outside
/// letters, digits, '-', '_' and '.'; refuses names whose last label is numeric but that are no dotted-quad
/// IPv4 address ("0x7f.1", "2130706433", "127.1"), since resolvers disagree on them.
Result<std::string> canonical_host(std::string_view host);

/// Parses "host[:port]" or "[v6][:port]"; `default_port` when none is given (0 = a port is required).
/// Refuses user information, spaces, port 0 and anything after the port.
Result<HostPort> parse_host_port(std::string_view text, std::uint16_t default_port = 0);

/// True when `host` (canonical) is an IPv4 or IPv6 literal.
bool is_ip_literal(std::string_view host);
/// True for literals in 127.0.0.0/8, ::1, mapped 127/8, and the names "localhost" and "*.localhost".
bool is_loopback_host(std::string_view host);

}  // namespace weir
