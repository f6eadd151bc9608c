// The WebSocket messages of a flow, as `weir show` prints them.
#pragma once

#include <cstddef>
#include <limits>
#include <string>

#include "base/json.h"
#include "cli/output.h"
#include "store/query.h"

namespace weir::cli {

inline constexpr std::size_t kAllMessages = std::numeric_limits<std::size_t>::max();

/// One line, safe to print: when (after `started`), from the client (>) or to it (<), kind, size on the wire,
/// the beginning of what it says, and what is to be known about it.
std::string message_line(const flow::Message& message, WallNanos started);

/// Prints the first `limit` messages under a title, and where some are missing; nothing for a flow without.
Result<> print_messages(store::Query& query, const store::Row& row, std::size_t limit, bool color,
                        Output& out);
/// The same as member "messages" of the object that `json`, which writes to `out`, has begun.
Result<> write_messages(store::Query& query, const store::Row& row, std::size_t limit, JsonWriter& json,
                        Output& out);

}  // namespace weir::cli
