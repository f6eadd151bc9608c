// The catalog: one small file for all projects of a user, one row a session and hourly totals
// (docs/formats/store.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace weir::store {

struct SessionRecord {
  std::string id;
  std::string project_dir;  ///< the project's data folder
  WallNanos started = 0;
  WallNanos ended = 0;  ///< 0 = not known to have ended
  std::int64_t pid = 0;
  std::string version;
  std::int64_t files = 0;
  std::int64_t flows = 0;
  std::int64_t bytes = 0;  ///< of the files on disk
  bool clean = false;      ///< ended by itself, not by a crash
};

/// What happened in one hour since the last time it was added.
struct HourTotals {
  std::int64_t hour = 0;  ///< Unix time of its beginning, seconds
  std::int64_t requests = 0;
  std::int64_t errors = 0;     ///< status >= 400 or an error code
  std::int64_t bytes_in = 0;   ///< heads and bodies of responses
  std::int64_t bytes_out = 0;  ///< heads and bodies of requests
};

// Each call opens the file, makes it if it is missing and is to be written, runs one short transaction and
// closes it: many processes share it, in rollback-journal mode, so none may hold it for long. Waits half a
// second for the others.

/// Writes the row of a session anew and adds the totals.
Result<> save_session(const std::filesystem::path& catalog, const SessionRecord& session,
                      std::span<const HourTotals> totals);
/// Ends the row of a session that did not do so itself, if there is one and it is still open.
Result<> end_orphan(const std::filesystem::path& catalog, const SessionRecord& session);
/// Notes what retention has left of a session's files.
Result<> note_files(const std::filesystem::path& catalog, const std::string& session, std::int64_t files,
                    std::int64_t bytes);
/// Every session's row; none when there is no catalog yet. Only reads.
Result<std::vector<SessionRecord>> read_sessions(const std::filesystem::path& catalog);

}  // namespace weir::store
