#include "store/internal_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ranges>
#include <utility>

#include "store/jsonl_file.h"
#include "store/sqlite.h"

namespace weir::store {
namespace {

namespace fs = std::filesystem;

constexpr int kNameAttempts = 1000;
constexpr std::string_view kOwnComponent = "proxy";

bool is_remote_logging(const log::Line& line) {
  bool part = line.component.starts_with(kRemoteLogging) && (line.component.size() == kRemoteLogging.size() ||
                                                             line.component[kRemoteLogging.size()] == '.');
  return part && line.level >= log::Level::warn;
}

std::uint64_t size_of(int file) {
  struct stat found;
  return ::fstat(file, &found) == 0 ? static_cast<std::uint64_t>(found.st_size) : 0;
}

bool in_place(int file) {
  struct stat found;
  return ::fstat(file, &found) == 0 && found.st_nlink > 0;
}

// Sets `torn` when only a part of `text` got there.
Result<> append(int file, const fs::path& path, std::string_view text, bool& torn) {
  std::size_t done = 0;
  while (done < text.size()) {
    ssize_t count = ::write(file, text.data() + done, text.size() - done);
    if (count > 0) done += static_cast<std::size_t>(count);
    if (count > 0 || (count < 0 && errno == EINTR)) continue;
    torn = torn || done > 0;
    return fail_errno(Code::io, "cannot write " + path.string(), errno);
  }
  torn = false;
  return {};
}

// Where a process was killed, or the disk was full, within a line.
bool ends_within_line(int file) {
  std::uint64_t size = size_of(file);
  char last = '\n';
  return size > 0 && ::pread(file, &last, 1, static_cast<off_t>(size - 1)) == 1 && last != '\n';
}

}  // namespace

void InternalLog::heard(const log::Line& line) {
  if (line.level >= log::Level::warn) complaints_.fetch_add(1, std::memory_order_relaxed);
  log::Line named = line;
  if (named.component.empty()) named.component = kOwnComponent;
  std::string text = log::formatted(named);
  Result<> written;
  bool failed_before = false;
  {
    std::lock_guard lock(mutex_);
    written = is_remote_logging(line) ? write_remote(text) : write(text);
    failed_before = std::exchange(failing_, !written);
  }
  // Without the lock: this may be heard, too.
  if (!written && !failed_before)
    log::warn("Weir's own log is kept on standard error alone: {}", written.error().context());
}

Result<> InternalLog::write(std::string_view line) {
  bool usable = file_ && in_place(file_.get()) && size_of(file_.get()) < options_.roll_bytes;
  if (!usable)
    if (auto opened = open_file(); !opened) return opened;
  return append(file_.get(), path_, torn_ ? "\n" + std::string(line) : line, torn_);
}

Result<> InternalLog::open_file() {
  file_.reset();
  if (auto made = create_private_folder(options_.folder); !made) return made;
  for (const JsonlName& name : jsonl_names(options_.folder, kInternalFiles) | std::views::reverse)
    if (!file_) take_over(name);
  if (!file_)
    if (auto created = create_file(); !created) return created;
  if (!housekeeping_)
    housekeeping_ = std::make_unique<Housekeeping>("weir-pack", std::chrono::milliseconds(0),
                                                   [options = options_] { tidy_internal_logs(options); });
  housekeeping_->nudge();
  return {};
}

void InternalLog::take_over(const JsonlName& name) {
  fs::path path = options_.folder / name.str(kInternalFiles);
  UniqueFd file(::open(path.c_str(), O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file || !take_live_lock(file.get()) || size_of(file.get()) >= options_.roll_bytes) return;
  torn_ = ends_within_line(file.get());
  file_ = std::move(file);
  path_ = std::move(path);
  last_ = name;
}

Result<> InternalLog::create_file() {
  auto kinds = {kInternalFiles, kPackedInternalFiles};
  JsonlName name = next_name(options_.folder, kinds, options_.now(), last_);
  for (int attempt = 0; attempt < kNameAttempts; ++attempt, ++name.number) {
    fs::path path = options_.folder / name.str(kInternalFiles);
    UniqueFd file(::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file && errno != EEXIST) return fail_errno(Code::io, "cannot create " + path.string(), errno);
    if (!file || !take_live_lock(file.get())) continue;
    torn_ = false;
    file_ = std::move(file);
    path_ = std::move(path);
    last_ = name;
    return {};
  }
  return fail(Code::io, "cannot create a file in " + options_.folder.string() + ": every name is taken");
}

// One file for all processes, opened anew for each of its few lines: whoever finds it full moves it away.
Result<> InternalLog::write_remote(std::string_view line) {
  if (auto made = create_private_folder(options_.folder); !made) return made;
  fs::path path = options_.folder / kRemoteLoggingFile;
  UniqueFd file(::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return fail_errno(Code::io, "cannot open " + path.string(), errno);
  bool torn = ends_within_line(file.get());
  auto written = append(file.get(), path, torn ? "\n" + std::string(line) : line, torn);
  if (!written || size_of(file.get()) < options_.error_bytes) return written;
  struct stat by_name, by_file;
  bool still = take_live_lock(file.get()) && ::stat(path.c_str(), &by_name) == 0 &&
               ::fstat(file.get(), &by_file) == 0 && by_name.st_ino == by_file.st_ino;
  if (still && ::rename(path.c_str(), (path.native() + ".1").c_str()) != 0)
    return fail_errno(Code::io, "cannot rename " + path.string(), errno);
  return {};
}

}  // namespace weir::store
