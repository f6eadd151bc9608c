// One line of the JSON Lines log (docs/formats/jsonl.md): a flow written down, and read back.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "flow/flow.h"
#include "store/query.h"

namespace weir::store {

/// The longest line that is written and that is read, its line feed not counted.
inline constexpr std::size_t kLongestLine = 8 << 20;

/// Appends `flow` as one line, secrets redacted (flow/redaction.h); nothing of what came over the wire can
/// end the line or begin another. `session` may be empty. A line that would be too long loses its bodies and
/// is marked for it; false, and `out` as it was, when even that does not help.
bool append_jsonl(std::string& out, const flow::Flow& flow, std::string_view session);
/// The entry's "id".
std::string short_id(const flow::Flow& flow, std::string_view session);

/// The flow of one line, written by Weir or by another program in the same format: what the line does not say
/// stays as it is in an empty Flow, members of the wrong type count as missing. The bodies' bytes are in the
/// flow. Nothing when the line is no JSON object, or says no time.
std::optional<Row> read_jsonl(std::string_view line);

/// RFC 3339 section 5.6, in the years that WallNanos can count; a space may stand for the T.
std::optional<WallNanos> read_rfc3339(std::string_view text);

}  // namespace weir::store
