// What the flags of `weir logs` say, and the texts that --status, --since and --until take.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "store/query.h"

namespace weir::cli {

/// Flows shown when --last is not given: of a list, and before `-f` starts to follow.
inline constexpr std::size_t kDefaultLast = 100;
inline constexpr std::size_t kDefaultLastFollowing = 10;

struct LogsOptions {
  store::Filter filter;
  std::optional<std::size_t> last;  ///< 0 = all
  bool follow = false;
  bool json = false;
  bool compact = false;
  bool body = false;
  bool stats = false;
  bool wide = false;  ///< never cut the URL
  bool color = false;
  std::size_t width = 0;  ///< columns of the terminal; 0 = standard output is none

  /// The number of newest flows to show; 0 = all.
  std::size_t count() const { return last.value_or(follow ? kDefaultLastFollowing : kDefaultLast); }
};

/// "200", "400-599", ">=400", ">400", "<=299", "<300", "4xx", or several of them with commas. Fails
/// (bad_config); the error's context says what is accepted.
Result<std::vector<store::StatusRange>> parse_status(std::string_view text);

/// RFC 3339 (a missing zone is the local one, 'T' may be a space, seconds may be missing), a date (its
/// midnight), a span before `now` ("45s" "30m" "1h30m" "2d" "1w"), "today" and "yesterday" (local midnight),
/// "now". Without case. Fails (bad_config); the error's context says what is accepted.
Result<WallNanos> parse_time(std::string_view text, WallNanos now);

}  // namespace weir::cli
