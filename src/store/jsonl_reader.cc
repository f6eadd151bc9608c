#include "store/jsonl_reader.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/log.h"
#include "store/jsonl_line.h"
#include "store/jsonl_names.h"

namespace weir::store {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostOpen = 64;

// At most the last time there is: what a line says may add up to more.
WallNanos end_of(const flow::Flow& flow) {
  constexpr WallNanos kLast = std::numeric_limits<WallNanos>::max();
  std::int64_t left_us = (kLast - std::max<WallNanos>(flow.started, 0)) / 1000;
  return flow.started + std::clamp<std::int64_t>(flow.duration_us, 0, left_us) * 1000;
}

// Names of the writer's kind in their own order, number 10000 after 9999, and after all other names.
auto age(const fs::path& path) { return std::pair(JsonlName::parse(path.filename().native()), path); }

}  // namespace

bool JsonlReader::is_log(std::string_view name) {
  return name.ends_with(".jsonl") || name.ends_with(".jsonl.gz");
}

Result<JsonlReader> JsonlReader::open(const fs::path& path) {
  std::error_code error;
  fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) return fail(Code::not_found, "there is no log at " + path.string());
  if (!fs::is_directory(status)) {
    if (auto lines = JsonlLines::open(path); !lines) return pass(lines);
    return JsonlReader({path});
  }
  std::vector<fs::path> files;
  fs::directory_iterator entry(path, error);
  for (fs::directory_iterator end; !error && entry != end; entry.increment(error))
    if (is_log(entry->path().filename().native())) files.push_back(entry->path());
  if (error) return fail(Code::io, "cannot read " + path.string() + ": " + error.message());
  if (files.empty()) return fail(Code::not_found, "there are no *.jsonl or *.jsonl.gz in " + path.string());
  return JsonlReader(std::move(files));
}

JsonlReader::JsonlReader(std::vector<fs::path> files) {
  std::ranges::sort(files, {}, age);
  bool alone = files.size() == 1;
  for (fs::path& file : files) {
    WallNanos begin = alone ? 0 : first_end(file);
    waiting_.push_back({.path = std::move(file), .begin = {begin, waiting_.size()}});
  }
  std::ranges::sort(waiting_, std::ranges::greater(), &Source::begin);
}

// What is damaged is counted when the file is read for good.
WallNanos JsonlReader::first_end(const fs::path& path) {
  constexpr WallNanos kAtOnce = std::numeric_limits<WallNanos>::min();
  JsonlDamage ignored;
  auto lines = JsonlLines::open(path);
  if (!lines) return kAtOnce;
  auto row = read_entry(*lines, ignored);
  return row ? end_of(row->flow) : kAtOnce;
}

std::optional<Row> JsonlReader::next() {
  open_due();
  if (open_.empty()) return std::nullopt;
  auto first = std::ranges::min_element(open_, {}, &Source::head_end);
  std::optional<Row> row = std::move(first->head);
  advance(*first);
  if (!first->head) open_.erase(first);
  return row;
}

void JsonlReader::open_due() {
  while (!waiting_.empty() && open_.size() < kMostOpen) {
    WallNanos begin = waiting_.back().begin.first;
    if (std::ranges::all_of(open_, [&](const Source& source) { return source.head_end < begin; }) &&
        !open_.empty())
      return;
    Source source = std::move(waiting_.back());
    waiting_.pop_back();
    auto lines = JsonlLines::open(source.path);
    if (!lines) {
      log::warn("a log is left out: {}", lines.error().context());
      ++damage_.unreadable;
      continue;
    }
    read_[source.path] = lines->size();
    source.lines = std::move(*lines);
    source.head_end = std::numeric_limits<WallNanos>::min();
    advance(source);
    if (source.head) open_.push_back(std::move(source));
  }
}

void JsonlReader::advance(Source& source) {
  source.head = read_entry(*source.lines, damage_);
  // A file's own order stands, whatever its clock did.
  if (source.head) source.head_end = std::max(source.head_end, end_of(source.head->flow));
}

std::optional<Row> JsonlReader::read_entry(JsonlLines& lines, JsonlDamage& damage) {
  while (auto line = lines.next(damage)) {
    if (line->find_first_not_of(" \t") == line->npos) continue;
    if (auto row = read_jsonl(*line)) return row;
    ++(lines.cut_off() ? damage.torn : damage.invalid);
  }
  return std::nullopt;
}

}  // namespace weir::store
