#include "store/internal_log_reader.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/log.h"
#include "store/internal_log.h"
#include "store/jsonl_line.h"
#include "store/jsonl_names.h"

namespace weir::store {
namespace {

namespace fs = std::filesystem;

bool is_proxy_file(std::string_view name) { return JsonlName::parse(name, kInternalFiles).has_value(); }
bool is_logging_file(std::string_view name) { return name == kRemoteLoggingFile; }
bool is_either(std::string_view name) { return is_proxy_file(name) || is_logging_file(name); }

// Oldest first. Where packing was cut off between its last two steps, a file is there twice.
std::vector<fs::path> files_of(const fs::path& folder, InternalType type) {
  std::vector<fs::path> files;
  // In this order: one that is being packed meanwhile is in the second list at the latest.
  auto plain = jsonl_names(folder, kInternalFiles);
  auto packed = jsonl_names(folder, kPackedInternalFiles);
  if (type != InternalType::logging) {
    for (const JsonlName& name : packed) files.push_back(folder / name.str(kPackedInternalFiles));
    for (const JsonlName& name : plain)
      if (!std::ranges::binary_search(packed, name)) files.push_back(folder / name.str(kInternalFiles));
  }
  fs::path errors = folder / kRemoteLoggingFile;
  std::error_code error;
  for (const fs::path& file : {fs::path(errors.native() + ".1"), errors})
    if (type != InternalType::proxy && fs::exists(file, error)) files.push_back(file);
  return files;
}

}  // namespace

std::string_view level_of(std::string_view line) {
  std::size_t space = line.find(' ');
  if (space == line.npos || !read_rfc3339(line.substr(0, space))) return {};
  std::string_view word = line.substr(space + 1);
  word = word.substr(0, word.find(' '));
  constexpr std::array kLevels = {log::Level::debug, log::Level::info, log::Level::warn, log::Level::error};
  return std::ranges::find(kLevels, word, log::name) == kLevels.end() ? std::string_view() : word;
}

Result<InternalLogReader> InternalLogReader::open(const fs::path& folder, InternalType type) {
  InternalLogReader reader(folder, type);
  for (const fs::path& file : files_of(folder, type)) reader.add(file);
  if (reader.read_.empty() && reader.damage_.unreadable == 0)
    return fail(Code::not_found, "nothing has been logged in " + folder.string());
  return reader;
}

void InternalLogReader::add(const fs::path& file) {
  auto lines = JsonlLines::open(file);
  if (!lines) {
    log::warn("a log is left out: {}", lines.error().context());
    ++damage_.unreadable;
    return;
  }
  read_[file] = lines->size();
  Source source{std::move(*lines), {}};
  if (advance(source)) sources_.push_back(std::move(source));
}

bool InternalLogReader::advance(Source& source) {
  auto line = source.lines.next(damage_);
  if (line) source.head = parse(*line, source.head.time);
  return line.has_value();
}

std::optional<InternalLine> InternalLogReader::next() {
  if (sources_.empty()) return std::nullopt;
  auto first = std::ranges::min_element(sources_, {}, [](const Source& source) { return source.head.time; });
  InternalLine line = first->head;
  if (!advance(*first)) sources_.erase(first);
  return line;
}

InternalLine InternalLogReader::parse(std::string_view line, WallNanos before) {
  auto time = read_rfc3339(line.substr(0, line.find(' ')));
  // A file's own order stands, whatever its clock did.
  return {std::max(time.value_or(before), before), std::string(line)};
}

LogTail InternalLogReader::tail() const {
  LogTail::Wanted wanted = type_ == InternalType::all     ? is_either
                           : type_ == InternalType::proxy ? is_proxy_file
                                                          : is_logging_file;
  return LogTail(folder_, wanted, read_);
}

}  // namespace weir::store
