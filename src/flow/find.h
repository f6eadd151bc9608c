// Find: a stretch of a text that is a secret, and which rule says so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir::flow {

struct Find {
  std::size_t begin = 0;
  std::size_t end = 0;     ///< past its last byte
  std::uint32_t rule = 0;  ///< number

  friend bool operator==(const Find&, const Find&) = default;
};
using Finds = std::vector<Find>;

/// Brings finds in order and makes them disjoint: those that overlap become one, of the rule of the first; so
/// do those of one rule that touch.
void merge(Finds& finds);
/// Adds one that begins no earlier than those that are there, merged.
void append_merged(Finds& finds, const Find& find);

}  // namespace weir::flow
