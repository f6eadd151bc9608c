// `weir run -- CMD`: a private proxy for one command.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>

#include "app/server.h"
#include "base/log.h"
#include "cli/ask_hint.h"
#include "cli/live_filter.h"
#include "cli/problems.h"
#include "cli/run_sandbox.h"
#include "cli/run_summary.h"
#include "cli/secrets.h"
#include "cli/serving.h"
#include "cli/signals.h"
#include "cli/supervision.h"
#include "cli/trust_files.h"
#include "cli/verbs.h"
#include "flow/text.h"
#include "sandbox/environment.h"
#include "sandbox/spawner.h"

namespace weir::cli {
namespace {

constexpr auto kDrain = std::chrono::milliseconds(1000);

struct RunFlags {
  ServingFlags serving;
  SandboxFlags sandbox;
  sandbox::EnvironmentChoice variables;
  std::vector<std::string> secrets;
  bool include_loopback = false;
  bool quiet = false;
  bool marked = false;  ///< the command was set off by "--"
  std::vector<std::string> command;
};

Result<std::vector<std::string>> environment(const RunFlags& flags, const TrustFiles& trust,
                                             std::string session, const std::vector<HostPort>& endpoints,
                                             const app::CredentialKeeper* credentials) {
  sandbox::Injection injection = injection_of(trust);
  if (!endpoints.empty()) injection.proxy = endpoints.front();
  injection.session_id = std::move(session);
  injection.include_loopback = flags.include_loopback;
  auto base = sandbox::chosen_environment(sandbox::own_environment(), flags.variables);
  if (!base) return pass(base);
  auto out = sandbox::child_environment(*base, injection);
  return credentials == nullptr ? out : with_placeholders(std::move(out), *credentials);
}

/// Every layer, for a server of CMD's own. Nothing when something is wrong, which has been said.
std::unique_ptr<config::Configuration> configuration_of(const RunFlags& flags) {
  if (flags.command.empty()) {
    fmt::print(stderr, "weir run: no command given; usage: weir run [flags] -- CMD [args...]\n");
    return nullptr;
  }
  if (!flags.marked && flags.command.front().starts_with("-")) {
    fmt::print(stderr, "weir run: unknown flag {}; a command that begins with - goes behind --\n",
               flow::printable(flags.command.front()));
    return nullptr;
  }
  auto loaded = config::load(flags.serving.sources());
  if (!loaded) {
    report(loaded.error());
    return nullptr;
  }
  report(loaded->warnings);
  config::Settings* settings = &loaded->settings;
  settings->listen = {HostPort{"127.0.0.1", 0}};
  settings->proxy_auth = {};  // of the doors of `serve`; this one is CMD's own
  settings->reverse.clear();
  settings->capture.enabled = true;
  auto& drain = settings->limits.drain_timeout;
  drain = drain.count() == 0 ? kDrain : std::min(drain, kDrain);  // 0 is "no limit"
  return std::make_unique<config::Configuration>(std::move(*loaded));
}

void print_end(const app::Server& server, const std::string& summary) {
  fmt::print(stderr, "{}", summary);
  store::SessionStore::Counters counters = server.counters();
  if (counters.shed_flows + counters.lost_flows > 0)
    fmt::print(stderr, "weir: {} flows could not be recorded\n", counters.shed_flows + counters.lost_flows);
  if (counters.lost_messages > 0)
    fmt::print(stderr, "weir: {} WebSocket messages could not be recorded\n", counters.lost_messages);
  report_budgets(server);
  if (server.jsonl() != nullptr) report_lost_lines(server.jsonl()->counters());
  report_unsent(server.remote());
  if (std::uint64_t complaints = server.internal_log().complaints(); complaints > 0)
    fmt::print(stderr, "weir: {} warnings or errors of Weir itself: `weir logs internal`\n", complaints);
  if (counters.accepted > 0)
    fmt::print(stderr, "weir: look with `weir logs --session {}`\n", server.store()->session_id());
}

int report_no_sandbox(const Error& error) {
  if (error.code() == Code::bad_config) return report(error);
  fmt::print(stderr,
             "weir: no sandbox, so the command was not run: {}\nweir: `weir doctor` shows what this machine "
             "lacks\n",
             flow::printable(error.context()));
  return kExitNoSandbox;
}

/// Starts CMD and sees it to its end; prints the summary.
int run_command(sandbox::Spawner& spawner, app::Server& server, const RunSummary& summary,
                const Signals& signals, const RunFlags& flags, const config::Configuration& loaded,
                std::vector<std::string> environment) {
  TimePoint begun = steady_now();
  auto quiet = std::make_unique<QuietLog>();
  auto started = spawner.spawn({.argv = flags.command, .env = std::move(environment), .cwd = ""});
  if (!started) {
    fmt::print(stderr, "weir: {}\n", flow::printable(started.error().context()));
    return sandbox::exit_status(started.error());
  }
  LiveFilter filter(flags.serving.sources(), server, loaded, [](const std::string& text, bool complaint) {
    log::write(complaint ? log::Level::warn : log::Level::info, "filter", text);
  });
  bool fixed = flags.sandbox.any() && !flags.sandbox.files_are_closed();
  auto ended = wait_for(spawner, signals, fixed ? nullptr : &filter);
  Duration took = steady_now() - begun;
  stop(server, signals);
  quiet.reset();
  if (!ended) return report(ended.error());
  if (!flags.quiet)
    print_end(server, summary.text(flags.command.front(), ended->status(), took, server.skipped()));
  return ended->status();
}

int run(const RunFlags& flags) {
  // First of all: the spawner must be as plain as we were started.
  auto spawner = sandbox::Spawner::start();
  if (!spawner) return report(spawner.error());
  auto runner = sandbox::Spawner::start();  // of the commands that print secrets
  if (!runner) return report(runner.error());
  auto hardening = app::Hardening::begin();
  if (!hardening) return report(hardening.error());
  auto loaded = configuration_of(flags);
  if (!loaded) return kExitUsage;
  auto complete = app::with_default_folders(loaded->settings);
  if (!complete) return report(complete.error());
  log::set_level(complete->log_level);
  auto credentials = open_credentials(*complete, {.asked = flags.secrets}, std::move(*runner), &*spawner);
  if (!credentials) return report(credentials.error());
  if (*credentials && !flags.quiet) fmt::print(stderr, "{}", secrets_greeting(**credentials));
  Signals signals;
  auto trust = write_trust_files(complete->ca_dir);
  if (!trust) return report(trust.error());
  std::unique_ptr<RunSandbox> sandbox;
  if (flags.sandbox.any()) {
    auto opened = RunSandbox::open(*spawner, flags.sandbox, *complete, flags.serving.config_file,
                                   {trust->authority, trust->bundle, trust->java});
    if (!opened) return report_no_sandbox(opened.error());
    sandbox = std::move(*opened);
  }
  RunSummary summary(flags.sandbox.any());
  app::HandedListeners handed = sandbox ? sandbox->listeners() : app::HandedListeners();
  handed.credentials = credentials->get();
  auto server = app::Server::start(*complete, &summary, std::move(handed), &*hardening);
  if (!server) return report(server.error());
  if (sandbox)
    if (auto done = sandbox->start(); !done) return report_no_sandbox(done.error());
  if (!sandbox) (*server)->expect_clients_below(spawner->pid());
  if (const auto* socket = (*server)->ask_socket(); socket != nullptr && !flags.quiet)
    fmt::print(stderr, "{}", ask_hint(complete->filter, socket->native()));
  if (const HostPort* metrics = (*server)->metrics_endpoint(); metrics != nullptr && !flags.quiet)
    fmt::print(stderr, "weir: metrics at http://{}/metrics\n", metrics->str());
  std::vector<HostPort> proxies = (*server)->endpoints();
  if (sandbox) proxies = sandbox->proxy_inside(proxies);
  auto env = environment(flags, *trust, (*server)->store()->session_id(), proxies, credentials->get());
  if (!env) return report(env.error());
  int status = run_command(sandbox ? sandbox->inside() : *spawner, **server, summary, signals, flags, *loaded,
                           std::move(*env));
  if (*credentials && !flags.quiet) fmt::print(stderr, "{}", secrets_report(**credentials));
  return status;
}

}  // namespace

void add_run(CLI::App& app, int& exit_code) {
  CLI::App* verb = app.add_subcommand("run", "Run a command behind a private proxy and record what it sends");
  auto flags = std::make_shared<RunFlags>();
  flags->serving.add_to(*verb, false);
  flags->sandbox.add_to(*verb);
  verb->add_flag("--include-loopback", flags->include_loopback, "Proxy requests to localhost, too");
  auto many = [verb](const char* flag, std::vector<std::string>& into, const char* type, const char* help) {
    verb->add_option(flag, into, help)->type_name(type)->allow_extra_args(false);
  };
  many("--env", flags->variables.set, "NAME=VALUE", "Set this variable for the command (repeatable)");
  verb->add_flag(
      "--clear-env", flags->variables.clear,
      "Pass on no variables but the basic ones (PATH, HOME, TERM, language) and those of --pass-env");
  many("--pass-env", flags->variables.pass, "NAME", "Pass this one on all the same (repeatable)");
  many("--secret", flags->secrets, "NAME",
       "Give the command a placeholder for this secret, and put the secret itself into its requests to the "
       "hosts it "
       "is bound to: a credential of the configuration, a preset such as github, or VARIABLE@HOST "
       "(repeatable; "
       "docs/credentials.md)");
  verb->add_flag("-q,--quiet", flags->quiet, "No summary at the end");
  verb->prefix_command();
  verb->footer("Flags of Weir go before the command: weir run --passthrough '*.bank.example' -- npm install");
  verb->callback([verb, flags, &exit_code] {
    flags->command = verb->remaining();
    bool marked = !flags->command.empty() && flags->command.front() == kCommandMark;
    if (marked) flags->command.erase(flags->command.begin());
    flags->marked = marked;
    // A mark further on is a "--" of the command's own.
    std::ranges::replace(flags->command, std::string(kCommandMark), std::string("--"));
    exit_code = run(*flags);
  });
}

}  // namespace weir::cli
