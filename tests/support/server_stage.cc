#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <condition_variable>
#include <deque>
#include <mutex>

#include "app/server.h"
#include "net/listener.h"
#include "tests/support/sockets.h"
#include "tests/support/stage.h"

namespace weir::testing {
namespace {

// How long a test waits for what must come; only a failing test waits so long.
constexpr auto kPatience = std::chrono::seconds(10);

class Collector final : public app::Observer {
 public:
  void closed(const flow::Flow& flow) override {
    std::lock_guard lock(mutex_);
    flows_.push_back(flow);
    changed_.notify_all();
  }
  std::optional<flow::Flow> next(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, patience, [this] { return !flows_.empty(); })) return std::nullopt;
    flow::Flow out = std::move(flows_.front());
    flows_.pop_front();
    return out;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<flow::Flow> flows_;
};

class ServerStage final : public Stage {
 public:
  ServerStage()
      : listener_(*net::listen_tcp("127.0.0.1", 0, false)), port_(net::bound_port(listener_.get())) {
    // Every test has its own server, which begins with a new CA: far cheaper than its 2 s of idle linger.
    settings.limits.drain_timeout = kPatience;
  }

  UniqueFd connect() override {
    start();
    return connect_to(server_->endpoints().front().port);
  }
  UniqueFd accept() override {
    if (!wait(listener_.get(), POLLIN)) return UniqueFd();
    return UniqueFd(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  }
  bool dialled_more() override {
    pollfd one{.fd = listener_.get(), .events = POLLIN, .revents = 0};
    return poll(&one, 1, 0) == 1;
  }
  bool wait(int fd, short events) override {
    if (fd < 0) return false;
    pollfd one{.fd = fd, .events = events, .revents = 0};
    return poll(&one, 1, std::chrono::milliseconds(kPatience).count()) == 1;
  }
  std::optional<flow::Flow> closed() override {
    return collector_.next(ended_ ? std::chrono::milliseconds(0) : std::chrono::milliseconds(kPatience));
  }
  bool end() override {
    if (!server_) return true;
    TimePoint begun = steady_now();
    server_->drain();
    server_->join();
    ended_ = true;
    server_->close();
    auto counters = server_->store()->counters();
    return steady_now() - begun < kPatience && counters.accepted == counters.written;
  }
  HostPort origin() const override { return {"127.0.0.1", port_}; }
  X509* authority() override {
    start();
    return server_->authority().certificate();
  }

 private:
  void start() {
    if (server_) return;
    auto started = app::Server::start(settings, &collector_);
    if (!started) throw std::runtime_error(started.error().message());
    server_ = std::move(*started);
  }

  UniqueFd listener_;
  std::uint16_t port_;
  Collector collector_;
  bool ended_ = false;
  std::unique_ptr<app::Server> server_;
};

}  // namespace

std::unique_ptr<Stage> make_server_stage() { return std::make_unique<ServerStage>(); }

}  // namespace weir::testing
