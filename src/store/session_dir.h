// Session folders: how they are named, found and locked. <data_dir>/sessions/<id>/{flows-0001.db, ...,
// session.lock}
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"

namespace weir::store {

/// The lock file of a session. It exists from the first moment of the session until all its files are
/// complete and out of WAL; the process that writes them holds it (flock). So: no file = ended; held = live;
/// free = orphan.
class SessionLock {
 public:
  /// Takes the lock of an orphan; nothing when the session is live or ended.
  static std::optional<SessionLock> take_orphan(const std::filesystem::path& directory);
  /// Ends the session for good: removes the lock file while the lock is held.
  void remove();
  /// Lets go of the session without ending it: it becomes an orphan.
  void release() { file_.reset(); }

 private:
  friend struct SessionDir;
  SessionLock(UniqueFd file, std::filesystem::path path) : file_(std::move(file)), path_(std::move(path)) {}

  UniqueFd file_;
  std::filesystem::path path_;
};

/// `live` also when it cannot be found out.
enum class SessionState : std::uint8_t { ended, live, orphaned };
SessionState session_state(const std::filesystem::path& directory);

/// "YYYYMMDD-HHMMSS-xxxx": UTC, and 4 random hex digits.
std::string new_session_id(WallNanos now);
/// When the session of that id began, to the second; 0 for what is no id.
WallNanos session_start(std::string_view id);

/// The folder of a new session, with its lock taken.
struct SessionDir {
  /// The digits at the end of its id are those of no other session of the project, while there are such. The
  /// folder appears under its name only with its lock held.
  static Result<SessionDir> create(const std::filesystem::path& data_dir, WallNanos now);

  std::string id;
  std::filesystem::path path;
  SessionLock lock;
};

/// Folders of all sessions of a project, oldest id first; empty when there are none.
std::vector<std::filesystem::path> session_folders(const std::filesystem::path& data_dir);
/// The database files of a session, in the order of their numbers.
std::vector<std::filesystem::path> session_files(const std::filesystem::path& directory);
/// "flows-0001.db" for 1.
std::string session_file_name(int number);

}  // namespace weir::store
