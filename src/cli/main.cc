#include "cli/main.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cstdio>

#include "base/edit_distance.h"
#include "cli/verbs.h"
#include "flow/text.h"

namespace weir::cli {
namespace {

std::vector<std::string> verbs_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(verb->get_name());
  return names;
}

// The verb meant by a word that is none; empty when nothing is near.
std::string nearest(const std::vector<std::string>& verbs, std::string_view word) {
  constexpr std::size_t kTooFar = 3;
  std::string found;
  std::size_t best = kTooFar;
  for (const std::string& verb : verbs) {
    std::size_t far = edit_distance(word.substr(0, 64), verb);
    if (far >= best) continue;
    best = far;
    found = verb;
  }
  return found;
}

int report_unknown_verb(const std::vector<std::string>& verbs, std::string_view word) {
  std::string meant = nearest(verbs, word);
  if (!meant.empty()) meant = fmt::format("; did you mean \"{}\"?", meant);
  fmt::print(stderr, "weir: there is no verb \"{}\"{}\nRun `weir --help` for the verbs.\n",
             flow::printable(word), meant);
  return kExitUsage;
}

int report_usage(const CLI::App& app, const CLI::ParseError& error) {
  auto verbs = app.get_subcommands();
  std::string verb = verbs.empty() ? "" : " " + verbs.front()->get_name();
  fmt::print(stderr, "weir{}: {}\nRun `weir{} --help` for what it takes.\n", verb,
             flow::printable(error.what()), verb);
  return kExitUsage;
}

bool takes_command(std::string_view verb) { return verb == "run" || verb == "doctor" || verb == "relay"; }

void add_verbs(CLI::App& app, int& exit_code) {
  add_serve(app, exit_code);
  add_run(app, exit_code);
  add_logs(app, exit_code);
  add_show(app, exit_code);
  add_sessions(app, exit_code);
  add_ca(app, exit_code);
  add_config(app, exit_code);
  add_trust(app, exit_code);
  add_filter(app, exit_code);
  add_policy(app, exit_code);
  add_monitor(app, exit_code);
  add_ask(app, exit_code);
  add_doctor(app, exit_code);
  add_ai(app, exit_code);
  add_prices(app, exit_code);
  add_credentials(app, exit_code);
  add_relay(app, exit_code);
  add_gateway(app, exit_code);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Weir: an intercepting HTTP and HTTPS proxy", "weir");
  app.set_version_flag("--version", "weir " WEIR_VERSION, "Print the version and exit");
  app.require_subcommand(0, 1);
  int exit_code = kExitOk;
  add_verbs(app, exit_code);
  auto verbs = verbs_of(app);
  if (argc > 1 && *argv[1] != '-' && std::ranges::find(verbs, argv[1]) == verbs.end())
    return report_unknown_verb(verbs, argv[1]);
  std::vector<std::string> arguments(argv + 1, argv + argc);
  if (argc > 1 && takes_command(arguments.front()))
    if (auto mark = std::ranges::find(arguments, "--"); mark != arguments.end()) *mark = kCommandMark;
  std::ranges::reverse(arguments);  // CLI11 takes them from the back
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) return report_usage(app, error);
    return app.exit(error);  // --help, --version
  }
  if (!app.get_subcommands().empty()) return exit_code;
  fmt::print(stderr, "{}", app.help());
  return kExitUsage;
}

}  // namespace weir::cli
