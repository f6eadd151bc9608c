// The sessions file of a gateway: [[session]] tables, each with an id and the hash of a token.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "proxy/relay_sessions.h"

namespace weir::config {

/// Reads the whole file. Error (bad_config): every mistake, a line each ("file:line:column: text"); what was
/// put in the place of a hash is never shown. not_found and io say what to do.
Result<std::vector<proxy::RelayGrant>> read_relay_sessions(const std::string& path);
/// The same of a text; `path` is for its complaints.
Result<std::vector<proxy::RelayGrant>> parse_relay_sessions(const std::string& text, const std::string& path);

/// An RFC 3339 date and time with its zone, "2026-12-01T12:00:00Z"; nothing on anything else.
std::optional<WallNanos> parse_moment(std::string_view text);

}  // namespace weir::config
