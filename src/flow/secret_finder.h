// SecretFinder: all that a set of values and patterns finds in a text, however it is written there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "flow/find.h"
#include "flow/needles.h"
#include "flow/spellings.h"
#include "policy/pattern_finder.h"

namespace weir::flow {

/// Values and patterns are looked for in the text as it is, percent-decoded and with JSON's escapes undone,
/// and in what is so found once more (JSON in JSON, JSON in a form); values in every form of flow/needles.h.
/// Immutable once compiled, for any number of threads.
class SecretFinder {
 public:
  /// `value` has at least Needles::kShortest bytes. Lines may end in LF or CR LF, in it and in texts.
  void add_value(std::string_view value, std::uint32_t rule);
  /// Errors of policy::PatternFinder.
  Result<> add_pattern(const std::string& regex, std::uint32_t rule);
  /// Call once after the last add.
  void compile();

  bool empty() const { return values_.empty() && patterns_.empty(); }
  /// Merged finds of values and patterns; of values alone.
  Finds find(std::string_view text) const { return find(text, true, 0); }
  Finds find_values(std::string_view text) const { return find(text, false, 0); }
  /// Values, each by itself and in no order: finds overlap, and two rules may have one value.
  Finds find_each_value(std::string_view text) const { return find_each(text, 0); }
  /// Of a text that was cut short: where what may be the beginning of a secret begins. For patterns, whose
  /// length nobody knows, the last `pattern_end` bytes.
  static constexpr std::size_t kPatternEnd = 4096;
  std::size_t unfinished(std::string_view text, std::size_t pattern_end = kPatternEnd) const;

 private:
  Finds find(std::string_view text, bool patterns, int depth) const;
  Finds find_each(std::string_view text, int depth) const;
  std::size_t unfinished_value(std::string_view text, int depth) const;

  Needles values_;
  policy::PatternFinder patterns_;
  std::vector<std::uint32_t> pattern_rules_;  ///< by the number of the pattern
  WantedBytes wanted_;                        ///< of values, in all their forms
};

}  // namespace weir::flow
