// FloodGuard: counts the frames that cost their receiver more than their sender, and says when it is enough.
//
// Two buckets of tokens. A reset takes one from the first: streams that are opened only to be cancelled
// (rapid reset, CVE-2023-44487), and those we had to reset because the peer broke a rule on them. A control
// frame (PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA) takes one from the second. Time refills both
// slowly, and useful work refills the second: whoever transfers a gigabyte may send many WINDOW_UPDATEs.
// Frames of unknown types are not counted: they are skipped, and cost nobody more than their bytes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "base/clock.h"

namespace weir::http::h2 {

struct FloodLimits {
  double reset_burst = 400;
  double resets_per_second = 40;
  double control_burst = 1000;
  double control_per_second = 100;
  /// Control frames earned by a frame of DATA with something in it, either way, or by a whole request.
  double control_per_work = 4;
};

/// What was counted in the life of a connection.
struct FrameCounts {
  std::uint64_t resets = 0;
  std::uint64_t pings = 0;
  std::uint64_t settings = 0;
  std::uint64_t empty_data = 0;
  std::uint64_t window_updates = 0;
  std::uint64_t priorities = 0;
};

class FloodGuard {
 public:
  enum class Control : std::uint8_t { ping, settings, empty_data, window_update, priority };

  FloodGuard(const FloodLimits& limits, TimePoint now)
      : limits_(limits), resets_left_(limits.reset_burst), control_left_(limits.control_burst), at_(now) {}

  /// True when it is one too many.
  bool reset(TimePoint now);
  bool control(Control kind, TimePoint now);
  void work() { control_left_ = std::min(limits_.control_burst, control_left_ + limits_.control_per_work); }
  const FrameCounts& counts() const { return counts_; }
  /// "2000 resets, 12 pings, ...": what was not zero, for the record.
  std::string report() const;

 private:
  void refill(TimePoint now);

  FloodLimits limits_;
  double resets_left_;
  double control_left_;
  TimePoint at_;
  FrameCounts counts_;
};

}  // namespace weir::http::h2
