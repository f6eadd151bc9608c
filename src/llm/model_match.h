// ModelMatch: which spellings of a model's name one row of the price table is for.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_reader.h"

namespace weir::llm {

/// Any of groups, each all of its tests; letters match in either case. No regular expressions at run time:
/// the few that catalogues use (a name with digits in it) become patterns.
class ModelMatch {
 public:
  /// A catalogue's rule: `equals`, `starts_with`, `ends_with`, `contains`, `regex`, or `or` of those and of
  /// `and`. Nothing for what is nested deeper, empty, or a regular expression beyond digits.
  static std::optional<ModelMatch> parse(const JsonValue& rule);
  /// A name with `*` for any bytes.
  static ModelMatch glob(std::string_view pattern);

  bool matches(std::string_view lower_case_name) const;

 private:
  enum class Kind : std::uint8_t { equals, starts_with, ends_with, contains, pattern, lacks_word };
  struct Test {
    Kind kind;
    std::string text;
  };
  using Group = std::vector<Test>;

  static std::optional<Test> parse_test(const JsonValue& rule);
  static std::optional<Group> parse_group(const JsonValue& rule);
  static bool holds(const Test& test, std::string_view name);

  std::vector<Group> any_;
};

/// `*` stands for any bytes, `#` for one digit. Linear in the product of the sizes, without recursion.
bool matches_pattern(std::string_view pattern, std::string_view name);

/// The pattern of a regular expression that has only plain bytes, `\.`, `\d`, `\d{n}` and anchors.
std::optional<std::string> pattern_of_regex(std::string_view regex);

}  // namespace weir::llm
