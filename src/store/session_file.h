// SessionFile: the one connection that writes and checkpoints one database file (docs/decisions/0002).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "flow/flow.h"
#include "flow/message.h"
#include "store/body_table.h"
#include "store/mcp_rows.h"
#include "store/model_rows.h"
#include "store/process_rows.h"
#include "store/schema.h"
#include "store/sqlite.h"

namespace weir::store {

/// One thread. Rows are put between `begin` and `commit`; after any failure call `rollback` and put them
/// again: nothing of a failed transaction remains, in the file or in memory.
class SessionFile {
 public:
  /// Opens for writing, making the file if it is missing and the tables that it lacks. The caller holds the
  /// session's lock.
  static Result<std::unique_ptr<SessionFile>> open(const std::filesystem::path& path);

  Result<> begin();
  /// Writes the flow's only row, replacing the one it had when it was opened. `bodies_shed` marks it.
  Result<> put(const flow::Flow& flow, bool closed, bool bodies_shed);
  Result<> put(const flow::Message& message);
  Result<> put(const flow::Connection& connection);
  Result<> put(const ModelRecord& record);
  Result<> put(const McpRecord& record);
  Result<> commit();
  void rollback();

  /// Copies the log into the file when it has grown enough; readers and the next transaction are not
  /// disturbed. A failure loses nothing: it is tried again after a later commit.
  Result<> checkpoint_if_due();
  /// Marks the flows that are still open as incomplete and takes the file out of WAL, for which no other
  /// connection may have it open. False: one still had after `patience`; the file stays in WAL and whole.
  Result<bool> finish(std::chrono::milliseconds patience);

  /// Bytes of the file as of the last commit, the log included.
  Result<std::int64_t> size();
  Result<std::int64_t> flow_count();
  const std::filesystem::path& path() const { return path_; }
  /// False once someone has deleted or replaced the file under the connection.
  bool in_place() const;

 private:
  SessionFile(std::filesystem::path path, Database database)
      : path_(std::move(path)), database_(std::move(database)) {}
  Result<> prepare();

  std::filesystem::path path_;
  Database database_;
  Statement begin_, commit_, insert_flow_, insert_message_, insert_connection_, page_count_;
  BodyTable bodies_;
  ProcessRows processes_;
  ModelRows models_;
  McpRows mcp_;
  FlowBinder binder_;
  std::int64_t closed_seq_ = 0;  // of the last closed row, the running transaction included
  std::int64_t committed_seq_ = 0;
  std::int64_t page_size_ = 0;
  int log_pages_ = 0;      // of the write-ahead log, kept by SQLite's hook at each commit
  int checkpoint_at_ = 0;  // pages at which the next checkpoint is due
  std::uint64_t inode_ = 0;
};

}  // namespace weir::store
