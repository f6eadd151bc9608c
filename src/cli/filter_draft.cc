#include "cli/filter_draft.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "config/filter.h"
#include "policy/registrable_domain.h"

namespace weir::cli {
namespace {

constexpr std::size_t kMostOriginals = 20;

bool was_refused(const flow::Flow& flow) {
  bool let_through = flow.filter_action.empty() || flow.filter_action == policy::name(policy::Action::allow);
  return !let_through || info(flow.error).phase == Phase::policy || flow.error == Code::misdirected_request;
}

std::string upper(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return out;
}

std::string plural(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

/// Hosts are canonical: nothing in them can end a comment.
std::string comment(const FilterDraft::Line& line) {
  std::string out = "# " + plural(line.requests, "request");
  if (line.blocked > 0) out += fmt::format("; {} more blocked", line.blocked);
  out += '\n';
  if (line.originals.empty()) return out;
  std::size_t shown = std::min(line.originals.size(), kMostOriginals);
  out += "# Original: ";
  for (std::size_t i = 0; i < shown; ++i) {
    const auto& [host, requests] = line.originals[i];
    out += fmt::format("{}{} ({})", i == 0 ? "" : ", ", host, plural(requests, "request"));
  }
  if (shown < line.originals.size()) out += fmt::format(" and {} more", line.originals.size() - shown);
  return out += '\n';
}

void sort_by_count(auto& list) {
  std::ranges::sort(list, [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
}

}  // namespace

std::string FilterDraft::Place::pattern() const {
  return port == 0 ? HostPort{host, 443}.authority(true) : HostPort{host, port}.str();
}

void FilterDraft::Seen::add(const Seen& other) {
  passed += other.passed;
  blocked += other.blocked;
  methods.insert(other.methods.begin(), other.methods.end());
  tunnel = tunnel || other.tunnel;
  own_port = own_port || other.own_port;
}

void FilterDraft::add(const PastRequest& request) {
  const auto& [scheme, place] = request.head.origin;
  Seen& seen = seen_[{place.host, place.port}];
  seen.own_port = seen.own_port || place.port == (scheme == http::Scheme::https ? 443 : 80);
  bool refused = was_refused(request.flow);
  ++(refused ? seen.blocked : seen.passed);
  if (refused && keeps_blocks()) return;
  ++sessions_[std::string(request.session)];
  ++processes_[request.flow.process];
  seen.tunnel = seen.tunnel || request.opaque;
  if (options_.methods && !request.opaque) seen.methods.insert(upper(request.head.method));
}

FilterDraft::Places FilterDraft::places() const {
  std::set<std::string_view> port_matters;
  for (const auto& [place, seen] : seen_)
    if (counted(seen) == 0) port_matters.insert(place.host);
  Places out;
  for (const auto& [place, seen] : seen_) {
    bool any_port = seen.own_port && !port_matters.contains(place.host);
    if (counted(seen) > 0) out[{place.host, any_port ? std::uint16_t{0} : place.port}].add(seen);
  }
  return out;
}

std::map<FilterDraft::Place, FilterDraft::Group> FilterDraft::groups(const Places& places) const {
  std::map<Place, Group> out;
  if (!options_.group) return out;
  for (const auto& entry : places) {
    std::string_view domain = policy::registrable_domain(entry.first.host);
    if (!domain.empty() && domain != entry.first.host)
      out[{std::string(domain), entry.first.port}].push_back(&entry);
  }
  std::set<std::string_view> too_wide;  // a group would let through what was blocked
  for (const auto& [place, seen] : seen_)
    if (counted(seen) < seen.all()) too_wide.insert(policy::registrable_domain(place.host));
  std::erase_if(
      out, [&](const auto& group) { return group.second.size() < 2 || too_wide.contains(group.first.host); });
  return out;
}

void FilterDraft::set_methods(policy::Rule& rule, const Group& group) const {
  if (!options_.methods || std::ranges::any_of(group, [](auto* entry) { return entry->second.tunnel; }))
    return;
  std::set<std::string, std::less<>> methods;
  for (auto* entry : group) methods.insert(entry->second.methods.begin(), entry->second.methods.end());
  rule.methods.assign(methods.begin(), methods.end());
}

FilterDraft::Line FilterDraft::line(const std::string& pattern, const Group& group) const {
  Line out{
      .rule = {.pattern = pattern, .action = rules_allow() ? policy::Action::allow : policy::Action::block}};
  for (auto* entry : group) {
    std::uint64_t requests = counted(entry->second);
    out.requests += requests;
    out.blocked += entry->second.all() - requests;
    if (group.size() > 1) out.originals.emplace_back(entry->first.pattern(), requests);
  }
  sort_by_count(out.originals);
  set_methods(out.rule, group);
  return out;
}

std::vector<FilterDraft::Line> FilterDraft::lines() const {
  std::vector<Line> out;
  Places all = places();
  std::set<Place> grouped;
  for (const auto& [domain, group] : groups(all)) {
    out.push_back(line("*." + domain.pattern(), group));
    for (auto* entry : group) grouped.insert(entry->first);
  }
  for (const auto& entry : all)
    if (!grouped.contains(entry.first)) out.push_back(line(entry.first.pattern(), {&entry}));
  std::erase_if(out, [&](const Line& each) { return each.requests < options_.min_requests; });
  std::ranges::sort(out, [](const Line& a, const Line& b) {
    return a.requests != b.requests ? a.requests > b.requests : a.rule.pattern < b.rule.pattern;
  });
  return out;
}

std::string FilterDraft::toml(const std::vector<Line>& lines) const {
  std::uint64_t requests = 0;
  for (const Line& each : lines) requests += each.requests;
  std::string out = fmt::format("# Written by `weir filter generate`: {} for {}",
                                plural(lines.size(), "rule"), plural(requests, "request"));
  if (sessions_.size() > 1) out += fmt::format(" of {}", plural(sessions_.size(), "session"));
  out += ".\n";
  if (rules_allow())
    out +=
        "# Whatever was recorded may have put hosts of its choice here: read the list before you use it.\n";
  out += fmt::format("\n[filter]\ndefault_action = \"{}\"\n", config::word(options_.default_action));
  for (const Line& each : lines) {
    out.append("\n").append(comment(each)).append("[[filter.rules]]\n");
    for (const auto& [name, value] : config::to_table(each.rule).members)
      out += fmt::format("{} = {}\n", name, value.toml());
  }
  return out;
}

std::vector<std::string> FilterDraft::left_out() const {
  std::map<std::string, std::uint64_t> blocked;
  for (const auto& [place, seen] : seen_)
    if (counted(seen) == 0)
      blocked[Place{place.host, seen.own_port ? std::uint16_t{0} : place.port}.pattern()] += seen.blocked;
  std::vector<std::pair<std::string, std::uint64_t>> hosts(blocked.begin(), blocked.end());
  sort_by_count(hosts);
  std::vector<std::string> out;
  for (auto& [host, requests] : hosts) out.push_back(std::move(host));
  return out;
}

}  // namespace weir::cli
