// JsonlReader: reads JSON Lines logs back, a file or a folder of them, however they ended.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "store/jsonl_lines.h"
#include "store/query.h"

namespace weir::store {

/// Entries in the order in which their flows ended, oldest first; files of several sessions are merged. A
/// file may be plain or gzip (its content decides, not its name), in one member or many, whole or not:
/// whatever can be read is, the rest is counted. A log that is being written is read as far as it goes at
/// that moment. Memory: a line and its flow for each file whose time the merge has reached, 64 at most. One
/// thread.
class JsonlReader {
 public:
  /// `path`: a file, or a folder whose *.jsonl and *.jsonl.gz are read (not its folders). Fails with
  /// not_found when there is nothing of the kind, io when it cannot be read.
  static Result<JsonlReader> open(const std::filesystem::path& path);

  /// The next entry, the bytes of its bodies in `flow`; nothing at the end.
  std::optional<Row> next();
  const JsonlDamage& damage() const { return damage_; }
  /// How many bytes of each file, of those opened so far, next() gives the entries of.
  const std::map<std::filesystem::path, std::uint64_t>& read() const { return read_; }

  /// True for the names of files that are read of a folder.
  static bool is_log(std::string_view file_name);

 private:
  struct Source {
    std::filesystem::path path;
    std::pair<WallNanos, std::size_t> begin = {};  // end of its first flow, age of its name
    std::optional<JsonlLines> lines = {};
    std::optional<Row> head = {};
    WallNanos head_end = 0;
  };

  explicit JsonlReader(std::vector<std::filesystem::path> files);
  static std::optional<Row> read_entry(JsonlLines& lines, JsonlDamage& damage);
  static WallNanos first_end(const std::filesystem::path& path);
  void open_due();
  void advance(Source& source);

  std::vector<Source> waiting_;  // the first to begin last
  std::vector<Source> open_;
  std::map<std::filesystem::path, std::uint64_t> read_;
  JsonlDamage damage_;
};

}  // namespace weir::store
