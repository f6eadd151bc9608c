// What the parts of wire/ that reach upstream share: where to go, through what, and what is worth recording.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/secret_text.h"
#include "http/message.h"
#include "net/stream.h"
#include "tls/facts.h"
#include "wire/socks5.h"

namespace weir::wire {

/// A proxy between Weir and the origins.
struct UpstreamProxy {
  enum class Kind : std::uint8_t {
    http,
    https,   ///< HTTP over TLS to the proxy itself, verified for the proxy's name
    socks5,  ///< names are sent to it, never resolved here
  };
  HostPort place;
  SecretText authorization;  ///< http and https: value of Proxy-Authorization; empty = none
  Kind kind = Kind::http;
  std::optional<SocksLogin> login;  ///< socks5
};

/// What Weir is ready to speak to an origin.
enum class Offer : std::uint8_t {
  http1,           ///< HTTP/1.1 alone
  http2_or_http1,  ///< what the origin picks by ALPN; HTTP/1.1 where there is no TLS
  http2,           ///< HTTP/2 alone: by ALPN, or with prior knowledge where there is no TLS
};

/// On whose behalf a connection is made. What one may reach another may not, so they share no connections.
enum class Caller : std::uint8_t {
  foreign,   ///< a client on another machine, in a sandbox or a VM
  local,     ///< a client on this machine, which reaches all of it anyway
  settings,  ///< whoever runs Weir: the place is written in its settings
};

/// Where a request goes: the origin it is for (SNI, certificate, Host) and the place that is dialled, which
/// differ only when the client itself said so (CONNECT to one name, SNI of another).
struct Route {
  http::Origin origin;
  HostPort dial;
  Offer offer = Offer::http1;
  Caller caller = Caller::foreign;
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
  std::string_view mark;  ///< what is to be noted of the address it leads to (ConnectorOptions::guard)
};

/// A connection to a place, with TLS where that was asked for, before anybody speaks HTTP on it.
struct UpstreamTunnel {
  UpstreamFacts facts;
  std::unique_ptr<net::Stream> stream;
  std::string early;  ///< bytes that came with the upstream proxy's answer; they belong to the tunnel
};

}  // namespace weir::wire
