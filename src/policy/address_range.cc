#include "policy/address_range.h"

#include <arpa/inet.h>

#include <cstring>
#include <string>

#include "base/ascii.h"

namespace weir::policy {
namespace {

constexpr unsigned kMappedBits = 96;  // ::ffff:0:0/96 holds IPv4

struct Parsed {
  std::array<std::uint8_t, 16> bytes{};
  bool ipv4 = false;
};

std::optional<Parsed> parse_address(std::string_view text) {
  std::string copy(text);
  if (copy.find('\0') != std::string::npos) return std::nullopt;
  Parsed out;
  if (inet_pton(AF_INET, copy.c_str(), out.bytes.data() + 12) == 1) {
    out.ipv4 = true;
    out.bytes[10] = out.bytes[11] = 0xFF;
    return out;
  }
  if (copy.size() > 2 && copy.front() == '[' && copy.back() == ']') copy = copy.substr(1, copy.size() - 2);
  if (inet_pton(AF_INET6, copy.c_str(), out.bytes.data()) == 1) return out;
  return std::nullopt;
}

}  // namespace

std::optional<AddressRange> AddressRange::parse(std::string_view text) {
  std::size_t slash = text.find('/');
  auto address = parse_address(text.substr(0, slash));
  if (!address) return std::nullopt;
  AddressRange range;
  range.network_ = address->bytes;
  range.prefix_ = 128;
  if (slash == std::string_view::npos) return range;
  std::string_view digits = text.substr(slash + 1);
  auto bits = digits.size() <= 3 ? parse_decimal(digits) : std::nullopt;
  if (!bits || *bits > (address->ipv4 ? 32u : 128u)) return std::nullopt;
  range.prefix_ = static_cast<unsigned>(*bits) + (address->ipv4 ? kMappedBits : 0);
  return range;
}

bool AddressRange::contains(std::string_view host) const {
  auto address = parse_address(host);
  if (!address) return false;
  unsigned whole = prefix_ / 8;
  if (std::memcmp(address->bytes.data(), network_.data(), whole) != 0) return false;
  unsigned rest = prefix_ % 8;
  if (rest == 0) return true;
  auto mask = static_cast<std::uint8_t>(0xFF << (8 - rest));
  return (address->bytes[whole] & mask) == (network_[whole] & mask);
}

}  // namespace weir::policy
