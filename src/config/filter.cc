#include "config/filter.h"

#include <algorithm>
#include <array>
#include <utility>

#include "config/row.h"

namespace weir::config {
namespace {

constexpr std::array<const char*, 3> kActions = {"allow", "block", "ask"};

struct PathGlob {
  static std::string accepts() { return "a path in quotes that starts with / or *, such as \"/v1/**\""; }
  static bool parse(const Scalar& scalar, const Place& place, std::string& out) {
    return (scalar.text.starts_with('/') || scalar.text.starts_with('*')) && Text::parse(scalar, place, out);
  }
};

policy::PathRule read_path(const Scalar& table, const Place& place, Complaints& complaints) {
  policy::PathRule rule;
  Row row(table, "paths: ", place, complaints);
  if (!row.is_table("{ methods = [\"GET\"], path = \"/v1/**\", action = \"allow\" }")) return rule;
  row.read<Method>("methods", rule.methods);
  row.require<PathGlob>("path", rule.path);
  row.require<ActionWord>("action", rule.action);
  row.finish();
  return rule;
}

void add_reason(const std::string& reason, Scalar& out) {
  if (!reason.empty()) out.members.push_back({"reason", text_value(reason)});
}

Scalar to_table(const policy::PathRule& rule) {
  Scalar out{Scalar::Type::table, ""};
  if (!rule.methods.empty()) out.members.push_back({"methods", Value::strings(rule.methods)});
  out.members.push_back({"path", text_value(rule.path)});
  out.members.push_back({"action", text_value(word(rule.action))});
  return out;
}

}  // namespace

std::string ActionWord::accepts() { return Choice<policy::Action, kActions>::accepts(); }

bool ActionWord::parse(const Scalar& scalar, const Place& place, policy::Action& out) {
  return Choice<policy::Action, kActions>::parse(scalar, place, out);
}

std::string_view word(policy::Action action) { return kActions[std::to_underlying(action)]; }

std::string DefaultAction::accepts() { return ActionWord::accepts() + " (\"\" for none)"; }

bool DefaultAction::parse(const Scalar& scalar, const Place& place, std::optional<policy::Action>& out) {
  policy::Action action;
  bool none = scalar.type == Scalar::Type::string && scalar.text.empty();
  if (!none && !ActionWord::parse(scalar, place, action)) return false;
  out = none ? std::nullopt : std::optional(action);
  return true;
}

Value DefaultAction::show(std::optional<policy::Action> action) {
  return text_value(action ? word(*action) : "");
}

std::optional<policy::Action> effective_default(const FilterSettings& filter) {
  for (const policy::RuleSet& layer : filter.layers)
    if (layer.default_action) return layer.default_action;
  return std::nullopt;
}

std::string AskTime::accepts() { return "seconds from 1 to 600, or a duration such as \"30s\" or \"5m\""; }

bool AskTime::parse(const Scalar& scalar, const Place&, std::chrono::milliseconds& out) {
  bool seconds = scalar.type == Scalar::Type::integer;
  auto parsed = parse_duration(seconds ? scalar.text + "s" : scalar.text);
  if (!parsed || parsed->count() == 0 || *parsed > std::chrono::seconds(600)) return false;
  out = *parsed;
  return true;
}

Value AskTime::show(std::chrono::milliseconds duration) { return Value::string(duration_text(duration)); }

Complaints read_rules(const Value& value, const Place& place, std::vector<policy::Rule>& out) {
  Complaints complaints;
  for (const Scalar& table : value.items) {
    Row row(table, "", place, complaints);
    if (!row.is_table("[[filter.rules]] with a pattern and an action")) continue;
    policy::Rule& rule = out.emplace_back();
    rule.layer = place.layer;
    rule.source = source_of(table, place);
    row.require<Pattern>("pattern", rule.pattern);
    row.require<ActionWord>("action", rule.action);
    row.read<ScopeWord>("scope", rule.scope);
    row.read<PatternTypeWord>("type", rule.type);
    row.read<Method>("methods", rule.methods);
    row.read<Text>("reason", rule.reason);
    row.finish();
  }
  return complaints;
}

Complaints read_domains(const Value& value, const Place& place, std::vector<policy::DomainRule>& out) {
  Complaints complaints;
  for (const Scalar& table : value.items) {
    Row row(table, "", place, complaints);
    if (!row.is_table("[[filter.domains]] with a pattern, and read or write")) continue;
    policy::DomainRule& rule = out.emplace_back();
    rule.layer = place.layer;
    rule.source = source_of(table, place);
    row.require<HostPattern>("pattern", rule.pattern);
    row.read<ActionWord>("read", rule.read);
    row.read<ActionWord>("write", rule.write);
    row.read<ActionWord>("other_paths", rule.other_paths);
    row.read<Text>("reason", rule.reason);
    if (const Value* paths = row.take("paths"))
      for (const Scalar& path : paths->items) rule.paths.push_back(read_path(path, place, complaints));
    row.finish();
    if (!row.has("read") && !row.has("write"))
      row.complain("says nothing; give it read or write, or both", table.line, table.column);
  }
  return complaints;
}

Scalar to_table(const policy::Rule& rule) {
  Scalar out{Scalar::Type::table, ""};
  out.members = {{"pattern", text_value(rule.pattern)}, {"action", text_value(word(rule.action))}};
  if (rule.scope != policy::Scope::host) out.members.push_back({"scope", ScopeWord::show(rule.scope)});
  if (rule.type) out.members.push_back({"type", PatternTypeWord::show(*rule.type)});
  if (!rule.methods.empty()) out.members.push_back({"methods", Value::strings(rule.methods)});
  add_reason(rule.reason, out);
  return out;
}

Scalar to_table(const policy::DomainRule& rule) {
  Scalar out{Scalar::Type::table, ""};
  out.members.push_back({"pattern", text_value(rule.pattern)});
  if (rule.read) out.members.push_back({"read", text_value(word(*rule.read))});
  if (rule.write) out.members.push_back({"write", text_value(word(*rule.write))});
  if (rule.other_paths) out.members.push_back({"other_paths", text_value(word(*rule.other_paths))});
  if (!rule.paths.empty()) {
    Value paths;
    paths.list = true;
    for (const policy::PathRule& path : rule.paths) paths.items.push_back(to_table(path));
    out.members.push_back({"paths", std::move(paths)});
  }
  add_reason(rule.reason, out);
  return out;
}

}  // namespace weir::config
