#include "sandbox/process_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <memory>
#include <string_view>

namespace weir::sandbox {
namespace {

constexpr std::string_view kDeleted = " (deleted)";
constexpr std::size_t kFirstRead = 4096;
constexpr std::string_view kSocket = "socket:[";

template <typename Number>
std::optional<Number> number_in(std::string_view text) {
  Number value{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

/// The names in `folder` that are numbers, ascending; nothing when it cannot be read.
template <typename Number>
std::optional<std::vector<Number>> numbers_in(UniqueFd descriptor) {
  std::unique_ptr<DIR, CloseFolder> folder(descriptor ? ::fdopendir(descriptor.get()) : nullptr);
  if (!folder) return std::nullopt;
  descriptor.release();
  std::vector<Number> numbers;
  while (const dirent* entry = ::readdir(folder.get()))
    if (auto number = number_in<Number>(entry->d_name)) numbers.push_back(*number);
  std::ranges::sort(numbers);
  return numbers;
}

UniqueFd open_folder(int at, const char* name) {
  return UniqueFd(::openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

/// The next word of the line, taken off it.
std::string_view take_word(std::string_view& line) {
  std::size_t begin = std::min(line.find_first_not_of(' '), line.size());
  std::size_t end = std::min(line.find(' ', begin), line.size());
  std::string_view word = line.substr(begin, end - begin);
  line.remove_prefix(end);
  return word;
}

// "42 (a name) S 1 ...": the name may hold anything, brackets included. The fields behind it are counted as
// in proc_pid_stat(5), from 3.
std::optional<ProcessState> parse_state(std::string_view line) {
  constexpr int kParent = 4, kStarted = 22, kArgumentsAt = 48;
  std::size_t begin = line.find('('), end = line.rfind(')');
  if (begin == line.npos || end == line.npos || end < begin) return std::nullopt;
  ProcessState state{.command = std::string(line.substr(begin + 1, end - begin - 1))};
  line.remove_prefix(end + 1);
  for (int field = 3; field <= kArgumentsAt; ++field) {
    std::string_view word = take_word(line);
    if (field == 3 && (word == "Z" || word == "X")) return std::nullopt;
    if (field == kParent) state.parent = number_in<pid_t>(word).value_or(0);
    if (field == kStarted) state.started = number_in<std::uint64_t>(word).value_or(0);
    if (field == kArgumentsAt) state.arguments_at = number_in<std::uint64_t>(word).value_or(0);
  }
  return state;
}

}  // namespace

std::optional<ProcessFolder> ProcessFolder::open(int proc, pid_t pid) {
  UniqueFd folder = open_folder(proc, std::to_string(pid).c_str());
  if (!folder) return std::nullopt;
  return ProcessFolder(std::move(folder), pid);
}

std::optional<std::string> ProcessFolder::read(const char* name, std::size_t limit) const {
  UniqueFd file(::openat(folder_.get(), name, O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  std::string bytes;
  std::size_t size = 0;
  while (size < limit) {
    if (size == bytes.size()) bytes.resize(std::min(limit, std::max(kFirstRead, size * 2)));
    ssize_t got = ::read(file.get(), bytes.data() + size, bytes.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  bytes.resize(size);
  return bytes;
}

std::optional<ProcessState> ProcessFolder::state() const {
  auto line = read("stat", 2048);
  return line ? parse_state(*line) : std::nullopt;
}

std::optional<uid_t> ProcessFolder::uid() const {
  struct stat facts;
  if (::fstat(folder_.get(), &facts) != 0) return std::nullopt;
  return facts.st_uid;
}

std::string ProcessFolder::executable() const {
  std::string path(PATH_MAX, '\0');
  ssize_t size = ::readlinkat(folder_.get(), "exe", path.data(), path.size());
  path.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  if (path.ends_with(kDeleted)) path.resize(path.size() - kDeleted.size());
  return path;
}

std::vector<std::string> ProcessFolder::arguments(bool& cut) const {
  std::string bytes = read("cmdline", kMostArgumentBytes + 1).value_or("");
  cut = bytes.size() > kMostArgumentBytes;
  if (cut) bytes.resize(kMostArgumentBytes);
  // A process that writes its own title leaves NULs where the arguments were.
  while (!bytes.empty() && bytes.back() == '\0') bytes.pop_back();
  std::vector<std::string> out;
  for (std::size_t at = 0; at < bytes.size() && out.size() < kMostArguments;) {
    std::size_t end = std::min(bytes.find('\0', at), bytes.size());
    out.push_back(bytes.substr(at, end - at));
    at = end + 1;
    cut |= out.size() == kMostArguments && at < bytes.size();
  }
  return out;
}

std::string ProcessFolder::maps() const { return read("maps", kMostMapBytes).value_or(""); }

UniqueFd ProcessFolder::open_executable() const {
  return UniqueFd(::openat(folder_.get(), "exe", O_RDONLY | O_CLOEXEC));
}

std::optional<std::uint64_t> ProcessFolder::socket_at(int descriptor) const {
  char name[32], text[64];
  std::snprintf(name, sizeof name, "fd/%d", descriptor);
  ssize_t size = ::readlinkat(folder_.get(), name, text, sizeof text);
  if (size < 0) return std::nullopt;
  std::string_view link(text, static_cast<std::size_t>(size));
  if (!link.starts_with(kSocket) || !link.ends_with(']')) return 0;
  link.remove_prefix(kSocket.size());
  return number_in<std::uint64_t>(link.substr(0, link.size() - 1)).value_or(0);
}

std::optional<std::vector<int>> ProcessFolder::descriptors() const {
  return numbers_in<int>(open_folder(folder_.get(), "fd"));
}

std::vector<pid_t> process_ids(int proc) {
  return numbers_in<pid_t>(open_folder(proc, ".")).value_or(std::vector<pid_t>());
}

}  // namespace weir::sandbox
