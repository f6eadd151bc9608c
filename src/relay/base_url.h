// BaseUrl: where a relay's gateway is.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "http/message.h"

namespace weir::relay {

struct BaseUrl {
  http::Origin origin;
  std::string path;  ///< before the gateway's own paths: "" or "/a/b"

  std::string str() const { return origin.str() + path; }
  std::string certificate_path() const { return path + "/v1/code/upstreamproxy/ca-cert"; }
  std::string socket_path() const { return path + "/v1/code/upstreamproxy/ws"; }
};

/// "https://host[:port][/path]"; http:// to this machine alone, since a token goes there. bad_config for
/// everything else: user information, query, fragment, bytes that do not belong in a path.
Result<BaseUrl> parse_base_url(std::string_view url);

}  // namespace weir::relay
