// UpstreamPool: connections to origins, dialled, verified, kept, reused and shared. One a thread.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "async/event.h"
#include "async/task_group.h"
#include "wire/connector.h"
#include "wire/h1_client.h"
#include "wire/h2_client.h"

namespace weir::wire {

struct PoolOptions : ConnectorOptions {
  ClientLimits limits;
  H2Limits h2;
  Duration keep_idle = std::chrono::seconds(60);
  std::size_t idle_per_origin = 256;
  std::size_t idle_total = 1024;
  /// Told of each connection twice: when it is ready to be used, and when it ends.
  std::function<void(const UpstreamFacts&, const net::Stream&, bool ended)> account;
};

class UpstreamPool;

/// An HTTP/1 connection: idle in the pool, or lent to one exchange.
struct UpstreamConnection {
  Route route;
  UpstreamFacts facts;
  std::unique_ptr<H1ClientConnection> http;
  std::uint32_t generation = 0;
};

/// An HTTP/2 connection and those who share it.
struct SharedConnection {
  SharedConnection(async::Loop& loop, Route route, UpstreamTunnel tunnel, const PoolOptions& options)
      : route(std::move(route)),
        facts(std::move(tunnel.facts)),
        http(std::move(tunnel.stream), options.limits, options.h2),
        idle_since(loop.now()),
        room(loop),
        greeted(std::make_shared<async::Event>(loop)) {
    http.on_greeting([event = greeted] { event->set(); });
  }

  Route route;
  UpstreamFacts facts;
  H2ClientConnection http;
  std::uint32_t generation = 0;
  TimePoint idle_since;
  async::Signal room;                     // an exchange has ended
  std::shared_ptr<async::Event> greeted;  // the peer's limits are known, or the connection is over
};

/// The means to carry one exchange. Destroying it gives the connection back: it is kept if another exchange
/// can follow. Must go before the pool.
class UpstreamLease {
 public:
  UpstreamLease(UpstreamLease&&) noexcept = default;
  UpstreamLease& operator=(UpstreamLease&&) = delete;
  ~UpstreamLease();

  Outgoing& http() { return own_ ? static_cast<Outgoing&>(*own_->http) : *stream_; }
  const UpstreamFacts& facts() const { return own_ ? own_->facts : shared_->facts; }
  /// Somebody else has used the connection before.
  bool reused() const { return reused_; }

 private:
  friend class UpstreamPool;
  UpstreamLease(UpstreamPool& pool, std::unique_ptr<UpstreamConnection> own, std::string_view method);
  UpstreamLease(UpstreamPool& pool, SharedConnection& shared);

  UpstreamPool* pool_;
  std::unique_ptr<UpstreamConnection> own_;
  SharedConnection* shared_ = nullptr;
  std::unique_ptr<H2Outgoing> stream_;
  bool reused_;
};

/// The pool's key is the route alone while all settings are global (the client certificate is a function of
/// the place). Belongs to its loop's thread.
class UpstreamPool : private async::Timer {
 public:
  UpstreamPool(async::Loop& loop, net::Dialer& dialer, const tls::ClientContext& tls, PoolOptions options);
  ~UpstreamPool() override;

  /// What carries `head` along `route`: an idle connection or a share of one if `may_reuse`, else a new one.
  /// Where the origin may choose HTTP/2, exchanges that come while the first connection is being made wait
  /// for its choice, and then for its SETTINGS (which come with its first bytes): what goes beyond its limit
  /// of streams would be refused, and a body that is spent cannot be sent again. A request for an upgrade
  /// goes by HTTP/1.1 unless an HTTP/2 connection is there that takes extended CONNECT. Errors: those of
  /// Connector::connect.
  async::Task<Result<UpstreamLease>> acquire(const Route& route, const http::RequestHead& head,
                                             bool may_reuse);
  /// As Connector's, told to the account.
  async::Task<Result<UpstreamTunnel>> connect_tunnel(HostPort to, Caller caller);
  /// Must be called when such a tunnel has ended.
  void tunnel_ended(const UpstreamTunnel& tunnel) { tell(tunnel.facts, *tunnel.stream, true); }
  /// No exchange that begins after this uses a connection made before it: what may be reached has changed.
  void renew();
  /// Closes idle connections and keeps none from now on.
  void close();
  /// After close(): waits until shared connections have said goodbye. Leases must be gone.
  async::Event::Wait ended() { return driving_.join(); }
  /// Ends every connection attempt that is under way with Code::cancelled.
  void cancel_attempts() { connector_.cancel(); }
  /// HTTP/1 connections that wait for an exchange.
  std::size_t idle() const { return idle_count_; }
  std::size_t shared() const { return shared_.size(); }

 private:
  friend class UpstreamLease;
  struct Idle {
    std::unique_ptr<UpstreamConnection> connection;
    TimePoint since;
  };
  /// A connection being made, and those who wait to learn what it speaks.
  struct Attempt {
    explicit Attempt(async::Loop& loop) : ended(loop) {}
    async::Event ended;
    std::optional<Error> failure;
  };
  struct Place {
    std::vector<Idle> idle;
    std::shared_ptr<Attempt> attempt;
    bool http1_only = false;  // what the origin chose last
  };
  struct RouteHash {
    std::size_t operator()(const Route& route) const;
  };

  std::unique_ptr<UpstreamConnection> take_idle(const Route& route);
  SharedConnection* shared_with_room(const Route& route, bool upgrade);
  async::Task<Result<UpstreamLease>> acquire_http1(Route route, const http::RequestHead& head,
                                                   bool may_reuse);
  async::Task<Result<UpstreamLease>> dial(Route route, std::string_view method);
  async::Task<Result<UpstreamLease>> dial_for_all(const Route& route, std::string_view method);
  async::Task<void> drive(SharedConnection& shared);
  void release(std::unique_ptr<UpstreamConnection> connection);
  void drop_idle();
  void end(std::unique_ptr<UpstreamConnection> connection);
  void tell(const UpstreamFacts& facts, const net::Stream& stream, bool ended);
  void fire() override;

  PoolOptions options_;
  Connector connector_;
  std::unordered_map<Route, Place, RouteHash> places_;
  std::list<SharedConnection> shared_;
  async::TaskGroup driving_;
  std::size_t idle_count_ = 0;
  std::uint32_t generation_ = 0;  // of what is made now (renew)
  bool closed_ = false;
};

}  // namespace weir::wire
