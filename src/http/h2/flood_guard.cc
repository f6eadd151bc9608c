#include "http/h2/flood_guard.h"

#include <utility>

namespace weir::http::h2 {

void FloodGuard::refill(TimePoint now) {
  double seconds = std::chrono::duration<double>(now - at_).count();
  if (seconds <= 0) return;
  at_ = now;
  resets_left_ = std::min(limits_.reset_burst, resets_left_ + seconds * limits_.resets_per_second);
  control_left_ = std::min(limits_.control_burst, control_left_ + seconds * limits_.control_per_second);
}

bool FloodGuard::reset(TimePoint now) {
  ++counts_.resets;
  refill(now);
  resets_left_ -= 1;
  return resets_left_ < 0;
}

bool FloodGuard::control(Control kind, TimePoint now) {
  switch (kind) {
    case Control::ping: ++counts_.pings; break;
    case Control::settings: ++counts_.settings; break;
    case Control::empty_data: ++counts_.empty_data; break;
    case Control::window_update: ++counts_.window_updates; break;
    case Control::priority: ++counts_.priorities; break;
  }
  refill(now);
  control_left_ -= 1;
  return control_left_ < 0;
}

std::string FloodGuard::report() const {
  std::string out;
  for (auto [count, what] :
       {std::pair(counts_.resets, "resets"), std::pair(counts_.pings, "pings"),
        std::pair(counts_.settings, "settings"), std::pair(counts_.empty_data, "empty data frames"),
        std::pair(counts_.window_updates, "window updates"), std::pair(counts_.priorities, "priorities")}) {
    if (count == 0) continue;
    if (!out.empty()) out += ", ";
    out.append(std::to_string(count)).append(" ").append(what);
  }
  return out;
}

}  // namespace weir::http::h2
