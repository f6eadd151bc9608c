// Asking an upstream proxy for a tunnel: CONNECT or SOCKS5, over a stream that reaches it.
#pragma once

#include <string>

#include "wire/upstream.h"

namespace weir::wire {

/// Returns what came behind the proxy's answer: it is the tunnel's already. Errors: upstream_proxy_refused in
/// the proxy's own words, those of the stream; their context names the proxy and `to`. `head_bytes` bounds an
/// HTTP proxy's answer. Deadlines are the stream's.
async::Task<Result<std::string>> open_proxy_tunnel(net::Stream& stream, const UpstreamProxy& proxy,
                                                   const HostPort& to, std::size_t head_bytes);

}  // namespace weir::wire
