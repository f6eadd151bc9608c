// LeakSearch: what is looked for in the bytes of one tunnel, and what is said of a find.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "broker/sieve.h"
#include "http/fields.h"
#include "proxy/secrets.h"
#include "proxy/tunnel.h"

namespace weir::proxy {

struct LeakSearch {
  Secrets& secrets;  ///< outlives it
  broker::Allowed allowed;
  std::function<Error(broker::Guarded)> explain;
};

/// Of the messages of a WebSocket that `response` opened.
std::unique_ptr<TunnelGuard> guard_messages(LeakSearch search, const http::Fields& response);
/// Of whatever the client sends, as it is. Of TLS only the beginning is looked at, where names are in clear.
std::unique_ptr<TunnelGuard> guard_bytes(LeakSearch search);

}  // namespace weir::proxy
