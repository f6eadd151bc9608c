// `weir doctor`: is everything there that Weir needs, and do the programs of this machine trust it?
#include <errno.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>

#include "app/server.h"
#include "cli/client_trial.h"
#include "cli/doctor_command.h"
#include "cli/doctor_guest.h"
#include "cli/doctor_origin.h"
#include "cli/doctor_report.h"
#include "cli/doctor_sandbox.h"
#include "cli/doctor_self.h"
#include "cli/serving.h"
#include "cli/verbs.h"
#include "config/doors.h"
#include "config/paths.h"
#include "config/upstream_proxy.h"
#include "flow/text.h"
#include "net/listener.h"
#include "sandbox/environment.h"
#include "sandbox/spawner.h"
#include "tls/certificate.h"
#include "tls/client_identity.h"
#include "tls/trust_bundle.h"

namespace weir::cli {
namespace {

void check_ca(Report& report, const std::string& folder) {
  auto authority = tls::Authority::load_or_create(folder);
  if (!authority)
    return report.row(Mark::bad, "CA", authority.error().context(), "weir ca rotate makes a new one");
  std::int64_t left = (authority->not_after() - time(nullptr)) / 86400;
  report.row(left > 30 ? Mark::good : Mark::note, "CA",
             fmt::format("{}, valid for {} more days", authority->subject(), left),
             "weir ca rotate makes a new one");
  auto bundle = tls::system_bundle();
  if (bundle) return report.row(Mark::good, "system roots", bundle->string());
  report.row(Mark::bad, "system roots", bundle.error().context(), "install the package ca-certificates");
}

void check_tls(Report& report, const config::TlsSettings& tls) {
  for (const config::ClientCertificate& each : tls.client_certificates) {
    auto identity = tls::load_identity({each.host, nullptr, each.cert, each.key});
    if (!identity) {
      report.row(Mark::bad, "client cert", identity.error().context(), "correct tls.client_certificates");
      continue;
    }
    X509* certificate = identity->certificate.get();
    bool expired = tls::not_after_of(certificate) < time(nullptr);
    report.row(expired ? Mark::bad : Mark::good, "client cert",
               fmt::format("{}: {}, until {}", each.host, tls::subject_text(certificate),
                           tls::iso_date(tls::not_after_of(certificate))),
               "its issuer must renew it");
  }
  if (!tls.keylog.empty())
    report.row(Mark::note, "key log", fmt::format("the secrets of every connection go to {}", tls.keylog),
               "remove tls.keylog when you are done");
}

void check_clock(Report& report) {
  // Certificates are judged by this clock; before the program was made it cannot have been.
  constexpr time_t kBuilt = 1'760'000'000;
  bool sane = time(nullptr) > kBuilt;
  report.row(sane ? Mark::good : Mark::bad, "clock", tls::iso_time(time(nullptr)),
             "set the clock: certificates depend on it");
}

void check_port(Report& report, const config::Settings& settings) {
  for (const HostPort& place : settings.listen) {
    auto socket = net::listen_tcp(place.host, place.port, false);
    if (socket) {
      report.row(Mark::good, "port", place.str() + " is free");
    } else {
      report.row(Mark::note, "port", socket.error().context(),
                 "it may be Weir itself; else choose another with --listen or `listen`");
    }
  }
}

void check_redirection(Report& report, const config::Settings& settings) {
  for (const HostPort& place : settings.transparent) {
    auto socket = net::listen_transparent(place.host, place.port, false);
    if (!socket) {
      report.row(Mark::note, "transparent", socket.error().context(),
                 "it may be Weir itself; else choose another with --transparent or `transparent`");
    } else if (net::takes_foreign_addresses(socket->get())) {
      report.row(Mark::good, "transparent", place.str() + " is free, for REDIRECT and TPROXY");
    } else {
      report.row(Mark::note, "transparent", place.str() + " is free, for REDIRECT; TPROXY is not allowed",
                 "TPROXY takes CAP_NET_RAW or CAP_NET_ADMIN (docs/transparent.md); REDIRECT takes nothing");
    }
  }
}

void check_access(Report& report, const config::Settings& settings) {
  if (auto sound = config::check_doors(settings); !sound)
    return report.row(Mark::bad, "access", sound.error().context());
  std::size_t users = settings.proxy_auth.users.size();
  if (users > 0)
    return report.row(Mark::good, "access", fmt::format("by name and password, {} user(s)", users));
  bool open =
      std::ranges::any_of(settings.listen, [](const auto& place) { return !is_loopback_host(place.host); });
  report.row(open ? Mark::note : Mark::good, "access",
             open ? "anybody who can reach it (allow_open_proxy)" : "everybody on this machine",
             "ask for credentials with proxy_auth.users");
}

// Who may be reached at which addresses. A proxy on the way looks up names itself.
void check_addresses(Report& report, const config::UpstreamSettings& settings) {
  auto proxies = config::upstream_proxies(settings);
  if (!proxies) return report.row(Mark::bad, "addresses", proxies.error().context());
  const auto& proxy = proxies->for_https ? proxies->for_https : proxies->for_http;
  if (!proxy)
    return report.row(Mark::good, "addresses",
                      "every address is judged before it is connected to, cloud metadata refused");
  report.row(
      Mark::note, "addresses",
      fmt::format("names are looked up by the upstream proxy {}: of addresses only those written in URLs are "
                  "judged",
                  proxy->place.str()),
      "have that proxy refuse private addresses and cloud metadata, or list hosts in upstream.no_proxy");
}

// Looks at the nearest folder that exists: doctor makes none.
void check_folder(Report& report, const std::string& folder) {
  std::filesystem::path existing = folder;
  std::error_code error;
  while (!std::filesystem::exists(existing, error) && existing.has_relative_path())
    existing = existing.parent_path();
  struct statvfs space;
  if (access(existing.c_str(), W_OK) != 0 || statvfs(existing.c_str(), &space) != 0)
    return report.row(Mark::bad, "data folder", fmt::format("{}: {}", existing.string(), strerror(errno)),
                      "choose another with --data");
  std::uint64_t left = static_cast<std::uint64_t>(space.f_bavail) * space.f_frsize;
  constexpr std::uint64_t kLittle = 1ULL << 30;
  report.row(left > kLittle ? Mark::good : Mark::note, "data folder",
             fmt::format("{}, {} free", folder, flow::size_text(left)),
             "capture stops when the disk is full; capture.retention_bytes bounds what is kept");
}

void check_descriptors(Report& report, const config::Settings& settings) {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  std::uint64_t wanted = settings.limits.connections * 2 + 100;
  bool enough = limit.rlim_max >= wanted;
  report.row(
      enough ? Mark::good : Mark::note, "open files",
      fmt::format("{} allowed, {} for {} connections", limit.rlim_max, wanted, settings.limits.connections),
      "raise `ulimit -Hn`, or lower limits.connections");
}

std::string first_line(std::string_view text) {
  std::size_t start = text.find_first_not_of("\r\n \t");
  if (start == std::string_view::npos) return "no output";
  text.remove_prefix(start);
  return std::string(text.substr(0, std::min<std::size_t>(text.find('\n'), 160)));
}

// Every client of this machine fetches a page of a local origin through a Weir of its own.
Result<void> check_clients(Report& report, const config::Settings& settings, const std::string& scratch) {
  auto origin = DoctorOrigin::start(scratch + "/origin-ca");
  if (!origin) return pass(origin);
  config::Settings trial = settings;
  trial.listen = {HostPort{"127.0.0.1", 0}};
  trial.transparent.clear();
  trial.guest = {};
  trial.proxy_auth = {};
  trial.reverse.clear();
  trial.threads = 1;
  trial.data_dir = scratch + "/data";
  trial.upstream.proxy = "direct";
  trial.tls = {};
  trial.tls.upstream_ca = {(*origin)->ca_file()};
  trial.limits.drain_timeout = std::chrono::milliseconds(500);
  auto server = app::Server::start(trial);
  if (!server) return pass(server);
  sandbox::Injection injection;
  injection.proxy = (*server)->endpoints().front();
  injection.ca_file = (*server)->authority().certificate_path();
  injection.bundle_file = scratch + "/bundle.pem";
  injection.java_trust_store = scratch + "/truststore.jks";
  injection.java_trust_password = "changeit";
  injection.include_loopback = true;
  if (auto done = tls::write_bundle(injection.bundle_file, (*server)->authority()); !done) return done;
  auto java = tls::write_java_trust_store(injection.java_trust_store, injection.java_trust_password,
                                          (*server)->authority());
  if (!java) return java;
  auto environment = sandbox::child_environment(sandbox::own_environment(), injection);
  for (const ClientTrial& client : client_trials()) {
    TrialResult result = run_trial(client, (*origin)->url(), environment, DoctorOrigin::kGreeting, scratch);
    switch (result.outcome) {
      case TrialResult::Outcome::works: report.row(Mark::good, client.name, "trusts Weir"); break;
      case TrialResult::Outcome::not_installed: report.row(Mark::good, client.name, "not installed"); break;
      case TrialResult::Outcome::fails:
        report.row(Mark::bad, client.name, first_line(result.output), client.mend);
        break;
    }
  }
  (*server)->drain();
  (*server)->join();
  (*server)->close();
  return {};
}

/// A folder that is gone at the end.
class Scratch {
 public:
  static Result<Scratch> make() {
    std::string path = (std::filesystem::temp_directory_path() / "weir-doctor-XXXXXX").string();
    if (!mkdtemp(path.data())) return fail_errno(Code::io, "a folder in " + path, errno);
    return Scratch(std::move(path));
  }
  Scratch(Scratch&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  ~Scratch() {
    std::error_code ignored_since_temporary;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored_since_temporary);
  }
  const std::string& path() const { return path_; }

 private:
  explicit Scratch(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

int check_machine(sandbox::Spawner& spawner, const config::Settings& settings, const std::string& scratch) {
  Report table(isatty(STDOUT_FILENO) && !getenv("NO_COLOR"));
  fmt::print("weir {}\n", WEIR_VERSION);
  check_ca(table, settings.ca_dir);
  check_tls(table, settings.tls);
  check_clock(table);
  check_port(table, settings);
  check_redirection(table, settings);
  check_access(table, settings);
  check_addresses(table, settings.upstream);
  check_folder(table, settings.data_dir);
  check_descriptors(table, settings);
  check_sandboxes(table, spawner);
  auto tried = check_clients(table, settings, scratch);
  if (!tried) table.row(Mark::bad, "interception", tried.error().message());
  fmt::print("{}\n", table.failures() == 0 ? "everything is in order"
                                           : fmt::format("{} thing(s) to mend", table.failures()));
  return table.failures() == 0 ? kExitOk : kExitError;
}

int doctor(const ServingFlags& flags, const std::vector<std::string>& command) {
  // First of all: the spawner must be as plain as we were started.
  auto spawner = sandbox::Spawner::start();
  if (!spawner) return report(spawner.error());
  auto chosen = flags.settings();
  if (!chosen) return kExitUsage;
  log::set_level(log::Level::error);
  auto settings = app::with_default_folders(*chosen);
  if (!settings) return report(settings.error());
  auto scratch = Scratch::make();
  if (!scratch) return report(scratch.error());
  return command.empty() ? check_machine(*spawner, *settings, scratch->path())
                         : examine_command(*spawner, *settings, flags.config_file, scratch->path(), command);
}

}  // namespace

void add_doctor(CLI::App& app, int& exit_code) {
  CLI::App* verb = app.add_subcommand("doctor",
                                      "Check the CA, ports, folders, and which programs trust Weir; with -- "
                                      "CMD, whether all that CMD starts do");
  auto flags = std::make_shared<ServingFlags>();
  flags->add_to(*verb, true);
  auto guest = std::make_shared<GuestDoctor>();
  guest->add_to(*verb);
  auto self = std::make_shared<pid_t>(0);
  verb->add_option("--self", *self, "Check how well a Weir that runs is closed to others (docs/hardening.md)")
      ->type_name("PID")
      ->check(CLI::PositiveNumber);
  verb->prefix_command();
  verb->footer(
      "weir doctor -- CMD runs CMD in a sandbox where every host is answered by Weir itself, nothing leaves, "
      "and tells of each connection which program made it, with which TLS library, and whether it trusted "
      "the certificate. It exits with 0 when all did, 1 when not, 78 when no sandbox can be made.");
  verb->callback([verb, flags, guest, self, &exit_code] {
    std::vector<std::string> command = verb->remaining();
    if (guest->wanted()) {
      exit_code = guest->examine();
      return;
    }
    if (*self > 0) {
      exit_code = examine_process(*self);
      return;
    }
    bool marked = !command.empty() && command.front() == kCommandMark;
    if (!command.empty() && !marked) {
      fmt::print(stderr, "weir doctor: unexpected {}; a command goes behind --\n",
                 flow::printable(command.front()));
      exit_code = kExitUsage;
      return;
    }
    if (marked) command.erase(command.begin());
    // A mark further on is a "--" of the command's own.
    std::ranges::replace(command, std::string(kCommandMark), std::string("--"));
    if (marked && command.empty()) {
      fmt::print(stderr, "weir doctor: no command behind --\n");
      exit_code = kExitUsage;
      return;
    }
    exit_code = doctor(*flags, command);
  });
}

}  // namespace weir::cli
