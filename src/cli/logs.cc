// `weir logs [proxy]`: the recorded flows as table, lines, JSON or statistics, or live.
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <chrono>
#include <cstdio>
#include <memory>

#include "cli/listing.h"
#include "cli/place.h"
#include "cli/signals.h"
#include "cli/verbs.h"

namespace weir::cli {
namespace {

constexpr std::chrono::milliseconds kPollInterval{200};

/// The waiting of `-f`: ended by a signal, or when the reader of standard output has gone.
class Patience {
 public:
  /// Waits one interval; false when it is time to end.
  bool pause() {
    if (auto signal = signals_.wait(kPollInterval)) ended_by_ = signal->number;
    pollfd reader{STDOUT_FILENO, 0, 0};
    bool reader_gone = poll(&reader, 1, 0) > 0 && (reader.revents & (POLLERR | POLLHUP));
    return ended_by_ == 0 && !reader_gone;
  }
  int exit_code() const { return ended_by_ == 0 ? kExitOk : 128 + ended_by_; }

 private:
  Signals signals_;
  int ended_by_ = 0;
};

struct Logs {
  LogsOptions options;
  Place place;
  std::string kind = "proxy";
  bool no_color = false;
};

bool nothing_recorded(const Result<std::unique_ptr<store::Query>>& query) {
  return !query && query.error().code() == Code::not_found;
}

int follow(const OpenQuery& open, const LogsOptions& options, Output& out) {
  Patience patience;
  auto query = open();
  if (nothing_recorded(query)) fmt::print(stderr, "weir: nothing recorded yet; waiting (Ctrl-C ends)\n");
  while (nothing_recorded(query)) {
    if (!patience.pause()) return patience.exit_code();
    query = open();
  }
  if (!query) return report(query.error());
  auto followed = follow_rows(**query, options, out, [&] { return patience.pause(); });
  if (followed) followed = out.finish();
  return followed ? patience.exit_code() : report(followed.error());
}

int list(const OpenQuery& open, const Logs& logs, Output& out) {
  auto printed = print_rows(open, logs.options, out);
  auto finished = out.finish();
  if (!printed) return report_no_recordings(logs.place, printed.error());
  if (!finished) return report(finished.error());
  if (*printed == 0 && !logs.options.json && !logs.options.stats)
    fmt::print(stderr, "weir: no flow matches\n");
  return kExitOk;
}

int run(Logs& logs) {
  ignore_sigpipe();
  Output out(STDOUT_FILENO);
  logs.options.width = terminal_width(STDOUT_FILENO);
  logs.options.color = wants_color(logs.options.width > 0, logs.no_color);
  auto scope = scope_of(logs.place);
  if (!scope) return report_no_recordings(logs.place, scope.error());
  OpenQuery open = [&] { return store::Query::open(*scope, logs.options.filter); };
  return logs.options.follow ? follow(open, logs.options, out) : list(open, logs, out);
}

// The value of a flag, or CLI11's usage error, which main() turns into words.
template <typename T>
T parsed(const char* flag, Result<T> result) {
  if (!result)
    throw CLI::ValidationError(flag, result.error().context());  // hazard-ok: CLI11 knows no other way
  return std::move(*result);
}

void add_filters(CLI::App& app, store::Filter& filter) {
  auto time = [&](const char* flag, std::optional<WallNanos>& to, const char* help) {
    app.add_option_function<std::string>(
           flag, [flag, &to](const std::string& text) { to = parsed(flag, parse_time(text, wall_now())); },
           help)
        ->type_name("TIME");
  };
  time("--since", filter.since,
       "Only flows from this time on: 2024-01-15T12:00:00, a date, 1h, 2d, today ...");
  time("--until", filter.until, "Only flows up to this time");
  app.add_option("--url", filter.url, "Only URLs that contain this text")->type_name("TEXT");
  app.add_option_function<std::string>(
         "--host", [&](const std::string& text) { filter.host = lower(text); },
         "Only this host, or *.example.com")
      ->type_name("HOST");
  app.add_option("--method", filter.method, "Only this method")->type_name("METHOD");
  app.add_option_function<std::string>(
         "--status", [&](const std::string& text) { filter.status = parsed("--status", parse_status(text)); },
         "Only these statuses: 200, 400-599, 4xx, \">=400\", 200,404")
      ->type_name("STATUS");
  app.add_flag("--errors", filter.errors, "Only failures and statuses from 400");
  app.add_flag("--blocked", filter.blocked, "Only what policy blocked");
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

}  // namespace

void add_logs(CLI::App& app, int& exit_code) {
  auto logs = std::make_shared<Logs>();
  CLI::App* verb = app.add_subcommand("logs", "Show recorded requests");
  verb->add_option("kind", logs->kind, "What to show: proxy (requests)")->check(CLI::IsMember({"proxy"}));
  verb->add_option_function<std::size_t>(
          "-n,--last", [logs](std::size_t count) { logs->options.last = count; },
          "Only the newest N (default 100; 0 = all; with -f default 10; 0 = none)")
      ->type_name("N");
  add_filters(*verb, logs->options.filter);
  add_formats(*verb, *logs);
  add_place_flags(*verb, logs->place);
  verb->callback([logs, &exit_code] { exit_code = run(*logs); });
}

}  // namespace weir::cli
