// ModelTail: the calls of models that sessions gain while somebody looks on, for `weir ai -f`.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "store/model_query.h"

namespace weir::store {

/// Follows the sessions in scope that are live, and those that begin later. One thread.
class ModelTail {
 public:
  explicit ModelTail(Scope scope) : scope_(std::move(scope)) {}

  /// Calls that have ended since the last time, with their tools and prompts, each once; the first time all
  /// those of sessions that are live. A file that cannot be read now is read the next time. Blocks.
  std::vector<SessionTraces> poll();

 private:
  void look_for_sessions();
  Result<> read(const std::filesystem::path& path, SessionTraces& traces);

  const Scope scope_;
  std::set<std::filesystem::path> live_, over_;         // folders
  std::map<std::filesystem::path, std::int64_t> read_;  // the last row of each file
};

}  // namespace weir::store
