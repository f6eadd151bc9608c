// `weir relay [-- CMD] | env | status`: a session's way out through its gateway.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "app/relay_service.h"
#include "app/status_socket.h"
#include "base/ascii.h"
#include "base/log.h"
#include "cli/place.h"
#include "cli/problems.h"
#include "cli/relay_client.h"
#include "cli/signals.h"
#include "cli/supervision.h"
#include "cli/verbs.h"
#include "config/load.h"
#include "config/paths.h"
#include "flow/text.h"
#include "sandbox/environment.h"
#include "sandbox/spawner.h"

namespace weir::cli {
namespace {

struct RelayFlags {
  std::string base, session, token_file, bundle, system_ca, listen = "127.0.0.1:0";
  std::string config_file, upstream_proxy, log_level;
  std::vector<std::string> no_proxy, upstream_ca, client_certificates, direct;
  bool unlink_first = false, required = false, quiet = false;
  bool marked = false;  ///< the command was set off by "--"
  std::vector<std::string> command;
  std::uint64_t pid = 0;  ///< of env and status
  bool json = false;

  config::Sources sources() const;
  Result<app::RelayChoice> choice() const;
  /// Whoever says what to relay to wants a relay, whatever the environment says.
  bool explicit_wish() const { return !base.empty() || !session.empty() || !token_file.empty(); }
};

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string first_of(std::string flag, std::string otherwise, std::string last = {}) {
  if (!flag.empty()) return flag;
  return otherwise.empty() ? last : otherwise;
}

bool truthy(const std::string& value) {
  return value == "1" || iequals(value, "true") || iequals(value, "yes") || iequals(value, "on");
}

/// What the environment lacks for a relay that nobody asked for by a flag.
Result<void> look_at_gates() {
  for (const char* gate : {"CLAUDE_CODE_REMOTE", "CCR_UPSTREAM_PROXY_ENABLED"})
    if (!truthy(variable(gate)))
      return fail(Code::bad_config,
                  fmt::format("{} is not set to 1, so that no relay is wanted here; --base, "
                              "--session or --token-file ask for one all the same",
                              gate));
  return {};
}

config::Sources RelayFlags::sources() const {
  config::Sources out;
  out.file = config_file;
  out.file_required = !config_file.empty();
  auto add = [&](const char* key, const std::vector<std::string>& values, const char* flag) {
    if (!values.empty() && !values.front().empty()) out.overrides.push_back({key, values, flag});
  };
  add("upstream.proxy", {upstream_proxy}, "--upstream-proxy");
  add("upstream.no_proxy", no_proxy, "--no-proxy");
  add("tls.upstream_ca", upstream_ca, "--upstream-ca");
  add("tls.client_certificates", client_certificates, "--client-cert");
  add("log_level", {log_level}, "--log-level");
  return out;
}

Result<app::RelayChoice> RelayFlags::choice() const {
  app::RelayChoice out;
  out.base = first_of(base, variable("ANTHROPIC_BASE_URL"), "https://api.anthropic.com");
  out.session = first_of(session, variable("CLAUDE_CODE_REMOTE_SESSION_ID"));
  out.token_file = first_of(token_file, variable("CCR_SESSION_TOKEN_PATH"), "/run/ccr/session_token");
  out.system_ca = first_of(system_ca, variable("CCR_SYSTEM_CA_BUNDLE"));
  out.bundle = first_of(bundle, variable("CCR_CA_BUNDLE_PATH"));
  out.unlink_first = unlink_first;
  out.direct = direct;
  if (out.bundle.empty()) {
    auto home = config::home_dir();
    if (!home) return pass(home);
    out.bundle = *home + "/.ccr/ca-bundle.crt";
  }
  // Programs read it from wherever they stand.
  std::error_code error;
  out.bundle = std::filesystem::absolute(out.bundle, error).string();
  auto place = listen.ends_with(":0") ? parse_host_port(listen.substr(0, listen.size() - 2), 1)
                                      : parse_host_port(listen);
  if (!place) return fail(Code::bad_config, "--listen " + listen + ": " + place.error().context());
  out.listen = *place;
  if (listen.ends_with(":0")) out.listen.port = 0;
  auto folder = app::status_dir();
  if (!folder) return pass(folder);
  out.status_dir = *folder;
  return out;
}

Result<std::unique_ptr<app::RelayService>> start(const RelayFlags& flags) {
  auto hardening = app::Hardening::begin();
  if (!hardening) return pass(hardening);
  if (!flags.explicit_wish())
    if (auto open = look_at_gates(); !open) return pass(open);
  auto choice = flags.choice();
  if (!choice) return pass(choice);
  auto loaded = config::load(flags.sources());
  if (!loaded) return Failure(config::to_error(loaded.error()));
  report(loaded->warnings);
  log::set_level(loaded->settings.log_level);
  return app::RelayService::start(*choice, loaded->settings, *hardening);
}

void report_no_relay(const Error& error, const char* consequence) {
  std::string why = error.context().empty() ? error.message() : error.context();
  fmt::print(stderr, "weir relay: {}: {}\n", consequence, flow::printable(why));
}

int serve(const RelayFlags& flags) {
  Signals signals;
  auto service = start(flags);
  if (!service) {
    report_no_relay(service.error(), "no relay");
    return kExitNoRelay;
  }
  const relay::RelayIdentity& identity = (*service)->identity();
  fmt::print(stderr,
             "weir relay: listening on {}, to {}\n  use:  eval \"$(weir relay env)\"      see:  weir relay "
             "status      stop: Ctrl-C\n",
             identity.listen.str(), flow::printable(identity.gateway));
  wait_for_stop(signals, std::chrono::seconds(1), [](bool) {});  // there is nothing to read anew
  return kExitOk;
}

int run_command(const RelayFlags& flags) {
  // First of all: the spawner must be as plain as we were started.
  auto spawner = sandbox::Spawner::start();
  if (!spawner) return report(spawner.error());
  Signals signals;
  auto service = start(flags);
  if (!service) {
    report_no_relay(service.error(), flags.required ? "no relay, so the command was not run"
                                                    : "the command runs without a relay");
    if (flags.required) return kExitNoRelay;
  } else if (!flags.quiet) {
    fmt::print(stderr, "weir relay: {} to {}\n", (*service)->identity().listen.str(),
               flow::printable((*service)->identity().gateway));
  }
  // Without a relay of its own it keeps what an outer one has given us.
  auto environment = sandbox::own_environment();
  if (service) environment = relay::with_variables(environment, (*service)->variables());
  QuietLog quiet;
  auto started = spawner->spawn({.argv = flags.command, .env = std::move(environment), .cwd = ""});
  if (!started) {
    fmt::print(stderr, "weir: {}\n", flow::printable(started.error().context()));
    return sandbox::exit_status(started.error());
  }
  auto ended = wait_for(*spawner, signals, nullptr);
  return ended ? ended->status() : report(ended.error());
}

int relay(const RelayFlags& flags) {
  if (flags.command.empty() && !flags.marked) return serve(flags);
  if (flags.command.empty() || !flags.marked) {
    fmt::print(stderr, "weir relay: {}; usage: weir relay [flags] [-- CMD [args...]]\n",
               flags.command.empty()
                   ? "no command behind --"
                   : fmt::format("what is \"{}\"?", flow::printable(flags.command.front())));
    return kExitUsage;
  }
  return run_command(flags);
}

int print_env(const RelayFlags& flags) {
  auto found = find_relays(flags.pid);
  if (!found) return report_missing(found.error());
  if (found->size() > 1) {
    std::string pids;
    for (const FoundRelay& each : *found) pids += fmt::format("{}{}", pids.empty() ? "" : ", ", each.pid);
    fmt::print(stderr, "weir relay env: several relays run (processes {}); choose with --pid\n", pids);
    return kExitError;
  }
  fmt::print("{}", relay_exports(found->front()));
  return kExitOk;
}

int print_status(const RelayFlags& flags) {
  auto found = find_relays(flags.pid);
  if (!found) return report_missing(found.error());
  for (const FoundRelay& each : *found)
    fmt::print("{}", flags.json ? each.json : relay_status_text(each.json));
  return kExitOk;
}

void add_flags(CLI::App& verb, RelayFlags& flags) {
  auto one = [&](const char* flag, std::string& value, const char* type, const char* help) {
    verb.add_option(flag, value, help)->type_name(type);
  };
  auto many = [&](const char* flag, std::vector<std::string>& values, const char* type, const char* help) {
    verb.add_option(flag, values, help)->type_name(type)->allow_extra_args(false);
  };
  one("--base", flags.base, "URL",
      "Where the gateway is: https, or http on this machine (default: ANTHROPIC_BASE_URL, else "
      "https://api.anthropic.com)");
  one("--session", flags.session, "ID", "The session's id (default: CLAUDE_CODE_REMOTE_SESSION_ID)");
  one("--token-file", flags.token_file, "FILE",
      "The session's token, mode 0600; it is removed once it is no longer needed (default: "
      "CCR_SESSION_TOKEN_PATH, else /run/ccr/session_token)");
  verb.add_flag("--unlink-first", flags.unlink_first,
                "Remove the token file as soon as it was read, not once the relay listens");
  one("--ca-bundle-out", flags.bundle, "FILE",
      "Write what programs are to trust here (default: CCR_CA_BUNDLE_PATH, else ~/.ccr/ca-bundle.crt)");
  one("--system-ca", flags.system_ca, "FILE",
      "The roots to add the gateway's to (default: CCR_SYSTEM_CA_BUNDLE, else the system's)");
  one("--listen", flags.listen, "HOST:PORT",
      "Where programs reach it, on this machine (default 127.0.0.1:0)");
  many("--direct", flags.direct, "HOST",
       "Let programs reach this host without the relay: added to NO_PROXY (repeatable)");
  verb.add_flag("--required", flags.required, "Without a relay do not run the command: end with status 78");
  one("--config", flags.config_file, "FILE", "Configuration file (default: `weir config show` names it)");
  one("--upstream-proxy", flags.upstream_proxy, "URL",
      "Proxy on the way to the gateway, http://, https:// or socks5:// (default: HTTPS_PROXY and so on; "
      "\"direct\" = none)");
  many("--no-proxy", flags.no_proxy, "HOST",
       "Reach the gateway without that proxy if it is this (repeatable)");
  many("--upstream-ca", flags.upstream_ca, "FILE",
       "PEM file of roots to trust for the gateway besides the system's (repeatable)");
  many("--client-cert", flags.client_certificates, "HOST=CERT[,KEY]",
       "Show this certificate to a gateway of the pattern HOST that asks for one; PEM files (repeatable)");
  one("--log-level", flags.log_level, "LEVEL", "debug, info, warn or error");
  verb.add_flag("-q,--quiet", flags.quiet, "Say nothing when all is well");
}

}  // namespace

void add_relay(CLI::App& app, int& exit_code) {
  CLI::App* verb = app.add_subcommand(
      "relay", "Let a session's programs out through its gateway, one WebSocket for each connection");
  auto flags = std::make_shared<RelayFlags>();
  add_flags(*verb, *flags);
  CLI::App* env = verb->add_subcommand("env", "Print the environment of a relay that runs, for a shell");
  CLI::App* status = verb->add_subcommand("status", "How a relay that runs fares, and what to do about it");
  for (CLI::App* each : {env, status})
    each->add_option("--pid", flags->pid, "Of the relay with this process id")->type_name("PID");
  status->add_flag("--json", flags->json, "One JSON document a line (docs/formats/relay.md)");
  verb->prefix_command();
  verb->footer("Flags of Weir go before the command: weir relay --required -- npm install");
  env->callback([flags, &exit_code] { exit_code = print_env(*flags); });
  status->callback([flags, &exit_code] { exit_code = print_status(*flags); });
  verb->callback([verb, flags, &exit_code] {
    if (!verb->get_subcommands().empty()) return;
    flags->command = verb->remaining();
    flags->marked = !flags->command.empty() && flags->command.front() == kCommandMark;
    if (flags->marked) flags->command.erase(flags->command.begin());
    // A mark further on is a "--" of the command's own.
    std::ranges::replace(flags->command, std::string(kCommandMark), std::string("--"));
    exit_code = relay(*flags);
  });
}

}  // namespace weir::cli
