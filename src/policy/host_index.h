// HostIndex: finds which of many host patterns hold for a host, in one hash probe for each of its labels.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "policy/host_pattern.h"

namespace weir::policy {

class HostIndex {
 public:
  struct Entry {
    std::uint32_t id;
    std::uint16_t port;  ///< kAnyPort or the only one it holds for

    bool covers(std::uint16_t wanted) const { return port == HostPattern::kAnyPort || port == wanted; }
  };
  using Entries = std::vector<Entry>;

  /// Entries of one key keep the order in which they are added.
  void add(const HostPattern& pattern, std::uint32_t id);
  /// The entries added with that very name, range or "*" so far, whatever their ports.
  std::size_t count(const HostPattern& pattern) const;

  /// Calls `each(std::span<const Entry>)` for every key that holds for the host, the most specific first: the
  /// name or the narrowest range, longer suffixes before shorter ones, "*" last. Ports are left to the
  /// caller. Ends early when `each` returns true. Does not allocate.
  template <typename Each>
  void visit(const HostSubject& subject, Each&& each) const {
    if (subject.address() && visit_ranges(*subject.address(), each)) return;
    if (!exact_.empty() && visit_key(exact_, subject.text(), each)) return;
    if (!below_.empty() && visit_suffixes(subject.text(), each)) return;
    if (!every_.empty()) each(std::span<const Entry>(every_));
  }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  using EntriesByKey = std::unordered_map<std::string, Entries, Hash, std::equal_to<>>;

  /// Network and prefix as a key.
  static std::string range_key(const AddressBytes& network, unsigned prefix);

  template <typename Each>
  static bool visit_key(const EntriesByKey& map, std::string_view key, Each&& each) {
    auto found = map.find(key);
    return found != map.end() && each(std::span<const Entry>(found->second));
  }
  template <typename Each>
  bool visit_suffixes(std::string_view rest, Each&& each) const {
    for (std::size_t dot; (dot = rest.find('.')) != std::string_view::npos;) {
      rest.remove_prefix(dot + 1);
      if (visit_key(below_, rest, each)) return true;
    }
    return false;
  }
  template <typename Each>
  bool visit_ranges(const AddressBytes& address, Each&& each) const {
    for (unsigned prefix : prefixes_) {
      AddressBytes network = AddressRange::masked(address, prefix);
      char key[sizeof(AddressBytes) + 1];
      std::copy(network.begin(), network.end(), key);
      key[sizeof(AddressBytes)] = static_cast<char>(prefix);
      if (visit_key(ranges_, std::string_view(key, sizeof key), each)) return true;
    }
    return false;
  }

  EntriesByKey exact_;
  EntriesByKey below_;              ///< "example.com" for "*.example.com"
  EntriesByKey ranges_;             ///< by range_key
  std::vector<unsigned> prefixes_;  ///< the lengths in ranges_, longest first
  Entries every_;
};

}  // namespace weir::policy
