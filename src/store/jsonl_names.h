// Names of the files of a log: requests_YYYYMMDD_NNNN.jsonl.gz, proxy_YYYYMMDD_NNNN.log.
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace weir::store {

/// What stands around day and number.
struct LogKind {
  std::string_view prefix, suffix;
};
inline constexpr LogKind kJsonlFiles{"requests_", ".jsonl.gz"};
inline constexpr LogKind kInternalFiles{"proxy_", ".log"};
inline constexpr LogKind kPackedInternalFiles{"proxy_", ".log.gz"};

/// Orders as the files were begun: by day (UTC), then by number.
struct JsonlName {
  std::uint32_t day = 0;  ///< 20240115
  std::uint32_t number = 0;

  static std::optional<JsonlName> parse(std::string_view file_name, const LogKind& kind = kJsonlFiles);
  std::string str(const LogKind& kind = kJsonlFiles) const;
  friend auto operator<=>(const JsonlName&, const JsonlName&) = default;
};

std::uint32_t jsonl_day(WallNanos time);
/// Names of the writers' files in `folder`, oldest first; empty when it cannot be read.
std::vector<JsonlName> jsonl_names(const std::filesystem::path& folder, const LogKind& kind = kJsonlFiles);
/// The first free name of the day, after `last` and all that are there under any of the kinds.
JsonlName next_name(const std::filesystem::path& folder, std::initializer_list<LogKind> kinds, WallNanos now,
                    const JsonlName& last);

}  // namespace weir::store
