// What the prompts of calls have in common with those before them, in a session file: prompts
// (docs/formats/store.md).
#pragma once

#include <vector>

#include "store/model_record.h"
#include "store/sqlite.h"

namespace weir::store {

/// The writing side. Used inside the transactions of its Database; one thread. Secrets are to be redacted,
/// and samples cut, before.
class PromptRows {
 public:
  static Result<PromptRows> open(Database& database);
  /// `call`: the row of the call. Nothing is written for a call without a thread.
  Result<> put(std::int64_t call, const ModelRecord& record);

 private:
  Statement insert_;
};

/// Adds them to calls that were read from the same file. `version`: of the file's schema; older ones have
/// none.
Result<> read_prompts(Database& database, std::int64_t version, std::vector<ModelRecord>& calls);

}  // namespace weir::store
