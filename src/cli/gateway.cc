// `weir gateway`: the far side of relays, until it is told to stop.
#include <fmt/format.h>
#include <string.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <array>
#include <cstdio>
#include <memory>

#include "app/gateway_status.h"
#include "app/hardening.h"
#include "app/server.h"
#include "app/status_socket.h"
#include "base/log.h"
#include "base/secret_bytes.h"
#include "cli/gateway_client.h"
#include "cli/live_filter.h"
#include "cli/live_sessions.h"
#include "cli/problems.h"
#include "cli/secrets.h"
#include "cli/serving.h"
#include "cli/signals.h"
#include "cli/supervision.h"
#include "cli/verbs.h"
#include "control/status_server.h"
#include "flow/text.h"

namespace weir::cli {
namespace {

struct GatewayFlags {
  ServingFlags serving;
  std::vector<std::string> listen;
  std::string certificate, key, sessions, prefix, idle, most_tunnels;
  std::string session;    ///< of `token`
  std::uint64_t pid = 0;  ///< of `status`
  bool json = false;

  config::Sources sources() const;
};

// Nobody's token may be guessed, and none is mistaken for something else in a log.
constexpr std::string_view kTokenStart = "weir_gw_";
constexpr std::size_t kTokenBytes = 32;

config::Sources GatewayFlags::sources() const {
  config::Sources out = serving.sources();
  auto add = [&](const char* key, const std::vector<std::string>& values, const char* flag) {
    if (!values.empty() && !values.front().empty()) out.overrides.push_back({key, values, flag});
  };
  add("gateway.listen", listen, "--listen");
  add("gateway.cert", {certificate}, "--cert");
  add("gateway.key", {key}, "--key");
  add("gateway.sessions", {sessions}, "--sessions");
  add("gateway.prefix", {prefix}, "--prefix");
  add("gateway.most_tunnels", {most_tunnels}, "--most-tunnels");
  add("gateway.idle", {idle}, "--idle");
  return out;
}

// Who asks may be told from the moment on at which relays can come in.
std::unique_ptr<control::StatusServer> tell_status(const app::Server& server, const app::GatewayDoor& door,
                                                   const config::GatewaySettings& settings, UniqueFd socket) {
  app::GatewayIdentity identity{.listen = server.endpoints(),
                                .tls = door.gateway().tls.has_value(),
                                .prefix = settings.prefix,
                                .sessions_file = settings.sessions,
                                .recording = server.store() != nullptr ? server.store()->session_id() : "",
                                .most_tunnels = settings.most_tunnels,
                                .since = wall_now()};
  auto tell = [identity = std::move(identity), &door] {
    return app::gateway_status(identity, door.sessions(), wall_now());
  };
  return std::make_unique<control::StatusServer>(
      std::move(socket), control::StatusServer::Options{app::may_ask_status, std::move(tell)});
}

void greet(const app::Server& server, const app::GatewayDoor& door, std::string_view prefix) {
  const char* scheme = door.gateway().tls ? "https" : "http";
  for (const HostPort& place : server.endpoints())
    fmt::print(stderr, "weir: relays come in at {}://{}{}\n", scheme, place.str(), flow::printable(prefix));
  if (server.store() != nullptr)
    fmt::print(stderr, "weir: session {}, recorded in {}\n", server.store()->session_id(),
               flow::printable(server.store()->directory().string()));
  if (const HostPort* metrics = server.metrics_endpoint())
    fmt::print(stderr, "weir: metrics at http://{}/metrics\n", metrics->str());
  fmt::print(stderr, "weir: {} sessions\n", door.sessions().all().size());
  fmt::print(stderr, "  see:  weir logs -f --device SESSION          stop: Ctrl-C\n");
}

/// Goes with us, whatever ends us but a kill.
struct OwnSocket {
  std::filesystem::path path;
  ~OwnSocket() { ::unlink(path.c_str()); }
};

void tell(const std::string& text) {
  fmt::print(stderr, "{}{}", text.ends_with('\n') ? "" : "weir: ", text.ends_with('\n') ? text : text + "\n");
}

int gateway(const GatewayFlags& flags) {
  auto runner = sandbox::Spawner::start();  // of the commands that print secrets
  if (!runner) return report(runner.error());
  auto hardening = app::Hardening::begin();
  if (!hardening) return report(hardening.error());
  auto loaded = config::load(flags.sources());
  if (!loaded) return report(loaded.error());
  report(loaded->warnings);
  log::set_level(loaded->settings.log_level);
  const config::GatewaySettings& settings = loaded->settings.gateway;
  if (settings.sessions.empty())
    return report(
        Error(Code::bad_config, "--sessions FILE (gateway.sessions) is missing: it says who may come in"));
  auto credentials = open_credentials(loaded->settings, {.all = true}, std::move(*runner), nullptr);
  if (!credentials) return report(credentials.error());
  auto door = app::GatewayDoor::open(settings);
  if (!door) return report(door.error());
  LiveSessions sessions(settings.sessions, (*door)->sessions(), tell);
  if (auto first = sessions.load(); !first) return report(first.error());
  auto folder = app::status_dir();
  if (!folder) return report(folder.error());
  auto socket = app::open_status_socket(*folder, app::kGatewayStatus);
  if (!socket) return report(socket.error());
  (*door)->set_haunt(*folder);
  OwnSocket own{socket->path};
  Signals signals;
  app::HandedListeners handed;
  handed.gateway = door->get();
  handed.credentials = credentials->get();
  auto server = app::Server::start(loaded->settings, nullptr, std::move(handed), &*hardening);
  if (!server) return report(server.error());
  auto status = tell_status(**server, **door, settings, std::move(socket->fd));
  greet(**server, **door, settings.prefix);
  if (*credentials) fmt::print(stderr, "{}", secrets_greeting(**credentials));
  LiveFilter filter(flags.sources(), **server, *loaded, [](const std::string& text, bool) { tell(text); });
  wait_for_stop(signals, std::chrono::milliseconds(200), [&](bool asked) {
    asked ? filter.reload() : filter.reload_if_changed();
    asked ? sessions.reload() : sessions.reload_if_changed();
  });
  fmt::print(stderr, "weir: stopping; open tunnels may end first (again to cut them)\n");
  stop(**server, signals);
  if (*credentials) fmt::print(stderr, "{}", secrets_report(**credentials));
  if ((*server)->jsonl() != nullptr) report_lost_lines((*server)->jsonl()->counters());
  report_budgets(**server);
  report_unsent((*server)->remote());
  return kExitOk;
}

// The token itself is on standard output alone, so that it can go straight into a file.
int make_token(const GatewayFlags& flags) {
  std::array<char, kTokenBytes> random;
  fill_random(random.data(), random.size());
  std::string token(kTokenStart);
  token.reserve(kTokenStart.size() + 2 * kTokenBytes + 1);
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (char byte : random) {
    auto value = static_cast<unsigned char>(byte);
    token += kDigits[value >> 4];
    token += kDigits[value & 15];
  }
  ::explicit_bzero(random.data(), random.size());
  Sha256 digest = sha256(token);
  token += '\n';
  bool written = ::write(STDOUT_FILENO, token.data(), token.size()) == static_cast<ssize_t>(token.size());
  zero(token);
  if (!written) return report(Error(Code::io, "the token could not be written to standard output"));
  fmt::print(stderr,
             "weir: the line above is the token, shown this once; the relay wants it in a file of mode 0600\n"
             "weir: for the gateway's sessions file:\n\n"
             "[[session]]\nid = \"{}\"\ntoken_sha256 = \"{}\"\n",
             flow::printable(flags.session),
             hex({reinterpret_cast<const char*>(digest.data()), digest.size()}));
  return kExitOk;
}

int print_status(const GatewayFlags& flags) {
  auto found = find_gateways(flags.pid);
  if (!found) {
    fmt::print(stderr, "weir: {}\n", flow::printable(found.error().context()));
    return kExitError;
  }
  bool first = true;
  for (const std::string& each : *found) {
    if (!flags.json && !std::exchange(first, false)) fmt::print("\n");
    fmt::print("{}", flags.json ? each : gateway_status_text(each));
  }
  return kExitOk;
}

void add_flags(CLI::App& verb, GatewayFlags& flags) {
  verb.add_option("--listen", flags.listen,
                  "Address and port for relays (repeatable; default 127.0.0.1:8443; port 0 = any free one)")
      ->type_name("HOST:PORT")
      ->allow_extra_args(false);
  verb.add_option(
          "--cert", flags.certificate,
          "Certificate to show to relays, with its chain; PEM. Without it: plain HTTP, on loopback only")
      ->type_name("FILE");
  verb.add_option("--key", flags.key, "Its key; PEM")->type_name("FILE");
  verb.add_option("--sessions", flags.sessions,
                  "Who may come in: [[session]] tables, read again when the file changes (docs/gateway.md)")
      ->type_name("FILE");
  verb.add_option("--prefix", flags.prefix, "Path before those of the protocol, such as /relay")
      ->type_name("PATH");
  verb.add_option("--most-tunnels", flags.most_tunnels,
                  "Tunnels that one session may have open (default 1024)")
      ->type_name("N");
  verb.add_option("--idle", flags.idle,
                  "End a tunnel after so long without a frame, keep-alive included (default 50s)")
      ->type_name("TIME");
  flags.serving.add_to(verb, false);
}

}  // namespace

void add_gateway(CLI::App& app, int& exit_code) {
  CLI::App* verb = app.add_subcommand(
      "gateway", "Serve relays: the far side of `weir relay`, with policy and a record of its own");
  auto flags = std::make_shared<GatewayFlags>();
  add_flags(*verb, *flags);
  CLI::App* token = verb->add_subcommand("token", "Make a token, and what the sessions file says of it");
  flags->session = "session-1";
  token->add_option("id", flags->session, "Id of the session it is for")->type_name("SESSION");
  token->callback([flags, &exit_code] { exit_code = make_token(*flags); });
  CLI::App* status = verb->add_subcommand("status", "How a gateway that runs fares, session by session");
  status->add_option("--pid", flags->pid, "Of the gateway with this process id")->type_name("PID");
  status->add_flag("--json", flags->json, "One JSON document a line (docs/formats/relay.md)");
  status->callback([flags, &exit_code] { exit_code = print_status(*flags); });
  verb->require_subcommand(0, 1);
  verb->callback([flags, verb, &exit_code] {
    if (verb->get_subcommands().empty()) exit_code = gateway(*flags);
  });
}

}  // namespace weir::cli
