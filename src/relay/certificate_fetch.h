// The gateway's CA certificate, and the bundle that programs trust in place of the system's.
#pragma once

#include <filesystem>
#include <string>

#include "base/error.h"
#include "relay/base_url.h"
#include "tls/client_context.h"
#include "wire/connector.h"

namespace weir::relay {

/// GET <base>/v1/code/upstreamproxy/ca-cert, on a loop of its own: blocks, at most `patience` in all. Returns
/// the certificates as PEM and nothing else that was in the answer. Errors say what the gateway did wrong:
/// no 2xx, no certificate, more than 1 MiB.
Result<std::string> fetch_certificate(const BaseUrl& base, const tls::ClientContext& tls,
                                      wire::ConnectorOptions options,
                                      Duration patience = std::chrono::seconds(5));

/// Writes the certificates of `system` (a PEM file) and `pem` to `path`, mode 0644, by rename; makes missing
/// parent folders. An empty `system` stands for the system's own bundle, without which `pem` stands alone and
/// the log says so; a named one must be readable. What `system` has already is not added again.
Result<void> write_relay_bundle(const std::filesystem::path& path, const std::string& system,
                                const std::string& pem);

}  // namespace weir::relay
