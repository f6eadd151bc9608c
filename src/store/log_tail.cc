#include "store/log_tail.h"

#include <utility>

#include "base/log.h"

namespace weir::store {

namespace fs = std::filesystem;

LogTail::LogTail(fs::path path, Wanted wanted, Read read) : path_(std::move(path)), wanted_(wanted) {
  for (auto& [file, bytes] : read) files_[file].read = bytes;
}

LogTail::LogTail(fs::path path, Wanted wanted) : path_(std::move(path)), wanted_(wanted) {
  for (auto& [file, size] : sizes()) files_[file].read = size;
}

std::map<fs::path, std::uint64_t> LogTail::sizes() const {
  std::map<fs::path, std::uint64_t> found;
  std::error_code error;
  auto look = [&](const fs::path& path) {
    std::uintmax_t size = fs::file_size(path, error);
    if (!error) found[path] = size;
  };
  if (!fs::is_directory(path_, error)) {
    look(path_);
    return found;
  }
  fs::directory_iterator entry(path_, error);
  for (fs::directory_iterator end; !error && entry != end; entry.increment(error))
    if (wanted_(entry->path().filename().native())) look(entry->path());
  return found;
}

void LogTail::poll(JsonlDamage& damage, const Visit& line) {
  auto found = sizes();
  for (auto& [path, size] : found) {
    File& file = files_[path];
    if (size < file.read) {  // emptied or replaced, and begun anew
      if (file.lines) read_on(file, damage, line);
      file = {};
    }
    if (size <= file.read || file.broken || !open(path, file, damage)) continue;
    read_on(file, damage, line);
  }
  for (auto known = files_.begin(); known != files_.end();) {
    bool there = found.contains(known->first);
    // What has been removed is still open here: its last lines are not lost.
    if (!there && known->second.lines) read_on(known->second, damage, line);
    known = there ? std::next(known) : files_.erase(known);
  }
}

void LogTail::read_on(File& file, JsonlDamage& damage, const Visit& line) {
  file.lines->grow();
  while (auto text = file.lines->next(damage)) line(*text);
  file.read = file.lines->size();
}

bool LogTail::open(const fs::path& path, File& file, JsonlDamage& damage) {
  if (file.lines) return true;
  std::error_code error;
  if (fs::file_size(path, error) < JsonlLines::kLeastGrowing || error) return false;
  auto lines = JsonlLines::follow(path, file.read);
  if (!lines) {
    log::warn("a log is not followed: {}", lines.error().context());
    ++damage.unreadable;
    file.broken = true;
    return false;
  }
  JsonlDamage seen;
  while (file.read > 0 && lines->next(seen)) {
  }
  file.lines = std::move(*lines);
  return true;
}

}  // namespace weir::store
