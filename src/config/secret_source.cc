// Redaction: reading the secrets from where the rules say they are.
#include <stdlib.h>

#include <utility>

#include "base/ascii.h"
#include "base/secret_text.h"
#include "base/wipe_freed.h"
#include "config/redaction.h"
#include "tls/file.h"

namespace weir::config {
namespace {

constexpr std::size_t kMaxFile = 1 << 20;
constexpr std::string_view kWhite = " \t\r";

std::string_view trimmed(std::string_view text, std::string_view white) {
  std::size_t begin = text.find_first_not_of(white);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(white) + 1 - begin);
}

// What stands between quotes; in double ones a backslash makes the next character mean itself, or a line feed
// and the like.
std::string unquoted(std::string_view text) {
  char quote = text.front();
  std::string out;
  for (std::size_t at = 1; at < text.size() && text[at] != quote; ++at) {
    bool escape = quote == '"' && text[at] == '\\' && at + 1 < text.size();
    char c = escape ? text[++at] : text[at];
    out += !escape ? c : c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c;
  }
  return out;
}

std::string value_of(std::string_view text) {
  if (text.starts_with('"') || text.starts_with('\'')) return unquoted(text);
  std::size_t comment = text.starts_with('#') ? 0 : std::min(text.find(" #"), text.find("\t#"));
  return std::string(trimmed(text.substr(0, comment), kWhite));
}

std::string place_of(const SecretSource& source) {
  switch (source.kind) {
    case SecretSource::Kind::value: return "the value";
    case SecretSource::Kind::env: return "the variable " + source.text;
    case SecretSource::Kind::file: return source.text;
    case SecretSource::Kind::env_file: return source.key + " in " + source.text;
    case SecretSource::Kind::command: return "the command " + source.command.front();
  }
  return {};
}

Result<flow::RedactionRule> resolve(const RedactionRule& rule) {
  flow::RedactionRule out{.name = rule.name, .pattern = rule.pattern, .source = rule.place};
  if (!rule.source) return out;
  auto value = read_secret(*rule.source);
  std::string why;
  if (!value)
    why = value.error().context();
  else if (value->empty())
    why = place_of(*rule.source) + " is empty";
  if (!why.empty())
    return fail(Code::bad_config, rule.place + ": redaction rule \"" + rule.name + "\": " + why +
                                      ", so nobody would know what to redact; put the secret there, or "
                                      "remove the rule");
  out.value = value->reveal();
  return out;
}

}  // namespace

Result<SecretText> read_secret(const SecretSource& source) {
  using Kind = SecretSource::Kind;
  if (source.kind == Kind::value) return source.value;
  if (source.kind == Kind::env) {
    const char* value = ::getenv(source.text.c_str());
    if (value == nullptr) return fail(Code::bad_config, "the variable " + source.text + " is not set");
    return SecretText(value);
  }
  if (source.kind == Kind::command) return fail(Code::bad_config, "a command cannot be run here");
  WipeFreed wipe;
  auto text = tls::read_file(source.text, kMaxFile);
  if (!text) return fail(Code::bad_config, text.error().context());
  if (source.kind == Kind::file) return SecretText(trimmed(*text, " \t\r\n"));
  auto value = env_file_value(*text, source.key);
  if (!value) return fail(Code::bad_config, source.text + " has no line " + source.key + "=...");
  return SecretText(*value);
}

std::optional<std::string> env_file_value(std::string_view text, std::string_view key) {
  std::optional<std::string> found;
  while (!text.empty()) {
    std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = trimmed(text.substr(0, end), kWhite);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with("export ") || line.starts_with("export\t")) line = trimmed(line.substr(7), kWhite);
    std::size_t equals = line.find('=');
    if (equals == std::string_view::npos || trimmed(line.substr(0, equals), kWhite) != key) continue;
    found = value_of(trimmed(line.substr(equals + 1), kWhite));
  }
  return found;
}

Result<flow::Redactor::Options> resolve(const RedactionSettings& settings) {
  flow::Redactor::Options out;
  out.max_scan_bytes = settings.max_scan_bytes;
  for (const RedactionLayer& layer : settings.layers) {
    if (layer.enabled == false) break;
    for (const RedactionRule& rule : layer.rules) {
      auto resolved = resolve(rule);
      if (!resolved) return pass(resolved);
      out.rules.push_back(std::move(*resolved));
    }
    out.names.fields.insert(out.names.fields.end(), layer.headers.begin(), layer.headers.end());
    out.names.parameters.insert(out.names.parameters.end(), layer.query_keys.begin(), layer.query_keys.end());
  }
  return out;
}

}  // namespace weir::config
