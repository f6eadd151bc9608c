#include "config/doors.h"

#include <algorithm>

#include "base/ascii.h"

namespace weir::config {
namespace {

constexpr std::size_t kLongest = 255;  // a SOCKS5 login has one byte for the length of either

Failure bad(std::string text) { return fail(Code::bad_config, std::move(text)); }

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

}  // namespace

Result<proxy::User> parse_proxy_user(std::string_view text) {
  std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return bad("a proxy user is written name:password");
  proxy::User user{std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))};
  if (user.name.empty()) return bad("a proxy user has no name");
  if (user.name.size() > kLongest || user.password.size() > kLongest)
    return bad("a proxy user's name and password have at most 255 bytes each");
  if (has_control(text)) return bad("a proxy user has a control byte in his name or password");
  return user;
}

std::string without_user_password(std::string_view text) {
  std::size_t colon = text.find(':');
  return colon == std::string_view::npos ? "***" : std::string(text.substr(0, colon)) + ":***";
}

Result<http::Origin> parse_reverse(std::string_view url) {
  std::size_t mark = url.find("://");
  std::string_view scheme = url.substr(0, mark == std::string_view::npos ? 0 : mark);
  bool https = iequals(scheme, "https");
  if (!https && !iequals(scheme, "http")) return bad("reverse: not an http:// or https:// URL");
  std::string_view place = url.substr(mark + 3);
  if (place.ends_with('/')) place.remove_suffix(1);
  auto parsed = parse_host_port(place, https ? 443 : 80);
  if (!parsed)
    return bad("reverse: a scheme, a host and a port are all it may have: " + parsed.error().context());
  return http::Origin{https ? http::Scheme::https : http::Scheme::http, std::move(*parsed)};
}

Result<void> check_doors(const Settings& settings) {
  bool reverse = !settings.reverse.empty();
  bool asked = !settings.proxy_auth.users.empty();
  if (reverse && asked)
    return bad(
        "proxy_auth.users (--auth) is for clients that know they speak to a proxy; those of reverse "
        "(--reverse) do not: take one of the two away");
  if (reverse && settings.guest.any())
    return bad(
        "guest.uds, guest.vsock and guest.vsock_uds are for guests that go anywhere, reverse (--reverse) "
        "leads "
        "to one place: take one of the two away");
  if (settings.allow_open_proxy) return {};
  for (const HostPort& place : settings.transparent) {
    if (is_loopback_host(place.host)) continue;
    return bad(
        "transparent " + place.str() +
        ": anybody whose packets get there could use this proxy, and redirected clients cannot be asked "
        "for credentials; listen on 127.0.0.1, or say that it is meant (allow_open_proxy = true, "
        "--allow-open-proxy)");
  }
  if (asked) return {};
  for (const HostPort& place : settings.listen) {
    if (is_loopback_host(place.host)) continue;
    return bad("listen " + place.str() + ": anybody who can reach that address could " +
               (reverse ? "reach " + settings.reverse + " through it; "
                        : "use this proxy; ask for credentials (proxy_auth.users, --auth USER:PASSWORD), ") +
               "listen on 127.0.0.1, or say that it is meant (allow_open_proxy = true, --allow-open-proxy)");
  }
  return {};
}

}  // namespace weir::config
