// The hint of a serving verb whose filter asks: how to answer.
#pragma once

#include <string>

#include "config/settings.h"

namespace weir::cli {

/// Whole lines; empty when nothing in `filter` asks. `socket` is named where `weir monitor` would not find it
/// from the working directory: it lies in another data folder than that directory's.
std::string ask_hint(const config::FilterSettings& filter, const std::string& socket);

}  // namespace weir::cli
