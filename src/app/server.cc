#include "app/server.h"

#include <errno.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <future>
#include <iterator>
#include <utility>

#include "base/log.h"
#include "base/wipe_freed.h"
#include "config/budgets.h"
#include "config/paths.h"
#include "net/listener.h"
#include "store/session_dir.h"

namespace weir::app {
namespace {

// What open flows may hold of bodies, however small the queue is set: as much again as the queue, but not
// nothing.
constexpr std::uint64_t kLeastBudget = 16 << 20;

// Two descriptors a connection pair: the soft limit that shells give is made for other programs.
void raise_descriptor_limit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) log::debug("cannot raise the limit of open files");
}

// Null when no file is named.
Result<std::shared_ptr<tls::KeyLog>> open_key_log(const std::string& file) {
  if (file.empty()) return nullptr;
  auto opened = tls::KeyLog::open(file);
  if (!opened) return fail(opened.error().code(), "tls.keylog: " + opened.error().context());
  log::warn(
      "the secrets of every TLS connection, of clients and towards hosts, are written to {} (tls.keylog): "
      "whoever reads that file can decrypt the traffic they belong to, recorded or tapped; delete it when "
      "you are done",
      file);
  return opened;
}

}  // namespace

std::size_t thread_count(const config::Settings& settings) {
  if (settings.threads > 0) return settings.threads;
  return std::max(1u, std::thread::hardware_concurrency());
}

Server::Server(RoomOptions options, tls::Authority authority)
    : options_(std::move(options)),
      authority_(std::move(authority)),
      internal_log_(std::make_shared<store::InternalLog>(
          store::InternalLog::Options{.folder = options_.store.data_dir / "logs" / "internal"})),
      rejections_(options_.rejections),
      budget_(std::max<std::uint64_t>(options_.store.queue_bytes, kLeastBudget)),
      prices_(options_.models.prices) {
  if (options_.redactor)
    log::set_rewrite([redactor = options_.redactor](std::string_view text) { return redactor->text(text); });
  if (options_.log_skip) skip_ = std::make_unique<proxy::LogSkip>(options_.log_skip);
  log::set_listener(internal_log_);
}

Result<std::unique_ptr<Server>> Server::start(const config::Settings& given, Observer* observer,
                                              HandedListeners handed, const Hardening* hardening) {
  WipeFreed wipe;
  auto settings = with_default_folders(given);
  if (!settings) return pass(settings);
  auto options = room_options(*settings, handed.credentials ? handed.credentials->live() : nullptr);
  if (!options) return pass(options);
  auto authority = tls::Authority::load_or_create(settings->ca_dir);
  if (!authority) return pass(authority);
  raise_descriptor_limit();
  options->session.closed_door = !handed.sockets.empty() || handed.gateway != nullptr;
  std::unique_ptr<Server> server(new Server(std::move(*options), std::move(*authority)));
  server->gateway_ = handed.gateway;
  server->credentials_ = handed.credentials;
  if (handed.sockets.empty() || handed.diagnosis)
    server->open_clients(std::move(handed.diagnosis), hardening != nullptr && !hardening->off());
  if (auto done = server->listen(*settings, std::move(handed)); !done) return pass(done);
  if (auto done = server->open(*settings, observer, hardening); !done) return pass(done);
  for (auto& worker : server->workers_) worker->start();
  if (server->metrics_) server->metrics_->serve([self = server.get()] { return self->metrics(); });
  server->note_start();
  return server;
}

// Not to know who sends what is no reason not to serve.
void Server::open_clients(UniqueFd diagnosis, bool confined) {
  auto clients =
      diagnosis ? ProcessClients::of(std::move(diagnosis), confined) : ProcessClients::here(confined);
  if (clients) {
    clients_ = std::move(*clients);
  } else {
    log::info("programs behind connections are not looked up: {}", clients.error().message());
  }
}

void Server::expect_clients_below(pid_t root) {
  if (clients_) clients_->set_root(root);
}

void Server::note_start() {
  serving_ = true;
  std::string places;
  for (const HostPort& place : endpoints_) places.append(places.empty() ? "" : ", ").append(place.str());
  for (const HostPort& place : transparent_endpoints())
    places.append(places.empty() ? "" : ", ").append("redirected connections at ").append(place.str());
  for (const std::string& place : guest_places())
    places.append(places.empty() ? "" : ", ").append("guests at ").append(place);
  internal_log_->note("serves on " + places + (store_ ? ", session " + store_->session_id() : ""));
}

Result<void> Server::listen(const config::Settings& settings, HandedListeners handed) {
  sockets_.resize(thread_count(settings));
  if (!handed.sockets.empty()) {
    std::uint16_t port = net::bound_port(handed.sockets.front().get());
    entrances_.push_back(
        {.kind = handed.kind, .listener = {"::", port}, .name_of = std::move(handed.name_of)});
    if (handed.kind == proxy::EntranceKind::proxy) endpoints_.push_back({"127.0.0.1", port});
    for (std::size_t i = 0; i < handed.sockets.size(); ++i)
      sockets_[i % sockets_.size()].push_back({std::move(handed.sockets[i]), &entrances_.back()});
    return {};
  }
  if (gateway_ != nullptr) return listen_for_relays();
  for (const HostPort& wanted : settings.listen)
    if (auto done = listen_at(wanted, false); !done) return done;
  for (const HostPort& wanted : settings.transparent) {
    if (auto done = listen_at(wanted, true); !done) return done;
    entrances_.back().preambles = settings.transparent_preamble;
  }
  return listen_for_guests(settings.guest);
}

Result<void> Server::listen_for_relays() {
  gateway_->set_ca(authority_.pem());
  for (const HostPort& wanted : gateway_->listen()) {
    if (auto done = listen_at(wanted, false); !done) return done;
    entrances_.back().kind = proxy::EntranceKind::gateway;
    entrances_.back().gateway = &gateway_->gateway();
  }
  return {};
}

Result<void> Server::listen_for_guests(const config::GuestSettings& settings) {
  if (!settings.any()) return {};
  auto doors = GuestDoors::open(settings);
  if (!doors) return pass(doors);
  guests_ = std::move(*doors);
  for (auto& sockets : sockets_) {
    auto listeners = guests_->listeners();
    if (!listeners) return pass(listeners);
    std::ranges::move(*listeners, std::back_inserter(sockets));
  }
  guests_->handed_out();
  return {};
}

Result<void> Server::listen_at(const HostPort& wanted, bool redirected) {
  const char* setting = redirected ? "--transparent" : "--listen";
  auto open = redirected ? net::listen_transparent : net::listen_tcp;
  // Sharing a port is for our own threads: a first socket that does not share finds out about anybody else.
  auto probe = open(wanted.host, wanted.port, false);
  if (!probe && probe.error().context().contains("in use"))
    return fail(Code::io,
                probe.error().context() + "; another program listens there: choose a port with " + setting);
  if (!probe) return pass(probe);
  HostPort place{wanted.host, net::bound_port(probe->get())};
  auto kind = redirected ? proxy::EntranceKind::transparent : proxy::EntranceKind::proxy;
  entrances_.push_back({.kind = kind, .listener = place, .name_of = {}, .loops = &loops_});
  const proxy::Entrance* entrance = &entrances_.back();
  if (!redirected) endpoints_.push_back(place);
  if (sockets_.size() == 1) {
    sockets_[0].push_back({std::move(*probe), entrance});
    return {};
  }
  probe->reset();
  for (auto& sockets : sockets_) {
    auto socket = open(place.host, place.port, true);
    if (!socket) return pass(socket);
    sockets.push_back({std::move(*socket), entrance});
  }
  return {};
}

std::vector<HostPort> Server::transparent_endpoints() const {
  std::vector<HostPort> out;
  for (const proxy::Entrance& one : entrances_)
    if (one.kind == proxy::EntranceKind::transparent) out.push_back(one.listener);
  return out;
}

// Everything it will write to is known, every port is bound, and no thread has begun but the finder's, which
// looks after itself.
Result<void> Server::confine(const config::Settings& settings, const Hardening& hardening) {
  auto state = config::data_root();
  if (!state) return pass(state);
  Haunts haunts{.writable = {settings.data_dir, *state}};
  if (options_.jsonl) haunts.writable.push_back(options_.jsonl->folder);
  if (credentials_ != nullptr)
    std::ranges::move(credentials_->writable(), std::back_inserter(haunts.writable));
  for (const std::string& socket : settings.guest.uds)
    haunts.removable_from.push_back(std::filesystem::path(socket).parent_path());
  for (const config::VsockSocket& socket : settings.guest.vsock_uds)
    haunts.removable_from.push_back(std::filesystem::path(socket.path).parent_path());
  if (gateway_ != nullptr && !gateway_->haunt().empty()) haunts.removable_from.push_back(gateway_->haunt());
  auto done = hardening.confine(haunts);
  if (!done) return pass(done);
  internal_log_->note(*done);
  return {};
}

Result<void> Server::open(const config::Settings& settings, Observer* observer, const Hardening* hardening) {
  auto key_log = open_key_log(settings.tls.keylog);
  if (!key_log) return pass(key_log);
  auto server_tls = tls::ServerContext::make({.alpn = {"h2", "http/1.1", "http/1.0"}, .key_log = *key_log});
  if (!server_tls) return pass(server_tls);
  server_tls_ = std::make_unique<tls::ServerContext>(std::move(*server_tls));
  tls::ClientOptions upstream;
  for (const std::string& file : settings.tls.upstream_ca) upstream.extra_roots.emplace_back(file);
  upstream.certificates = options_.certificates;
  upstream.key_log = *key_log;
  auto client_tls = tls::ClientContext::make(std::move(upstream), authority_);
  if (!client_tls) return pass(client_tls);
  client_tls_ = std::make_unique<tls::ClientContext>(std::move(*client_tls));
  if (auto metrics = open_metrics(settings.control); !metrics) return metrics;
  if (hardening != nullptr)
    if (auto confined = confine(settings, *hardening); !confined) return confined;
  auto sink = open_capture(settings.capture.enabled, observer);
  if (!sink) return pass(sink);
  if (auto opened = open_budgets(settings.budget); !opened) return opened;
  if ((store_ && options_.models.enabled) || budgets_)
    models_ = std::make_unique<ModelRecords>(store_.get(), budgets_.get(), prices_, options_.models,
                                             options_.redactor);
  if (credentials_ != nullptr) credentials_->start(*client_tls_, options_.pool);
  asking_.configure(settings.filter);
  if (auto asking = open_asking(*options_.filtering.policy); !asking) return asking;
  offload_ = std::make_unique<async::WorkerPool>(1);
  minter_ = std::make_unique<proxy::Minter>(authority_, leaves_, *offload_);
  std::vector<std::string> self;
  for (const proxy::Entrance& one : entrances_) self.push_back(one.listener.str());
  if (metrics_) self.push_back(metrics_->endpoint().str());
  for (auto& sockets : sockets_)
    workers_.push_back(std::make_unique<Worker>(
        Shared{options_, redacted(**sink), numbers_, budget_, *minter_, *server_tls_, rejections_,
               *client_tls_, connections_, &asking_.questions(), skip_.get(),
               settings.transparent.empty() ? nullptr : &loops_, clients_.get(),
               models_ ? &models_->onlookers() : nullptr, budgets_.get(), credentials_},
        std::move(sockets), self));
  return {};
}

// A filter that is on may ask, if not as it is then after it has been read again.
Result<void> Server::open_asking(const policy::Policy& policy) {
  if (policy.off() && !(budgets_ && budgets_->may_ask())) return {};
  return asking_.open({.project_dir = options_.store.data_dir,
                       .session = store_ ? store_->directory() : std::filesystem::path()},
                      options_.redactor);
}

Result<flow::Sink*> Server::open_capture(bool enabled, Observer* observer) {
  if (enabled) {
    auto store = store::SessionStore::open(options_.store);
    if (!store) return pass(store);
    store_ = std::move(*store);
    sinks_.set_record(*store_);
  }
  if (options_.jsonl) {
    options_.jsonl->session = session_id();
    auto jsonl = store::JsonlWriter::open(*options_.jsonl);
    if (!jsonl)
      return fail(jsonl.error().code(),
                  jsonl.error().context() + "; make it writable, or choose another folder with --jsonl=DIR");
    jsonl_ = std::move(*jsonl);
    sinks_.add_log(*jsonl_);
  }
  remote_.start(options_.receivers, session_id());
  remote_.add_to(sinks_);
  if (observer) sinks_.add_observer(*observer);
  if (metrics_) sinks_.add_observer(flow_metrics_);
  if (store_ && !jsonl_ && remote_.empty() && !observer && !metrics_) return store_.get();
  return &sinks_;
}

Result<void> Server::open_metrics(const config::ControlSettings& settings) {
  auto options = metrics_options(settings);
  if (!options) return pass(options);
  if (!*options) return {};
  auto opened = control::MetricsServer::open(std::move(**options));
  if (!opened) return pass(opened);
  metrics_ = std::move(*opened);
  return {};
}

std::string Server::metrics() const {
  return metrics_text({.flows = flow_metrics_,
                       .begun = begun_,
                       .connections = connections_.load(std::memory_order_relaxed),
                       .store = store_ ? std::optional(counters()) : std::nullopt,
                       .jsonl = jsonl_ ? std::optional(jsonl_->counters()) : std::nullopt,
                       .redaction = redacting_ ? std::optional(redaction()) : std::nullopt,
                       .skipped = skipped(),
                       .complaints = internal_log_->complaints(),
                       .remote = remote_.counters(),
                       .relays = gateway_ ? &gateway_->sessions() : nullptr});
}

Result<void> Server::open_budgets(const config::BudgetSettings& settings) {
  auto budgets = config::all_budgets(settings);
  if (budgets.empty()) return {};
  auto opened = Budgets::open({.budgets = std::move(budgets),
                               .catalog = options_.store.catalog,
                               .session = session_id(),
                               .recogniser = options_.models.recogniser,
                               .redactor = options_.redactor},
                              prices_);
  if (!opened) return pass(opened);
  budgets_ = std::move(*opened);
  return {};
}

const std::string& Server::session_id() {
  if (session_id_.empty()) session_id_ = store_ ? store_->session_id() : store::new_session_id(wall_now());
  return session_id_;
}

flow::Sink& Server::redacted(flow::Sink& sink) {
  if (!options_.redactor) return sink;
  if (!redacting_)
    redacting_ = std::make_unique<store::RedactingSink>(
        options_.redactor, sink,
        store::EventQueue::Limits{options_.store.queue_bytes, options_.store.when_full});
  return *redacting_;
}

store::SessionStore::Counters Server::counters() const {
  if (!store_) return {};
  store::SessionStore::Counters out = store_->counters();
  store::RedactingSink::Counters before = redaction();
  out.shed_bodies += before.shed_bodies;
  out.shed_flows += before.shed_flows;
  out.lost_messages += before.shed_messages;
  return out;
}

store::RedactingSink::Counters Server::redaction() const {
  return redacting_ ? redacting_->counters() : store::RedactingSink::Counters();
}

Server::~Server() {
  drain();
  hurry();
  join();
  close();
}

Result<void> Server::set_filter(const config::FilterSettings& settings) {
  auto filtering = compile_filter(settings, options_.private_hosts, options_.sight);
  if (!filtering) return pass(filtering);
  if (auto asking = open_asking(*filtering->policy); !asking) return asking;
  asking_.configure(settings);
  std::vector<std::future<void>> in_force;
  for (auto& worker : workers_) in_force.push_back(worker->set_filtering(*filtering));
  constexpr auto kLook = std::chrono::milliseconds(10);
  for (std::size_t i = 0; i < workers_.size(); ++i)
    while (!workers_[i]->ended() && in_force[i].wait_for(kLook) != std::future_status::ready) continue;
  return {};
}

void Server::drain() {
  asking_.drain();
  for (auto& worker : workers_) worker->drain();
}

void Server::hurry() {
  if (budgets_) budgets_->close();
  for (auto& worker : workers_) worker->hurry();
}

bool Server::ended() const {
  return std::ranges::all_of(workers_, [](const auto& worker) { return worker->ended(); });
}

void Server::join() {
  for (auto& worker : workers_) worker->join();
}

void Server::close() {
  metrics_.reset();  // it asks all that is closed here
  offload_.reset();
  clients_.reset();
  if (credentials_ != nullptr) credentials_->stop();
  workers_.clear();
  models_.reset();
  if (budgets_) budget_report_ = budgets_->report();
  budgets_.reset();
  asking_.close();  // it reads what the store has written
  if (redacting_) redacting_->close();
  if (store_) store_->close();
  if (jsonl_) jsonl_->close();
  remote_.close(options_.flush_timeout);
  if (std::exchange(serving_, false)) internal_log_->note("ended");
  log::set_listener(nullptr);
  log::set_rewrite({});
}

Result<config::Settings> with_default_folders(config::Settings settings) {
  if (settings.ca_dir.empty()) {
    auto folder = config::default_ca_dir();
    if (!folder) return pass(folder);
    settings.ca_dir = *folder;
  }
  if (settings.data_dir.empty()) {
    std::error_code error;
    auto here = std::filesystem::current_path(error);
    if (error)
      return fail(Code::io, "the current directory cannot be read: " + error.message() + "; give --data DIR");
    auto folder = config::find_project_data_dir(here.string());
    if (!folder) return pass(folder);
    settings.data_dir = *folder;
  }
  return settings;
}

}  // namespace weir::app
