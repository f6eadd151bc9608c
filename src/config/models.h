// [models]: which calls of models are known, what they are priced by, what is kept of them (docs/models.md).
#pragma once

#include <vector>

#include "config/fields.h"

namespace weir::config {

/// Append what `value` says to `out`. Every complaint is returned; then `out` is of no use.
Complaints read_model_hosts(const Value& value, const Place& place, std::vector<ModelHost>& out);
Complaints read_model_prices(const Value& value, const Place& place, std::vector<ModelPrice>& out);
/// As tables that those read back.
Scalar to_table(const ModelHost& host);
Scalar to_table(const ModelPrice& price);

/// Every layer's, the weightiest first.
std::vector<ModelHost> all_hosts(const ModelSettings& settings);
std::vector<ModelPrice> all_prices(const ModelSettings& settings);

}  // namespace weir::config
