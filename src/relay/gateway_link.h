// The way to the gateway: a WebSocket of its own for each tunnel.
#pragma once

#include <expected>
#include <memory>

#include "base/host_port.h"
#include "relay/base_url.h"
#include "relay/chunk_stream.h"
#include "relay/credential.h"
#include "relay/trouble.h"
#include "wire/connector.h"

namespace weir::relay {

struct LinkOptions {
  BaseUrl base;
  Duration upgrade_timeout = std::chrono::seconds(10);  ///< from the request to its answer
};

/// Connects, opens the WebSocket, and sends the first chunk: the CONNECT line for `to`, who we are, and
/// `early`, bytes of the client that have come already. What the gateway says to it is the stream's first
/// bytes. Nothing of the credential stays behind. `credential` and `options` must outlive the call.
async::Task<std::expected<std::unique_ptr<ChunkStream>, Mishap>> open_link(wire::Connector& connector,
                                                                           const LinkOptions& options,
                                                                           const RelayCredential& credential,
                                                                           HostPort to, std::string early);

}  // namespace weir::relay
