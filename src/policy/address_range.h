// AddressRange: an IPv4 or IPv6 network in CIDR form, tested against address literals.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::policy {

/// An address in 16 bytes; IPv4 as ::ffff:a.b.c.d, so that a mapped address is the IPv4 address it means.
using AddressBytes = std::array<std::uint8_t, 16>;
/// An IPv4 or IPv6 literal, the latter with brackets or without. Does not allocate.
std::optional<AddressBytes> parse_address(std::string_view text);
bool is_ipv4(const AddressBytes& address);

class AddressRange {
 public:
  /// "10.0.0.0/8", "fd00::/8"; a bare address is a range of one. Bits below the prefix are ignored. Nothing
  /// when `text` is neither.
  static std::optional<AddressRange> parse(std::string_view text);

  /// False for names and for the other address family. An IPv4-mapped IPv6 literal counts as IPv4.
  bool contains(std::string_view host) const;
  bool contains(const AddressBytes& address) const { return masked(address, prefix_) == network_; }

  /// Bits below the prefix are zero.
  const AddressBytes& network() const { return network_; }
  unsigned prefix() const { return prefix_; }  ///< of 128 bits

  static AddressBytes masked(AddressBytes address, unsigned prefix);

 private:
  AddressBytes network_{};
  unsigned prefix_ = 0;
};

}  // namespace weir::policy
