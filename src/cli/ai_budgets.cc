#include "cli/ai_budgets.h"

#include <fmt/format.h>

#include <algorithm>

#include "flow/text.h"

namespace weir::cli {
namespace {

constexpr std::size_t kMostName = 44, kMostKey = 32;

std::string key_text(const store::LedgerRow& row) {
  return row.key.empty() ? "-" : flow::fitted(flow::printable(row.key), kMostKey);
}

}  // namespace

BudgetState::BudgetState(std::span<const policy::Budget> budgets, std::span<const store::LedgerTotal> ledger,
                         WallNanos now, std::int64_t utc_offset) {
  for (const policy::Budget& budget : budgets) {
    WallNanos window = policy::window_start(budget.window, now, utc_offset);
    std::vector<const store::LedgerTotal*> found;
    for (const store::LedgerTotal& one : ledger)
      if (one.row.budget == budget.account && one.row.window == window) found.push_back(&one);
    if (budget.window == policy::Window::session) {
      std::ranges::stable_sort(found, std::greater(), [](const auto* one) { return one->updated; });
      if (found.size() > kMostSessions) found.resize(kMostSessions);
    }
    for (const auto* one : found) lines_.push_back({&budget, one->row});
    if (found.empty()) lines_.push_back({&budget, {.window = window}});
  }
}

std::string BudgetState::text() const {
  std::vector<std::array<std::string, 6>> rows = {{"BUDGET", "OF", "USED", "LEFT", "LIMIT", "THEN"}};
  for (const Line& line : lines_) {
    policy::Measure measure = line.budget->measure;
    rows.push_back({flow::fitted(flow::printable(line.budget->name), kMostName), key_text(line.row),
                    policy::amount_text(measure, line.used()), policy::amount_text(measure, line.left()),
                    policy::amount_text(measure, line.budget->limit),
                    std::string(name(line.budget->action))});
  }
  std::array<std::size_t, 6> widths{};
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  std::string out;
  for (const auto& row : rows)
    out += fmt::format("{:<{}}  {:<{}}  {:>{}}  {:>{}}  {:>{}}  {}\n", row[0], widths[0], row[1], widths[1],
                       row[2], widths[2], row[3], widths[3], row[4], widths[4], row[5]);
  bool held = std::ranges::any_of(lines_, [](const Line& line) { return line.row.held > 0; });
  if (held) out += "Used is with what calls under way may still cost; of those that were cut off, too.\n";
  return out;
}

void BudgetState::write(JsonWriter& json) const {
  json.begin_array();
  for (const Line& line : lines_) {
    const policy::Budget& budget = *line.budget;
    json.begin_object().field("budget", budget.name).field("measure", name(budget.measure));
    json.field("per", name(budget.per)).field("key", line.row.key).field("window", name(budget.window));
    json.field("window_start_ns", line.row.window).field("limit", budget.limit);
    json.field("spent", line.row.spent).field("held", line.row.held).field("left", line.left());
    json.field("action", name(budget.action)).field("source", budget.source).end_object();
  }
  json.end_array();
}

}  // namespace weir::cli
