#include "relay/base_url.h"

#include <algorithm>

#include "base/ascii.h"

namespace weir::relay {
namespace {

bool take_scheme(std::string_view& url, std::string_view scheme) {
  if (!iequals(url.substr(0, scheme.size()), scheme)) return false;
  url.remove_prefix(scheme.size());
  return true;
}

bool fits_path(char c) { return c > ' ' && c < '\x7f' && c != '?' && c != '#' && c != '\\'; }

Failure wrong(std::string_view why) {
  return fail(Code::bad_config, "the base URL " + std::string(why) +
                                    "; give https://HOST[:PORT][/PATH] with --base or ANTHROPIC_BASE_URL");
}

}  // namespace

Result<BaseUrl> parse_base_url(std::string_view url) {
  BaseUrl out;
  if (take_scheme(url, "https://"))
    out.origin.scheme = http::Scheme::https;
  else if (take_scheme(url, "http://"))
    out.origin.scheme = http::Scheme::http;
  else
    return wrong("begins with neither https:// nor http://");
  std::size_t end = std::min(url.find('/'), url.size());
  std::string_view path = url.substr(end);
  while (path.ends_with('/')) path.remove_suffix(1);
  bool https = out.origin.scheme == http::Scheme::https;
  auto place = parse_host_port(url.substr(0, end), https ? 443 : 80);
  if (!place) return wrong("names no place (" + place.error().context() + ")");
  if (!std::ranges::all_of(path, fits_path)) return wrong("has a path that cannot be sent");
  if (!https && !is_loopback_host(place->host))
    return wrong("is http:// to another machine: the session's token would cross the network in clear");
  out.origin.place = std::move(*place);
  out.path = path;
  return out;
}

}  // namespace weir::relay
