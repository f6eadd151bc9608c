// FlowCounters: running totals of closed flows, for metrics.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <utility>

#include "control/metrics_text.h"
#include "flow/flow.h"

namespace weir::control {

/// Thread-safe: a few additions a flow, which nobody waits for.
class FlowCounters {
 public:
  void count(const flow::Flow& flow);
  void write(MetricsText& out) const;

 private:
  using Counter = std::atomic<std::uint64_t>;
  static constexpr std::size_t kCodes = 256;  // whatever a Code can be

  std::array<Counter, 6> by_class_{};  // hundreds of the status; 0 = no response
  std::array<Counter, kCodes> by_code_{};
  std::array<Counter, 4> by_verdict_{};  // none, allow, block, ask
  Counter tunnels_{0}, sent_{0}, received_{0}, duration_us_{0};
};

}  // namespace weir::control
