// Names of the files of a JSON Lines log: requests_YYYYMMDD_NNNN.jsonl.gz.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace weir::store {

/// Orders as the files were begun: by day (UTC), then by number.
struct JsonlName {
  std::uint32_t day = 0;  ///< 20240115
  std::uint32_t number = 0;

  static std::optional<JsonlName> parse(std::string_view file_name);
  std::string str() const;
  friend auto operator<=>(const JsonlName&, const JsonlName&) = default;
};

std::uint32_t jsonl_day(WallNanos time);
/// Names of the writers' files in `folder`, oldest first; empty when it cannot be read.
std::vector<JsonlName> jsonl_names(const std::filesystem::path& folder);

}  // namespace weir::store
