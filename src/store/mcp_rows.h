// The calls of MCP servers in a session file: mcp_calls (docs/formats/store.md).
#pragma once

#include <vector>

#include "store/model_record.h"
#include "store/sqlite.h"

namespace weir::store {

/// The writing side. Used inside the transactions of its Database; one thread. Secrets in texts are to be
/// redacted before.
class McpRows {
 public:
  static Result<McpRows> open(Database& database);
  Result<> put(const McpRecord& record);

 private:
  Statement insert_;
};

/// All calls of a file that began within [since, until), in their order, without arguments, results and lists
/// of tools. `version`: of the file's schema; older ones have none.
Result<std::vector<McpRecord>> read_mcp_calls(Database& database, std::int64_t version, WallNanos since,
                                              WallNanos until);

}  // namespace weir::store
