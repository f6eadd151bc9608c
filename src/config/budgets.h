// [budget]: how much may be spent (docs/budgets.md).
#pragma once

#include <vector>

#include "config/fields.h"
#include "policy/budget.h"

namespace weir::config {

/// Append what `value` says, texts as policy::parse_budget has them or tables, to `out`, with the place's
/// layer and "path:line" as the source. Every complaint is returned; then `out` is of no use.
Complaints read_budgets(const Value& value, const Place& place, std::vector<policy::Budget>& out);
/// As a table that read_budgets reads back.
Scalar to_table(const policy::Budget& budget);

/// Every layer's, the weightiest first.
std::vector<policy::Budget> all_budgets(const BudgetSettings& settings);

}  // namespace weir::config
