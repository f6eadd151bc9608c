// [credentials.NAME]: secrets that clients get a placeholder for.
#pragma once

#include <string>
#include <vector>

#include "config/fields.h"

namespace weir::config {

/// Append what `value` says to `out`. Every complaint is returned, and none repeats a secret; then `out` is
/// of no use.
Complaints read_credentials(const Value& value, const Place& place, std::vector<Credential>& out);
/// As a table that read_credentials reads back, but for values, which are masked.
Scalar to_table(const Credential& credential);

/// Those of all layers; of a name the weightiest layer's alone. Those that are switched off, too.
std::vector<Credential> all_credentials(const CredentialSettings& settings);

/// Whether it can be a credential's: letters, digits, '-' and '_', at most 64, a letter or digit first.
bool is_credential_name(std::string_view name);

}  // namespace weir::config
