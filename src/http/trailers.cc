#include "http/trailers.h"

#include <algorithm>

#include "base/ascii.h"

namespace weir::http {

bool may_trail(std::string_view name) {
  static constexpr std::string_view kNames[] = {
      "Transfer-Encoding",
      "Content-Length",
      "Host",
      "Connection",
      "Keep-Alive",
      "Proxy-Connection",
      "TE",
      "Trailer",
      "Upgrade",
      "HTTP2-Settings",
      "Content-Encoding",
      "Content-Type",
      "Content-Range",
      "Cache-Control",
      "Expect",
      "Max-Forwards",
      "Pragma",
      "Range",
      "If-Match",
      "If-None-Match",
      "If-Modified-Since",
      "If-Unmodified-Since",
      "If-Range",
      "Authorization",
      "Proxy-Authorization",
      "Proxy-Authenticate",
      "WWW-Authenticate",
      "Cookie",
      "Set-Cookie",
      "Age",
      "Date",
      "Expires",
      "Location",
      "Retry-After",
      "Vary",
      "Warning",
      "Via",
      "Forwarded",
      "X-Forwarded-For",
      "X-Forwarded-Host",
      "X-Forwarded-Proto",
  };
  return std::ranges::none_of(kNames, [&](std::string_view known) { return iequals(known, name); });
}

}  // namespace weir::http
