// How long a body is (RFC 9112 section 6): pure, and the only place that decides it.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "http/message.h"

namespace weir::http::h1 {

struct BodyLength {
  enum class Kind : std::uint8_t { none, fixed, chunked, until_close };
  Kind kind = Kind::none;
  std::uint64_t bytes = 0;  ///< of fixed

  friend bool operator==(const BodyLength&, const BodyLength&) = default;
};

/// Request: ambiguous_framing on Content-Length together with Transfer-Encoding, on differing or malformed
/// lengths (a list of equal values included: refused), on any Transfer-Encoding but exactly "chunked", on
/// Transfer-Encoding in HTTP/1.0, and on a CONNECT that has either but "Content-Length: 0" (what follows it
/// is the tunnel's, RFC 9110 section 9.3.6). Lengths end at 2^63 - 1, as in most peers.
Result<BodyLength> request_body_length(const RequestHead& head);
/// Response to `method`: none for HEAD, 1xx, 204, 304 and 2xx to CONNECT. Otherwise as above with
/// upstream_bad_response, until_close where nothing says the length. Equal repeated lengths are accepted.
Result<BodyLength> response_body_length(const ResponseHead& head, std::string_view method);

/// Whether the connection may carry another message after this one (RFC 9112 section 9.3).
bool keeps_alive(Version version, const Fields& fields);

/// Removes what belongs to one connection only: Connection and the fields it names, Keep-Alive,
/// Proxy-Connection, TE (kept as "TE: trailers" if it had that token), Transfer-Encoding, Upgrade,
/// Proxy-Authenticate, Proxy-Authorization (RFC 9110 section 7.6.1). Names in Connection never remove Host,
/// Content-Length, Content-Type or other end-to-end fields that framing or identity rest on. Repeated equal
/// lengths become one, and lose leading zeros (RFC 9112 section 6.3).
void remove_hop_by_hop(Fields& fields);

}  // namespace weir::http::h1
