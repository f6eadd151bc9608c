#include "policy/address_range.h"

#include <arpa/inet.h>

#include <algorithm>

#include "base/ascii.h"

namespace weir::policy {
namespace {

constexpr unsigned kMappedBits = 96;  // ::ffff:0:0/96 holds IPv4

}  // namespace

std::optional<AddressBytes> parse_address(std::string_view text) {
  if (text.size() > 2 && text.front() == '[' && text.back() == ']') text = text.substr(1, text.size() - 2);
  char copy[INET6_ADDRSTRLEN] = {};
  if (text.size() >= sizeof copy || text.find('\0') != std::string_view::npos) return std::nullopt;
  std::ranges::copy(text, copy);
  AddressBytes out{};
  if (inet_pton(AF_INET, copy, out.data() + 12) == 1) {
    out[10] = out[11] = 0xFF;
    return out;
  }
  if (inet_pton(AF_INET6, copy, out.data()) == 1) return out;
  return std::nullopt;
}

bool is_ipv4(const AddressBytes& address) {
  return std::all_of(address.begin(), address.begin() + 10, [](std::uint8_t byte) { return byte == 0; }) &&
         address[10] == 0xFF && address[11] == 0xFF;
}

AddressBytes AddressRange::masked(AddressBytes address, unsigned prefix) {
  for (unsigned i = 0; i < address.size(); ++i) {
    unsigned kept = prefix > i * 8 ? std::min(prefix - i * 8, 8u) : 0;
    address[i] &= static_cast<std::uint8_t>(0xFF00u >> kept);
  }
  return address;
}

std::optional<AddressRange> AddressRange::parse(std::string_view text) {
  std::size_t slash = text.find('/');
  std::string_view literal = text.substr(0, slash);
  auto address = parse_address(literal);
  if (!address) return std::nullopt;
  AddressRange range;
  range.network_ = *address;
  range.prefix_ = 128;
  if (slash == std::string_view::npos) return range;
  bool dotted = literal.find(':') == std::string_view::npos;
  std::string_view digits = text.substr(slash + 1);
  auto bits = digits.size() <= 3 ? parse_decimal(digits) : std::nullopt;
  if (!bits || *bits > (dotted ? 32u : 128u)) return std::nullopt;
  range.prefix_ = static_cast<unsigned>(*bits) + (dotted ? kMappedBits : 0);
  range.network_ = masked(range.network_, range.prefix_);
  return range;
}

bool AddressRange::contains(std::string_view host) const {
  auto address = parse_address(host);
  return address && contains(*address);
}

}  // namespace weir::policy
