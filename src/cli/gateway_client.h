// Gateways that run: what their status says.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"

namespace weir::cli {

/// The status (docs/formats/relay.md) of every gateway of this user that answers; `pid` = 0 for any.
/// not_found when there is none.
Result<std::vector<std::string>> find_gateways(std::uint64_t pid);

/// For people: whole lines, escaped for terminals. Empty when `json` is no status.
std::string gateway_status_text(const std::string& json);

}  // namespace weir::cli
