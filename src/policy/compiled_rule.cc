#include "policy/compiled_rule.h"

#include <algorithm>

#include "base/ascii.h"
#include "policy/canonical.h"

namespace weir::policy {
namespace {

constexpr std::string_view kRegexMarks = "^$|()[]{}+\\";
constexpr std::string_view kUnicode = "has Unicode beside wildcards; write the A-labels (xn--...)";
constexpr std::string_view kReads[] = {"GET", "HEAD", "OPTIONS"};

Failure wrong(std::string why) { return fail(Code::bad_config, std::move(why)); }

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

bool is_method(std::string_view text) {
  static constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return is_alpha(c) || is_digit(c) || kMarks.find(c) != std::string_view::npos;
  });
}

/// "[::1]" and "[::1]:443" are addresses, whatever their brackets would mean elsewhere.
bool is_bracketed_address(std::string_view pattern) {
  return pattern.starts_with('[') && take_port(pattern) && parse_address(pattern);
}

PatternType type_of(const Rule& rule) {
  if (rule.type) return *rule.type;
  if (rule.scope == Scope::host && is_bracketed_address(rule.pattern)) return PatternType::exact;
  return rule.pattern.find_first_of(kRegexMarks) == std::string::npos ? PatternType::glob
                                                                      : PatternType::regex;
}

/// The names that everything a host glob matches lies below: "example.com" for "api-*.example.com".
HostPattern below_tail(std::string_view glob, std::uint16_t port) {
  HostPattern out{.port = port};
  std::string_view tail = glob.substr(glob.find_last_of("*?[]{}\\") + 1);
  std::size_t dot = tail.find('.');
  // A class or brace that is still open may end in an escaped bracket; its tail is no plain text then.
  if (dot == std::string_view::npos || glob.find_first_of("[]{}\\") != std::string_view::npos) return out;
  out.kind = HostPattern::Kind::below;
  out.name = tail.substr(dot + 1);
  return out;
}

Result<> compile_host_glob(CompiledRule& out, std::string_view text) {
  std::string glob = lower(text);
  std::string_view name = glob;
  if (name.find_first_of("/@% ") != std::string_view::npos)
    return wrong("a host has none of '/', '@', '%'; for URLs write scope = \"url\"");
  auto port = take_port(name);
  if (!port) return wrong("a port is a number from 1 to 65535");
  if (name.ends_with('.')) name.remove_suffix(1);
  if (!is_ascii(name)) return wrong(std::string(kUnicode));
  auto pattern = Pattern::glob(name);
  if (!pattern) return pass(pattern);
  out.host = below_tail(name, *port);
  out.rest = std::move(*pattern);
  return {};
}

Result<> compile_host(CompiledRule& out, const std::string& text) {
  if (out.type == PatternType::regex) {
    if (!is_ascii(text)) return wrong(std::string(kUnicode));
    auto pattern = Pattern::regex(text, Pattern::Case::insensitive);
    if (!pattern) return pass(pattern);
    out.rest = std::move(*pattern);
    return {};
  }
  std::string plain = text;
  while (plain.starts_with("**")) plain.erase(0, 1);
  bool wild = out.type == PatternType::glob && !is_bracketed_address(text);
  std::string_view tail = plain;
  if (wild && (tail == "*" || tail.starts_with("*.") || tail.starts_with("*:"))) tail.remove_prefix(1);
  if (wild && !is_literal(tail)) return compile_host_glob(out, text);
  auto host = HostPattern::parse(wild ? plain : text);
  if (!host) return pass(host);
  if (!wild && text.find('*') != std::string::npos)
    return wrong("is exact, and no host has '*'; write type = \"glob\" or leave type out");
  out.host = std::move(*host);
  return {};
}

constexpr std::string_view kDeadSegment =
    "paths are compared after empty, \".\" and \"..\" segments are resolved; write the plain path";

/// Segments that canonical targets never have, so that a pattern with them would match nothing.
bool has_dead_segment(std::string_view path) {
  return path.find("//") != std::string_view::npos || path.find("/./") != std::string_view::npos ||
         path.find("/../") != std::string_view::npos || path.ends_with("/.") || path.ends_with("/..");
}

/// Of a pattern of which `path` is the part about paths; `whole` is all of it, in the form that is compiled.
InDoubt in_doubt_of(std::string_view path, std::string_view whole, PatternType type) {
  InDoubt out{.every_path = type == PatternType::glob && (path == "**" || path == "/**")};
  if (!path.contains("%2F")) return out;
  auto slashed =
      type == PatternType::exact ? Pattern::exact(with_slashes(whole)) : Pattern::glob(with_slashes(whole));
  if (slashed) out.slashed = std::move(*slashed);
  return out;
}

}  // namespace

Result<PathPattern> PathPattern::compile(std::string_view text, PatternType type) {
  if (text == "*") text = "**";
  if (text.empty() || !(text.front() == '/' || text.starts_with("**") || text.front() == '{'))
    return wrong("a path begins with '/'; write \"/" + std::string(text) + "\" or \"/**/" +
                 std::string(text) + "\"");
  bool exact = type == PatternType::exact;
  if (!exact && has_dead_segment(text)) return wrong(std::string(kDeadSegment));
  std::string path = exact ? canonical_target(text) : canonical_escapes(text);
  auto pattern = exact ? Pattern::exact(path) : Pattern::glob(path);
  if (!pattern) return pass(pattern);
  return PathPattern{std::move(*pattern), in_doubt_of(path, path, type)};
}

bool holds(const Pattern& pattern, const InDoubt& in_doubt, Action action, const Subject& subject,
           Scope scope, bool query) {
  auto matches = [&](const Pattern& each, std::string_view text) {
    std::size_t path = path_length(text);
    if (query && each.matches(text)) return true;
    return (!query || path < text.size()) && each.matches(text.substr(0, path));
  };
  bool canonical = matches(pattern, subject.text(scope));
  if (canonical && (in_doubt.every_path || !subject.ambiguous())) return true;
  if (canonical && in_doubt.slashed)
    if (auto text = subject.slashed(scope); text && matches(*in_doubt.slashed, *text)) return true;
  if (action == Action::allow) return false;
  return subject.read_otherwise() ? matches(pattern, subject.reading(scope)) : canonical;
}

namespace {

Result<Pattern> text_regex(const std::string& text) {
  if (!is_ascii(text)) return wrong("targets are ASCII; write the percent-encoded form (%C3%BC)");
  return Pattern::regex(text, Pattern::Case::sensitive);
}

/// A URL pattern cut at its borders.
struct UrlParts {
  std::string scheme;
  std::string_view authority;
  std::string_view path;
};

Result<UrlParts> split_url(std::string_view text) {
  std::size_t border = text.find("://");
  if (border == std::string_view::npos || border == 0)
    return wrong("a URL begins with its scheme; write \"https://" + std::string(text) + "\" or \"*://" +
                 std::string(text) + "\"");
  UrlParts out{.scheme = lower(text.substr(0, border))};
  std::string_view rest = text.substr(border + 3);
  std::size_t slash = std::min(rest.find('/'), rest.size());
  out.authority = rest.substr(0, slash);
  out.path = rest.substr(slash);
  if (out.authority.find('@') != std::string_view::npos)
    return wrong("user information is no part of what is compared; leave out what stands before '@'");
  if (out.path.empty())
    return wrong("has no path; write \"" + std::string(text) + "/**\" for all of it, \"" + std::string(text) +
                 "/\" for its root alone");
  if (out.authority == "**") out.authority = "*";
  return out;
}

/// The authority as canonical_url writes it, and the hosts it stands for. Wildcards stay as they are.
Result<std::string> url_authority(const UrlParts& url, PatternType type, HostPattern& host) {
  std::string text = lower(url.authority);
  std::string_view name = text;
  if (is_bracketed_address(name) || type == PatternType::exact || is_literal(name) ||
      (name.starts_with("*.") && is_literal(name.substr(1)))) {
    auto parsed = HostPattern::parse(name);
    if (!parsed) return pass(parsed);
    host = std::move(*parsed);
    HostPort place{host.name, host.port};
    bool standard = host.port == 0 || (url.scheme == "https" && host.port == 443) ||
                    (url.scheme == "http" && host.port == 80);
    std::string written = standard ? HostPort{host.name, 443}.authority(true) : place.str();
    if (type == PatternType::glob && written.starts_with('[')) written.insert(0, "\\");
    return host.kind == HostPattern::Kind::below ? "*." + written : written;
  }
  if (!is_ascii(name)) return wrong(std::string(kUnicode));
  if (url.scheme == "https" && text.ends_with(":443")) text.resize(text.size() - 4);
  if (url.scheme == "http" && text.ends_with(":80")) text.resize(text.size() - 3);
  return text;
}

Result<> compile_url(CompiledRule& out, const std::string& text) {
  if (out.type == PatternType::regex) {
    auto pattern = text_regex(text);
    if (!pattern) return pass(pattern);
    out.rest = std::move(*pattern);
    return {};
  }
  bool everything = out.type == PatternType::glob && (text == "*" || text == "**");
  if (everything) {
    out.rest = *Pattern::glob("**");
    out.in_doubt.every_path = true;
    return {};
  }
  auto url = split_url(text);
  if (!url) return pass(url);
  auto authority = url_authority(*url, out.type, out.host);
  if (!authority) return pass(authority);
  bool exact = out.type == PatternType::exact;
  if (!exact && has_dead_segment(url->path)) return wrong(std::string(kDeadSegment));
  std::string path = exact ? canonical_target(url->path) : canonical_escapes(url->path);
  std::string whole = url->scheme + "://" + *authority + path;
  auto pattern = exact ? Pattern::exact(whole) : Pattern::glob(whole);
  if (!pattern) return pass(pattern);
  out.rest = std::move(*pattern);
  out.in_doubt = in_doubt_of(path, whole, out.type);
  return {};
}

Result<> compile_pattern(CompiledRule& out, const Rule& rule) {
  if (rule.pattern.empty()) return wrong("is empty; write * for everything");
  if (rule.scope == Scope::host) return compile_host(out, rule.pattern);
  if (rule.scope == Scope::url) return compile_url(out, rule.pattern);
  if (out.type == PatternType::regex) {
    auto pattern = text_regex(rule.pattern);
    if (!pattern) return pass(pattern);
    out.rest = std::move(*pattern);
    return {};
  }
  auto path = PathPattern::compile(rule.pattern, out.type);
  if (!path) return pass(path);
  out.rest = std::move(path->pattern);
  out.in_doubt = std::move(path->in_doubt);
  return {};
}

}  // namespace

Result<Methods> Methods::compile(const std::vector<std::string>& methods) {
  Methods out;
  for (const std::string& method : methods) {
    if (method == "*") return Methods();
    if (!is_method(method)) return wrong("\"" + method + "\" is no method; write one like \"GET\"");
    out.names_.push_back(method);
  }
  return out;
}

bool Methods::contains(std::string_view method) const {
  return every() || std::ranges::any_of(names_, [&](const auto& name) { return iequals(name, method); });
}

bool Methods::any_read() const { return every() || std::ranges::any_of(names_, is_read); }

bool Methods::any_write() const { return every() || !std::ranges::all_of(names_, is_read); }

std::string Methods::str() const {
  std::string out;
  for (const std::string& name : names_) out.append(out.empty() ? "" : ",").append(name);
  return out;
}

bool is_read(std::string_view method) { return std::ranges::find(kReads, method) != std::end(kReads); }

Result<CompiledRule> CompiledRule::compile(const Rule& rule) {
  CompiledRule out{.rule = &rule, .type = type_of(rule)};
  auto methods = Methods::compile(rule.methods);
  auto compiled = methods ? compile_pattern(out, rule) : Result<>(pass(methods));
  if (!compiled) {
    std::string text = rule.source.empty() ? std::string(name(rule.layer)) : rule.source;
    text.append(": pattern \"").append(rule.pattern).append("\" (").append(name(rule.scope)).append(" ");
    text.append(name(out.type)).append("): ").append(compiled.error().context());
    return fail(Code::bad_config, std::move(text));
  }
  out.methods = std::move(*methods);
  return out;
}

Match CompiledRule::judge(const Subject& subject) const {
  if (subject.opaque()) {
    if (rule->scope == Scope::host && rest && !rest->matches(subject.host().text())) return Match::no;
    return conditional() ? Match::maybe : Match::yes;
  }
  if (!methods.contains(subject.method())) return Match::no;
  if (!rest) return Match::yes;
  bool matches = rule->scope == Scope::host
                     ? rest->matches(subject.host().text())
                     : holds(*rest, in_doubt, rule->action, subject, rule->scope, true);
  return matches ? Match::yes : Match::no;
}

}  // namespace weir::policy
