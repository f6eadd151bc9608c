#include "cli/policy_changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "flow/text.h"

namespace weir::cli {
namespace {

using policy::Action;

constexpr std::size_t kLongestExample = 2048;
constexpr Action kActions[] = {Action::allow, Action::ask, Action::block};  // the least strict first

int strictness(Action action) { return static_cast<int>(std::ranges::find(kActions, action) - kActions); }

Turn turn(Action before, Action after) {
  return strictness(after) < strictness(before) ? Turn::wider : Turn::narrower;
}

std::string plural(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

bool same_rule(const policy::Verdict& a, const policy::Verdict& b) {
  return a.basis == b.basis && a.layer == b.layer && a.pattern == b.pattern && a.source == b.source;
}

}  // namespace

std::string_view name(Turn turn) { return turn == Turn::wider ? "wider" : "narrower"; }

void PolicyChanges::add(const http::RequestHead& request, const policy::Verdict& before,
                        const policy::Verdict& after, bool blind) {
  ++requests_;
  blind_ += blind;
  ++kinds_[std::to_underlying(before.action)][std::to_underlying(after.action)];
  if (before.action == after.action) return;
  bool https = request.origin.scheme == http::Scheme::https;
  Key key(request.origin.place.authority(https), request.method, before.action, after.action);
  auto found = changes_.find(key);
  if (found == changes_.end()) {
    if (changes_.size() == kMostGroups) {
      ++untold_;
      return;
    }
    std::string example = request.url().substr(0, kLongestExample);
    found =
        changes_.emplace(std::move(key), Change{.example = std::move(example), .verdicts = {before, after}})
            .first;
  }
  Change& change = found->second;
  ++change.requests;
  change.blind += blind;
  if (!same_rule(change.verdicts[0], before) || !same_rule(change.verdicts[1], after))
    change.other_rules = true;
}

std::uint64_t PolicyChanges::count(Turn wanted) const {
  std::uint64_t sum = 0;
  for (Action before : kActions)
    for (Action after : kActions)
      if (before != after && turn(before, after) == wanted)
        sum += kinds_[std::to_underlying(before)][std::to_underlying(after)];
  return sum;
}

std::vector<const PolicyChanges::Entry*> PolicyChanges::sorted() const {
  std::vector<const Entry*> out;
  for (const Entry& entry : changes_) out.push_back(&entry);
  auto weight = [](const Entry* entry) {
    const auto& [place, method, before, after] = entry->first;
    return std::tuple(turn(before, after), ~entry->second.requests, std::tie(place, method), before, after);
  };
  std::ranges::sort(out, {}, weight);
  return out;
}

std::string PolicyChanges::words_of(const policy::Verdict& verdict, const Side& side) const {
  std::string why = verdict.explanation();
  if (verdict.basis == policy::Basis::off) return why;
  bool fallback = verdict.basis == policy::Basis::fallback;
  if (!fallback && !why.contains(verdict.pattern)) why.append("; rule ").append(verdict.pattern);
  std::string_view source = fallback ? std::string_view(side.default_origin) : verdict.source;
  return fmt::format("{} ({}{}{})", why, name(verdict.layer), source.empty() ? "" : ": ", source);
}

void PolicyChanges::print(const Entry& entry, std::string& out) const {
  const auto& [place, method, before, after] = entry.first;
  const Change& change = entry.second;
  auto to = std::back_inserter(out);
  fmt::format_to(to, "{} -> {}  {} {}  {}\n", name(before), name(after), flow::printable(method),
                 flow::printable(place), plural(change.requests, "request"));
  fmt::format_to(to, "  such as  {}\n", flow::printable(change.example));
  for (std::size_t i : {0, 1})
    fmt::format_to(to, "  {:<7}  {}\n", i == 0 ? "before" : "after",
                   flow::printable(words_of(change.verdicts[i], sides_[i])));
  if (change.other_rules) out += "  for others of them, other rules say so\n";
  if (change.blind > 0) fmt::format_to(to, "  {} may hinge on what was redacted\n", change.blind);
  out += '\n';
}

std::string PolicyChanges::text() const {
  std::string out;
  auto to = std::back_inserter(out);
  for (const Entry* entry : sorted()) print(*entry, out);
  if (untold_ > 0)
    fmt::format_to(to, "{} more would change, beyond the first {} kinds of change\n\n", untold_, kMostGroups);
  std::uint64_t wider = count(Turn::wider), narrower = count(Turn::narrower);
  fmt::format_to(to, "{} judged, before by {}, after by {}: ", plural(requests_, "request"),
                 flow::printable(sides_[0].label), flow::printable(sides_[1].label));
  wider + narrower == 0 ? out += "nothing changes\n"
                        : out += fmt::format("{} wider, {} narrower, {} as before\n", wider, narrower,
                                             requests_ - wider - narrower);
  if (blind_ > 0)
    fmt::format_to(to, "{} may be wrong: a rule looks at parts of the URL that were redacted\n",
                   plural(blind_, "verdict"));
  return out;
}

namespace {

void write_verdict(std::string_view key, const policy::Verdict& verdict, const Side& side, JsonWriter& json) {
  bool fallback = verdict.basis == policy::Basis::fallback;
  json.key(key).begin_object().field("action", policy::name(verdict.action));
  json.field("reason", verdict.explanation()).field("pattern", verdict.pattern);
  json.field("layer", policy::name(verdict.layer));
  json.field("source", fallback ? std::string_view(side.default_origin) : verdict.source).end_object();
}

}  // namespace

void PolicyChanges::write(const Entry& entry, JsonWriter& json) const {
  const auto& [place, method, before, after] = entry.first;
  const Change& change = entry.second;
  json.begin_object().field("change", name(turn(before, after))).field("host", place).field("method", method);
  json.field("requests", change.requests).field("example", change.example);
  write_verdict("before", change.verdicts[0], sides_[0], json);
  write_verdict("after", change.verdicts[1], sides_[1], json);
  json.field("other_rules", change.other_rules).field("redacted", change.blind).end_object();
}

void PolicyChanges::write(JsonWriter& json) const {
  json.begin_object().field("before", sides_[0].label).field("after", sides_[1].label);
  json.field("requests", requests_);
  for (Turn turn : {Turn::wider, Turn::narrower}) json.field(name(turn), count(turn));
  json.field("redacted", blind_);
  json.key("changes").begin_array();
  for (const Entry* entry : sorted()) write(*entry, json);
  json.end_array().field("untold", untold_).end_object();
}

}  // namespace weir::cli
