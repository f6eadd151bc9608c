// JsonDifference: the first place where two JSON values do not say the same to a provider's cache of prompts.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace weir::llm {

struct JsonDifference {
  std::string path;                ///< from the value on: ".content[0].text"; keys are cut
  std::string_view before, after;  ///< the values there; empty where there is none
  std::size_t at = 0;              ///< the first byte of them that differs
  bool reordered = false;          ///< the same members in another order
  bool added = false;              ///< `after` only goes on from `before`, and nothing that differs follows
};

/// Views of the two texts. White space, marks for caches (`cache_control`, `cachePoint`) and a text spelled
/// as a list of one text are no difference; the order of members is one only within what is free JSON
/// (schemas, arguments of tools). Bounded in depth and members; what is beyond is compared as it is spelled.
std::optional<JsonDifference> json_difference(std::string_view before, std::string_view after);

/// How many bytes both begin with.
std::size_t common_prefix(std::string_view a, std::string_view b);

}  // namespace weir::llm
