#include "app/server.h"

#include <errno.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>

#include "base/log.h"
#include "config/paths.h"
#include "net/listener.h"

namespace weir::app {
namespace {

// What open flows may hold of bodies, however small the queue is set: as much again as the queue, but not
// nothing.
constexpr std::uint64_t kLeastBudget = 16 << 20;

std::size_t thread_count(const config::Settings& settings) {
  if (settings.threads > 0) return settings.threads;
  return std::max(1u, std::thread::hardware_concurrency());
}

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

// The store, with somebody looking on.
class Server::Observed final : public flow::Sink {
 public:
  Observed(flow::Sink& store, Observer& observer) : store_(store), observer_(observer) {}

  void opened(std::unique_ptr<const flow::Flow> flow) override { store_.opened(std::move(flow)); }
  void closed(std::unique_ptr<const flow::Flow> flow) override {
    observer_.closed(*flow);
    store_.closed(std::move(flow));
  }
  void message(std::unique_ptr<const flow::Message> message) override { store_.message(std::move(message)); }
  void connection(std::unique_ptr<const flow::Connection> connection) override {
    store_.connection(std::move(connection));
  }
  bool has_room() const override { return store_.has_room(); }
  bool failing() const override { return store_.failing(); }

 private:
  flow::Sink& store_;
  Observer& observer_;
};

// Where accounts go when nothing is recorded.
class Server::Nowhere final : public flow::Sink {
 public:
  void opened(std::unique_ptr<const flow::Flow>) override {}
  void closed(std::unique_ptr<const flow::Flow>) override {}
  void message(std::unique_ptr<const flow::Message>) override {}
  void connection(std::unique_ptr<const flow::Connection>) override {}
  bool has_room() const override { return true; }
  bool failing() const override { return false; }
};

Server::Server(RoomOptions options, tls::Authority authority)
    : options_(std::move(options)),
      authority_(std::move(authority)),
      rejections_(options_.rejections),
      budget_(std::max<std::uint64_t>(options_.store.queue_bytes, kLeastBudget)) {}

Result<std::unique_ptr<Server>> Server::start(const config::Settings& given, Observer* observer) {
  auto settings = with_default_folders(given);
  if (!settings) return pass(settings);
  auto options = room_options(*settings);
  if (!options) return pass(options);
  auto authority = tls::Authority::load_or_create(settings->ca_dir);
  if (!authority) return pass(authority);
  raise_descriptor_limit();
  std::unique_ptr<Server> server(new Server(std::move(*options), std::move(*authority)));
  if (auto done = server->listen(*settings); !done) return pass(done);
  if (auto done = server->open(*settings, observer); !done) return pass(done);
  for (auto& worker : server->workers_) worker->start();
  return server;
}

Result<void> Server::listen(const config::Settings& settings) {
  std::size_t threads = thread_count(settings);
  sockets_.resize(threads);
  for (const HostPort& wanted : settings.listen) {
    // Sharing a port is for our own threads: a first socket that does not share finds out about anybody else.
    auto probe = net::listen_tcp(wanted.host, wanted.port, false);
    if (!probe && probe.error().context().contains("in use"))
      return fail(Code::io,
                  probe.error().context() + "; another program listens there: choose a port with --listen");
    if (!probe) return pass(probe);
    HostPort place{wanted.host, net::bound_port(probe->get())};
    if (threads == 1) sockets_[0].push_back(std::move(*probe));
    probe->reset();
    for (std::size_t i = 0; threads > 1 && i < threads; ++i) {
      auto socket = net::listen_tcp(place.host, place.port, true);
      if (!socket) return pass(socket);
      sockets_[i].push_back(std::move(*socket));
    }
    endpoints_.push_back(place);
  }
  return {};
}

Result<void> Server::open(const config::Settings& settings, Observer* observer) {
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
  auto sink = open_capture(settings.capture.enabled, observer);
  if (!sink) return pass(sink);
  offload_ = std::make_unique<async::WorkerPool>(1);
  minter_ = std::make_unique<proxy::Minter>(authority_, leaves_, *offload_);
  std::vector<std::string> self;
  for (const HostPort& place : endpoints_) self.push_back(place.str());
  for (auto& sockets : sockets_)
    workers_.push_back(std::make_unique<Worker>(Shared{options_, **sink, numbers_, budget_, *minter_,
                                                       *server_tls_, rejections_, *client_tls_, connections_},
                                                std::move(sockets), self));
  return {};
}

Result<flow::Sink*> Server::open_capture(bool enabled, Observer* observer) {
  flow::Sink* sink = nullptr;
  if (enabled) {
    auto store = store::SessionStore::open(options_.store);
    if (!store) return pass(store);
    store_ = std::move(*store);
    sink = store_.get();
  } else {
    nowhere_ = std::make_unique<Nowhere>();
    sink = nowhere_.get();
  }
  if (!observer) return sink;
  observed_ = std::make_unique<Observed>(*sink, *observer);
  return observed_.get();
}

Server::~Server() {
  drain();
  hurry();
  join();
  close();
}

Result<void> Server::set_filter(const config::FilterSettings& settings) {
  auto policy = policy::Policy::compile(settings.layers);
  if (!policy) return pass(policy);
  for (auto& worker : workers_) worker->set_policy(*policy);
  return {};
}

void Server::drain() {
  for (auto& worker : workers_) worker->drain();
}

void Server::hurry() {
  for (auto& worker : workers_) worker->hurry();
}

bool Server::ended() const {
  return std::ranges::all_of(workers_, [](const auto& worker) { return worker->ended(); });
}

void Server::join() {
  for (auto& worker : workers_) worker->join();
}

void Server::close() {
  offload_.reset();
  workers_.clear();
  if (store_) store_->close();
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
