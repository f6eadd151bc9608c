// The ledger of budgets: what every session has spent of each, in the catalog (docs/formats/store.md).
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace weir::store {

/// One account. `spent` and `held` are those of one session; written anew each time, never added to.
struct LedgerRow {
  std::string budget, key;
  WallNanos window = 0;
  std::int64_t spent = 0, held = 0;
};

/// What all sessions together have of an account.
struct LedgerTotal {
  LedgerRow row;  ///< spent and held of them all; what a session that is gone holds is among it
  WallNanos updated = 0;
};

/// In one transaction that no other process can come between: tells for each account (budget, key, window of
/// `accounts`) what other sessions than `session` have spent and hold of it, then writes what `decide`
/// returns. What is older than 400 days is forgotten. Opens and closes the file as every call on the catalog.
Result<> settle_ledger(
    const std::filesystem::path& catalog, const std::string& session, std::span<const LedgerRow> accounts,
    const std::function<std::vector<LedgerRow>(std::span<const std::int64_t> others)>& decide);

/// Every account, by budget, key and window, the newest first; none when there is no catalog yet. Only reads.
Result<std::vector<LedgerTotal>> read_ledger(const std::filesystem::path& catalog);

}  // namespace weir::store
