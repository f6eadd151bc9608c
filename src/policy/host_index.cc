#include "policy/host_index.h"

#include <algorithm>

namespace weir::policy {

std::string HostIndex::range_key(const AddressBytes& network, unsigned prefix) {
  std::string key(network.begin(), network.end());
  key += static_cast<char>(prefix);
  return key;
}

void HostIndex::add(const HostPattern& pattern, std::uint32_t id) {
  Entry entry{id, pattern.port};
  switch (pattern.kind) {
    case HostPattern::Kind::every: every_.push_back(entry); break;
    case HostPattern::Kind::exact: exact_[pattern.name].push_back(entry); break;
    case HostPattern::Kind::below: below_[pattern.name].push_back(entry); break;
    case HostPattern::Kind::range: {
      unsigned prefix = pattern.range.prefix();
      ranges_[range_key(pattern.range.network(), prefix)].push_back(entry);
      auto place = std::ranges::lower_bound(prefixes_, prefix, std::greater());
      if (place == prefixes_.end() || *place != prefix) prefixes_.insert(place, prefix);
      break;
    }
  }
}

std::size_t HostIndex::count(const HostPattern& pattern) const {
  auto count_in = [](const EntriesByKey& map, std::string_view key) {
    auto found = map.find(key);
    return found == map.end() ? 0 : found->second.size();
  };
  switch (pattern.kind) {
    case HostPattern::Kind::every: return every_.size();
    case HostPattern::Kind::exact: return count_in(exact_, pattern.name);
    case HostPattern::Kind::below: return count_in(below_, pattern.name);
    case HostPattern::Kind::range:
      return count_in(ranges_, range_key(pattern.range.network(), pattern.range.prefix()));
  }
  return 0;
}

}  // namespace weir::policy
