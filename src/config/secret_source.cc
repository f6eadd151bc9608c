// Redaction: reading the secrets from where the rules say they are.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

#include "base/ascii.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/secret_text.h"
#include "base/wipe_freed.h"
#include "config/redaction.h"

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

Failure failed(const char* verb, const std::string& path) {
  return fail(Code::bad_config,
              std::string(verb) + " " + path + ": " + std::generic_category().message(errno));
}

// A pipe that nobody writes into must hold up neither the start nor the end.
Result<std::string> read_source_file(const std::string& path, std::chrono::milliseconds patience) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return failed("open", path);
  TimePoint deadline = steady_now() + patience;
  std::string out, part(kMaxFile + 1, '\0');
  for (;;) {
    pollfd come{.fd = file.get(), .events = POLLIN, .revents = 0};
    auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_now()).count();
    int ready = ::poll(&come, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
    if (ready < 0 && errno != EINTR) return failed("read", path);
    if (ready == 0)
      return fail(Code::bad_config, "read " + path + ": it is a pipe, and nobody has written it to its end");
    ssize_t got = ::read(file.get(), part.data(), part.size() - out.size());
    if (got < 0 && errno != EINTR && errno != EAGAIN) return failed("read", path);
    if (got == 0) return out;
    if (got > 0) out.append(part, 0, static_cast<std::size_t>(got));
    if (out.size() > kMaxFile) return fail(Code::bad_config, path + " is longer than 1 MiB");
  }
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

Result<SecretText> read_secret(const SecretSource& source, std::chrono::milliseconds patience) {
  using Kind = SecretSource::Kind;
  if (source.kind == Kind::value) return source.value;
  if (source.kind == Kind::env) {
    const char* value = ::getenv(source.text.c_str());
    if (value == nullptr) return fail(Code::bad_config, "the variable " + source.text + " is not set");
    return SecretText(value);
  }
  if (source.kind == Kind::command) return fail(Code::bad_config, "a command cannot be run here");
  WipeFreed wipe;
  auto text = read_source_file(source.text, patience);
  if (!text) return pass(text);
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
