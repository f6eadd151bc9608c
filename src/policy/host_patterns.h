// HostPatterns: a compiled list of host patterns, for interception, pass-through and exceptions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/host_port.h"
#include "policy/address_range.h"
#include "policy/host_pattern.h"

namespace weir::policy {

/// A set of host patterns. Immutable once compiled, so it may be shared between threads. A lookup costs one
/// hash probe for each label of the host, whatever the number of patterns (address ranges: one test each).
///
/// What a pattern may be: HostPattern.
class HostPatterns {
 public:
  HostPatterns() = default;
  /// bad_config naming the first pattern that is none.
  static Result<HostPatterns> compile(std::span<const std::string> patterns);

  /// `target` must be canonical, as parse_host_port makes it.
  bool matches(const HostPort& target) const;
  bool empty() const { return exact_.empty() && below_.empty() && ranges_.empty() && all_.empty(); }

 private:
  /// The ports a pattern holds for; HostPattern::kAnyPort among them when it named none.
  using Ports = std::vector<std::uint16_t>;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  using PortsByName = std::unordered_map<std::string, Ports, Hash, std::equal_to<>>;

  struct Range {
    AddressRange addresses;
    std::uint16_t port;
  };

  void add(HostPattern pattern);
  static bool covers(const Ports& ports, std::uint16_t port);
  static bool finds(const PortsByName& names, std::string_view name, std::uint16_t port);

  PortsByName exact_;
  PortsByName below_;  ///< keyed by the suffix: "example.com" for "*.example.com"
  std::vector<Range> ranges_;
  Ports all_;
};

}  // namespace weir::policy
