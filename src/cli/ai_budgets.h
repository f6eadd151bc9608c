// `weir ai budgets`: what is left of each budget.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "policy/budget.h"
#include "store/budget_ledger.h"

namespace weir::cli {

/// The accounts of budgets in the window that `now` is in; of sessions, the latest kMostSessions. A budget
/// that nobody has spent of has an account with nothing in it.
class BudgetState {
 public:
  static constexpr std::size_t kMostSessions = 5;

  BudgetState(std::span<const policy::Budget> budgets, std::span<const store::LedgerTotal> ledger,
              WallNanos now, std::int64_t utc_offset);

  bool empty() const { return lines_.empty(); }
  std::string text() const;
  void write(JsonWriter& json) const;

 private:
  struct Line {
    const policy::Budget* budget;
    store::LedgerRow row;
    std::int64_t used() const { return row.spent + row.held; }
    std::int64_t left() const { return budget->limit > used() ? budget->limit - used() : 0; }
  };
  std::vector<Line> lines_;
};

}  // namespace weir::cli
