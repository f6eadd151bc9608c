// Readings: what servers are known to take one target for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weir::policy {

/// Every target, each once, that some server may take `target` for, as received: canonical_target first, then
/// dot segments left alone, or resolved without merging slashes, and with one or more of: escapes of reserved
/// characters undone, up to three times; encoded slashes and backslashes as slashes; spaces and dots at the
/// end of segments dropped; parameters dropped; "//host" dropped; cut at NUL or '#'. Queries as
/// canonical_target has them. Alone the first for most targets, at most 40.
///
/// What only a file system knows is not here: letters without case, short names, links.
std::vector<std::string> readings(std::string_view target);

}  // namespace weir::policy
