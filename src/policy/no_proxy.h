// NoProxy: which hosts are reached without the upstream proxy, by curl's reading of NO_PROXY.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/host_port.h"
#include "policy/address_range.h"

namespace weir::policy {

/// Entries: "example.com" and ".example.com" (the name and everything below it, at label borders),
/// "*.example.com" (the same), "host:port" (that port only), an address, a CIDR range, "*" (everything).
/// Names are never resolved. Immutable once compiled.
class NoProxy {
 public:
  NoProxy() = default;
  /// bad_config naming the first entry that is none of the above. Empty entries are skipped.
  static Result<NoProxy> compile(std::span<const std::string> entries);

  /// True when `target` (canonical) is to be reached directly.
  bool matches(const HostPort& target) const;

 private:
  struct Suffix {
    std::string name;
    std::uint16_t port;  ///< 0 = every port
  };
  Result<> add(std::string_view entry);

  std::vector<Suffix> suffixes_;
  std::vector<AddressRange> ranges_;
  bool all_ = false;
};

}  // namespace weir::policy
