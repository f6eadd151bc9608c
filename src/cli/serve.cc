// `weir serve`: the proxy, until it is told to stop.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <cstdio>
#include <memory>

#include "app/server.h"
#include "base/log.h"
#include "cli/live_filter.h"
#include "cli/problems.h"
#include "cli/secrets.h"
#include "cli/serving.h"
#include "cli/signals.h"
#include "cli/supervision.h"
#include "cli/verbs.h"
#include "flow/text.h"

namespace weir::cli {
namespace {

void greet(const app::Server& server, const config::Settings& settings) {
  for (const HostPort& place : server.endpoints()) fmt::print(stderr, "weir: listening on {}\n", place.str());
  for (const HostPort& place : server.transparent_endpoints())
    fmt::print(stderr, "weir: redirected connections come in at {}\n", place.str());
  for (const std::string& place : server.guest_places())
    fmt::print(stderr, "weir: guests come in at {}\n", flow::printable(place));
  if (server.store() != nullptr)
    fmt::print(stderr, "weir: session {}, recorded in {}\n", server.store()->session_id(),
               server.store()->directory().string());
  else if (server.jsonl() == nullptr && server.remote().empty())
    fmt::print(stderr, "weir: nothing is recorded (capture.enabled = false)\n");
  if (server.jsonl() != nullptr)
    fmt::print(stderr, "weir: JSON Lines in {}\n", flow::printable(server.jsonl()->folder().string()));
  for (const auto& [name, counts] : server.remote().counters())
    fmt::print(stderr, "weir: flows are sent to {}\n", name);
  if (const HostPort* metrics = server.metrics_endpoint())
    fmt::print(stderr, "weir: metrics at http://{}/metrics\n", metrics->str());
  std::string ca = server.authority().certificate_path().string();
  fmt::print(stderr, "weir: CA certificate {}\n", ca);
  std::string place = server.endpoints().front().str();
  const char* user = settings.proxy_auth.users.empty() ? "" : "USER:PASSWORD@";
  if (settings.reverse.empty())
    fmt::print(stderr, "  try:  curl --proxy http://{}{} --cacert {} https://example.com/\n", user, place,
               ca);
  else
    fmt::print(stderr, "  try:  curl http://{}/      goes to {}\n", place, settings.reverse);
  if (server.store() != nullptr)
    fmt::print(stderr, "  see:  weir logs -f          stop: Ctrl-C\n");
  else if (server.jsonl() != nullptr)
    fmt::print(stderr, "  see:  weir logs -f --from {}\n",
               flow::printable(server.jsonl()->folder().string()));
}

void report_end(const app::Server& server) {
  store::SessionStore::Counters counters = server.counters();
  store::RedactingSink::Counters redaction = server.redaction();
  fmt::print(stderr, "weir: {} flows recorded", counters.written);
  if (counters.shed_flows + counters.lost_flows > 0)
    fmt::print(stderr, ", {} lost", counters.shed_flows + counters.lost_flows);
  if (counters.lost_messages > 0) fmt::print(stderr, ", {} WebSocket messages lost", counters.lost_messages);
  if (counters.shed_bodies > 0) fmt::print(stderr, ", {} without their bodies", counters.shed_bodies);
  if (redaction.redacted > 0) fmt::print(stderr, ", secrets redacted in {}", redaction.redacted);
  if (redaction.withheld > 0) fmt::print(stderr, ", {} bodies withheld", redaction.withheld);
  if (server.skipped() > 0) fmt::print(stderr, ", {} not recorded (log_skip)", server.skipped());
  fmt::print(stderr, "\n");
  report_budgets(server);
}

// Hints are whole lines of their own.
void tell(const std::string& text, bool) {
  if (text.ends_with('\n'))
    fmt::print(stderr, "{}", text);
  else
    fmt::print(stderr, "weir: {}\n", text);
}

int serve(const ServingFlags& flags) {
  // First of all: the settings hold secrets.
  auto runner = sandbox::Spawner::start();
  if (!runner) return report(runner.error());
  auto hardening = app::Hardening::begin();
  if (!hardening) return report(hardening.error());
  auto loaded = config::load(flags.sources());
  if (!loaded) return report(loaded.error());
  report(loaded->warnings);
  log::set_level(loaded->settings.log_level);
  auto credentials = open_credentials(loaded->settings, {.all = true}, std::move(*runner), nullptr);
  if (!credentials) return report(credentials.error());
  Signals signals;
  app::HandedListeners handed;
  handed.credentials = credentials->get();
  auto server = app::Server::start(loaded->settings, nullptr, std::move(handed), &*hardening);
  if (!server) return report(server.error());
  greet(**server, loaded->settings);
  if (*credentials) fmt::print(stderr, "{}", secrets_greeting(**credentials));
  LiveFilter filter(flags.sources(), **server, *loaded, tell);
  wait_for_stop(signals, std::chrono::seconds(1),
                [&](bool asked) { asked ? filter.reload() : filter.reload_if_changed(); });
  fmt::print(stderr, "weir: stopping; open exchanges may end first (again to cut them)\n");
  stop(**server, signals);
  if ((*server)->store() != nullptr) report_end(**server);
  if (*credentials) fmt::print(stderr, "{}", secrets_report(**credentials));
  if ((*server)->jsonl() != nullptr) report_lost_lines((*server)->jsonl()->counters());
  report_unsent((*server)->remote());
  return kExitOk;
}

}  // namespace

void add_serve(CLI::App& app, int& exit_code) {
  CLI::App* verb = app.add_subcommand("serve", "Serve as an HTTP proxy and record what passes");
  auto flags = std::make_shared<ServingFlags>();
  flags->add_to(*verb, true);
  verb->callback([flags, &exit_code] { exit_code = serve(*flags); });
}

}  // namespace weir::cli
