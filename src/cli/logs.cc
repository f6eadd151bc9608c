// `weir logs [proxy]`: the recorded flows as table, lines, JSON or statistics, or live.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <cstdio>
#include <memory>

#include "cli/count_flag.h"
#include "cli/listing.h"
#include "cli/log_source.h"
#include "cli/logs_internal.h"
#include "cli/patience.h"
#include "cli/place.h"
#include "cli/time_flag.h"
#include "cli/verbs.h"
#include "flow/text.h"

namespace weir::cli {
namespace {

struct Logs {
  LogsOptions options;
  Place place;
  LogSource source;
  bool no_color = false;
};

bool nothing_recorded(const Result<std::unique_ptr<store::Query>>& query) {
  return !query && query.error().code() == Code::not_found;
}

int follow(const OpenQuery& open, const Logs& logs, Output& out) {
  Patience patience;
  auto query = open();
  if (nothing_recorded(query))
    fmt::print(stderr, "weir: {}; waiting (Ctrl-C ends)\n",
               logs.source.from.empty() ? "nothing recorded yet" : flow::printable(query.error().context()));
  while (nothing_recorded(query)) {
    if (!patience.pause()) return patience.exit_code();
    query = open();
  }
  if (!query) return report(query.error());
  auto followed = follow_rows(**query, logs.options, out, [&] { return patience.pause(); });
  if (followed) followed = out.finish();
  return followed ? patience.exit_code() : report(followed.error());
}

int list(const OpenQuery& open, const Logs& logs, Output& out) {
  auto printed = print_rows(open, logs.options, out);
  auto finished = out.finish();
  report_damage(logs.source.damage, logs.source.from);
  if (!printed) return report_no_recordings(logs.place, logs.source, printed.error());
  if (!finished) return report(finished.error());
  if (*printed == 0 && !logs.options.json && !logs.options.stats)
    fmt::print(stderr, "weir: no flow matches\n");
  const store::Filter& filter = logs.options.filter;
  if (*printed == 0 && !filter.model.empty())
    fmt::print(stderr, "weir: this version does not record the model\n");
  return kExitOk;
}

int run(Logs& logs) {
  ignore_sigpipe();
  Output out(STDOUT_FILENO);
  logs.options.width = terminal_width(STDOUT_FILENO);
  logs.options.color = wants_color(logs.options.width > 0, logs.no_color);
  logs.source.bodies = logs.options.body;
  OpenQuery open = [&] { return open_recordings(logs.place, logs.source, logs.options.filter); };
  return logs.options.follow ? follow(open, logs, out) : list(open, logs, out);
}

std::vector<store::StatusRange> parsed_status(const std::string& text) {
  auto ranges = parse_status(text);
  if (!ranges)
    throw CLI::ValidationError("--status", ranges.error().context());  // hazard-ok: CLI11 knows no other way
  return std::move(*ranges);
}

void add_filters(CLI::App& app, store::Filter& filter) {
  add_time_flag(app, "--since", filter.since,
                "Only flows from this time on: 2024-01-15T12:00:00, a date, 1h, 2d, today ...");
  add_time_flag(app, "--until", filter.until, "Only flows up to this time");
  app.add_option("--url", filter.url, "Only URLs that contain this text")->type_name("TEXT");
  app.add_option_function<std::string>(
         "--host", [&](const std::string& text) { filter.host = lower(text); },
         "Only this host, or *.example.com")
      ->type_name("HOST");
  app.add_option("--method", filter.method, "Only this method")->type_name("METHOD");
  app.add_option_function<std::string>(
         "--status", [&](const std::string& text) { filter.status = parsed_status(text); },
         "Only these statuses: 200, 400-599, 4xx, \">=400\", 200,404")
      ->type_name("STATUS");
  app.add_flag("--errors", filter.errors, "Only failures and statuses from 400");
  app.add_flag("--blocked", filter.blocked, "Only what policy blocked");
  app.add_option("--process", filter.process,
                 "Only what this program sent: part of its name[pid], path or command line")
      ->type_name("TEXT");
  app.add_option("--device", filter.device, "Only what came from this device, such as a session of a gateway")
      ->type_name("TEXT");
  app.add_option("--model", filter.model, "The same for the model it asks; not recorded yet")
      ->type_name("TEXT");
}

void add_formats(CLI::App& app, Logs& logs) {
  LogsOptions& options = logs.options;
  auto* follow = app.add_flag("-f,--follow", options.follow, "Go on with what comes, one line a flow");
  auto* json = app.add_flag("--json", options.json, "JSON: an array, or with -f one object a line");
  app.add_flag("--compact", options.compact, "One line a flow")->excludes(json);
  app.add_flag("--body", options.body, "Show bodies as well");
  app.add_flag("--stats", options.stats, "Only a summary, of all that matches unless --last is given")
      ->excludes(follow);
  app.add_flag("--no-color", logs.no_color, "No colours");
  app.add_flag("--wide", options.wide, "Never cut a URL to the width of the terminal");
}

void add_flags(CLI::App& app, Logs& logs) {
  add_count_flag(
      app, "-n,--last", logs.options.last,
      "Only the newest N of those that match (default 100; 0 = all; with -f default 10; 0 = none)");
  add_filters(app, logs.options.filter);
  add_formats(app, logs);
  add_place_flags(app, logs.place);
  add_from_flag(app, logs.source);
}

// What stands in front of "internal" is for requests.
void refuse_flags_of(const CLI::App& logs) {
  for (const CLI::Option* option : logs.get_options())
    if (option->count() > 0)
      throw CLI::ValidationError(option->get_name(),  // hazard-ok: CLI11 knows no other way
                                 "is for requests; flags of internal go behind it");
}

}  // namespace

void add_logs(CLI::App& app, int& exit_code) {
  auto logs = std::make_shared<Logs>();
  CLI::App* verb = app.add_subcommand("logs", "Show recorded requests, or what Weir said of itself");
  add_flags(*verb, *logs);
  CLI::App* proxy = verb->add_subcommand("proxy", "Show recorded requests: what `weir logs` alone does");
  add_flags(*proxy, *logs);
  CLI::App* internal = add_logs_internal(*verb, exit_code);
  verb->require_subcommand(0, 1);
  verb->callback([logs, verb, internal, &exit_code] {
    if (internal->parsed()) return refuse_flags_of(*verb);
    exit_code = run(*logs);
  });
}

}  // namespace weir::cli
