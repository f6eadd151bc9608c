#include "cli/run_sandbox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "config/paths.h"
#include "net/listener.h"
#include "sandbox/environment.h"
#include "sandbox/exposure.h"
#include "sandbox/pasta.h"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;

std::string contents(const char* path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

/// What belongs to Weir and is nobody's business inside: its key, its recordings, where it is asked, its
/// settings with the secrets in them. What does not exist cannot be hidden, and could be made inside for the
/// next Weir to read: folders are made.
Result<std::vector<std::string>> own_places(const config::Settings& settings,
                                            const std::string& settings_file) {
  auto recordings = config::data_root();
  if (!recordings) return pass(recordings);
  auto file = config::config_file();
  if (!file) return pass(file);
  std::vector<std::string> out = {settings.ca_dir, settings.data_dir, *recordings,
                                  fs::path(*file).parent_path()};
  if (settings.capture.jsonl && !settings.capture.jsonl_dir.empty())
    out.push_back(settings.capture.jsonl_dir);
  for (const std::string& folder : out)
    if (auto made = config::make_private_dirs(folder); !made) return pass(made);
  out.push_back("/etc/weir");
  for (const config::CorpFile& corp : config::corp_files()) out.push_back(corp.path);
  out.push_back(settings_file);
  if (const std::string& keylog = settings.tls.keylog; !keylog.empty()) {
    UniqueFd made(::open(keylog.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    out.push_back(keylog);
  }
  for (const config::ClientCertificate& one : settings.tls.client_certificates)
    out.push_back(one.key.empty() ? one.cert : one.key);
  return out;
}

/// The name server of the sandbox, and no search list: each name there is complete.
Result<std::string> write_resolver_file(const std::string& folder) {
  std::string path = folder + "/resolv.conf";
  std::ofstream file(path, std::ios::trunc);
  file << "# Written by weir for its sandboxes.\nnameserver 127.0.0.1\nsearch .\noptions ndots:1\n";
  file.close();
  if (!file) return fail(Code::io, path + " cannot be written");
  return path;
}

sandbox::FileAccess access_of(const std::string& word) {
  return word == "ro"        ? sandbox::FileAccess::read_only
         : word == "project" ? sandbox::FileAccess::project
                             : sandbox::FileAccess::open;
}

Result<sandbox::Plan> plan_of(const SandboxFlags& flags, const config::Settings& settings,
                              const std::string& settings_file, PublicFiles public_files) {
  sandbox::Plan plan;
  plan.listeners = static_cast<std::uint32_t>(app::thread_count(settings));
  plan.host_ports = flags.host_ports;
  auto hidden = sandbox::service_folders(sandbox::own_environment(), ::getuid());
  auto own = own_places(settings, settings_file);
  if (!own) return pass(own);
  auto sockets = sandbox::bound_sockets(contents("/proc/net/unix"));
  for (auto* more : {&*own, &sockets}) hidden.insert(hidden.end(), more->begin(), more->end());
  plan.hidden = sandbox::outermost(std::move(hidden));
  std::error_code error;
  for (const std::string& socket : flags.sockets) {
    fs::path path = fs::canonical(socket, error);
    if (error) return fail(Code::bad_config, "--allow-socket " + socket + ": " + error.message());
    std::erase(plan.hidden, path.native());
    plan.kept.push_back(path);
  }
  plan.kept.insert(plan.kept.end(), public_files.begin(), public_files.end());
  plan.files = access_of(flags.files);
  if (plan.files == sandbox::FileAccess::project) plan.project = fs::current_path(error);
  if (flags.pasta()) {
    auto command = sandbox::pasta_command();
    if (!command) return fail(command.error().code(), "--net pasta: " + command.error().context());
    plan.pasta = {.command = std::move(*command), .port = 0, .closed = 0, .token = {}};
    return plan;
  }
  auto resolver = write_resolver_file(settings.ca_dir);
  if (!resolver) return pass(resolver);
  if (fs::path file = fs::canonical("/etc/resolv.conf", error); !error)
    plan.replaced.emplace_back(*resolver, file);
  return plan;
}

struct PublishedPort {
  std::uint16_t here, inside;
};

std::optional<std::uint16_t> port_in(std::string_view text) {
  std::uint16_t port = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

Result<PublishedPort> published_port(std::string_view text) {
  std::size_t colon = text.find(':');
  auto here = port_in(text.substr(0, colon));
  auto inside = colon == std::string_view::npos ? here : port_in(text.substr(colon + 1));
  if (here && inside) return PublishedPort{*here, *inside};
  return fail(Code::bad_config,
              fmt::format("--publish {}: HERE:INSIDE is wanted, two ports from 1 to 65535", text));
}

std::string own_host_name() {
  char name[256] = "";
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

}  // namespace

void SandboxFlags::add_to(CLI::App& verb) {
  constexpr const char* kGroup = "SANDBOX";
  verb.add_flag("--sandbox", on,
                "Run the command where there is no network but through Weir, whatever it knows of proxies")
      ->group(kGroup);
  verb.add_option("--net", net,
                  "How it gets to Weir: redirect (every connection arrives there) or pasta (its proxy "
                  "variables alone lead there, through pasta); with pasta a sandbox is meant")
      ->check(CLI::IsMember({"redirect", "pasta"}))
      ->group(kGroup);
  verb.add_option("--allow-host-port", host_ports,
                  "Let it reach this port of this machine's loopback, by the same number (repeatable)")
      ->type_name("PORT")
      ->allow_extra_args(false)
      ->check(CLI::Range(1, 65535))
      ->group(kGroup);
  verb.add_option("--publish", published,
                  "Make this port of it reachable at a port of this machine's loopback (repeatable)")
      ->type_name("HERE:INSIDE")
      ->allow_extra_args(false)
      ->group(kGroup);
  verb.add_option("--allow-socket", sockets,
                  "Let it reach this Unix socket (repeatable); all others are hidden")
      ->type_name("PATH")
      ->allow_extra_args(false)
      ->group(kGroup);
  verb.add_option(
          "--fs", files,
          "What it may change of the files: open (what you may), ro (nothing but temporary folders of "
          "its own), project (these and the current folder)")
      ->check(CLI::IsMember({"open", "ro", "project"}))
      ->group(kGroup);
}

Result<std::unique_ptr<RunSandbox>> RunSandbox::open(sandbox::Spawner& spawner, const SandboxFlags& flags,
                                                     const config::Settings& settings,
                                                     const std::string& settings_file, PublicFiles files) {
  auto plan = plan_of(flags, settings, settings_file, std::move(files));
  if (!plan) return pass(plan);
  auto sandbox = sandbox::Sandbox::open(spawner, std::move(*plan));
  if (!sandbox) return pass(sandbox);
  std::unique_ptr<RunSandbox> out(new RunSandbox(std::move(*sandbox)));
  out->pasta_ = flags.pasta();
  if (auto done = out->bind_ports(flags.published); !done) return pass(done);
  return out;
}

Result<> RunSandbox::start() {
  forwards_.start();
  return pasta_ ? Result<>() : answer_names();
}

Result<> RunSandbox::answer_names() {
  sandbox::DnsSockets sockets{.udp = std::move(sandbox_->dns_datagrams()), .tcp = {}};
  sockets.tcp.push_back(std::move(sandbox_->dns_listener()));
  auto dns = sandbox::DnsResponder::start(std::move(sockets), sandbox::DnsZone(names_, {own_host_name()}));
  if (!dns) return pass(dns);
  dns_ = std::move(*dns);
  return {};
}

Result<> RunSandbox::bind_ports(const std::vector<std::string>& published) {
  for (auto& [port, listener] : sandbox_->host_ports())
    forwards_.add(std::move(listener), port, app::make_socket_here);
  for (const std::string& text : published) {
    auto port = published_port(text);
    if (!port) return pass(port);
    auto listener = net::listen_tcp("127.0.0.1", port->here, false);
    if (!listener) return fail(Code::bad_config, "--publish " + text + ": " + listener.error().context());
    forwards_.add(std::move(*listener), port->inside,
                  [this](int family) { return sandbox_->make_socket(family); });
  }
  return {};
}

std::vector<HostPort> RunSandbox::proxy_inside(const std::vector<HostPort>& here) const {
  if (!pasta_ || here.empty()) return {};
  return {HostPort{sandbox::kPastaGateway, here.front().port}};
}

app::HandedListeners RunSandbox::listeners() {
  // Whoever connects on this machine's loopback is pasta, whoever is behind it.
  if (pasta_)
    return {.kind = proxy::EntranceKind::proxy,
            .sockets = std::move(sandbox_->proxies()),
            .name_of = {},
            .diagnosis = {}};
  return {.sockets = std::move(sandbox_->proxies()),
          .name_of = [this](const std::string& address) { return name_of(address); },
          .diagnosis = std::move(sandbox_->diagnosis())};
}

Result<std::optional<std::string>> RunSandbox::name_of(const std::string& address) const {
  if (!sandbox::SyntheticNames::is_synthetic(address)) return std::nullopt;
  auto name = names_.name_of(address);
  if (name) return name;
  return fail(Code::bad_target, "nobody asked for the name of " + address +
                                    " in this sandbox; it may be an address kept from an earlier one");
}

}  // namespace weir::cli
