// `weir ai`: what models were asked, how much they said, and what it cost.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <memory>

#include "cli/ai_totals.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/time_flag.h"
#include "cli/verbs.h"
#include "store/model_query.h"

namespace weir::cli {
namespace {

struct AiFlags {
  Place place;
  std::optional<WallNanos> since, until;
  std::string by = "model";
  bool json = false, csv = false;
};

AiGroup group_of(std::string_view word) {
  for (AiGroup group :
       {AiGroup::model, AiGroup::provider, AiGroup::session, AiGroup::process, AiGroup::client, AiGroup::day})
    if (name(group) == word) return group;
  return AiGroup::model;
}

int ai(const AiFlags& flags) {
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
    out.write(totals.text());
  }
  if (auto written = out.finish(); !written) return report(written.error());
  return totals.empty() ? kExitError : kExitOk;
}

}  // namespace

void add_ai(CLI::App& app, int& exit_code) {
  CLI::App* verb = app.add_subcommand("ai", "Show what models were asked, their tokens, and what it cost");
  auto flags = std::make_shared<AiFlags>();
  add_place_flags(*verb, flags->place);
  add_time_flag(*verb, "--since", flags->since, "Calls since then (1h, today, 2025-01-31)");
  add_time_flag(*verb, "--until", flags->until, "Calls before then");
  verb->add_option("--by", flags->by, "Add up by model, provider, session, process, client or day")
      ->check(CLI::IsMember({"model", "provider", "session", "process", "client", "day"}));
  auto* json = verb->add_flag("--json", flags->json, "As JSON");
  verb->add_flag("--csv", flags->csv, "As comma-separated values")->excludes(json);
  verb->callback([flags, &exit_code] { exit_code = ai(*flags); });
}

}  // namespace weir::cli
