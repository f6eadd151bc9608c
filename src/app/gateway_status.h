// What a gateway says of itself to its own user (docs/formats/relay.md, "Status of a gateway").
#pragma once

#include <string>
#include <vector>

#include "base/host_port.h"
#include "proxy/relay_sessions.h"

namespace weir::app {

struct GatewayIdentity {
  std::vector<HostPort> listen;
  bool tls = false;
  std::string prefix;
  std::string sessions_file;
  std::string recording;  ///< id of the session that is recorded; empty = none
  std::uint64_t most_tunnels = 0;
  WallNanos since = 0;
};

/// One JSON document and a line feed. Neither tokens nor what they are known by are in it. Any thread.
std::string gateway_status(const GatewayIdentity& identity, const proxy::RelaySessions& sessions,
                           WallNanos now);

}  // namespace weir::app
