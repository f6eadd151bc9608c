// Sessions in words, for `weir sessions`.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "store/sessions.h"

namespace weir::cli {

/// A line of titles and a line each; `projects`: with the data folder they are in.
std::string sessions_table(std::span<const store::SessionAccount> accounts, bool projects);
/// Everything known of one, and its files.
std::string session_text(const store::SessionAccount& account);
/// One JSON object (docs/formats/store.md).
void write_session(JsonWriter& json, const store::SessionAccount& account);

}  // namespace weir::cli
