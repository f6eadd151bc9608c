// `weir ai`: what models were asked, how much they said, and what it cost.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <functional>
#include <memory>

#include "app/budgets.h"
#include "cli/ai_budgets.h"
#include "cli/ai_cache.h"
#include "cli/ai_follow.h"
#include "cli/ai_mcp.h"
#include "cli/ai_totals.h"
#include "cli/ai_turns.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/problems.h"
#include "cli/time_flag.h"
#include "cli/verbs.h"
#include "config/budgets.h"
#include "config/load.h"
#include "config/paths.h"
#include "store/budget_ledger.h"
#include "store/model_query.h"

namespace weir::cli {
namespace {

struct AiFlags {
  Place place;
  std::optional<WallNanos> since, until;
  std::string by = "model";
  std::string of = "cost";
  bool json = false, csv = false, chart = false, follow = false;
  std::size_t limit = 20;
};

AiGroup group_of(std::string_view word) {
  for (AiGroup group : {AiGroup::model, AiGroup::provider, AiGroup::session, AiGroup::process,
                        AiGroup::client, AiGroup::day, AiGroup::hour})
    if (name(group) == word) return group;
  return AiGroup::model;
}

AiMeasure measure_of(std::string_view word) {
  if (word == name(AiMeasure::tokens)) return AiMeasure::tokens;
  return word == name(AiMeasure::calls) ? AiMeasure::calls : AiMeasure::cost;
}

std::string chart_text(const AiTotals& totals, const AiFlags& flags) {
  constexpr std::size_t kWidth = 80;  // where there is no terminal to ask
  std::size_t width = terminal_width(STDOUT_FILENO);
  return totals.chart(measure_of(flags.of), width > 0 ? width : kWidth, draws_lines(STDOUT_FILENO));
}

int ai(const AiFlags& flags) {
  if (flags.follow) return follow_models({flags.place, flags.json});
  auto scope = scope_of(flags.place);
  if (!scope) return report_no_recordings(flags.place, scope.error());
  AiTotals totals(group_of(flags.by));
  auto done = store::for_each_model_call(
      *scope, flags.since.value_or(0), flags.until.value_or(INT64_MAX),
      [&](const std::string& session, const store::ModelRecord& record) { totals.add(session, record); });
  if (!done) return report_no_recordings(flags.place, done.error());
  Output out(STDOUT_FILENO);
  if (flags.json) {
    JsonWriter json(out.buffer(), 2);
    totals.write(json);
    out.write("\n");
  } else if (flags.csv) {
    out.write(totals.csv());
  } else if (totals.empty()) {
    fmt::print(stderr, "weir: no call of a model was recorded there\n");
    return kExitError;
  } else {
    out.write(flags.chart ? chart_text(totals, flags) : totals.text());
  }
  if (auto written = out.finish(); !written) return report(written.error());
  return totals.empty() ? kExitError : kExitOk;
}

/// What `weir ai turns` and `weir ai mcp` have in common: reads traces, writes text or JSON.
template <typename Look, typename Text>
int show_traces(const AiFlags& flags, Look& look, const char* nothing,
                const std::function<void(store::SessionTraces)>& take, const Text& text) {
  auto scope = scope_of(flags.place);
  if (!scope) return report_no_recordings(flags.place, scope.error());
  auto done = store::for_each_trace(*scope, flags.since.value_or(0), flags.until.value_or(INT64_MAX), take);
  if (!done) return report_no_recordings(flags.place, done.error());
  Output out(STDOUT_FILENO);
  if (flags.json) {
    JsonWriter json(out.buffer(), 2);
    look.write(json);
    out.write("\n");
  } else if (look.empty()) {
    fmt::print(stderr, "weir: {}\n", nothing);
  } else {
    out.write(text());
  }
  if (auto written = out.finish(); !written) return report(written.error());
  return look.empty() ? kExitError : kExitOk;
}

int turns(const AiFlags& flags) {
  TurnTree tree(flags.limit);
  return show_traces(
      flags, tree, "no call of a model was recorded there",
      [&](store::SessionTraces traces) { tree.add(std::move(traces)); },
      [&] { return tree.text(draws_lines(STDOUT_FILENO)); });
}

int mcp(const AiFlags& flags) {
  McpTotals totals;
  return show_traces(
      flags, totals, "no call of an MCP server was recorded there",
      [&](const store::SessionTraces& traces) {
        for (const store::McpRecord& record : traces.mcp) totals.add(record);
      },
      [&] { return totals.text(); });
}

int cache(const AiFlags& flags) {
  CacheBreaks breaks(flags.limit);
  return show_traces(
      flags, breaks, "no call of a model was recorded there whose prompt is known",
      [&](store::SessionTraces traces) { breaks.add(std::move(traces)); }, [&] { return breaks.text(); });
}

struct BudgetFlags {
  std::string config;
  std::vector<std::string> more;
  bool json = false;
};

int budgets(const BudgetFlags& flags) {
  config::Sources sources{.file = flags.config, .file_required = !flags.config.empty()};
  if (!flags.more.empty()) sources.overrides.push_back({"budget.limits", flags.more, "--budget"});
  auto loaded = config::load(sources);
  if (!loaded) return report(loaded.error());
  report(loaded->warnings);
  auto book = policy::BudgetBook::make(config::all_budgets(loaded->settings.budget));
  if (!book) return report(book.error());
  auto root = config::data_root();
  if (!root) return report(root.error());
  auto ledger = store::read_ledger(std::filesystem::path(*root) / "catalog.db");
  if (!ledger) return report(ledger.error());
  WallNanos now = wall_now();
  BudgetState state(book->budgets(), *ledger, now, app::local_utc_offset(now));
  if (state.empty() && !flags.json) {
    fmt::print(stderr,
               "weir: the configuration has no budgets; [[budget.limits]] makes some, and `weir run` tells "
               "of those of --budget when it ends\n");
    return kExitError;
  }
  Output out(STDOUT_FILENO);
  if (flags.json) {
    JsonWriter json(out.buffer(), 2);
    state.write(json);
    out.write("\n");
  } else {
    out.write(state.text());
  }
  if (auto written = out.finish(); !written) return report(written.error());
  return kExitOk;
}

CLI::App* add_view(CLI::App& parent, const char* name, const char* help, int (*show)(const AiFlags&),
                   int& exit_code, const std::shared_ptr<AiFlags>& flags) {
  CLI::App* verb = parent.add_subcommand(name, help);
  add_place_flags(*verb, flags->place);
  add_time_flag(*verb, "--since", flags->since, "Calls since then (1h, today, 2025-01-31)");
  add_time_flag(*verb, "--until", flags->until, "Calls before then");
  verb->add_flag("--json", flags->json, "As JSON");
  verb->callback([flags, show, &exit_code] { exit_code = show(*flags); });
  return verb;
}

}  // namespace

void add_ai(CLI::App& app, int& exit_code) {
  CLI::App* verb = app.add_subcommand("ai", "Show what models were asked, their tokens, and what it cost");
  auto flags = std::make_shared<AiFlags>();
  add_place_flags(*verb, flags->place);
  add_time_flag(*verb, "--since", flags->since, "Calls since then (1h, today, 2025-01-31)");
  add_time_flag(*verb, "--until", flags->until, "Calls before then");
  verb->add_option("--by", flags->by, "Add up by model, provider, session, process, client, day or hour")
      ->check(CLI::IsMember({"model", "provider", "session", "process", "client", "day", "hour"}));
  auto* json = verb->add_flag("--json", flags->json, "As JSON");
  auto* csv = verb->add_flag("--csv", flags->csv, "As comma-separated values")->excludes(json);
  auto* chart = verb->add_flag("--chart", flags->chart, "As bars")->excludes(json)->excludes(csv);
  verb->add_option("--of", flags->of, "Bars of cost, tokens or calls (cost)")
      ->check(CLI::IsMember({"cost", "tokens", "calls"}))
      ->needs(chart);
  verb->add_flag("-f,--follow", flags->follow,
                 "Each call of live sessions as it ends: a screen on a terminal, else lines, or JSON lines")
      ->excludes(csv)
      ->excludes(chart);
  verb->callback([verb, flags, &exit_code] {
    if (verb->get_subcommands().empty()) exit_code = ai(*flags);
  });
  auto of_budgets = std::make_shared<BudgetFlags>();
  CLI::App* left = verb->add_subcommand("budgets", "Show what is left of each budget of the configuration");
  left->add_option("--config", of_budgets->config, "This configuration file")->type_name("FILE");
  left->add_option("--budget", of_budgets->more, "And of this one, as `weir run` takes it (repeatable)")
      ->type_name("LIMIT")
      ->allow_extra_args(false);
  left->add_flag("--json", of_budgets->json, "As JSON: amounts in picodollars, tokens, calls or bytes");
  left->callback([of_budgets, &exit_code] { exit_code = budgets(*of_budgets); });
  auto of_turns = std::make_shared<AiFlags>();
  CLI::App* tree = add_view(*verb, "turns", "Show what was done at each turn: calls, tools and their results",
                            turns, exit_code, of_turns);
  tree->add_option("-n,--limit", of_turns->limit, "So many turns, the latest (20)");
  auto of_cache = std::make_shared<AiFlags>();
  CLI::App* breaks =
      add_view(*verb, "cache", "Show what broke providers' caches of prompts, and what that cost", cache,
               exit_code, of_cache);
  breaks->add_option("-n,--limit", of_cache->limit, "So many breaks a thread, the dearest (20)");
  add_view(*verb, "mcp", "Show the calls of MCP servers by server and tool", mcp, exit_code,
           std::make_shared<AiFlags>());
}

}  // namespace weir::cli
