// The processes of one session file: a row each, whatever the number of their flows.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/process.h"
#include "store/sqlite.h"

namespace weir::store {

/// The writing side. Used inside the transactions of its Database; one thread.
class ProcessRows {
 public:
  static Result<ProcessRows> open(Database& database);

  /// The id of a row that says the same, credentials redacted, made unless it is among the latest; 0 for
  /// null.
  Result<std::int64_t> put(const std::shared_ptr<const Process>& process);
  /// Call after a rollback: forgets what was remembered of rows that are no longer there.
  void forget() { known_.clear(); }

 private:
  struct Known {
    std::shared_ptr<const Process> process;  // as it was handed in
    std::int64_t id = 0;
  };
  Result<std::int64_t> insert(const Process& process);

  Statement insert_;
  sqlite3* handle_ = nullptr;
  std::unordered_map<std::string, Known> known_;  // by pid, or why there is none
};

/// The reading side; one thread.
class ProcessReader {
 public:
  /// `version`: of the file's schema. Null for 0, and for a row that is not there.
  Result<std::shared_ptr<const Process>> load(Database& database, std::int64_t version, std::int64_t id);

 private:
  std::unordered_map<std::int64_t, std::shared_ptr<const Process>> known_;
};

}  // namespace weir::store
