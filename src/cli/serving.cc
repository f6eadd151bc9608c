#include "cli/serving.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <cstdio>

#include "app/server.h"
#include "cli/problems.h"
#include "flow/text.h"

namespace weir::cli {
namespace {

// What --jsonl alone says, and what is no folder.
constexpr std::string_view kJsonlHere = "true";
constexpr std::string_view kNoJsonl = "false";

}  // namespace

void ServingFlags::add_doors(CLI::App& verb) {
  verb.add_option("--listen", listen,
                  "Address and port to listen on (default 127.0.0.1:8080; port 0 = any free one)")
      ->type_name("HOST:PORT")
      ->allow_extra_args(false);
  verb.add_option(
          "--transparent", transparent,
          "Address and port for connections that nftables redirects here (repeatable; docs/transparent.md)")
      ->type_name("HOST:PORT")
      ->allow_extra_args(false);
  verb.add_flag("--transparent-preamble", transparent_preamble,
                "Redirected connections may begin with a relay's preamble, whose word is taken");
  verb.add_option("--uds", uds,
                  "Unix socket for the relays of virtual machines and network namespaces, weir-guest "
                  "(repeatable)")
      ->type_name("PATH")
      ->allow_extra_args(false);
  verb.add_option("--vsock", vsock, "AF_VSOCK port for the relays of KVM guests (5002 is what they look for)")
      ->type_name("PORT");
  verb.add_option("--vsock-uds", vsock_uds,
                  "The same for guests of Firecracker and Cloud Hypervisor: the path of the vsock device's "
                  "socket; the port is 5002 unless given (repeatable)")
      ->type_name("PATH[:PORT]")
      ->allow_extra_args(false);
  verb.add_option("--auth", auth,
                  "Let in only who shows this name and password (repeatable; proxy_auth.users in the "
                  "configuration hides them from `ps`)")
      ->type_name("USER:PASSWORD")
      ->allow_extra_args(false);
  verb.add_flag("--allow-open-proxy", allow_open_proxy,
                "Listen where other machines can reach it without asking anybody for credentials");
  verb.add_option("--reverse", reverse, "Stand in front of this origin: every request goes there")
      ->type_name("URL");
  verb.add_flag("--reverse-keep-host", reverse_keep_host, "With --reverse: send Host on as it came");
  verb.add_flag("--no-capture", no_capture, "Record nothing");
}

void ServingFlags::add_filter(CLI::App& verb) {
  verb.add_option("--filter-default", filter_default,
                  "What happens to requests that no rule matches: allow, block or ask")
      ->type_name("ACTION");
  auto domain = [&](const char* flag, policy::Action action, const char* help) {
    auto add = [this, flag, action](const std::string& pattern) {
      rules.push_back({.pattern = pattern, .action = action, .source = flag});
    };
    // At once, each time: one list keeps the order of both flags.
    verb.add_option_function<std::string>(flag, add, help)
        ->type_name("PATTERN")
        ->allow_extra_args(false)
        ->trigger_on_parse();
  };
  domain("--allow-domain", policy::Action::allow,
         "Allow these hosts (repeatable); with no default action anywhere, the others are blocked");
  domain("--block-domain", policy::Action::block,
         "Block these hosts (repeatable); with no default action anywhere and nothing but this flag, the "
         "others are allowed");
}

void ServingFlags::add_to(CLI::App& verb, bool with_doors) {
  auto one = [&verb](const char* flag, std::string& value, const char* help, const char* type) {
    verb.add_option(flag, value, help)->type_name(type);
  };
  // One value each time: `--passthrough a.example npm` must not take npm for a host.
  auto many = [&verb](const char* flag, std::vector<std::string>& values, const char* help,
                      const char* type) {
    verb.add_option(flag, values, help)->type_name(type)->allow_extra_args(false);
  };
  if (with_doors) add_doors(verb);
  one("--config", config_file, "Configuration file (default: `weir config show` names it)", "FILE");
  one("--threads", threads, "Worker threads (default: one for each core)", "N");
  one("--ca-dir", ca_dir, "Folder of the certificate authority", "DIR");
  one("--data", data_dir, "Folder to record into (default: the current project's)", "DIR");
  many("--intercept", intercept, "Decrypt only these hosts; the others pass through (repeatable)", "PATTERN");
  many("--passthrough", passthrough, "Do not decrypt these hosts (repeatable)", "PATTERN");
  many("--upstream-ca", upstream_ca, "PEM file of roots to trust for upstream hosts (repeatable)", "FILE");
  many("--insecure", insecure, "Accept bad certificates of these hosts, and record it (repeatable)",
       "PATTERN");
  many("--client-cert", client_certificates,
       "Show this certificate to upstream hosts of the pattern HOST that ask for one; PEM files (repeatable)",
       "HOST=CERT[,KEY]");
  verb.add_flag(
      "--auto-passthrough", auto_passthrough,
      "Tunnel a host undecrypted for an hour for a client that keeps rejecting Weir's certificate for it");
  add_filter(verb);
  one("--keylog", keylog,
      "Append the secrets of every TLS connection to this file, for Wireshark: whoever has it can read the "
      "traffic. Only this flag (or tls.keylog) turns it on: SSLKEYLOGFILE is not heeded, since it may be set "
      "for other programs",
      "FILE");
  one("--upstream-proxy", upstream_proxy,
      "Proxy to go through, http://, https:// or socks5:// (default: HTTPS_PROXY and so on; \"direct\" = "
      "none)",
      "URL");
  many("--no-proxy", no_proxy, "Reach these hosts without that proxy (repeatable)", "HOST");
  one("--capture-full", when_full, "When capture cannot keep up: \"slow\" the clients or \"drop\" the record",
      "slow|drop");
  verb.add_flag(
      "--jsonl{" + std::string(kJsonlHere) + "}", jsonl,
      "Write each exchange as a line of JSON as well, for other programs; --jsonl=DIR: into this folder "
      "(default: logs/proxy in the folder to record into)");
  many("--budget", budgets,
       "How much may be spent, such as 5usd/day, 2Mtok, 100calls/hour:warn, 1GB/day:ask; else it is blocked "
       "(repeatable; docs/budgets.md)",
       "LIMIT[/TIME][:ACTION]");
  one("--metrics", metrics,
      "Answer GET /metrics (Prometheus) at this address and port (port 0 = any free one)", "HOST:PORT");
  one("--log-level", log_level, "debug, info, warn or error", "LEVEL");
}

config::Sources ServingFlags::sources() const {
  config::Sources sources;
  sources.file = config_file;
  sources.file_required = !config_file.empty();
  auto many = [&](const char* key, const std::vector<std::string>& values, const char* flag) {
    if (!values.empty()) sources.overrides.push_back({key, values, flag});
  };
  auto one = [&](const char* key, const std::string& value, const char* flag) {
    if (!value.empty()) sources.overrides.push_back({key, {value}, flag});
  };
  auto set = [&](const char* key, bool on, const char* flag) {
    if (on) sources.overrides.push_back({key, {"true"}, flag});
  };
  many("listen", listen, "--listen");
  many("transparent", transparent, "--transparent");
  set("transparent_preamble", transparent_preamble, "--transparent-preamble");
  many("guest.uds", uds, "--uds");
  one("guest.vsock", vsock, "--vsock");
  many("guest.vsock_uds", vsock_uds, "--vsock-uds");
  many("proxy_auth.users", auth, "--auth");
  set("allow_open_proxy", allow_open_proxy, "--allow-open-proxy");
  one("reverse", reverse, "--reverse");
  set("reverse_keep_host", reverse_keep_host, "--reverse-keep-host");
  if (no_capture) sources.overrides.push_back({"capture.enabled", {"false"}, "--no-capture"});
  one("threads", threads, "--threads");
  one("ca_dir", ca_dir, "--ca-dir");
  one("data_dir", data_dir, "--data");
  many("tls.intercept", intercept, "--intercept");
  many("tls.passthrough", passthrough, "--passthrough");
  many("tls.upstream_ca", upstream_ca, "--upstream-ca");
  many("tls.insecure_hosts", insecure, "--insecure");
  many("tls.client_certificates", client_certificates, "--client-cert");
  set("tls.auto_passthrough", auto_passthrough, "--auto-passthrough");
  one("tls.keylog", keylog, "--keylog");
  one("upstream.proxy", upstream_proxy, "--upstream-proxy");
  many("upstream.no_proxy", no_proxy, "--no-proxy");
  one("capture.when_full", when_full, "--capture-full");
  one("capture.jsonl", jsonl.empty() || jsonl == kNoJsonl ? jsonl : "true", "--jsonl");
  if (jsonl != kJsonlHere && jsonl != kNoJsonl) one("capture.jsonl_dir", jsonl, "--jsonl");
  many("budget.limits", budgets, "--budget");
  one("control.listen", metrics, "--metrics");
  one("log_level", log_level, "--log-level");
  one("filter.default_action", filter_default, "--filter-default");
  sources.rules = rules;
  return sources;
}

void report_lost_lines(const store::JsonlWriter::Counters& counters) {
  std::uint64_t lost = counters.shed_flows + counters.lost_flows + counters.too_long;
  if (lost > 0) fmt::print(stderr, "weir: {} flows are missing from the JSON Lines\n", lost);
  if (counters.shed_bodies > 0)
    fmt::print(stderr, "weir: {} flows are without their bodies in the JSON Lines\n", counters.shed_bodies);
}

void report_budgets(const app::Server& server) {
  constexpr std::size_t kMostLines = 10;
  std::size_t shown = 0;
  for (const std::string& line : server.budget_report()) {
    if (shown++ == kMostLines) return fmt::print(stderr, "weir: budget: and more: `weir ai budgets`\n");
    fmt::print(stderr, "weir: budget: {}\n", flow::printable(line));
  }
}

void report_unsent(const app::RemoteLogs& remote) {
  for (const auto& [name, counts] : remote.counters()) {
    std::uint64_t unsent = counts.dropped + counts.refused + counts.lost;
    if (unsent > 0)
      fmt::print(stderr, "weir: not sent to {}: {} of {} flows ({} dropped, {} refused, {} not in time)\n",
                 name, unsent, counts.accepted + counts.dropped, counts.dropped, counts.refused, counts.lost);
  }
}

std::unique_ptr<config::Settings> ServingFlags::settings() const {
  auto loaded = config::load(sources());
  if (!loaded) {
    report(loaded.error());
    return nullptr;
  }
  report(loaded->warnings);
  return std::make_unique<config::Settings>(std::move(loaded->settings));
}

}  // namespace weir::cli
