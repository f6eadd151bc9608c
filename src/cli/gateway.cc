// `weir gateway`: the far side of relays, until it is told to stop.
#include <fmt/format.h>
#include <string.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <array>
#include <cstdio>
#include <memory>

#include "app/hardening.h"
#include "app/server.h"
#include "base/log.h"
#include "base/secret_bytes.h"
#include "cli/live_filter.h"
#include "cli/live_sessions.h"
#include "cli/problems.h"
#include "cli/serving.h"
#include "cli/signals.h"
#include "cli/verbs.h"
#include "config/value.h"
#include "flow/text.h"

namespace weir::cli {
namespace {

struct GatewayFlags {
  ServingFlags serving;
  std::vector<std::string> listen;
  std::string certificate, key, sessions, prefix, idle = "50s";
  std::uint64_t most_tunnels = 1024;
  std::string session;  ///< of `token`
};

// Nobody's token may be guessed, and none is mistaken for something else in a log.
constexpr std::string_view kTokenStart = "weir_gw_";
constexpr std::size_t kTokenBytes = 32;

Result<app::GatewayOptions> gateway_options(const GatewayFlags& flags) {
  app::GatewayOptions out{.listen = {},
                          .certificate = flags.certificate,
                          .key = flags.key,
                          .prefix = flags.prefix,
                          .most_tunnels = flags.most_tunnels};
  for (const std::string& text : flags.listen) {
    // Port 0 means any: parse_host_port refuses it.
    bool any = text.ends_with(":0");
    auto place = parse_host_port(any ? text.substr(0, text.size() - 2) : text, any ? 1 : 0);
    if (!place) return fail(Code::bad_config, "--listen " + text + ": " + place.error().context());
    out.listen.push_back({place->host, any ? std::uint16_t{0} : place->port});
  }
  auto idle = config::parse_duration(flags.idle);
  if (!idle || idle->count() <= 0)
    return fail(Code::bad_config, "--idle " + flags.idle + ": wanted is a time with its unit, such as 50s");
  out.idle = *idle;
  if (out.listen.empty()) out.listen.push_back({"127.0.0.1", 8443});
  return out;
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

void tell(const std::string& text) {
  fmt::print(stderr, "{}{}", text.ends_with('\n') ? "" : "weir: ", text.ends_with('\n') ? text : text + "\n");
}

int gateway(const GatewayFlags& flags) {
  auto hardening = app::Hardening::begin();
  if (!hardening) return report(hardening.error());
  auto loaded = config::load(flags.serving.sources());
  if (!loaded) return report(loaded.error());
  report(loaded->warnings);
  log::set_level(loaded->settings.log_level);
  auto options = gateway_options(flags);
  if (!options) return report(options.error());
  auto door = app::GatewayDoor::open(*options);
  if (!door) return report(door.error());
  LiveSessions sessions(flags.sessions, (*door)->sessions(), tell);
  if (auto first = sessions.load(); !first) return report(first.error());
  Signals signals;
  app::HandedListeners handed;
  handed.gateway = door->get();
  auto server = app::Server::start(loaded->settings, nullptr, std::move(handed), &*hardening);
  if (!server) return report(server.error());
  greet(**server, **door, flags.prefix);
  LiveFilter filter(flags.serving.sources(), **server, *loaded,
                    [](const std::string& text, bool) { tell(text); });
  constexpr auto kLook = std::chrono::milliseconds(50);
  constexpr auto kLookAtFiles = std::chrono::milliseconds(200);
  std::optional<Signals::Signal> signal;
  while (!signal || signal->number == SIGHUP) {
    signal = signals.wait(kLookAtFiles);
    if (!signal) filter.reload_if_changed();
    if (!signal) sessions.reload_if_changed();
    if (signal && signal->number == SIGHUP) {
      filter.reload();
      sessions.reload();
    }
  }
  fmt::print(stderr, "weir: stopping; open tunnels may end first (again to cut them)\n");
  (*server)->drain();
  while (!(*server)->ended())
    if (auto again = signals.wait(kLook); again && again->number != SIGHUP) (*server)->hurry();
  (*server)->join();
  (*server)->close();
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
  verb->require_subcommand(0, 1);
  verb->callback([flags, verb, &exit_code] {
    if (!verb->get_subcommands().empty()) return;
    if (flags->sessions.empty())
      exit_code = report(Error(Code::bad_config, "--sessions FILE is missing: it says who may come in"));
    else
      exit_code = gateway(*flags);
  });
}

}  // namespace weir::cli
