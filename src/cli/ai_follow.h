// `weir ai -f`: calls of models as they end.
#pragma once

#include <cstddef>
#include <string>

#include "cli/place.h"

namespace weir::cli {

struct FollowFlags {
  Place place;
  bool json = false;      ///< one object a line
  std::size_t last = 10;  ///< so many of those that have ended before; a screen shows what it has room for
};

/// Until Ctrl-C, or q where it draws a screen: on a terminal. Returns the status to exit with.
int follow_models(const FollowFlags& flags);

}  // namespace weir::cli
