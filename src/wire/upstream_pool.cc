#include "wire/upstream_pool.h"

#include <algorithm>

#include "http/syntax.h"

namespace weir::wire {
namespace {

constexpr auto kSweep = std::chrono::seconds(5);
// How long the second exchange of a connection waits for SETTINGS. A peer that keeps them back breaks RFC
// 9113 section 3.4, but this is not the place to tell it.
constexpr auto kGreeting = std::chrono::seconds(1);

// RFC 8441 section 4 knows no lists of protocols and no other method.
bool fits_extended_connect(const http::RequestHead& head) {
  return head.is("GET") && http::is_token(head.upgrade);
}

}  // namespace

UpstreamLease::UpstreamLease(UpstreamPool& pool, std::unique_ptr<UpstreamConnection> own,
                             std::string_view method)
    : pool_(&pool), own_(std::move(own)), reused_(++own_->facts.requests > 1) {
  own_->http->begin(method, reused_);
}

UpstreamLease::UpstreamLease(UpstreamPool& pool, SharedConnection& shared)
    : pool_(&pool),
      shared_(&shared),
      stream_(std::make_unique<H2Outgoing>(shared.http)),
      reused_(++shared.facts.requests > 1) {}

UpstreamLease::~UpstreamLease() {
  if (own_) pool_->release(std::move(own_));
}

std::size_t UpstreamPool::RouteHash::operator()(const Route& route) const {
  std::hash<std::string> hash;
  std::size_t out = hash(route.origin.place.host) * 31 + route.origin.place.port * 2 +
                    static_cast<std::size_t>(route.origin.scheme);
  return (out * 31 + hash(route.dial.host) + route.dial.port) * 3 +
         static_cast<std::size_t>(route.offer);  // callers are too few to tell apart
}

UpstreamPool::UpstreamPool(async::Loop& loop, net::Dialer& dialer, const tls::ClientContext& tls,
                           PoolOptions options)
    : Timer(loop), options_(std::move(options)), connector_(loop, dialer, tls, options_), driving_(loop) {}

UpstreamPool::~UpstreamPool() { close(); }

std::unique_ptr<UpstreamConnection> UpstreamPool::take_idle(const Route& route) {
  auto found = places_.find(route);
  if (found == places_.end()) return nullptr;
  // Newest first: it is the least likely to have been closed by the peer.
  auto& idle = found->second.idle;
  while (!idle.empty()) {
    auto connection = std::move(idle.back().connection);
    idle.pop_back();
    --idle_count_;
    if (connection->http->stream().quiet()) return connection;
    end(std::move(connection));
  }
  return nullptr;
}

// The list is short: one or two connections an origin.
SharedConnection* UpstreamPool::shared_with_room(const Route& route, bool upgrade) {
  for (SharedConnection& shared : shared_) {
    if (!shared.http.has_room() || shared.generation != generation_ || shared.route != route) continue;
    if (!upgrade || shared.http.takes_connect_protocol()) return &shared;
  }
  return nullptr;
}

async::Task<Result<UpstreamLease>> UpstreamPool::acquire(const Route& route, const http::RequestHead& head,
                                                         bool may_reuse) {
  bool upgrade = !head.upgrade.empty();
  if (upgrade && route.offer != Offer::http1 && !fits_extended_connect(head))
    co_return co_await acquire_http1(route, head, may_reuse);
  bool patient = true;
  for (;;) {
    if (may_reuse) {
      if (auto connection = take_idle(route))
        co_return UpstreamLease(*this, std::move(connection), head.method);
    }
    if (route.offer == Offer::http1) co_return co_await dial(route, head.method);
    if (SharedConnection* shared = may_reuse ? shared_with_room(route, upgrade) : nullptr) {
      auto greeted = shared->greeted;
      if (greeted->is_set() || !patient) co_return UpstreamLease(*this, *shared);
      patient = co_await greeted->wait(loop().now() + kGreeting) == async::Wake::ready;
      continue;  // it may be gone by now
    }
    if (upgrade && route.offer == Offer::http2_or_http1)
      co_return co_await acquire_http1(route, head, may_reuse);
    Place& place = places_[route];
    if (place.http1_only) co_return co_await dial(route, head.method);
    if (!place.attempt) co_return co_await dial_for_all(route, head.method);
    std::shared_ptr<Attempt> attempt = place.attempt;
    co_await attempt->ended.wait();
    if (attempt->failure) co_return Failure(*attempt->failure);
    may_reuse = true;  // what is there now is new
  }
}

async::Task<Result<UpstreamLease>> UpstreamPool::acquire_http1(Route route, const http::RequestHead& head,
                                                               bool may_reuse) {
  route.offer = Offer::http1;
  co_return co_await acquire(route, head, may_reuse);
}

async::Task<Result<UpstreamLease>> UpstreamPool::dial_for_all(const Route& route, std::string_view method) {
  auto attempt = std::make_shared<Attempt>(loop());
  places_[route].attempt = attempt;
  auto lease = co_await dial(route, method);
  places_[route].attempt.reset();
  if (!lease) attempt->failure = lease.error();
  attempt->ended.set();
  co_return lease;
}

async::Task<Result<UpstreamLease>> UpstreamPool::dial(Route route, std::string_view method) {
  std::uint32_t generation = generation_;
  auto connected = co_await connector_.connect(route);
  if (!connected) co_return pass(connected);
  UpstreamTunnel& tunnel = connected->tunnel;
  bool https = route.origin.scheme == http::Scheme::https;
  bool chose_http2 = https ? tunnel.facts.tls->alpn == "h2" : route.offer == Offer::http2;
  if (route.offer == Offer::http2 && !chose_http2)
    co_return fail(Code::upstream_tls_failed, route.dial.str() + " does not speak HTTP/2");
  if (route.offer == Offer::http2_or_http1) places_[route].http1_only = !chose_http2;
  if (chose_http2) {
    SharedConnection& shared = shared_.emplace_back(loop(), std::move(route), std::move(tunnel), options_);
    shared.generation = generation;
    driving_.spawn(drive(shared));
    tell(shared.facts, shared.http.stream(), false);
    if (!armed()) schedule(loop().now() + kSweep);
    UpstreamLease lease(*this, shared);
    if (closed_ || generation != generation_) shared.http.drain();
    co_return lease;
  }
  auto connection = std::make_unique<UpstreamConnection>();
  connection->route = std::move(route);
  connection->facts = std::move(tunnel.facts);
  connection->generation = generation;
  bool absolute_form = connected->forwarder.has_value();
  connection->http =
      std::make_unique<H1ClientConnection>(std::move(tunnel.stream), options_.limits, absolute_form);
  if (absolute_form) connection->http->set_proxy_authorization(connected->forwarder->authorization);
  tell(connection->facts, connection->http->stream(), false);
  co_return UpstreamLease(*this, std::move(connection), method);
}

async::Task<void> UpstreamPool::drive(SharedConnection& shared) {
  shared.http.on_room([this, &shared] {
    if (shared.http.live() > 0) return;
    shared.idle_since = loop().now();
    shared.room.notify();
  });
  co_await shared.http.run();
  shared.greeted->set();
  while (shared.http.live() > 0) co_await shared.room.wait();
  co_await shared.http.close();
  tell(shared.facts, shared.http.stream(), true);
  shared_.remove_if([&](const SharedConnection& each) { return &each == &shared; });
}

async::Task<Result<UpstreamTunnel>> UpstreamPool::connect_tunnel(HostPort to, Caller caller) {
  auto reached = co_await connector_.connect_tunnel(std::move(to), caller);
  if (reached) tell(reached->facts, *reached->stream, false);
  co_return reached;
}

void UpstreamPool::release(std::unique_ptr<UpstreamConnection> connection) {
  bool kept = !closed_ && connection->generation == generation_ && connection->http->reusable() &&
              idle_count_ < options_.idle_total;
  if (!kept) return end(std::move(connection));
  auto& list = places_[connection->route].idle;
  if (list.size() >= options_.idle_per_origin) return end(std::move(connection));
  list.push_back({std::move(connection), loop().now()});
  ++idle_count_;
  if (!armed()) schedule(loop().now() + kSweep);
}

void UpstreamPool::end(std::unique_ptr<UpstreamConnection> connection) {
  tell(connection->facts, connection->http->stream(), true);
}

void UpstreamPool::tell(const UpstreamFacts& facts, const net::Stream& stream, bool ended) {
  if (options_.account) options_.account(facts, stream, ended);
}

// Closes what has been idle too long or was closed by its peer.
void UpstreamPool::fire() {
  TimePoint oldest = loop().now() - options_.keep_idle;
  for (auto entry = places_.begin(); entry != places_.end();) {
    Place& place = entry->second;
    std::erase_if(place.idle, [&](Idle& idle) {
      if (idle.since > oldest && idle.connection->http->stream().quiet()) return false;
      --idle_count_;
      end(std::move(idle.connection));
      return true;
    });
    bool unused = place.idle.empty() && !place.attempt;
    entry = unused ? places_.erase(entry) : std::next(entry);
  }
  for (SharedConnection& shared : shared_)
    if (shared.http.live() == 0 && shared.idle_since <= oldest) shared.http.drain();
  if (idle_count_ > 0 || !shared_.empty()) schedule(loop().now() + kSweep);
}

void UpstreamPool::renew() {
  ++generation_;
  drop_idle();
  for (SharedConnection& shared : shared_) shared.http.drain();
}

void UpstreamPool::drop_idle() {
  for (auto& [route, place] : places_) {
    for (Idle& idle : place.idle) end(std::move(idle.connection));
    place.idle.clear();
  }
  idle_count_ = 0;
}

void UpstreamPool::close() {
  closed_ = true;
  cancel();
  drop_idle();
  places_.clear();
  for (SharedConnection& shared : shared_) shared.http.drain();
}

}  // namespace weir::wire
