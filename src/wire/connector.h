// Connector: makes connections to origins: directly or through an upstream proxy, with TLS verified. Keeps
// none.
#pragma once

#include <functional>
#include <vector>

#include "net/dialer.h"
#include "tls/client_context.h"
#include "wire/upstream.h"

namespace weir::wire {

struct ConnectorOptions {
  std::size_t proxy_head_bytes = 64 * 1024;             ///< of an upstream proxy's answer
  Duration connect_timeout = std::chrono::seconds(10);  ///< DNS, TCP and the upstream proxy together
  Duration tls_timeout = std::chrono::seconds(10);
  bool secret_answers = false;  ///< TLS keeps no copy of what origins send
  /// Numbers connections, for the record.
  std::function<std::uint64_t()> next_id;
  /// The proxy to use for a place, by scheme; nothing = direct.
  std::function<std::optional<UpstreamProxy>(const HostPort&, http::Scheme)> proxy_for;
  /// Places whose bad certificates are let pass (and recorded).
  std::function<bool(const HostPort&)> insecure;
  /// Whether `place` may be reached at `address`; null where an upstream proxy will look for the address. The
  /// word is for the flows that pass: static, "" for none.
  std::function<Result<std::string_view>(Caller, const HostPort& place, const net::Address* address)> guard;
  /// True for places that are Weir's own listeners: dialling them would be a loop.
  std::function<bool(const net::TcpStream&)> is_self;
};

/// Belongs to its loop's thread.
class Connector {
 public:
  Connector(async::Loop& loop, net::Dialer& dialer, const tls::ClientContext& tls,
            const ConnectorOptions& options)
      : loop_(loop), dialer_(dialer), tls_(tls), options_(options) {}

  struct Connected {
    UpstreamTunnel tunnel;
    /// The upstream proxy when it is to be sent requests in absolute-form, since nothing was tunnelled.
    std::optional<UpstreamProxy> forwarder;
  };
  /// A connection on which requests of `route` can be sent, offering by ALPN what the route says. Errors:
  /// those of Dialer, upstream_proxy_refused, upstream_cert_*, upstream_tls_failed, loop_detected,
  /// address_refused, upstream_bad_response when somebody speaks before he was asked. Nothing of a request
  /// has been sent when it fails.
  async::Task<Result<Connected>> connect(Route route);
  /// TCP to a place, through a tunnel of the upstream proxy if there is one, for bytes that nobody reads.
  async::Task<Result<UpstreamTunnel>> connect_tunnel(HostPort to, Caller caller);
  /// Ends every attempt that is under way with Code::cancelled, and those to come.
  void cancel();

 private:
  async::Task<Result<UpstreamTunnel>> reach(HostPort to, Caller caller, bool tunnel,
                                            std::optional<UpstreamProxy> proxy);
  async::Task<Result<net::Dialed>> dial(HostPort to, Caller caller, TimePoint deadline);
  async::Task<Result<void>> enter(UpstreamTunnel& out, const UpstreamProxy& proxy, TimePoint deadline);
  async::Task<Result<void>> open_tunnel(UpstreamTunnel& out, const UpstreamProxy& proxy, const HostPort& to,
                                        TimePoint deadline);
  async::Task<Result<tls::TlsFacts>> secure(UpstreamTunnel& tunnel, const HostPort& name, Offer offer,
                                            TimePoint deadline);
  std::optional<UpstreamProxy> proxy_for(const HostPort& to, http::Scheme scheme) const;

  async::Loop& loop_;
  net::Dialer& dialer_;
  const tls::ClientContext& tls_;
  const ConnectorOptions& options_;
  std::vector<net::Stream*> attempts_;  // streams that speak to a proxy, or shake hands
};

}  // namespace weir::wire
