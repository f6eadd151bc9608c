#include "llm/model_match.h"

#include <algorithm>

#include "base/ascii.h"

namespace weir::llm {
namespace {

// The only expression of a catalogue that says what a name must not have: "-tts" as a word of its own.
constexpr std::string_view kNoSpeech = R"(^(?!.*-[tT][tT][sS](?:$|-)))";

/// `word` stands in `name` behind a '-' and before another, or the end.
bool has_word(std::string_view name, std::string_view word) {
  for (std::size_t at = name.find(word); at != name.npos; at = name.find(word, at + 1)) {
    std::size_t end = at + word.size();
    if (at > 0 && name[at - 1] == '-' && (end == name.size() || name[end] == '-')) return true;
  }
  return false;
}

bool is_plain(char c) {
  return is_alpha(c) || is_digit(c) || c == '-' || c == '_' || c == '/' || c == ':' || c == '@';
}

/// Reads "{4}" at `at`, where there is one, and passes it: how often the digit before it stands. 0: too
/// often.
std::size_t repetitions(std::string_view regex, std::size_t& at) {
  if (at >= regex.size() || regex[at] != '{') return 1;
  std::size_t close = regex.find('}', at);
  if (close == regex.npos) return 0;
  auto count = parse_decimal(regex.substr(at + 1, close - at - 1));
  at = close + 1;
  return count && *count <= 16 ? static_cast<std::size_t>(*count) : 0;
}

}  // namespace

bool matches_pattern(std::string_view pattern, std::string_view name) {
  std::size_t p = 0, n = 0, star = pattern.npos, resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size() && (pattern[p] == '#' ? is_digit(name[n]) : pattern[p] == name[n])) {
      ++p, ++n;
    } else if (star != pattern.npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  return std::ranges::all_of(pattern.substr(p), [](char c) { return c == '*'; });
}

std::optional<std::string> pattern_of_regex(std::string_view regex) {
  bool from_start = regex.starts_with('^'), to_end = regex.ends_with('$');
  regex.remove_prefix(from_start);
  regex.remove_suffix(to_end && !regex.empty());
  std::string pattern = from_start ? "" : "*";
  for (std::size_t at = 0; at < regex.size();) {
    char c = regex[at++];
    if (is_plain(c)) {
      pattern += c;
    } else if (c == '\\' && at < regex.size() && regex[at] == '.') {
      pattern += regex[at++];
    } else if (c == '\\' && at < regex.size() && regex[at] == 'd') {
      std::size_t count = repetitions(regex, ++at);
      if (count == 0) return std::nullopt;
      pattern.append(count, '#');
    } else {
      return std::nullopt;
    }
  }
  if (!to_end) pattern += '*';
  return lower(pattern);
}

std::optional<ModelMatch::Test> ModelMatch::parse_test(const JsonValue& rule) {
  if (!rule.is_object() || rule.size() != 1) return std::nullopt;
  JsonValue only = *rule.begin();
  auto text = only.string();
  if (!text || text->empty()) return std::nullopt;
  std::string_view op = only.name();
  if (op == "equals") return Test{Kind::equals, lower(*text)};
  if (op == "starts_with") return Test{Kind::starts_with, lower(*text)};
  if (op == "ends_with") return Test{Kind::ends_with, lower(*text)};
  if (op == "contains") return Test{Kind::contains, lower(*text)};
  if (op != "regex") return std::nullopt;
  if (*text == kNoSpeech) return Test{Kind::lacks_word, "tts"};
  auto pattern = pattern_of_regex(*text);
  if (!pattern) return std::nullopt;
  return Test{Kind::pattern, std::move(*pattern)};
}

std::optional<ModelMatch::Group> ModelMatch::parse_group(const JsonValue& rule) {
  Group group;
  JsonValue all = rule["and"];
  if (!all) {
    auto test = parse_test(rule);
    if (!test) return std::nullopt;
    group.push_back(std::move(*test));
    return group;
  }
  for (JsonValue each : all) {
    auto test = parse_test(each);
    if (!test) return std::nullopt;
    group.push_back(std::move(*test));
  }
  if (group.empty()) return std::nullopt;
  return group;
}

std::optional<ModelMatch> ModelMatch::parse(const JsonValue& rule) {
  ModelMatch match;
  auto add = [&match](const JsonValue& one) {
    auto group = parse_group(one);
    if (group) match.any_.push_back(std::move(*group));
    return group.has_value();
  };
  JsonValue any = rule["or"];
  if (!any) return add(rule) ? std::optional(std::move(match)) : std::nullopt;
  for (JsonValue one : any)
    if (!add(one)) return std::nullopt;
  if (match.any_.empty()) return std::nullopt;
  return match;
}

ModelMatch ModelMatch::glob(std::string_view pattern) {
  ModelMatch match;
  match.any_.push_back({Test{Kind::pattern, lower(pattern)}});
  return match;
}

bool ModelMatch::holds(const Test& test, std::string_view name) {
  switch (test.kind) {
    case Kind::equals: return name == test.text;
    case Kind::starts_with: return name.starts_with(test.text);
    case Kind::ends_with: return name.ends_with(test.text);
    case Kind::contains: return name.find(test.text) != name.npos;
    case Kind::pattern: return matches_pattern(test.text, name);
    case Kind::lacks_word: return !has_word(name, test.text);
  }
  return false;
}

bool ModelMatch::matches(std::string_view name) const {
  return std::ranges::any_of(any_, [&](const Group& group) {
    return std::ranges::all_of(group, [&](const Test& test) { return holds(test, name); });
  });
}

}  // namespace weir::llm
