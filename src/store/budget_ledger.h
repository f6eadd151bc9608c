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

/// What is written of an account.
struct LedgerEntry {
  std::int64_t others = 0;  ///< what other sessions have spent and hold
  std::int64_t own = 0;     ///< what this one has spent, as it was last written
};

/// Makes the ledger where there is none, and forgets what is older than 400 days. Errors: it cannot be
/// written.
Result<> open_ledger(const std::filesystem::path& catalog);

/// In one transaction that no other process can come between: tells what is written of each account (budget,
/// key, window of `accounts`), then writes what `decide` returns. Opens and closes the file as every call on
/// the catalog, but waits for ten seconds where others are at it.
Result<> settle_ledger(const std::filesystem::path& catalog, const std::string& session,
                       std::span<const LedgerRow> accounts,
                       const std::function<std::vector<LedgerRow>(std::span<const LedgerEntry>)>& decide);

/// Every account, by budget, key and window, the newest first; none when there is no catalog yet. Only reads.
Result<std::vector<LedgerTotal>> read_ledger(const std::filesystem::path& catalog);

}  // namespace weir::store
