// Pattern: what a rule compares texts with, compiled once. Matching takes time linear in the text.
#pragma once

#include <re2/re2.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace weir::policy {

/// Globs are those of doublestar: '*' any run without '/', '?' one character but '/', "**" as a whole segment
/// any number of segments ("/a/**" is "/a" and all below it), elsewhere the same as '*'; [ab], [a-z], [!ab],
/// {a,b}, '\' before a character that means itself. The whole text must match.
/// Regular expressions are RE2's and match anywhere in the text.
class Pattern {
 public:
  enum class Case : bool { sensitive, insensitive };

  static Pattern exact(std::string text);
  /// bad_config saying what is wrong, without naming the pattern.
  static Result<Pattern> glob(std::string_view text);
  static Result<Pattern> regex(const std::string& text, Case letters);

  /// Does not allocate once warm.
  bool matches(std::string_view text) const;
  /// The same as a regular expression without anchors. `tail`, one as well, may follow what a pattern matches
  /// that must match the whole text.
  std::string as_regex(std::string_view tail = "") const;
  bool whole() const { return whole_; }  ///< whether the whole text must match

 private:
  enum class Kind : unsigned char { exact, tree, regex };
  Pattern(Kind kind, std::string text) : kind_(kind), text_(std::move(text)) {}

  Kind kind_;
  std::string text_;  ///< exact: the text; tree: "/a" of "/a/**"; regex: its source
  std::unique_ptr<const RE2> regex_;
  bool whole_ = true;
};

/// True when `glob` has none of the characters that mean something else than themselves.
bool is_literal(std::string_view glob);
/// How Weir asks RE2 to read patterns.
RE2::Options regex_options(Pattern::Case letters);

}  // namespace weir::policy
