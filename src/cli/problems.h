// Problems of the configuration on the screen.
#pragma once

#include "config/load.h"

namespace weir::cli {

/// Writes every problem or warning to standard error, "file:line:column: text", a line each and escaped for
/// terminals. Returns kExitUsage.
int report(const config::Problems& problems);

}  // namespace weir::cli
