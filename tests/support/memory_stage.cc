#include <poll.h>
#include <sys/socket.h>

#include <deque>
#include <unordered_set>

#include "app/options.h"
#include "async/task_group.h"
#include "proxy/filters/accept_encoding.h"
#include "proxy/filters/alt_svc.h"
#include "proxy/filters/budget.h"
#include "proxy/filters/credentials.h"
#include "proxy/filters/policy.h"
#include "proxy/session.h"
#include "tests/support/stage.h"

namespace weir::testing {
namespace {

struct Ends {
  UniqueFd ours;
  UniqueFd theirs;
};

Ends connected() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
    throw std::runtime_error("socketpair");
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

// Every name exists, and the test is at the other end of every connection.
class FakeDialer final : public net::Dialer {
 public:
  FakeDialer(async::Loop& loop, net::Resolver& resolver) : Dialer(loop, resolver), loop_(loop) {}

  async::Task<Result<net::Dialed>> dial(HostPort to, TimePoint, net::AddressCheck) override {
    last = to.str();
    if (failure) co_return Failure(*std::exchange(failure, std::nullopt));
    Ends ends = connected();
    accepted.push_back(std::move(ends.theirs));
    net::Dialed out;
    out.stream = std::make_unique<net::TcpStream>(loop_, std::move(ends.ours), Side::upstream);
    out.connect_us = 1;
    co_return out;
  }

  std::deque<UniqueFd> accepted;
  std::optional<Error> failure;
  std::string last;

 private:
  async::Loop& loop_;
};

class KeepingSink final : public flow::Sink {
 public:
  void opened(std::unique_ptr<const flow::Flow>) override {}
  void closed(std::unique_ptr<const flow::Flow> flow) override { flows.push_back(*flow); }
  void message(std::unique_ptr<const flow::Message> message) override { messages.push_back(*message); }
  void connection(std::unique_ptr<const flow::Connection> connection) override {
    if (connection->leg == flow::Leg::client && connection->closed != 0) ended.push_back(*connection);
  }
  bool has_room() const override { return true; }
  bool failing() const override { return broken; }

  std::deque<flow::Flow> flows;
  std::deque<flow::Message> messages;
  std::deque<flow::Connection> ended;
  bool broken = false;
};

std::vector<std::unique_ptr<proxy::Filter>> all_filters(async::Loop& loop, const proxy::Gate& gate,
                                                        proxy::Budgeting* budgeting,
                                                        proxy::Questions* questions,
                                                        proxy::Secrets* secrets) {
  std::vector<std::unique_ptr<proxy::Filter>> out;
  out.push_back(std::make_unique<proxy::PolicyFilter>(gate));
  if (budgeting) out.push_back(std::make_unique<proxy::BudgetFilter>(loop, *budgeting, questions));
  out.push_back(std::make_unique<proxy::AcceptEncoding>());
  out.push_back(std::make_unique<proxy::AltSvc>());
  if (secrets) out.push_back(std::make_unique<proxy::CredentialFilter>(loop, *secrets));
  return out;
}

template <typename T>
T value(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message());
  return std::move(*result);
}

// What app::Worker is to app::Server, on a loop with manual time.
class Walkway {
 public:
  Walkway(const config::Settings& settings, const std::string& host, bool offer_http2,
          proxy::Questions* questions, proxy::Onlookers* onlookers, proxy::Budgeting* budgeting,
          proxy::Secrets* secrets)
      : questions_(questions),
        onlookers_(onlookers),
        budgeting_(budgeting),
        secrets_(secrets),
        options_(made_options(settings, offer_http2)),
        authority_(value(tls::Authority::load_or_create(settings.ca_dir))),
        client_tls_(value(tls::ClientContext::make(
            {.extra_roots = {settings.tls.upstream_ca[0]}, .system_roots = false}, authority_))),
        server_tls_(
            value(tls::ServerContext::make({.alpn = {"h2", "http/1.1", "http/1.0"}, .key_log = nullptr}))) {
    // Minted ahead, so that no other thread has a part in what happens.
    for (const std::string& each : {host, std::string("other.test")})
      if (leaves_.join(each, [](auto) {})) leaves_.land(each, tls::mint(authority_, each));
  }
  ~Walkway() {
    pool_.close();
    for (proxy::Session* session : sessions_) session->cancel();
    loop_.run_until_idle();
  }

  void serve(UniqueFd socket) { serving_.spawn(run(std::move(socket))); }
  void run_until_idle() { loop_.run_until_idle(); }
  void pass(Duration time) {
    loop_.run_until_idle();
    loop_.advance(time);
    loop_.run_until_idle();
  }
  void drain() {
    for (proxy::Session* session : sessions_) session->drain();
    loop_.run_until_idle();
  }
  void cut() {
    for (proxy::Session* session : sessions_) session->cancel();
    loop_.run_until_idle();
  }
  void refilter(const config::Settings& settings) {
    gate_.replace(value(app::room_options(settings)).filtering.policy);
  }
  bool idle() const { return sessions_.empty(); }
  FakeDialer& dialer() { return dialer_; }
  KeepingSink& sink() { return sink_; }
  X509* authority() { return authority_.certificate(); }

 private:
  static app::RoomOptions made_options(const config::Settings& settings, bool offer_http2) {
    app::RoomOptions out = value(app::room_options(settings));
    if (offer_http2) out.session.upstream_http2 = proxy::UpstreamHttp2::always;
    return out;
  }
  async::Task<void> run(UniqueFd socket) {
    proxy::Session session(services_, std::move(socket), entrance_);
    sessions_.insert(&session);
    co_await session.run();
    sessions_.erase(&session);
  }
  wire::PoolOptions pool_options() {
    wire::PoolOptions out = options_.pool;
    out.next_id = [this] { return numbers_.next_connection(); };
    return out;
  }

  const proxy::Entrance entrance_;
  proxy::Questions* questions_;
  proxy::Onlookers* onlookers_;
  proxy::Budgeting* budgeting_;
  proxy::Secrets* secrets_;
  app::RoomOptions options_;
  tls::Authority authority_;
  tls::ClientContext client_tls_;
  tls::ServerContext server_tls_;
  tls::LeafCache leaves_;
  async::WorkerPool workers_{1};
  proxy::Minter minter_{authority_, leaves_, workers_};
  KeepingSink sink_;
  proxy::Numbers numbers_;
  proxy::CaptureBudget budget_{std::uint64_t{1} << 30};
  async::Loop loop_{async::Loop::Time::manual};
  net::Resolver resolver_{loop_};
  FakeDialer dialer_{loop_, resolver_};
  proxy::Recorder recorder_{loop_, sink_, numbers_, budget_, options_.body_limit};
  wire::UpstreamPool pool_{loop_, dialer_, client_tls_, pool_options()};
  proxy::Gate gate_{loop_, options_.filtering.policy, questions_};
  proxy::Filters filters_{all_filters(loop_, gate_, budgeting_, questions_, secrets_)};
  proxy::Walk walk_{loop_, pool_, recorder_, filters_, options_.walk, onlookers_};
  proxy::Rejections rejections_{options_.rejections};
  proxy::Services services_{loop_,       pool_, recorder_,        walk_,   minter_, server_tls_,
                            rejections_, gate_, options_.session, nullptr, secrets_};
  std::unordered_set<proxy::Session*> sessions_;
  async::TaskGroup serving_{loop_};
};

class SocketPairStage final : public MemoryStage {
 public:
  UniqueFd connect() override {
    Ends ends = connected();
    walkway().serve(std::move(ends.theirs));
    return std::move(ends.ours);
  }
  UniqueFd accept() override {
    if (!dialled_more()) return UniqueFd();
    UniqueFd out = std::move(walkway().dialer().accepted.front());
    walkway().dialer().accepted.pop_front();
    return out;
  }
  bool dialled_more() override {
    walkway().run_until_idle();
    return !walkway().dialer().accepted.empty();
  }
  bool wait(int fd, short events) override {
    walkway().run_until_idle();
    pollfd one{.fd = fd, .events = events, .revents = 0};
    return fd >= 0 && poll(&one, 1, 0) == 1;
  }
  std::optional<flow::Flow> closed() override {
    walkway().run_until_idle();
    auto& flows = walkway().sink().flows;
    if (flows.empty()) return std::nullopt;
    flow::Flow out = std::move(flows.front());
    flows.pop_front();
    return out;
  }
  bool end() override {
    walkway().run_until_idle();
    pass(std::chrono::seconds(3));  // connections that linger
    return walkway().idle();
  }
  HostPort origin() const override { return {"a.test", 80}; }
  X509* authority() override { return walkway().authority(); }
  void pass(Duration time) override { walkway().pass(time); }
  std::string dialled() override { return walkway().dialer().last; }
  std::optional<flow::Connection> ended() override {
    walkway().run_until_idle();
    auto& ended = walkway().sink().ended;
    if (ended.empty()) return std::nullopt;
    flow::Connection out = std::move(ended.front());
    ended.pop_front();
    return out;
  }
  void drain() override { walkway().drain(); }
  void cut() override { walkway().cut(); }
  void refilter() override { walkway().refilter(settings); }
  void fail_capture() override { walkway().sink().broken = true; }
  void fail_dial(Error error) override { walkway().dialer().failure = std::move(error); }

 private:
  Walkway& walkway() {
    if (!walkway_)
      walkway_ = std::make_unique<Walkway>(settings, origin().host, offer_http2, questions, onlookers,
                                           budgeting, secrets);
    return *walkway_;
  }
  std::unique_ptr<Walkway> walkway_;
};

}  // namespace

std::unique_ptr<MemoryStage> make_memory_stage() { return std::make_unique<SocketPairStage>(); }

}  // namespace weir::testing
