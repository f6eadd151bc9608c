#include "config/redaction.h"

#include <utility>

#include "config/row.h"
#include "http/syntax.h"
#include "policy/pattern_finder.h"

namespace weir::config {
namespace {

constexpr std::size_t kLongestName = 64;
constexpr const char* kSourceExample =
    "a table such as { env = \"GITHUB_TOKEN\" }, { file = \"~/.token\" }, { env_file = \".env\", "
    "env_file_key "
    "= \"DB_PASSWORD\" } or { value = \"...\" }";

struct RuleName {
  static std::string accepts() { return "a name of letters, digits, '.', '_' and '-', at most 64"; }
  static bool parse(const Scalar& scalar, const Place& place, std::string& out) {
    bool plain = std::ranges::all_of(
        scalar.text, [](char c) { return is_alpha(c) || is_digit(c) || c == '.' || c == '_' || c == '-'; });
    return plain && !scalar.text.empty() && scalar.text.size() <= kLongestName &&
           Text::parse(scalar, place, out);
  }
};

struct Regex {
  static std::string accepts() { return "a regular expression (RE2) in quotes, best in single ones"; }
  static bool parse(const Scalar& scalar, const Place& place, std::string& out) {
    return !scalar.text.empty() && Text::parse(scalar, place, out);
  }
};

struct SecretValue {
  static std::string accepts() { return "the secret in quotes"; }
  static std::string masked(std::string_view) { return "what stands here"; }
  static bool parse(const Scalar& scalar, const Place&, SecretText& out) {
    if (scalar.type != Scalar::Type::string || scalar.text.empty()) return false;
    out = scalar.text;
    return true;
  }
};

struct VariableName {
  static std::string accepts() { return "a variable's name in quotes, such as \"GITHUB_TOKEN\""; }
  static std::string masked(std::string_view) { return "what stands here"; }
  static bool parse(const Scalar& scalar, const Place& place, std::string& out) {
    bool plain =
        std::ranges::all_of(scalar.text, [](char c) { return is_alpha(c) || is_digit(c) || c == '_'; });
    return plain && !scalar.text.empty() && Text::parse(scalar, place, out);
  }
};

/// Of a command.
struct Word {
  static std::string accepts() { return "a word in quotes"; }
  static bool parse(const Scalar& scalar, const Place& place, std::string& out) {
    return !scalar.text.empty() && !scalar.text.contains('\0') && Text::parse(scalar, place, out);
  }
};

void check_pattern(const Scalar& table, const std::string& pattern, Row& row) {
  policy::PatternFinder finder;
  auto added = finder.add(pattern);
  if (added) return;
  const Value& value = std::ranges::find(table.members, "pattern", &Member::name)->value;
  row.complain("pattern: it " + added.error().context(), value.line, value.column);
}

RedactionRule read_rule(const Scalar& table, std::size_t number, const Place& place, Complaints& complaints) {
  RedactionRule rule{.name = "rule-" + std::to_string(number), .place = source_of(table, place)};
  if (table.type != Scalar::Type::table) {
    complaints.push_back({"wanted are tables: [[redaction.rules]] with a name and a pattern or a source",
                          table.line, table.column});
    return rule;
  }
  Row row(table, "", place, complaints);
  row.read<RuleName>("name", rule.name);
  if (row.read<Regex>("pattern", rule.pattern)) check_pattern(table, rule.pattern, row);
  if (const Value* source = row.take("source"))
    read_source(*source, place, complaints, rule.source.emplace());
  row.finish();
  if (row.has("pattern") && row.has("source"))
    row.complain("has a pattern and a source; make two rules of it");
  if (!row.has("pattern") && !row.has("source"))
    row.complain("says nothing to look for; give it a pattern or a source");
  return rule;
}

}  // namespace

void read_source(const Value& value, const Place& place, Complaints& complaints, SecretSource& out,
                 bool commands) {
  // A list may be an empty one.
  if (value.list || value.items.front().type != Scalar::Type::table)
    return complaints.push_back(
        {std::string("source: wanted is ") + kSourceExample, value.line, value.column});
  const Scalar& table = value.items.front();
  Row row(table, "source: ", place, complaints);
  using Kind = SecretSource::Kind;
  int kinds = 0;
  auto kind = [&](std::string_view member, Kind its_kind) {
    if (!row.has(member)) return false;
    out.kind = its_kind;
    return ++kinds > 0;
  };
  if (kind("value", Kind::value)) row.read<SecretValue>("value", out.value);
  if (kind("env", Kind::env)) row.read<VariableName>("env", out.text);
  if (kind("file", Kind::file)) row.read<Path>("file", out.text);
  if (kind("env_file", Kind::env_file)) {
    row.read<Path>("env_file", out.text);
    row.require<VariableName>("env_file_key", out.key);
  }
  if (commands && kind("command", Kind::command)) {
    row.read<Word>("command", out.command);
    row.read<Time>("ttl", out.ttl);
    if (out.command.empty()) row.complain("command: nothing to run; wanted is a list of words");
  }
  for (const char* member : {"value", "env", "file", "env_file", "env_file_key"}) row.take(member);
  row.finish();
  if (kinds == 1) return;
  row.complain(std::string("wanted is one place: ") + kSourceExample +
               (commands ? ", or { command = [\"pass\", \"show\", \"github\"], ttl = \"15m\" }" : ""));
}

bool FieldName::parse(const Scalar& scalar, const Place&, std::string& out) {
  if (scalar.type != Scalar::Type::string || !http::is_token(scalar.text)) return false;
  out = scalar.text;
  return true;
}

bool QueryKey::parse(const Scalar& scalar, const Place&, std::string& out) {
  bool plain = scalar.text.find_first_of("&=?#; ") == std::string::npos;
  if (scalar.type != Scalar::Type::string || scalar.text.empty() || !plain) return false;
  out = scalar.text;
  return true;
}

Complaints read_redaction_rules(const Value& value, const Place& place, std::vector<RedactionRule>& out) {
  Complaints complaints;
  std::size_t number = 0;
  for (const Scalar& table : value.items) out.push_back(read_rule(table, ++number, place, complaints));
  return complaints;
}

Value to_value(const SecretSource& source) {
  Scalar table{Scalar::Type::table, ""};
  switch (source.kind) {
    case SecretSource::Kind::value: table.members = {{"value", text_value("****")}}; break;
    case SecretSource::Kind::env: table.members = {{"env", text_value(source.text)}}; break;
    case SecretSource::Kind::file: table.members = {{"file", text_value(source.text)}}; break;
    case SecretSource::Kind::env_file:
      table.members = {{"env_file", text_value(source.text)}, {"env_file_key", text_value(source.key)}};
      break;
    case SecretSource::Kind::command: {
      Value words = Value::strings(source.command);
      table.members = {{"command", std::move(words)}};
      if (source.ttl.count() > 0) table.members.push_back({"ttl", Time::show(source.ttl)});
    }
  }
  return Value{.items = {std::move(table)}};
}

Scalar to_table(const RedactionRule& rule) {
  Scalar out{Scalar::Type::table, ""};
  out.members.push_back({"name", text_value(rule.name)});
  if (!rule.pattern.empty()) out.members.push_back({"pattern", text_value(rule.pattern)});
  if (!rule.source) return out;
  out.members.push_back({"source", to_value(*rule.source)});
  return out;
}

bool redaction_enabled(const RedactionSettings& settings) {
  for (const RedactionLayer& layer : settings.layers)
    if (layer.enabled) return *layer.enabled;
  return true;
}

}  // namespace weir::config
