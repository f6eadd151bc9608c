#include "policy/host_patterns.h"

#include <algorithm>

namespace weir::policy {

Result<HostPatterns> HostPatterns::compile(std::span<const std::string> patterns) {
  HostPatterns out;
  for (const std::string& text : patterns) {
    auto pattern = HostPattern::parse(text);
    if (!pattern) return pass(pattern);
    out.add(std::move(*pattern));
  }
  return out;
}

void HostPatterns::add(HostPattern pattern) {
  switch (pattern.kind) {
    case HostPattern::Kind::every: all_.push_back(pattern.port); break;
    case HostPattern::Kind::range: ranges_.push_back({pattern.range, pattern.port}); break;
    case HostPattern::Kind::exact: exact_[std::move(pattern.name)].push_back(pattern.port); break;
    case HostPattern::Kind::below: below_[std::move(pattern.name)].push_back(pattern.port); break;
  }
}

bool HostPatterns::covers(const Ports& ports, std::uint16_t port) {
  return std::ranges::any_of(ports, [&](std::uint16_t p) { return p == HostPattern::kAnyPort || p == port; });
}

bool HostPatterns::finds(const PortsByName& names, std::string_view name, std::uint16_t port) {
  auto found = names.find(name);
  return found != names.end() && covers(found->second, port);
}

bool HostPatterns::matches(const HostPort& target) const {
  if (covers(all_, target.port)) return true;
  HostSubject subject(target);
  if (const auto& address = subject.address())
    return std::ranges::any_of(ranges_, [&](const Range& range) {
      return (range.port == HostPattern::kAnyPort || range.port == target.port) &&
             range.addresses.contains(*address);
    });
  if (!exact_.empty() && finds(exact_, target.host, target.port)) return true;
  if (below_.empty()) return false;
  std::string_view rest = target.host;
  for (std::size_t dot; (dot = rest.find('.')) != std::string_view::npos;) {
    rest.remove_prefix(dot + 1);
    if (finds(below_, rest, target.port)) return true;
  }
  return false;
}

}  // namespace weir::policy
