// SyntheticNames: the addresses that stand for names inside a sandbox.
//
// A name that is looked up inside gets one IPv4 and one IPv6 address that lead nowhere; a connection to
// either is judged by the name. Everything rests on an address meaning one name only: it is never given to
// another one in a session, however full the table is, and a session starts somewhere else in the range than
// the one before, so that an address kept from there (a browser's cache on disk) is most likely nobody's.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace weir::sandbox {

struct SyntheticAddresses {
  in_addr v4;   ///< in 198.18.0.0/15 (RFC 2544: no place on the internet)
  in6_addr v6;  ///< in fd43:e4f2:7f03::/64 (RFC 4193, its 40 random bits drawn once); the same place in it
};

/// Thread-safe. At the largest limits, and with names of 253 bytes only, it holds 60 MB; a session with a
/// thousand ordinary names holds 200 kB.
class SyntheticNames {
 public:
  /// The /15 without its first 16 addresses, which are kept for Weir's own use, and without its last.
  static constexpr std::uint32_t kMostNames = (1U << 17) - 16 - 1;

  struct Limits {
    std::uint32_t names = kMostNames;
    /// For names that share their last two labels: data sent out as names, which is answered here and goes
    /// nowhere, must not take every other name's place. At least 1.
    std::uint32_t names_a_domain = kMostNames / 8;
  };
  /// Where in the range the first name stands; none = anywhere. Taken modulo kMostNames.
  using Start = std::optional<std::uint32_t>;

  explicit SyntheticNames(Limits limits, Start start = std::nullopt);
  SyntheticNames() : SyntheticNames(Limits{}) {}

  /// The same pair for the same name (as canonical_host has it) each time, also when the table is full.
  /// bad_host when it is no name or is an address; overloaded when no place is left for a new one, which is
  /// logged, once for the table and once a domain.
  Result<SyntheticAddresses> addresses_of(std::string_view name);

  /// The name an address was given to, canonical. An IPv4 address is passed in its mapped form or as text.
  std::optional<std::string> name_of(const in6_addr& address) const;
  std::optional<std::string> name_of(std::string_view address) const;

  /// Whether an address is in one of the two ranges. One that has no name (see name_of) is nobody's: it must
  /// be refused, never dialled.
  static bool is_synthetic(const in6_addr& address);
  static bool is_synthetic(std::string_view address);

  struct Counts {
    std::uint64_t handed_out = 0;  ///< names that have addresses
    std::uint64_t refused = 0;     ///< lookups of new names for which no place was left
  };
  Counts counts() const;

 private:
  struct Domain {
    std::uint32_t names = 0;
    bool told = false;  ///< that it is full
  };

  Result<SyntheticAddresses> add(std::string_view name);
  Failure refuse(std::string_view name, bool& told, std::string context);
  SyntheticAddresses at(std::uint32_t index) const;

  const Limits limits_;
  const std::uint32_t start_;
  mutable std::mutex mutex_;
  std::deque<std::string> names_;  ///< in the order they came; the keys below are views into them
  // Trees, not hash tables: whoever chooses the names must not be able to choose collisions.
  std::map<std::string_view, std::uint32_t> indexes_;
  std::map<std::string_view, Domain> domains_;
  std::uint64_t refused_ = 0;
  bool told_ = false;
};

}  // namespace weir::sandbox
