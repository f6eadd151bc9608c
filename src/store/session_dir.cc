#include "store/session_dir.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <cerrno>

#include "base/ascii.h"
#include "base/hash.h"
#include "store/sqlite.h"

namespace weir::store {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLockName = "session.lock";
constexpr int kNameAttempts = 64;
constexpr WallNanos kSecond = 1'000'000'000;

bool is_session_id(std::string_view name) {
  constexpr std::string_view kPattern = "dddddddd-dddddd-xxxx";
  if (name.size() != kPattern.size()) return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    bool hex_letter = name[i] >= 'a' && name[i] <= 'f';
    bool ok = kPattern[i] == '-' ? name[i] == '-' : is_digit(name[i]) || (kPattern[i] == 'x' && hex_letter);
    if (!ok) return false;
  }
  return true;
}

// The number of "flows-0012.db", 0 for other names.
int file_number(std::string_view name) {
  if (!name.starts_with("flows-") || !name.ends_with(".db")) return 0;
  auto number = parse_decimal(name.substr(6, name.size() - 9));
  return number && *number <= 1'000'000 ? static_cast<int>(*number) : 0;
}

Failure fail_unwritable(const fs::path& data_dir, int error) {
  return fail_errno(
      Code::io,
      fmt::format("cannot record into {}; make it writable, or choose another folder with --data DIR",
                  data_dir.string()),
      error);
}

}  // namespace

std::optional<SessionLock> SessionLock::take_orphan(const fs::path& directory) {
  fs::path path = directory / kLockName;
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!file || ::flock(file.get(), LOCK_EX | LOCK_NB) != 0) return std::nullopt;
  // Another process may have completed the session and removed the file between open and flock.
  struct stat found;
  if (::fstat(file.get(), &found) != 0 || found.st_nlink == 0) return std::nullopt;
  return SessionLock(std::move(file), std::move(path));
}

void SessionLock::remove() {
  ::unlink(path_.c_str());
  file_.reset();
}

SessionState session_state(const fs::path& directory) {
  UniqueFd file(::open((directory / kLockName).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  // For want of descriptors, say: what nobody can tell the state of is not for deletion.
  if (!file) return errno == ENOENT || errno == ENOTDIR ? SessionState::ended : SessionState::live;
  return ::flock(file.get(), LOCK_SH | LOCK_NB) == 0 ? SessionState::orphaned : SessionState::live;
}

std::string new_session_id(WallNanos now) {
  time_t seconds = now / kSecond;
  tm utc;
  gmtime_r(&seconds, &utc);
  char random[2];
  fill_random(random, sizeof random);
  return fmt::format("{:04}{:02}{:02}-{:02}{:02}{:02}-{}", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                     utc.tm_hour, utc.tm_min, utc.tm_sec, hex({random, sizeof random}));
}

WallNanos session_start(std::string_view id) {
  if (!is_session_id(id)) return 0;
  auto number = [&](std::size_t at, std::size_t digits) {
    return static_cast<int>(parse_decimal(id.substr(at, digits)).value_or(0));
  };
  tm utc{};
  utc.tm_year = number(0, 4) - 1900;
  utc.tm_mon = number(4, 2) - 1;
  utc.tm_mday = number(6, 2);
  utc.tm_hour = number(9, 2);
  utc.tm_min = number(11, 2);
  utc.tm_sec = number(13, 2);
  return timegm(&utc) * kSecond;
}

Result<SessionDir> SessionDir::create(const fs::path& data_dir, WallNanos now) {
  fs::path sessions = data_dir / "sessions";
  if (auto made = create_private_folder(sessions); !made)
    return fail(Code::io,
                made.error().context() + "; make it writable, or choose another folder with --data DIR");
  std::vector<fs::path> others = session_folders(data_dir);
  for (int attempt = 1;; ++attempt) {
    std::string id = new_session_id(now);
    auto same_end = [&](const fs::path& other) { return other.native().ends_with(id.substr(id.size() - 5)); };
    if (attempt < kNameAttempts && std::ranges::any_of(others, same_end)) continue;
    // Made and locked under a name that nobody looks at, so that no other process sees it without its lock.
    fs::path hidden = sessions / ("." + id);
    if (::mkdir(hidden.c_str(), 0700) != 0) return fail_unwritable(data_dir, errno);
    UniqueFd file(::open((hidden / kLockName).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!file || ::flock(file.get(), LOCK_EX | LOCK_NB) != 0) return fail_unwritable(data_dir, errno);
    fs::path path = sessions / id;
    if (::rename(hidden.c_str(), path.c_str()) != 0) return fail_unwritable(data_dir, errno);
    fs::path lock_path = path / kLockName;
    return SessionDir{std::move(id), std::move(path), SessionLock(std::move(file), std::move(lock_path))};
  }
}

std::vector<fs::path> session_folders(const fs::path& data_dir) {
  std::vector<fs::path> folders;
  std::error_code error;  // an unreadable folder has no sessions to offer
  for (fs::directory_iterator entry(data_dir / "sessions", error), end; !error && entry != end;
       entry.increment(error))
    if (is_session_id(entry->path().filename().native())) folders.push_back(entry->path());
  std::ranges::sort(folders);
  return folders;
}

std::vector<fs::path> session_files(const fs::path& directory) {
  std::vector<std::pair<int, fs::path>> numbered;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error))
    if (int number = file_number(entry->path().filename().native()))
      numbered.emplace_back(number, entry->path());
  std::ranges::sort(numbered);
  std::vector<fs::path> files;
  for (auto& [number, path] : numbered) files.push_back(std::move(path));
  return files;
}

std::string session_file_name(int number) { return fmt::format("flows-{:04}.db", number); }

}  // namespace weir::store
