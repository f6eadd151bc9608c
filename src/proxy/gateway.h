// Gateway: the far side of relays: what the listeners of one have in common (docs/formats/relay.md).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "net/stream.h"
#include "proxy/relay_sessions.h"
#include "tls/leaf.h"
#include "tls/server_context.h"

namespace weir::proxy {

/// Outlives the connections that came in by it; read by all threads.
struct Gateway {
  RelaySessions* sessions = nullptr;
  /// The bytes of a tunnel that lie in those of an open WebSocket, counted as the session's.
  std::function<std::unique_ptr<net::Stream>(std::unique_ptr<net::Stream> websocket,
                                             const RelaySessionPtr& session)>
      unwrap;
  std::string prefix;                     ///< before every path of the protocol; "" or "/x"
  std::string ca;                         ///< PEM, for who wants to trust what is behind us
  std::optional<tls::ServerContext> tls;  ///< nothing: plain HTTP
  tls::LeafPtr identity;                  ///< with it
  std::uint64_t most_tunnels = 1024;      ///< of one session
};

}  // namespace weir::proxy
