#include "flow/secret_finder.h"

#include <algorithm>

#include "base/ascii.h"
#include "flow/spellings.h"

namespace weir::flow {
namespace {

constexpr int kDepth = 2;
constexpr Spelling kSpellings[] = {Spelling::percent, Spelling::json};

// CR LF for LF, or the other way round.
std::string other_line_ends(std::string_view text) {
  bool has_cr = text.contains("\r\n");
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (has_cr && text.substr(i).starts_with("\r\n")) continue;
    if (!has_cr && text[i] == '\n') out += '\r';
    out += text[i];
  }
  return out;
}

}  // namespace

// A key of many lines is sent by forms with CR LF, whatever its file has.
void SecretFinder::add_value(std::string_view value, std::uint32_t rule) {
  values_.add(value, rule);
  wanted_.backslash |= value.contains('\\');
  wanted_.percent |= value.contains('%');
  if (value.contains('\n')) values_.add(other_line_ends(value), rule);
}

Result<> SecretFinder::add_pattern(const std::string& regex, std::uint32_t rule) {
  auto added = patterns_.add(regex);
  if (added) pattern_rules_.push_back(rule);
  return added;
}

void SecretFinder::compile() {
  values_.build();
  wanted_.bytes = values_.bytes();
  // Escapes are made of these, and a writer who means no harm escapes none of them.
  for (int c = 0; c < 128; ++c)
    if (is_alpha(static_cast<char>(c)) || is_digit(static_cast<char>(c)))
      wanted_.bytes.set(static_cast<std::size_t>(c));
  patterns_.compile();
}

Finds SecretFinder::find(std::string_view text, bool patterns, int depth) const {
  Finds finds = values_.find(text);
  if (patterns && !patterns_.empty())
    patterns_.find(text, [&](std::size_t number, std::size_t begin, std::size_t end) {
      finds.push_back({begin, end, pattern_rules_[number]});
    });
  for (Spelling spelling : kSpellings) {
    if (depth == kDepth) break;
    bool any_matters = patterns && !patterns_.empty();
    if (!any_matters && !undoing_matters(text, spelling, wanted_)) continue;
    auto plain = unescaped(text, spelling);
    if (!plain) continue;
    Finds inner = find(*plain, patterns, depth + 1);
    carry_back(text, spelling, inner);
    finds.insert(finds.end(), inner.begin(), inner.end());
  }
  merge(finds);
  return finds;
}

Finds SecretFinder::find_each(std::string_view text, int depth) const {
  Finds finds = values_.find_each(text);
  for (Spelling spelling : kSpellings) {
    if (depth == kDepth) break;
    if (!undoing_matters(text, spelling, wanted_)) continue;
    auto plain = unescaped(text, spelling);
    if (!plain) continue;
    for (Find find : find_each(*plain, depth + 1)) {
      carry_back(text, spelling, {&find, 1});
      finds.push_back(find);
    }
  }
  return finds;
}

std::size_t SecretFinder::unfinished(std::string_view text, std::size_t pattern_end) const {
  // More than the longest form, each of its bytes in the longest escape of an escape, cannot be cut.
  constexpr std::size_t kLongestEscape = 6 * 6;
  std::size_t before = text.size() - std::min(text.size(), (values_.longest() + 1) * kLongestEscape);
  std::size_t at = values_.empty() ? text.size() : before + unfinished_value(text.substr(before), 0);
  if (patterns_.empty()) return at;
  return std::min(at, text.size() - std::min(text.size(), pattern_end));
}

std::size_t SecretFinder::unfinished_value(std::string_view text, int depth) const {
  std::size_t at = values_.unfinished(text);
  for (Spelling spelling : kSpellings) {
    if (depth == kDepth) break;
    auto plain = unescaped(text, spelling);
    if (!plain) continue;
    at = std::min(at, cut_escape(text, spelling));
    Find end[] = {{unfinished_value(*plain, depth + 1), plain->size()}};
    if (end[0].begin == plain->size()) continue;
    carry_back(text, spelling, end);
    at = std::min(at, end[0].begin);
  }
  return at;
}

}  // namespace weir::flow
