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

// Adds the files of a session; those of a live one count but are not for deletion, unless they are spent.
void collect(const fs::path& session, std::span<const fs::path> spent, std::vector<StoredFile>& deletable,
             std::uint64_t& total) {
  bool live = session_state(session) == SessionState::live;
  for (const fs::path& file : session_files(session)) {
    std::uint64_t bytes = stored_bytes(file);
    total += bytes;
    if (!live || std::ranges::find(spent, file) != spent.end())
      deletable.push_back({file, modified(file), bytes});
  }
}

Result<> delete_file(const fs::path& file) {
  std::error_code error;
  // The log goes first: without its database it would be taken for the log of a later one.
  for (auto suffix : {"-wal", "-shm", "-journal", ""}) {
    fs::remove(with_suffix(file, suffix), error);
    if (error) return fail(Code::io, "cannot delete " + file.string() + ": " + error.message());
  }
  return {};
}

void tell_catalog(const fs::path& session, const fs::path& catalog) {
  if (catalog.empty()) return;
  std::vector<fs::path> left = session_files(session);
  std::int64_t bytes = 0;
  for (const fs::path& file : left) bytes += static_cast<std::int64_t>(stored_bytes(file));
  auto noted =
      note_files(catalog, session.filename().string(), static_cast<std::int64_t>(left.size()), bytes);
  if (!noted) log::warn("the catalog was not told of deleted files: {}", noted.error().context());
}

// Besides its files a session may leave the socket of a process that died. A folder with something foreign in
// it stays.
void remove_empty(const fs::path& session) {
  std::error_code error;
  if (auto lock = SessionLock::take_orphan(session)) lock->remove();
  if (session_state(session) != SessionState::ended) return;
  std::vector<fs::path> sockets;
  fs::directory_iterator entry(session, error);
  for (fs::directory_iterator end; !error && entry != end; entry.increment(error))
    if (std::error_code ignored; entry->is_socket(ignored)) sockets.push_back(entry->path());
  for (const fs::path& socket : sockets) fs::remove(socket, error);
  fs::remove(session, error);
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
                            WallNanos now, std::span<const fs::path> spent) {
  std::vector<StoredFile> files;
  std::uint64_t total = 0;
  std::set<fs::path> touched;
  for (const fs::path& session : session_folders(data_dir)) {
    collect(session, spent, files, total);
    if (session_state(session) != SessionState::live && session_files(session).empty())
      touched.insert(session);
  }
  std::ranges::sort(files, {}, [](const StoredFile& file) { return std::tie(file.modified, file.path); });
  std::size_t deleted = 0;
  for (const StoredFile& file : files) {
    bool old = retention.days > 0 && file.modified < now - retention.days * kDay;
    bool over = retention.bytes > 0 && total > retention.bytes;
    if (!old && !over) break;  // all that follow are younger
    if (auto gone = delete_file(file.path); !gone) {
      log::warn("retention {}", gone.error().context());
      continue;
    }
    total -= file.bytes;
    ++deleted;
    touched.insert(file.path.parent_path());
  }
  for (const fs::path& session : touched) {
    if (session_files(session).empty()) remove_empty(session);
    tell_catalog(session, catalog);
  }
  return deleted;
}

Result<std::uint64_t> remove_session(const fs::path& session, const fs::path& catalog) {
  auto lock = SessionLock::take_orphan(session);
  if (!lock && session_state(session) != SessionState::ended)
    return fail(Code::io, "session " + session.filename().string() + " is in use and stays");
  std::uint64_t freed = 0;
  for (const fs::path& file : session_files(session)) {
    std::uint64_t bytes = stored_bytes(file);
    if (auto gone = delete_file(file); !gone) return pass(gone);
    freed += bytes;
  }
  if (lock) lock->remove();
  remove_empty(session);
  tell_catalog(session, catalog);
  return freed;
}

}  // namespace weir::store
