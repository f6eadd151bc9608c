// The calls of models of many sessions.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "store/model_record.h"
#include "store/query.h"

namespace weir::store {

/// Hands over each call that began within [since, until), session by session, oldest first. A file that
/// cannot be read is said in the log and passed over, unless it is the only one. not_found when there is no
/// session in scope. Blocks; one thread.
Result<> for_each_model_call(const Scope& scope, WallNanos since, WallNanos until,
                             const std::function<void(const std::string& session, const ModelRecord&)>& each);

/// The calls of one session in the order in which they ended, with their tools (read_tools), and those of MCP
/// servers.
struct SessionTraces {
  std::string session;
  std::vector<ModelRecord> calls;
  std::vector<McpRecord> mcp;
};

/// The same, a session at a time; links between calls hold within it. Of sessions without calls nothing is
/// handed over.
Result<> for_each_trace(const Scope& scope, WallNanos since, WallNanos until,
                        const std::function<void(SessionTraces)>& each);

}  // namespace weir::store
