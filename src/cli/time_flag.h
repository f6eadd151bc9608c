// A flag that takes a time.
#pragma once

#include <optional>

#include "base/clock.h"

namespace CLI {
class App;
}

namespace weir::cli {

/// Adds a flag whose text parse_time() reads into `to`, which outlives `app`.
void add_time_flag(CLI::App& app, const char* flag, std::optional<WallNanos>& to, const char* help);

}  // namespace weir::cli
