// A flag that takes a number of things.
#pragma once

#include <cstddef>
#include <optional>

namespace CLI {
class App;
}

namespace weir::cli {

/// Adds a flag whose text, digits alone, is read into `to`, which outlives `app`. CLI11 by itself takes -1
/// for the largest number there is.
void add_count_flag(CLI::App& app, const char* flag, std::optional<std::size_t>& to, const char* help);

}  // namespace weir::cli
