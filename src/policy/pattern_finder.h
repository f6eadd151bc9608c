// PatternFinder: where regular expressions match in long texts, many of them told apart in one pass.
#pragma once

#include <re2/re2.h>
#include <re2/set.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace weir::policy {

/// Texts are bytes: '.' is any byte, line feeds too. Time is linear in the text. Immutable once compiled, for
/// any number of threads.
class PatternFinder {
 public:
  /// Patterns are numbered from 0 in the order in which they are added. bad_config, without naming the
  /// pattern: what is wrong with it, or that it matches an empty text and so would match everywhere.
  Result<> add(const std::string& regex);
  /// Call once after the last add.
  void compile();

  bool empty() const { return patterns_.empty(); }
  /// Calls `each(number, begin, end)` for every match that is not empty, those of one pattern from left to
  /// right and disjoint.
  using Each = std::function<void(std::size_t number, std::size_t begin, std::size_t end)>;
  void find(std::string_view text, const Each& each) const;

 private:
  void find_one(std::size_t number, std::string_view text, const Each& each) const;

  std::vector<std::unique_ptr<const RE2>> patterns_;
  std::unique_ptr<const RE2::Set> all_;  ///< null when there are few, or they are too large together
};

}  // namespace weir::policy
