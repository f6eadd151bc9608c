// Heads of HTTP/2 as the heads that the rest of Weir knows (RFC 9113 section 8.3), and back. Pure.
#pragma once

#include <cstddef>

#include "base/error.h"
#include "http/door.h"
#include "http/h2/session.h"
#include "http/message.h"

namespace weir::http::h2 {

/// The result has exactly one Host field, its first, from :authority; cookie crumbs are joined (section
/// 8.2.3). An extended CONNECT (RFC 8441) becomes a GET with `upgrade` set, which is what it is over
/// HTTP/1.1. In a tunnel another :authority than the tunnel's is misdirected_request; scheme is not looked
/// at there. Errors: bad_target, bad_host, bad_request, head_too_large, uri_too_long.
Result<RequestHead> request_head(HeaderBlock block, Door door, std::size_t target_bytes);
/// 1xx or final; 101 has no meaning here (section 8.6). Errors are upstream_bad_response.
Result<ResponseHead> response_head(HeaderBlock block);

/// What belongs to an HTTP/1 connection is left out (section 8.2.2); `upgrade` makes an extended CONNECT.
HeaderBlock block_of(const RequestHead& head);
HeaderBlock block_of(const ResponseHead& head);

}  // namespace weir::http::h2
