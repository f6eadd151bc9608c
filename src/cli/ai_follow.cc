#include "cli/ai_follow.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "app/budgets.h"
#include "cli/ai_budgets.h"
#include "cli/ai_live.h"
#include "cli/output.h"
#include "cli/patience.h"
#include "cli/raw_terminal.h"
#include "cli/verbs.h"
#include "config/budgets.h"
#include "config/load.h"
#include "config/paths.h"
#include "store/model_tail.h"

namespace weir::cli {
namespace {

constexpr int kInterval = 200;  // ms between two looks
constexpr Duration kBudgetInterval = std::chrono::seconds(1);

/// What is left of the budgets of the user's configuration; nothing where that, or the ledger, cannot be
/// read.
class BudgetTable {
 public:
  BudgetTable() {
    auto loaded = config::load({});
    if (!loaded) return;
    auto book = policy::BudgetBook::make(config::all_budgets(loaded->settings.budget));
    auto root = config::data_root();
    if (!book || !root) return;
    book_ = std::move(*book);
    catalog_ = std::filesystem::path(*root) / "catalog.db";
  }

  std::string text() const {
    if (!book_) return {};
    auto ledger = store::read_ledger(catalog_);
    if (!ledger) return {};
    WallNanos now = wall_now();
    BudgetState state(book_->budgets(), *ledger, now, app::local_utc_offset(now));
    return state.empty() ? std::string() : state.text();
  }

 private:
  std::optional<policy::BudgetBook> book_;
  std::filesystem::path catalog_;
};

/// True when it is time to end: a key that leaves, a signal, the terminal has gone.
bool leaves(int signals) {
  pollfd waits[] = {{STDIN_FILENO, POLLIN, 0}, {signals, POLLIN, 0}};
  if (poll(waits, std::size(waits), kInterval) <= 0) return false;
  if (waits[1].revents != 0) return true;
  if (waits[0].revents == 0) return false;
  constexpr char kCtrlC = 3, kCtrlD = 4;
  char keys[64];
  ssize_t got = ::read(STDIN_FILENO, keys, sizeof keys);
  if (got == 0 || (got < 0 && errno != EINTR)) return true;
  return std::any_of(keys, keys + std::max<ssize_t>(got, 0),
                     [](char key) { return key == 'q' || key == kCtrlC || key == kCtrlD; });
}

/// Draws until the person leaves; the terminal is then as it was before.
int draw(store::ModelTail& tail) {
  UniqueFd signals = ending_signals();
  RawTerminal raw(STDIN_FILENO);
  Output out(STDOUT_FILENO);
  LiveScreen screen;
  BudgetTable budgets;
  TimePoint budgets_at{};
  std::string drawn;
  out.write("\x1b[?1049h\x1b[?25l");
  do {
    for (const store::SessionTraces& traces : tail.poll())
      for (const store::ModelRecord& record : traces.calls) screen.add(traces.session, record);
    if (steady_now() - budgets_at >= kBudgetInterval) {
      screen.set_budgets(budgets.text());
      budgets_at = steady_now();
    }
    std::size_t width = terminal_width(STDOUT_FILENO), height = terminal_height(STDOUT_FILENO);
    std::string size = fmt::format("{}x{} ", width, height), frame = screen.frame(width, height);
    if (size + frame != drawn) {
      out.write("\x1b[H" + frame);
      drawn = size + frame;
    }
    out.flush();
  } while (!out.closed() && !leaves(signals.get()));
  out.write("\x1b[?25h\x1b[?1049l");
  out.flush();
  return kExitOk;
}

void print(Output& out, bool as_json, const std::string& session, const store::ModelRecord& record) {
  if (!as_json) return out.write(call_line(record) + "\n");
  JsonWriter json(out.buffer());
  write_call(json, session, record);
  out.write("\n");
}

int print_lines(store::ModelTail& tail, const FollowFlags& flags, Patience& patience) {
  Output out(STDOUT_FILENO);
  bool first = true;
  do {
    auto come = tail.poll();
    std::size_t count = 0;
    for (const auto& traces : come) count += traces.calls.size();
    std::size_t skip = first && count > flags.last ? count - flags.last : 0;
    for (const auto& traces : come)
      for (const auto& record : traces.calls)
        skip > 0 ? void(--skip) : print(out, flags.json, traces.session, record);
    first = false;
    out.flush();
  } while (!out.closed() && patience.pause());
  if (auto finished = out.finish(); !finished) return report(finished.error());
  return patience.exit_code();
}

}  // namespace

int follow_models(const FollowFlags& flags) {
  ignore_sigpipe();
  Patience patience;
  auto scope = scope_of(flags.place);
  if (!scope && scope.error().code() == Code::not_found)
    fmt::print(stderr, "weir: nothing recorded yet; waiting (Ctrl-C ends)\n");
  while (!scope && scope.error().code() == Code::not_found) {
    if (!patience.pause()) return patience.exit_code();
    scope = scope_of(flags.place);
  }
  if (!scope) return report(scope.error());
  store::ModelTail tail(std::move(*scope));
  bool terminal = isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0;
  return terminal && !flags.json ? draw(tail) : print_lines(tail, flags, patience);
}

}  // namespace weir::cli
