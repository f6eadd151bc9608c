// The responses Weir makes itself: a stable code, what happened, what to do, in the form the client reads.
#pragma once

#include <string>

#include "base/error.h"
#include "http/message.h"

namespace weir::proxy {

struct ErrorResponse {
  http::ResponseHead head;
  std::string body;
};

/// To a gRPC client the status and message of its own protocol (as trailers alone, with HTTP's 200). Else
/// JSON when Accept prefers it, HTML for browsers, else plain text; always with `X-Weir-Error: <code>`,
/// `X-Weir-Flow: <flow>` and `Cache-Control: no-store`. Everything that came from outside is escaped.
/// `request` may be empty when no request could be read.
ErrorResponse error_response(const Error& error, const http::RequestHead& request, std::uint64_t flow);

}  // namespace weir::proxy
