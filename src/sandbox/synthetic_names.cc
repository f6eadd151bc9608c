#include "sandbox/synthetic_names.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/random.h>

#include <algorithm>

#include "base/host_port.h"
#include "base/log.h"

namespace weir::sandbox {
namespace {

constexpr std::uint32_t kKept = 16;
constexpr std::uint32_t kV4Range = 0xC6120000;  // 198.18.0.0
constexpr std::uint32_t kV4Mask = 0xFFFE0000;   // /15
constexpr std::uint8_t kV6Range[] = {0xfd, 0x43, 0xe4, 0xf2, 0x7f, 0x03, 0, 0};

std::uint32_t anywhere() {
  std::uint32_t value = 0;
  // Without entropy it is the same place each time, which is allowed.
  if (::getrandom(&value, sizeof value, GRND_NONBLOCK) != sizeof value) return 0;
  return value;
}

std::uint32_t big32(const std::uint8_t* bytes) {
  std::uint32_t value;
  memcpy(&value, bytes, sizeof value);
  return ntohl(value);
}

std::optional<in6_addr> read_address(std::string_view text) {
  std::string copy(text);
  if (copy.find('\0') != std::string::npos) return std::nullopt;
  in6_addr address{};
  if (inet_pton(AF_INET6, copy.c_str(), &address) == 1) return address;
  address.s6_addr[10] = address.s6_addr[11] = 0xff;
  if (inet_pton(AF_INET, copy.c_str(), &address.s6_addr[12]) == 1) return address;
  return std::nullopt;
}

/// How far into its range an address is; none when it is in neither.
std::optional<std::uint64_t> place_of(const in6_addr& address) {
  const std::uint8_t* bytes = address.s6_addr;
  std::uint64_t low = big32(bytes + 12);
  if (IN6_IS_ADDR_V4MAPPED(&address)) {
    if ((low & kV4Mask) != kV4Range) return std::nullopt;
    return low & ~kV4Mask;
  }
  if (memcmp(bytes, kV6Range, sizeof kV6Range) != 0) return std::nullopt;
  return std::uint64_t{big32(bytes + 8)} << 32 | low;
}

/// The last two labels. No list of public suffixes: it only bounds who shares a limit.
std::string_view domain_of(std::string_view name) {
  std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return name;
  dot = name.rfind('.', dot - 1);
  return dot == std::string_view::npos ? name : name.substr(dot + 1);
}

}  // namespace

SyntheticNames::SyntheticNames(Limits limits, Start start)
    : limits_{std::min(limits.names, kMostNames), std::max(limits.names_a_domain, 1U)},
      start_((start ? *start : anywhere()) % kMostNames) {}

Result<SyntheticAddresses> SyntheticNames::addresses_of(std::string_view name) {
  auto canonical = canonical_host(name);
  if (!canonical) return pass(canonical);
  if (is_ip_literal(*canonical)) return fail(Code::bad_host, *canonical + " is an address, not a name");
  std::lock_guard lock(mutex_);
  if (auto found = indexes_.find(*canonical); found != indexes_.end()) return at(found->second);
  return add(*canonical);
}

Result<SyntheticAddresses> SyntheticNames::add(std::string_view name) {
  if (names_.size() >= limits_.names)
    return refuse(name, told_, fmt::format("the {} names of this session are spent", limits_.names));
  auto domain = domains_.find(domain_of(name));
  if (domain != domains_.end() && domain->second.names >= limits_.names_a_domain)
    return refuse(name, domain->second.told,
                  fmt::format("{} names under {} were looked up in this session, which looks like data sent "
                              "out as names (none of it left)",
                              limits_.names_a_domain, domain->first));
  auto index = static_cast<std::uint32_t>(names_.size());
  const std::string& kept = names_.emplace_back(name);
  indexes_.emplace(kept, index);
  ++(domain != domains_.end() ? domain->second : domains_[domain_of(kept)]).names;
  return at(index);
}

Failure SyntheticNames::refuse(std::string_view name, bool& told, std::string context) {
  ++refused_;
  if (!std::exchange(told, true)) log::warn("sandbox DNS: no address for {}: {}", name, context);
  return fail(Code::overloaded, std::move(context));
}

SyntheticAddresses SyntheticNames::at(std::uint32_t index) const {
  std::uint32_t place = kKept + (start_ + index) % kMostNames;
  SyntheticAddresses out{};
  out.v4.s_addr = htonl(kV4Range | place);
  memcpy(out.v6.s6_addr, kV6Range, sizeof kV6Range);
  std::uint32_t low = htonl(place);
  memcpy(out.v6.s6_addr + 12, &low, sizeof low);
  return out;
}

std::optional<std::string> SyntheticNames::name_of(const in6_addr& address) const {
  auto place = place_of(address);
  if (!place || *place < kKept || *place >= kKept + kMostNames) return std::nullopt;
  auto index = (static_cast<std::uint32_t>(*place) - kKept + kMostNames - start_) % kMostNames;
  std::lock_guard lock(mutex_);
  if (index >= names_.size()) return std::nullopt;
  return names_[index];
}

std::optional<std::string> SyntheticNames::name_of(std::string_view address) const {
  auto read = read_address(address);
  return read ? name_of(*read) : std::nullopt;
}

bool SyntheticNames::is_synthetic(const in6_addr& address) { return place_of(address).has_value(); }

bool SyntheticNames::is_synthetic(std::string_view address) {
  auto read = read_address(address);
  return read && is_synthetic(*read);
}

SyntheticNames::Counts SyntheticNames::counts() const {
  std::lock_guard lock(mutex_);
  return {names_.size(), refused_};
}

}  // namespace weir::sandbox
