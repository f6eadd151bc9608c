// LogTail: the lines that a log gains while somebody looks on, for `-f`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string_view>

#include "store/jsonl_lines.h"

namespace weir::store {

/// Follows one file, or those of a folder whose names `wanted` takes, files that appear later among them. A
/// file, plain or gzip, is opened when it grows: a log that rests costs a look at its size. One thread.
class LogTail {
 public:
  using Wanted = bool (*)(std::string_view file_name);
  using Visit = std::function<void(std::string_view line)>;
  /// How many bytes of a file somebody else has read already; all of a file that is not named is new.
  using Read = std::map<std::filesystem::path, std::uint64_t>;

  LogTail(std::filesystem::path path, Wanted wanted, Read read);
  /// All that is there now counts as read.
  LogTail(std::filesystem::path path, Wanted wanted);

  /// Calls `line` for each line that has become whole since, in the order of each file.
  void poll(JsonlDamage& damage, const Visit& line);

 private:
  struct File {
    std::uint64_t read = 0;
    std::optional<JsonlLines> lines = {};
    bool broken = false;
  };

  std::map<std::filesystem::path, std::uint64_t> sizes() const;
  static bool open(const std::filesystem::path& path, File& file, JsonlDamage& damage);
  static void read_on(File& file, JsonlDamage& damage, const Visit& line);

  std::filesystem::path path_;
  Wanted wanted_;
  std::map<std::filesystem::path, File> files_;
};

}  // namespace weir::store
