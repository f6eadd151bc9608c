#include "policy/no_proxy.h"

#include <algorithm>

#include "base/ascii.h"

namespace weir::policy {

Result<NoProxy> NoProxy::compile(std::span<const std::string> entries) {
  NoProxy out;
  for (const std::string& entry : entries)
    if (auto added = out.add(trim_ows(entry)); !added) return pass(added);
  return out;
}

Result<> NoProxy::add(std::string_view entry) {
  if (entry.empty()) return {};
  if (entry == "*") {
    all_ = true;
    return {};
  }
  if (auto range = AddressRange::parse(entry)) {
    ranges_.push_back(*range);
    return {};
  }
  std::string_view name = entry;
  if (name.starts_with("*.")) name.remove_prefix(1);
  if (name.starts_with('.')) name.remove_prefix(1);
  // A bare IPv6 address was taken as a range above, so a ':' outside brackets begins a port.
  bool has_port = !name.ends_with(']') && name.find(':') != std::string_view::npos;
  constexpr std::uint16_t kPlaceholder = 1;
  auto place = parse_host_port(name, kPlaceholder);
  if (!place) {
    std::string text = "no_proxy entry \"";
    return fail(Code::bad_config, text.append(entry).append("\": ").append(place.error().context()));
  }
  suffixes_.push_back({std::move(place->host), has_port ? place->port : std::uint16_t{0}});
  return {};
}

bool NoProxy::matches(const HostPort& target) const {
  if (all_) return true;
  bool address = is_ip_literal(target.host);
  auto covers = [&](const Suffix& suffix) {
    if (suffix.port != 0 && suffix.port != target.port) return false;
    if (!target.host.ends_with(suffix.name)) return false;
    std::size_t before = target.host.size() - suffix.name.size();
    return before == 0 || (!address && target.host[before - 1] == '.');
  };
  if (std::ranges::any_of(suffixes_, covers)) return true;
  return address &&
         std::ranges::any_of(ranges_, [&](const auto& range) { return range.contains(target.host); });
}

}  // namespace weir::policy
