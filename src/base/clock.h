// Time: a monotonic clock for deadlines and durations, a wall clock for the record.
#pragma once

#include <chrono>
#include <cstdint>

namespace weir {

using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::steady_clock::time_point;
/// The deadline that never comes.
inline constexpr TimePoint kNever = TimePoint::max();

/// Nanoseconds since the Unix epoch, UTC: how times are stored.
using WallNanos = std::int64_t;

inline TimePoint steady_now() { return std::chrono::steady_clock::now(); }
inline WallNanos wall_now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace weir
