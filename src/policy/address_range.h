// AddressRange: an IPv4 or IPv6 network in CIDR form, tested against address literals.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::policy {

class AddressRange {
 public:
  /// "10.0.0.0/8", "fd00::/8"; a bare address is a range of one. Bits below the prefix are ignored. Nothing
  /// when `text` is neither.
  static std::optional<AddressRange> parse(std::string_view text);

  /// False for names and for the other address family. An IPv4-mapped IPv6 literal counts as IPv4.
  bool contains(std::string_view host) const;

 private:
  using Bytes = std::array<std::uint8_t, 16>;
  Bytes network_{};      ///< IPv4 as ::ffff:a.b.c.d
  unsigned prefix_ = 0;  ///< of the 128 bits
};

}  // namespace weir::policy
