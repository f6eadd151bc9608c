#include "app/worker.h"

#include "base/log.h"
#include "base/thread_name.h"
#include "proxy/filters/accept_encoding.h"
#include "proxy/filters/alt_svc.h"
#include "proxy/filters/budget.h"
#include "proxy/filters/credentials.h"
#include "proxy/filters/policy.h"

namespace weir::app {
namespace {

// The order of the walk's filters: the one list (docs/life_of_a_request.md, step 8).
std::vector<std::unique_ptr<proxy::Filter>> filters_in_order(async::Loop& loop, const proxy::Gate& gate,
                                                             const Shared& shared) {
  std::vector<std::unique_ptr<proxy::Filter>> out;
  out.push_back(std::make_unique<proxy::PolicyFilter>(gate));
  if (shared.budgets)
    out.push_back(std::make_unique<proxy::BudgetFilter>(loop, *shared.budgets, shared.questions));
  out.push_back(std::make_unique<proxy::AcceptEncoding>());
  out.push_back(std::make_unique<proxy::AltSvc>());
  // The last: what it judged is what leaves.
  if (shared.secrets) out.push_back(std::make_unique<proxy::CredentialFilter>(loop, *shared.secrets));
  return out;
}

std::unique_ptr<flow::Connection> account_of(const wire::UpstreamFacts& facts, const net::Stream& stream,
                                             bool ended) {
  auto out = std::make_unique<flow::Connection>();
  out->id = facts.id;
  out->leg = flow::Leg::upstream;
  out->opened = facts.opened;
  out->closed = ended ? wall_now() : 0;
  out->local = facts.local;
  out->peer = facts.peer;
  out->host = facts.host;
  out->via = facts.via;
  out->requests = facts.requests;
  out->bytes_in = stream.bytes_in();
  out->bytes_out = stream.bytes_out();
  out->timing.dns = facts.dns_us;
  out->timing.connect = facts.connect_us;
  out->timing.tls = facts.tls_us;
  if (!facts.tls) return out;
  out->tls_version = facts.tls->version;
  out->cipher = facts.tls->cipher;
  out->alpn = facts.tls->alpn;
  out->sni = facts.tls->sni;
  out->resumed = facts.tls->resumed;
  out->certificate_subject = facts.tls->subject;
  out->certificate_issuer = facts.tls->issuer;
  out->certificate_sha256 = facts.tls->sha256;
  out->certificate_not_after = facts.tls->not_after;
  out->error_detail = facts.tls->problem;
  return out;
}

// Of what the capture queue may hold, what each thread may hold back until it knows the senders.
constexpr std::uint64_t kShareForSenders = 16;

// An end of a session is met within a second, whoever brings it about.
constexpr auto kRelayLook = std::chrono::milliseconds(250);

std::string_view port_of(std::string_view address) { return address.substr(address.rfind(':') + 1); }
std::string_view host_of(std::string_view address) { return address.substr(0, address.rfind(':')); }

}  // namespace

Worker::Worker(Shared shared, std::vector<Listening> listeners, std::vector<std::string> self)
    : shared_(shared),
      self_(std::move(self)),
      resolver_(loop_),
      dialer_(loop_, resolver_),
      recorder_(loop_, shared.sink, shared.numbers, shared.budget, shared.options.body_limit, shared.skip),
      reach_(shared.options.filtering.guard),
      pool_(loop_, dialer_, shared.client_tls, pool_options()),
      gate_(loop_, shared.options.filtering.policy, shared.questions, shared.skip),
      filters_(filters_in_order(loop_, gate_, shared)),
      walk_(loop_, pool_, recorder_, filters_, shared.options.walk, shared.onlookers),
      services_{loop_,
                pool_,
                recorder_,
                walk_,
                shared.minter,
                shared.server_tls,
                shared.rejections,
                gate_,
                shared.options.session,
                shared.clients,
                shared.secrets},
      accepting_(loop_),
      serving_(loop_),
      finishing_(loop_),
      hurry_(loop_),
      relay_look_(*this) {
  recorder_.senders().hold_at_most(shared_.options.store.queue_bytes / kShareForSenders);
  for (Listening& one : listeners)
    listeners_.emplace_back(std::make_unique<net::Listener>(loop_, std::move(one.socket)), one.entrance);
}

Worker::~Worker() = default;

wire::PoolOptions Worker::pool_options() {
  wire::PoolOptions options = shared_.options.pool;
  options.next_id = [this] { return shared_.numbers.next_connection(); };
  options.account = [this](const wire::UpstreamFacts& facts, const net::Stream& stream, bool ended) {
    if (ended && shared_.loops != nullptr) shared_.loops->made_ended(facts.local, facts.peer);
    recorder_.tell(account_of(facts, stream, ended));
  };
  options.guard = [this](wire::Caller caller, const HostPort& place, const net::Address* address) {
    return reach_.judge(caller, place, address);
  };
  options.is_self = [this](const net::TcpStream& stream) { return is_self(stream); };
  return options;
}

bool Worker::is_self(const net::TcpStream& upstream) const {
  std::string peer = upstream.peer_address();
  std::string local = upstream.local_address();
  if (shared_.loops != nullptr && !shared_.loops->made(local, peer, loop_.now())) return true;
  for (const std::string& own : self_) {
    if (own == peer) return true;
    // A listener on every address is reached by any address of this machine: then both ends are the same.
    bool any = host_of(own) == "0.0.0.0" || host_of(own) == "[::]";
    bool loopback = host_of(peer).starts_with("127.");
    if (any && port_of(own) == port_of(peer) && (loopback || host_of(peer) == host_of(local))) return true;
  }
  return false;
}

void Worker::start() {
  for (auto& [listener, entrance] : listeners_) {
    accepting_.spawn(accept_from(*listener, *entrance));
    if (entrance->kind == proxy::EntranceKind::gateway) relay_look_.schedule(loop_.now() + kRelayLook);
  }
  thread_ = std::thread([this] {
    name_thread("weir-walk");
    loop_.run();
    ended_.store(true, std::memory_order_release);
  });
}

async::Task<void> Worker::accept_from(net::Listener& listener, const proxy::Entrance& entrance) {
  for (;;) {
    auto socket = co_await listener.accept();
    if (!socket) {
      if (socket.error().code() != Code::cancelled)
        log::error("stopped accepting: {}", socket.error().message());
      co_return;
    }
    if (shared_.connections.load(std::memory_order_relaxed) >= shared_.options.connections) {
      if (!refusing_)
        log::warn("refusing connections: {} are open (limits.connections)", shared_.options.connections);
      refusing_ = true;
      continue;
    }
    refusing_ = false;
    serving_.spawn(serve(std::move(*socket), entrance));
  }
}

async::Task<void> Worker::serve(UniqueFd socket, const proxy::Entrance& entrance) {
  proxy::Session session(services_, std::move(socket), entrance);
  // Undone also when a bug throws out of the session.
  struct Registered {
    Worker& worker;
    proxy::Session* session;
    Registered(Worker& worker, proxy::Session* session) : worker(worker), session(session) {
      worker.sessions_.insert(session);
      worker.shared_.connections.fetch_add(1, std::memory_order_relaxed);
    }
    ~Registered() {
      worker.sessions_.erase(session);
      worker.shared_.connections.fetch_sub(1, std::memory_order_relaxed);
    }
  } registered(*this, &session);
  if (draining_) session.drain();
  co_await session.run();
}

void Worker::look_at_relays() {
  WallNanos now = wall_now();
  for (proxy::Session* session : sessions_) session->may_go_on(now);
  relay_look_.schedule(loop_.now() + kRelayLook);
}

std::future<void> Worker::set_filtering(Filtering filtering) {
  std::promise<void> in_force;
  std::future<void> out = in_force.get_future();
  loop_.post([this, filtering = std::move(filtering), in_force = std::move(in_force)]() mutable {
    gate_.replace(std::move(filtering.policy));
    reach_.replace(std::move(filtering.guard));
    pool_.renew();
    in_force.set_value();
  });
  return out;
}

void Worker::drain() {
  loop_.post([this] {
    if (draining_) return;
    draining_ = true;
    finishing_.spawn(finish());
  });
}

void Worker::hurry() {
  loop_.post([this] { hurry_.set(); });
}

// Stop accepting, let what runs end, cut the rest, then leave the loop.
async::Task<void> Worker::finish() {
  for (auto& [listener, entrance] : listeners_) listener->cancel();
  co_await accepting_.join();
  listeners_.clear();
  for (proxy::Session* session : sessions_) session->drain();
  TimePoint deadline = loop_.now() + shared_.options.drain_timeout;
  constexpr auto kLook = std::chrono::milliseconds(20);
  while (serving_.size() > 0 && loop_.now() < deadline && !hurry_.is_set())
    co_await serving_.join(std::min(deadline, loop_.now() + kLook));
  if (!sessions_.empty()) log::warn("cutting {} connection(s) that did not end in time", sessions_.size());
  for (proxy::Session* session : sessions_) session->cancel();
  if (!sessions_.empty()) pool_.cancel_attempts();
  co_await serving_.join();
  // The last flows are told with their programs; how long that may take is bounded there.
  while (recorder_.senders().any_waiting()) co_await async::sleep_until(loop_, loop_.now() + kLook / 4);
  pool_.close();
  co_await pool_.ended();
  loop_.stop();
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace weir::app
