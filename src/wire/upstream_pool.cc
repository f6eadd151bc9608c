#include "wire/upstream_pool.h"

#include "base/log.h"
#include "http/h1/encoder.h"
#include "net/tls_stream.h"

namespace weir::wire {
namespace {

constexpr auto kSweep = std::chrono::seconds(5);

std::int64_t micros_since(TimePoint start) {
  return std::chrono::duration_cast<std::chrono::microseconds>(steady_now() - start).count();
}

}  // namespace

std::size_t UpstreamPool::RouteHash::operator()(const Route& route) const {
  std::hash<std::string> hash;
  std::size_t out = hash(route.origin.place.host) * 31 + route.origin.place.port * 2 +
                    static_cast<std::size_t>(route.origin.scheme);
  return out * 31 + hash(route.dial.host) + route.dial.port;
}

UpstreamPool::UpstreamPool(async::Loop& loop, net::Dialer& dialer, const tls::ClientContext& tls,
                           PoolOptions options)
    : Timer(loop), dialer_(dialer), tls_(tls), options_(std::move(options)) {}

UpstreamPool::~UpstreamPool() { close(); }

std::optional<UpstreamProxy> UpstreamPool::proxy_for(const HostPort& to, http::Scheme scheme) const {
  return options_.proxy_for ? options_.proxy_for(to, scheme) : std::nullopt;
}

std::unique_ptr<UpstreamConnection> UpstreamPool::take_idle(const Route& route) {
  auto found = idle_.find(route);
  if (found == idle_.end()) return nullptr;
  // Newest first: it is the least likely to have been closed by the peer.
  while (!found->second.empty()) {
    auto connection = std::move(found->second.back().connection);
    found->second.pop_back();
    --idle_count_;
    if (connection->http->stream().quiet()) return connection;
    end(std::move(connection));
  }
  return nullptr;
}

async::Task<Result<std::unique_ptr<UpstreamConnection>>> UpstreamPool::acquire(const Route& route,
                                                                               bool may_reuse) {
  if (may_reuse) {
    if (auto connection = take_idle(route)) {
      ++connection->facts.requests;
      co_return connection;
    }
  }
  bool https = route.origin.scheme == http::Scheme::https;
  auto proxy = proxy_for(route.dial, route.origin.scheme);
  auto reached = co_await reach(route.dial, https, proxy);
  if (!reached) co_return pass(reached);
  if (https) {
    auto secured = co_await secure(*reached, route.origin.place);
    if (!secured) co_return pass(secured);
  }
  auto connection = std::make_unique<UpstreamConnection>();
  connection->route = route;
  connection->facts = std::move(reached->facts);
  connection->facts.requests = 1;
  bool absolute_form = proxy && !https;
  connection->http =
      std::make_unique<H1ClientConnection>(std::move(reached->stream), options_.limits, absolute_form);
  if (absolute_form) connection->http->set_proxy_authorization(proxy->authorization);
  tell(connection->facts, connection->http->stream(), false);
  co_return connection;
}

// TCP to the place itself or to the proxy before it; with `tunnel`, a CONNECT through that proxy.
async::Task<Result<UpstreamTunnel>> UpstreamPool::reach(HostPort to, bool tunnel,
                                                        std::optional<UpstreamProxy> proxy) {
  TimePoint deadline = loop().now() + options_.connect_timeout;
  auto dialed = co_await dialer_.dial(proxy ? proxy->place : to, deadline);
  if (!dialed) co_return pass(dialed);
  if (options_.is_self && options_.is_self(*dialed->stream))
    co_return fail(Code::loop_detected, to.str() + " is Weir's own listener");
  UpstreamTunnel out;
  out.facts.id = options_.next_id ? options_.next_id() : 0;
  out.facts.opened = wall_now();
  out.facts.host = to.str();
  out.facts.via = proxy ? proxy->place.str() : "";
  out.facts.local = dialed->stream->local_address();
  out.facts.peer = dialed->stream->peer_address();
  out.facts.dns_us = dialed->dns_us;
  out.facts.connect_us = dialed->connect_us;
  out.stream = std::move(dialed->stream);
  if (proxy && tunnel) {
    out.stream->set_read_deadline(deadline);
    out.stream->set_write_deadline(deadline);
    attempts_.push_back(out.stream.get());
    auto early = co_await connect_through(*out.stream, *proxy, to);
    std::erase(attempts_, out.stream.get());
    if (!early) co_return pass(early);
    out.early = std::move(*early);
    out.stream->set_read_deadline(kNever);
    out.stream->set_write_deadline(kNever);
  }
  co_return out;
}

// Asks the proxy for a tunnel; returns what came behind its answer, which is the tunnel's already.
async::Task<Result<std::string>> UpstreamPool::connect_through(net::Stream& stream,
                                                               const UpstreamProxy& proxy,
                                                               const HostPort& to) {
  http::RequestHead head;
  head.method = "CONNECT";
  head.origin.place = to;
  head.fields.add("Host", to.str());
  if (!proxy.authorization.empty()) head.fields.add("Proxy-Authorization", proxy.authorization);
  std::string text;
  http::h1::append_request_head(text, head);
  auto sent = co_await stream.write(text);
  if (!sent) co_return pass(sent);
  auto refused = [&](std::string_view why) {
    return fail(Code::upstream_proxy_refused,
                proxy.place.str() + " for " + to.str() + ": " + std::string(why));
  };
  ReadBuffer buffer;
  http::h1::HeadScanner scanner(options_.limits.head);
  for (;;) {
    auto got = co_await buffer.fill(stream);
    if (!got) co_return pass(got);
    if (*got == 0) co_return refused("closed the connection");
    auto size = scanner.scan(buffer.data());
    if (!size) co_return refused(size.error().context());
    if (!*size) continue;
    auto answer = http::h1::parse_response_head(buffer.data().substr(0, **size), options_.limits.head);
    if (!answer) co_return refused(answer.error().context());
    if (answer->status / 100 != 2) {
      std::string words =
          std::to_string(answer->status) + " " + std::string(http::reason_phrase(answer->status));
      co_return refused(words);
    }
    buffer.consume(**size);
    co_return std::string(buffer.data());
  }
}

async::Task<Result<void>> UpstreamPool::secure(UpstreamTunnel& tunnel, const HostPort& name) {
  TimePoint start = steady_now();
  auto session = tls_.new_session(name, options_.insecure && options_.insecure(name));
  if (!session) co_return pass(session);
  auto secured = std::make_unique<net::TlsStream>(std::move(tunnel.stream), std::move(*session),
                                                  std::move(tunnel.early), name.str());
  attempts_.push_back(secured.get());
  auto shaken = co_await secured->handshake(loop().now() + options_.tls_timeout);
  std::erase(attempts_, secured.get());
  tunnel.facts.tls_us = micros_since(start);
  if (!shaken) co_return pass(shaken);
  tunnel.facts.tls = secured->facts();
  if (!tunnel.facts.tls->problem.empty())
    log::warn("{}: bad upstream certificate accepted by tls.insecure_hosts: {}", name.str(),
              tunnel.facts.tls->problem);
  tunnel.stream = std::move(secured);
  co_return Result<void>();
}

async::Task<Result<UpstreamTunnel>> UpstreamPool::connect_tunnel(HostPort to) {
  auto proxy = proxy_for(to, http::Scheme::https);
  auto reached = co_await reach(to, true, proxy);
  if (reached) tell(reached->facts, *reached->stream, false);
  co_return reached;
}

void UpstreamPool::release(std::unique_ptr<UpstreamConnection> connection) {
  if (closed_ || !connection->http->reusable() || idle_count_ >= options_.idle_total)
    return end(std::move(connection));
  auto& list = idle_[connection->route];
  if (list.size() >= options_.idle_per_origin) return end(std::move(connection));
  list.push_back({std::move(connection), loop().now()});
  if (++idle_count_ == 1) schedule(loop().now() + kSweep);
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
  for (auto entry = idle_.begin(); entry != idle_.end();) {
    std::erase_if(entry->second, [&](Idle& idle) {
      if (idle.since > oldest && idle.connection->http->stream().quiet()) return false;
      --idle_count_;
      end(std::move(idle.connection));
      return true;
    });
    entry = entry->second.empty() ? idle_.erase(entry) : std::next(entry);
  }
  if (idle_count_ > 0) schedule(loop().now() + kSweep);
}

void UpstreamPool::cancel_attempts() {
  dialer_.cancel();
  for (net::Stream* stream : attempts_) stream->cancel();
}

void UpstreamPool::close() {
  closed_ = true;
  cancel();
  for (auto& [route, list] : idle_)
    for (Idle& idle : list) end(std::move(idle.connection));
  idle_.clear();
  idle_count_ = 0;
}

}  // namespace weir::wire
