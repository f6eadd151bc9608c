// `weir serve`: the proxy, until it is told to stop.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <cstdio>
#include <memory>

#include "app/server.h"
#include "base/log.h"
#include "cli/serving.h"
#include "cli/signals.h"
#include "cli/verbs.h"

namespace weir::cli {
namespace {

void greet(const app::Server& server, const config::Settings& settings) {
  for (const HostPort& place : server.endpoints()) fmt::print(stderr, "weir: listening on {}\n", place.str());
  if (server.store() != nullptr)
    fmt::print(stderr, "weir: session {}, recorded in {}\n", server.store()->session_id(),
               server.store()->directory().string());
  else
    fmt::print(stderr, "weir: nothing is recorded (capture.enabled = false)\n");
  std::string ca = server.authority().certificate_path().string();
  fmt::print(stderr, "weir: CA certificate {}\n", ca);
  std::string place = server.endpoints().front().str();
  const char* user = settings.proxy_auth.users.empty() ? "" : "USER:PASSWORD@";
  if (settings.reverse.empty())
    fmt::print(stderr, "  try:  curl --proxy http://{}{} --cacert {} https://example.com/\n", user, place,
               ca);
  else
    fmt::print(stderr, "  try:  curl http://{}/      goes to {}\n", place, settings.reverse);
  if (server.store() != nullptr) fmt::print(stderr, "  see:  weir logs -f          stop: Ctrl-C\n");
}

void report_end(const store::SessionStore::Counters& counters) {
  fmt::print(stderr, "weir: {} flows recorded", counters.written);
  if (counters.shed_flows + counters.lost_flows > 0)
    fmt::print(stderr, ", {} lost", counters.shed_flows + counters.lost_flows);
  if (counters.lost_messages > 0) fmt::print(stderr, ", {} WebSocket messages lost", counters.lost_messages);
  if (counters.shed_bodies > 0) fmt::print(stderr, ", {} without their bodies", counters.shed_bodies);
  fmt::print(stderr, "\n");
}

int serve(const ServingFlags& flags) {
  auto settings = flags.settings();
  if (!settings) return kExitUsage;
  log::set_level(settings->log_level);
  Signals signals;
  auto server = app::Server::start(*settings);
  if (!server) return report(server.error());
  greet(**server, *settings);
  constexpr auto kLook = std::chrono::milliseconds(50);
  std::optional<Signals::Signal> signal;
  while (!signal || signal->number == SIGHUP) signal = signals.wait(std::chrono::hours(1));
  fmt::print(stderr, "weir: stopping; open exchanges may end first (again to cut them)\n");
  (*server)->drain();
  while (!(*server)->ended())
    if (auto again = signals.wait(kLook); again && again->number != SIGHUP) (*server)->hurry();
  (*server)->join();
  (*server)->close();
  if ((*server)->store() != nullptr) report_end((*server)->store()->counters());
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
