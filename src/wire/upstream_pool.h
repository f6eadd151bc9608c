// UpstreamPool: connections to origins, dialled, verified, kept and reused. One a thread.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "http/message.h"
#include "net/dialer.h"
#include "tls/client_context.h"
#include "tls/facts.h"
#include "wire/h1_client.h"

namespace weir::wire {

/// An HTTP proxy between Weir and the origins.
struct UpstreamProxy {
  HostPort place;
  std::string authorization;  ///< value of Proxy-Authorization; empty = none
};

struct UpstreamFacts;

struct PoolOptions {
  ClientLimits limits;
  Duration connect_timeout = std::chrono::seconds(10);  ///< DNS and TCP together
  Duration tls_timeout = std::chrono::seconds(10);
  Duration keep_idle = std::chrono::seconds(60);
  std::size_t idle_per_origin = 256;
  std::size_t idle_total = 1024;
  /// Numbers connections, for the record.
  std::function<std::uint64_t()> next_id;
  /// The proxy to use for a place, by scheme; nothing = direct.
  std::function<std::optional<UpstreamProxy>(const HostPort&, http::Scheme)> proxy_for;
  /// Places whose bad certificates are let pass (and recorded).
  std::function<bool(const HostPort&)> insecure;
  /// Told of each connection twice: when it is ready to be used, and when it ends.
  std::function<void(const UpstreamFacts&, const net::Stream&, bool ended)> account;
  /// True for places that are Weir's own listeners: dialling them would be a loop.
  std::function<bool(const net::TcpStream&)> is_self;
};

/// Where a request goes: the origin it is for (SNI, certificate, Host) and the place that is dialled, which
/// differ only when the client itself said so (CONNECT to one name, SNI of another).
struct Route {
  http::Origin origin;
  HostPort dial;
  friend bool operator==(const Route&, const Route&) = default;
};

/// What is worth recording of an upstream connection.
struct UpstreamFacts {
  std::uint64_t id = 0;  ///< unique in the process
  std::string host;
  std::string via;
  std::string local;
  std::string peer;
  std::optional<tls::TlsFacts> tls;
  std::int64_t dns_us = -1;
  std::int64_t connect_us = -1;
  std::int64_t tls_us = -1;
  WallNanos opened = 0;
  std::uint32_t requests = 0;
};

/// A connection in the pool or out on lease.
struct UpstreamConnection {
  Route route;
  UpstreamFacts facts;
  std::unique_ptr<H1ClientConnection> http;
};

/// A connection without HTTP, for a tunnel.
struct UpstreamTunnel {
  UpstreamFacts facts;
  std::unique_ptr<net::Stream> stream;
  std::string early;  ///< bytes that came with the upstream proxy's answer; they belong to the tunnel
};

/// The pool's key is the route alone while all settings are global. Belongs to its loop's thread.
class UpstreamPool : private async::Timer {
 public:
  UpstreamPool(async::Loop& loop, net::Dialer& dialer, const tls::ClientContext& tls, PoolOptions options);
  ~UpstreamPool() override;

  /// An idle connection for `route` if `may_reuse` and there is one; else a new one, verified. Errors: those
  /// of Dialer, upstream_proxy_refused, upstream_cert_*, upstream_tls_failed, loop_detected. Nothing of the
  /// request has been sent when it fails.
  async::Task<Result<std::unique_ptr<UpstreamConnection>>> acquire(const Route& route, bool may_reuse);
  /// Takes a connection back: keeps it if it can carry another exchange, closes it otherwise.
  void release(std::unique_ptr<UpstreamConnection> connection);
  /// A TCP connection to a place, through the upstream proxy if there is one, for a tunnel.
  async::Task<Result<UpstreamTunnel>> connect_tunnel(HostPort to);
  /// Must be called when such a tunnel has ended.
  void tunnel_ended(const UpstreamTunnel& tunnel) { tell(tunnel.facts, *tunnel.stream, true); }
  /// Closes idle connections and keeps none from now on.
  void close();
  /// Ends every connection attempt that is under way with Code::cancelled.
  void cancel_attempts();
  std::size_t idle() const { return idle_count_; }

 private:
  struct Idle {
    std::unique_ptr<UpstreamConnection> connection;
    TimePoint since;
  };
  struct RouteHash {
    std::size_t operator()(const Route& route) const;
  };

  std::unique_ptr<UpstreamConnection> take_idle(const Route& route);
  async::Task<Result<UpstreamTunnel>> reach(HostPort to, bool tunnel, std::optional<UpstreamProxy> proxy);
  async::Task<Result<std::string>> connect_through(net::Stream& stream, const UpstreamProxy& proxy,
                                                   const HostPort& to);
  async::Task<Result<void>> secure(UpstreamTunnel& tunnel, const HostPort& name);
  std::optional<UpstreamProxy> proxy_for(const HostPort& to, http::Scheme scheme) const;
  void end(std::unique_ptr<UpstreamConnection> connection);
  void tell(const UpstreamFacts& facts, const net::Stream& stream, bool ended);
  void fire() override;

  net::Dialer& dialer_;
  const tls::ClientContext& tls_;
  PoolOptions options_;
  std::unordered_map<Route, std::vector<Idle>, RouteHash> idle_;
  std::size_t idle_count_ = 0;
  std::vector<net::Stream*> attempts_;  // streams that speak to a proxy, or shake hands
  bool closed_ = false;
};

}  // namespace weir::wire
