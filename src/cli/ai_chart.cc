#include "cli/ai_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "flow/text.h"

namespace weir::cli {
namespace {

constexpr std::size_t kMostName = 40, kLeastName = 6;

std::string padded(std::string_view text, std::size_t width, bool right) {
  std::string gap(width - std::min(width, flow::display_width(text)), ' ');
  return right ? gap + std::string(text) : std::string(text) + gap;
}

std::string bar_text(double share, std::size_t room, bool blocks) {
  constexpr std::string_view kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  auto steps = static_cast<std::size_t>(std::lround(share * static_cast<double>(room) * (blocks ? 8 : 1)));
  if (share > 0) steps = std::max<std::size_t>(steps, 1);
  if (!blocks) return std::string(steps, '#');
  std::string out;
  for (std::size_t i = 0; i < steps / 8; ++i) out += "█";
  return out.append(kEighths[steps % 8]);
}

}  // namespace

std::string bar_chart(std::span<const Bar> bars, std::size_t width, bool blocks) {
  std::size_t names = 0, labels = 0;
  std::int64_t most = 0;
  for (const Bar& bar : bars) {
    names = std::max(names, flow::display_width(bar.name));
    labels = std::max(labels, flow::display_width(bar.label));
    most = std::max(most, bar.amount);
  }
  // The amounts are what one wants to know: they come last to lose room.
  names = std::min({names, kMostName, std::max(width / 3, kLeastName)});
  std::size_t taken = names + labels + 2;
  std::size_t room = width > taken ? width - taken : 0;
  std::string out;
  for (const Bar& bar : bars) {
    double share =
        most > 0 && bar.amount > 0 ? static_cast<double>(bar.amount) / static_cast<double>(most) : 0;
    std::string drawn = room > 0 ? bar_text(share, room, blocks) : "";
    std::string line = padded(flow::fitted(bar.name, names), names, false) + " " +
                       padded(drawn, room, false) + " " + padded(bar.label, labels, true);
    out += flow::fitted(line, width) + "\n";
  }
  return out;
}

}  // namespace weir::cli
