#include "config/filter.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/edit_distance.h"
#include "config/codecs.h"
#include "http/syntax.h"

namespace weir::config {
namespace {

constexpr std::array<const char*, 3> kActions = {"allow", "block", "ask"};
constexpr std::array<const char*, 3> kScopes = {"host", "path", "url"};
constexpr std::array<const char*, 3> kTypes = {"exact", "glob", "regex"};

using ScopeWord = Choice<policy::Scope, kScopes>;
using TypeWord = Choice<policy::PatternType, kTypes>;

struct Text {
  static std::string accepts() { return "a text in quotes"; }
  static bool parse(const Scalar& scalar, const Place&, std::string& out) {
    if (scalar.type != Scalar::Type::string) return false;
    out = scalar.text;
    return true;
  }
};

struct Pattern {
  static std::string accepts() { return "a pattern in quotes, such as \"*.example.com\""; }
  static bool parse(const Scalar& scalar, const Place& place, std::string& out) {
    return !scalar.text.empty() && Text::parse(scalar, place, out);
  }
};

struct PathGlob {
  static std::string accepts() { return "a path in quotes that starts with / or *, such as \"/v1/**\""; }
  static bool parse(const Scalar& scalar, const Place& place, std::string& out) {
    return (scalar.text.starts_with('/') || scalar.text.starts_with('*')) && Text::parse(scalar, place, out);
  }
};

struct Method {
  static std::string accepts() { return "a method in quotes, such as \"GET\""; }
  static bool parse(const Scalar& scalar, const Place& place, std::string& out) {
    if (!http::is_token(scalar.text) || !Text::parse(scalar, place, out)) return false;
    std::ranges::transform(out, out.begin(), [](char c) { return c >= 'a' && c <= 'z' ? c - 32 : c; });
    return true;
  }
};

std::string found(const Scalar& scalar) {
  return scalar.type == Scalar::Type::string || scalar.type == Scalar::Type::table ? scalar.toml()
                                                                                   : scalar.text;
}

/// Reads one table, member by member, and complains of all that is left at the end.
class Row {
 public:
  /// `prefix` starts every complaint.
  Row(const Scalar& table, std::string_view prefix, const Place& place, Complaints& complaints)
      : table_(table), prefix_(prefix), place_(place), complaints_(complaints) {}

  bool is_table(std::string_view example) {
    if (table_.type == Scalar::Type::table) return true;
    complain(found(table_) + " is not accepted; wanted is a table: " + std::string(example), table_.line,
             table_.column);
    return false;
  }

  /// False when the member is missing or wrong; the latter has been complained of.
  template <typename Codec, typename T>
  bool read(std::string_view member, T& out) {
    const Value* value = take(member);
    if (value == nullptr) return false;
    if (value->list) {
      complain(std::string(member) + ": a list is not accepted; wanted is " + Codec::accepts(), value->line,
               value->column);
      return false;
    }
    return parse<Codec>(member, value->items.front(), out);
  }

  template <typename Codec, typename T>
  void read(std::string_view member, std::optional<T>& out) {
    T parsed{};
    if (read<Codec>(member, parsed)) out = parsed;
  }

  template <typename Codec, typename T>
  void read(std::string_view member, std::vector<T>& out) {
    if (const Value* value = take(member))
      for (const Scalar& item : value->items) parse<Codec>(member, item, out.emplace_back());
  }

  template <typename Codec, typename T>
  void require(std::string_view member, T& out) {
    if (!read<Codec>(member, out) && !has(member))
      complain(std::string(member) + " is missing; wanted is " + Codec::accepts(), table_.line,
               table_.column);
  }

  const Value* take(std::string_view member) {
    known_.push_back(member);
    auto at = std::ranges::find(table_.members, member, &Member::name);
    return at == table_.members.end() ? nullptr : &at->value;
  }

  bool has(std::string_view member) const {
    return std::ranges::find(table_.members, member, &Member::name) != table_.members.end();
  }

  void complain(const std::string& text, std::uint32_t line, std::uint32_t column) {
    complaints_.push_back({prefix_ + text, line, column});
  }

  /// Complains of members that nobody asked for.
  void finish() {
    for (const auto& [name, value] : table_.members) {
      if (std::ranges::find(known_, name) != known_.end()) continue;
      std::string text = "unknown key " + name;
      auto nearest = std::ranges::min(known_, {}, [&](auto known) { return edit_distance(name, known); });
      if (edit_distance(name, nearest) < std::min<std::size_t>(3, nearest.size()))
        text.append("; did you mean ").append(nearest).append("?");
      complain(text, value.line, value.column);
    }
  }

 private:
  template <typename Codec, typename T>
  bool parse(std::string_view member, const Scalar& scalar, T& out) {
    if (Codec::parse(scalar, place_, out)) return true;
    complain(std::string(member) + ": " + found(scalar) + " is not accepted; wanted is " + Codec::accepts(),
             scalar.line, scalar.column);
    return false;
  }

  const Scalar& table_;
  std::string prefix_;
  const Place& place_;
  Complaints& complaints_;
  std::vector<std::string_view> known_;
};

std::string source_of(const Scalar& table, const Place& place) {
  return table.line == 0 ? place.source : place.source + ":" + std::to_string(table.line);
}

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

Value text_value(std::string_view text) { return Value::string(std::string(text)); }

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
    row.read<TypeWord>("type", rule.type);
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
  if (rule.type) out.members.push_back({"type", TypeWord::show(*rule.type)});
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
