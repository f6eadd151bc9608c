// The calls of models in a session file: model_calls, tool_calls, tool_results (docs/formats/store.md).
#pragma once

#include <vector>

#include "store/model_record.h"
#include "store/prompt_rows.h"
#include "store/sqlite.h"

namespace weir::store {

/// The writing side. Used inside the transactions of its Database; one thread. Secrets in texts are to be
/// redacted before.
class ModelRows {
 public:
  static Result<ModelRows> open(Database& database);
  Result<> put(const ModelRecord& record);

 private:
  Result<> put_tools(std::int64_t call, const llm::ModelCall& from);

  sqlite3* handle_ = nullptr;
  Statement call_, tool_, result_;
  PromptRows prompts_;
};

/// All calls of a file that began within [since, until), in their order, without their tools. `version`: of
/// the file's schema; older ones have none.
Result<std::vector<ModelRecord>> read_model_calls(Database& database, std::int64_t version, WallNanos since,
                                                  WallNanos until);

/// Those of the rows after that one, in their order.
Result<std::vector<ModelRecord>> read_model_calls_after(Database& database, std::int64_t version,
                                                        std::int64_t row);

/// Adds the tools that they called and the results they brought, without texts, to calls that were read from
/// the same file.
Result<> read_tools(Database& database, std::int64_t version, std::vector<ModelRecord>& calls);

}  // namespace weir::store
