// The bars of `weir ai --chart`.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace weir::cli {

struct Bar {
  std::string name;  ///< safe to print
  std::int64_t amount = 0;
  std::string label;  ///< the amount in words
};

/// A line a bar, none wider than `width`: names to the left, amounts to the right, between them bars as long
/// as their amounts, the largest all of the room there is. What is not nothing is seen. `blocks`: drawn to
/// the eighth of a column, with characters beyond ASCII.
std::string bar_chart(std::span<const Bar> bars, std::size_t width, bool blocks);

}  // namespace weir::cli
