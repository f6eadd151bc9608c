// One request to a token endpoint, on a loop of its own.
#pragma once

#include <string>

#include "broker/oauth.h"
#include "tls/client_context.h"
#include "wire/connector.h"

namespace weir::app {

struct TokenAnswer {
  std::uint16_t status = 0;
  std::string body;  ///< has secrets: zero it
};

/// POSTs `request` to `url` (https), and blocks until there is an answer, at most `patience` and until `stop`
/// is readable (non-blocking; negative: nothing stops it). Redirects are not followed. Errors: those of
/// Connector; upstream_timeout, shutting_down.
Result<TokenAnswer> fetch_token(const std::string& url, const broker::TokenRequest& request,
                                const tls::ClientContext& tls, const wire::ConnectorOptions& options,
                                Duration patience, int stop = -1);

}  // namespace weir::app
