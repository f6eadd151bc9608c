#include "wire/connector.h"

#include "base/log.h"
#include "net/tls_stream.h"
#include "wire/proxy_tunnel.h"

namespace weir::wire {
namespace {

constexpr std::string_view kHttp1[] = {"http/1.1"};
constexpr std::string_view kBoth[] = {"h2", "http/1.1"};
constexpr std::string_view kHttp2[] = {"h2"};

std::span<const std::string_view> protocols(Offer offer) {
  switch (offer) {
    case Offer::http1: return kHttp1;
    case Offer::http2_or_http1: return kBoth;
    case Offer::http2: return kHttp2;
  }
  return kHttp1;
}

std::int64_t micros_since(TimePoint start) {
  return std::chrono::duration_cast<std::chrono::microseconds>(steady_now() - start).count();
}

}  // namespace

std::optional<UpstreamProxy> Connector::proxy_for(const HostPort& to, http::Scheme scheme) const {
  return options_.proxy_for ? options_.proxy_for(to, scheme) : std::nullopt;
}

async::Task<Result<Connector::Connected>> Connector::connect(Route route) {
  bool https = route.origin.scheme == http::Scheme::https;
  auto proxy = proxy_for(route.dial, route.origin.scheme);
  // An HTTP proxy understands requests of HTTP/1 alone: all else goes through it as bytes.
  bool opaque = https || route.offer == Offer::http2;
  bool tunnel = opaque || (proxy && proxy->kind == UpstreamProxy::Kind::socks5);
  auto reached = co_await reach(route.dial, route.caller, tunnel, proxy);
  if (!reached) co_return pass(reached);
  if (tunnel) proxy.reset();
  if (!https) {
    if (!reached->early.empty())
      co_return fail(Code::upstream_bad_response, route.dial.str() + " spoke before it was asked");
    co_return Connected{std::move(*reached), std::move(proxy)};
  }
  TimePoint start = steady_now();
  auto secured =
      co_await secure(*reached, route.origin.place, route.offer, loop_.now() + options_.tls_timeout);
  if (!secured) co_return pass(secured);
  reached->facts.tls_us = micros_since(start);
  reached->facts.tls = std::move(*secured);
  co_return Connected{std::move(*reached), std::nullopt};
}

// TCP to the place itself or to the proxy before it; with `tunnel`, through that proxy to the place.
async::Task<Result<UpstreamTunnel>> Connector::reach(HostPort to, Caller caller, bool tunnel,
                                                     std::optional<UpstreamProxy> proxy) {
  TimePoint deadline = loop_.now() + options_.connect_timeout;
  UpstreamTunnel out;
  if (proxy && options_.guard) {
    auto passes = options_.guard(caller, to, nullptr);
    if (!passes) co_return pass(passes);
    out.facts.mark = *passes;
  }
  auto dialed = co_await (proxy ? dialer_.dial(proxy->place, deadline) : dial(to, caller, deadline));
  if (!dialed) co_return pass(dialed);
  if (options_.is_self && options_.is_self(*dialed->stream))
    co_return fail(Code::loop_detected, to.str() + " is Weir's own listener");
  if (!proxy && options_.guard && dialed->peer)
    out.facts.mark = options_.guard(caller, to, &*dialed->peer).value_or("");
  out.facts.id = options_.next_id ? options_.next_id() : 0;
  out.facts.opened = wall_now();
  out.facts.host = to.str();
  out.facts.via = proxy ? proxy->place.str() : "";
  out.facts.local = dialed->stream->local_address();
  out.facts.peer = dialed->stream->peer_address();
  out.facts.dns_us = dialed->dns_us;
  out.facts.connect_us = dialed->connect_us;
  out.stream = std::move(dialed->stream);
  if (proxy && proxy->kind == UpstreamProxy::Kind::https) {
    auto entered = co_await enter(out, *proxy, deadline);
    if (!entered) co_return pass(entered);
  }
  if (proxy && tunnel) {
    auto opened = co_await open_tunnel(out, *proxy, to, deadline);
    if (!opened) co_return pass(opened);
  }
  co_return out;
}

async::Task<Result<net::Dialed>> Connector::dial(HostPort to, Caller caller, TimePoint deadline) {
  if (!options_.guard) return dialer_.dial(std::move(to), deadline);
  net::AddressCheck check = [this, caller, to](const net::Address& address) -> Result<void> {
    auto passes = options_.guard(caller, to, &address);
    if (!passes) return pass(passes);
    return {};
  };
  return dialer_.dial(std::move(to), deadline, std::move(check));
}

// TLS to the proxy itself. What is wrong with its certificate must not look like the origin's.
async::Task<Result<void>> Connector::enter(UpstreamTunnel& out, const UpstreamProxy& proxy,
                                           TimePoint deadline) {
  auto secured = co_await secure(out, proxy.place, Offer::http1, deadline);
  if (secured) co_return Result<void>();
  const Error& why = secured.error();
  std::string context = "the upstream proxy " + proxy.place.str();
  if (!why.context().empty()) context += ": " + why.context();
  co_return fail(why.code(), std::move(context), why.retry());
}

async::Task<Result<void>> Connector::open_tunnel(UpstreamTunnel& out, const UpstreamProxy& proxy,
                                                 const HostPort& to, TimePoint deadline) {
  out.stream->set_read_deadline(deadline);
  out.stream->set_write_deadline(deadline);
  attempts_.push_back(out.stream.get());
  auto early = co_await open_proxy_tunnel(*out.stream, proxy, to, options_.proxy_head_bytes);
  std::erase(attempts_, out.stream.get());
  if (!early) co_return pass(early);
  out.early = std::move(*early);
  out.stream->set_read_deadline(kNever);
  out.stream->set_write_deadline(kNever);
  co_return Result<void>();
}

// Puts TLS around the tunnel's stream.
async::Task<Result<tls::TlsFacts>> Connector::secure(UpstreamTunnel& tunnel, const HostPort& name,
                                                     Offer offer, TimePoint deadline) {
  auto session = tls_.new_session(name, options_.insecure && options_.insecure(name), protocols(offer));
  if (!session) co_return pass(session);
  auto secured = std::make_unique<net::TlsStream>(std::move(tunnel.stream), std::move(*session),
                                                  std::exchange(tunnel.early, {}), name.str());
  if (options_.secret_answers) secured->forget_what_is_read();
  attempts_.push_back(secured.get());
  auto shaken = co_await secured->handshake(deadline);
  std::erase(attempts_, secured.get());
  if (!shaken) co_return pass(shaken);
  tls::TlsFacts facts = secured->facts();
  if (!facts.problem.empty())
    log::warn("{}: bad upstream certificate accepted by tls.insecure_hosts: {}", name.str(), facts.problem);
  tunnel.stream = std::move(secured);
  co_return facts;
}

async::Task<Result<UpstreamTunnel>> Connector::connect_tunnel(HostPort to, Caller caller) {
  auto proxy = proxy_for(to, http::Scheme::https);
  return reach(std::move(to), caller, true, std::move(proxy));
}

void Connector::cancel() {
  dialer_.cancel();
  for (net::Stream* stream : attempts_) stream->cancel();
}

}  // namespace weir::wire
