#include "cli/doctor_command.h"

#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "app/server.h"
#include "cli/doctor_origin.h"
#include "cli/problems.h"
#include "cli/run_sandbox.h"
#include "cli/supervision.h"
#include "cli/trust_files.h"
#include "cli/trust_report.h"
#include "cli/verbs.h"
#include "flow/text.h"

namespace weir::cli {
namespace {

/// A Weir that leads nowhere but to `origin`, and records nothing.
config::Settings trial_settings(const config::Settings& chosen, const DoctorOrigin& origin,
                                const std::string& scratch) {
  config::Settings trial;
  trial.ca_dir = chosen.ca_dir;
  trial.data_dir = scratch + "/data";
  trial.threads = 1;
  trial.capture.enabled = false;
  trial.tls.intercept = chosen.tls.intercept;
  trial.tls.passthrough = chosen.tls.passthrough;
  trial.tls.upstream_ca = {origin.ca_file()};
  trial.upstream.proxy = origin.proxy_url();
  trial.upstream.private_hosts = {"*"};
  trial.limits.drain_timeout = std::chrono::milliseconds(500);
  return trial;
}

int report_no_sandbox(const Error& error) {
  if (error.code() == Code::bad_config) return report(error);
  fmt::print(stderr,
             "weir doctor: no sandbox, so the command was not run: {}\nweir doctor: `weir run -- CMD` needs "
             "none; it sees the programs that know of proxies, and says at the end which did not trust it\n",
             flow::printable(error.context()));
  return kExitNoSandbox;
}

Result<sandbox::Exit> run_in(RunSandbox& sandbox, app::Server& server, const TrustFiles& trust,
                             const Signals& signals, const std::vector<std::string>& command) {
  auto environment = sandbox::child_environment(sandbox::own_environment(), injection_of(trust));
  auto started = sandbox.inside().spawn({.argv = command, .env = std::move(environment), .cwd = ""});
  if (!started) return pass(started);
  auto ended = wait_for(sandbox.inside(), signals, nullptr);
  stop(server, signals);
  return ended;
}

}  // namespace

int examine_command(sandbox::Spawner& spawner, const config::Settings& settings,
                    const std::string& settings_file, const std::string& scratch,
                    const std::vector<std::string>& command) {
  Signals signals;
  auto trust = write_trust_files(settings.ca_dir);
  if (!trust) return report(trust.error());
  SandboxFlags flags;
  flags.on = true;
  config::Settings hidden = settings;
  hidden.threads = 1;
  auto sandbox =
      RunSandbox::open(spawner, flags, hidden, settings_file, {trust->authority, trust->bundle, trust->java});
  if (!sandbox) return report_no_sandbox(sandbox.error());
  auto origin = DoctorOrigin::start(scratch + "/origin-ca");
  if (!origin) return report(origin.error());
  TrustReport table;
  auto server =
      app::Server::start(trial_settings(settings, **origin, scratch), &table, (*sandbox)->listeners());
  if (!server) return report(server.error());
  if (auto done = (*sandbox)->start(); !done) return report_no_sandbox(done.error());
  auto ended = run_in(**sandbox, **server, *trust, signals, command);
  if (!ended) {
    fmt::print(stderr, "weir doctor: {}\n", flow::printable(ended.error().context()));
    return sandbox::exit_status(ended.error());
  }
  bool color = ::isatty(STDOUT_FILENO) != 0 && ::getenv("NO_COLOR") == nullptr;
  fmt::print("\n{} ended with {}\n{}", flow::printable(command.front()), ended->status(), table.text(color));
  return table.all_trusted() ? kExitOk : kExitError;
}

}  // namespace weir::cli
