// `weir serve`: the proxy, until it is told to stop.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "app/server.h"
#include "base/log.h"
#include "cli/ask_hint.h"
#include "cli/problems.h"
#include "cli/serving.h"
#include "cli/signals.h"
#include "cli/verbs.h"
#include "flow/text.h"

namespace weir::cli {
namespace {

void greet(const app::Server& server, const config::Settings& settings) {
  for (const HostPort& place : server.endpoints()) fmt::print(stderr, "weir: listening on {}\n", place.str());
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
}

// The filter of a running server, which follows the files it came from.
class LiveFilter {
 public:
  LiveFilter(const ServingFlags& flags, app::Server& server, const config::Configuration& loaded)
      : flags_(flags), server_(server), project_(loaded.project), stamps_(stamps_of(loaded.watched)) {
    tell_how_to_answer(loaded.settings.filter);
  }

  void reload_if_changed() {
    if (stamps_of(files()) != stamps_) reload();
  }

  // The last good filter stays where the new one has a mistake, and where a project's file that narrows it
  // would only vanish: whoever is held back by it may be able to change it.
  void reload() {
    auto loaded = config::load(flags_.sources());
    if (!loaded) {
      stamps_ = stamps_of(files());
      report(loaded.error());
      return stays();
    }
    report(loaded->warnings);
    stamps_ = stamps_of(loaded->watched);
    bool in_use =
        project_.trust == config::ProjectTrust::narrow || project_.trust == config::ProjectTrust::widen;
    if (in_use && loaded->project.trust != config::ProjectTrust::narrow &&
        loaded->project.trust != config::ProjectTrust::widen) {
      fmt::print(stderr,
                 "weir: the project's file was changed or removed; `weir trust` says that it was you\n");
      return stays();
    }
    if (auto set = server_.set_filter(loaded->settings.filter); !set) {
      report(set.error());
      return stays();
    }
    project_ = loaded->project;
    fmt::print(stderr, "weir: the filter was read again and is in force\n");
    tell_how_to_answer(loaded->settings.filter);
  }

 private:
  struct Stamp {
    std::filesystem::file_time_type changed;
    std::uintmax_t size = 0;
    bool operator==(const Stamp&) const = default;
  };
  using Stamps = std::vector<std::pair<std::string, Stamp>>;

  // A file that is not there, or cannot be looked at, has a stamp of its own: all zero.
  static Stamps stamps_of(const std::vector<std::string>& files) {
    Stamps out;
    for (const std::string& file : files) {
      std::error_code error;
      Stamp stamp{std::filesystem::last_write_time(file, error), 0};
      if (!error) stamp.size = std::filesystem::file_size(file, error);
      out.emplace_back(file, error ? Stamp() : stamp);
    }
    return out;
  }
  std::vector<std::string> files() const {
    std::vector<std::string> out;
    for (const auto& [file, stamp] : stamps_) out.push_back(file);
    return out;
  }
  void tell_how_to_answer(const config::FilterSettings& filter) {
    const std::filesystem::path* socket = server_.ask_socket();
    std::string hint = socket != nullptr ? ask_hint(filter, socket->native()) : "";
    if (hint != hint_) fmt::print(stderr, "{}", hint);
    hint_ = std::move(hint);
  }
  static void stays() { fmt::print(stderr, "weir: the filter stays as it was\n"); }

  const ServingFlags& flags_;
  app::Server& server_;
  config::ProjectFile project_;
  Stamps stamps_;
  std::string hint_;
};

int serve(const ServingFlags& flags) {
  auto loaded = config::load(flags.sources());
  if (!loaded) return report(loaded.error());
  report(loaded->warnings);
  log::set_level(loaded->settings.log_level);
  Signals signals;
  auto server = app::Server::start(loaded->settings);
  if (!server) return report(server.error());
  greet(**server, loaded->settings);
  LiveFilter filter(flags, **server, *loaded);
  constexpr auto kLook = std::chrono::milliseconds(50);
  constexpr auto kLookAtFiles = std::chrono::seconds(1);
  std::optional<Signals::Signal> signal;
  while (!signal || signal->number == SIGHUP) {
    signal = signals.wait(kLookAtFiles);
    if (!signal) filter.reload_if_changed();
    if (signal && signal->number == SIGHUP) filter.reload();
  }
  fmt::print(stderr, "weir: stopping; open exchanges may end first (again to cut them)\n");
  (*server)->drain();
  while (!(*server)->ended())
    if (auto again = signals.wait(kLook); again && again->number != SIGHUP) (*server)->hurry();
  (*server)->join();
  (*server)->close();
  if ((*server)->store() != nullptr) report_end(**server);
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
