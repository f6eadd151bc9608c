#include "store/retention.h"

#include <sys/stat.h>

#include <algorithm>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/log.h"
#include "store/catalog.h"
#include "store/session_dir.h"

namespace weir::store {
namespace {

namespace fs = std::filesystem;

constexpr WallNanos kDay = 86'400LL * 1'000'000'000;

struct StoredFile {
  fs::path path;
  WallNanos modified = 0;
  std::uint64_t bytes = 0;
};

fs::path with_suffix(const fs::path& file, std::string_view suffix) {
  return fs::path(file.native() + std::string(suffix));
}

// Adds the files of a session; those of a live one count but are not for deletion.
void collect(const fs::path& session, std::vector<StoredFile>& deletable, std::uint64_t& total) {
  bool live = session_state(session) == SessionState::live;
  for (const fs::path& file : session_files(session)) {
    std::uint64_t bytes = stored_bytes(file);
    total += bytes;
    if (!live) deletable.push_back({file, modified(file), bytes});
  }
}

bool delete_file(const fs::path& file) {
  std::error_code error;
  // The log goes first: without its database it would be taken for the log of a later one.
  for (auto suffix : {"-wal", "-shm", "-journal", ""}) {
    fs::remove(with_suffix(file, suffix), error);
    if (error) {
      log::warn("retention cannot delete {}: {}", file.string(), error.message());
      return false;
    }
  }
  return true;
}

void tidy(const fs::path& session, const fs::path& catalog) {
  std::vector<fs::path> left = session_files(session);
  std::int64_t bytes = 0;
  for (const fs::path& file : left) bytes += static_cast<std::int64_t>(stored_bytes(file));
  if (left.empty()) {
    if (auto lock = SessionLock::take_orphan(session)) lock->remove();
    std::error_code error;  // a folder with something foreign in it stays
    if (session_state(session) == SessionState::ended) fs::remove(session, error);
  }
  if (catalog.empty()) return;
  auto noted =
      note_files(catalog, session.filename().string(), static_cast<std::int64_t>(left.size()), bytes);
  if (!noted) log::warn("the catalog was not told of deleted files: {}", noted.error().context());
}

}  // namespace

WallNanos modified(const fs::path& path) {
  struct stat found;
  if (::stat(path.c_str(), &found) != 0) return 0;
  return found.st_mtim.tv_sec * 1'000'000'000LL + found.st_mtim.tv_nsec;
}

std::uint64_t stored_bytes(const fs::path& file) {
  std::uint64_t bytes = 0;
  struct stat found;
  for (auto suffix : {"", "-wal"})
    if (::stat(with_suffix(file, suffix).c_str(), &found) == 0)
      bytes += static_cast<std::uint64_t>(found.st_size);
  return bytes;
}

std::size_t apply_retention(const fs::path& data_dir, const fs::path& catalog, const Retention& retention,
                            WallNanos now) {
  std::vector<StoredFile> files;
  std::uint64_t total = 0;
  std::set<fs::path> touched;
  for (const fs::path& session : session_folders(data_dir)) {
    collect(session, files, total);
    if (session_state(session) != SessionState::live && session_files(session).empty())
      touched.insert(session);
  }
  std::ranges::sort(files, {}, [](const StoredFile& file) { return std::tie(file.modified, file.path); });
  std::size_t deleted = 0;
  for (const StoredFile& file : files) {
    bool old = retention.days > 0 && file.modified < now - retention.days * kDay;
    bool over = retention.bytes > 0 && total > retention.bytes;
    if (!old && !over) break;  // all that follow are younger
    if (!delete_file(file.path)) continue;
    total -= file.bytes;
    ++deleted;
    touched.insert(file.path.parent_path());
  }
  for (const fs::path& session : touched) tidy(session, catalog);
  return deleted;
}

}  // namespace weir::store
