// Which upstream proxy Weir itself goes through: from the settings, else from the environment it was started
// in.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/host_port.h"
#include "config/settings.h"
#include "wire/upstream.h"

namespace weir::config {

/// The value of upstream.proxy for "no proxy, whatever the environment says".
inline constexpr std::string_view kDirect = "direct";

struct UpstreamProxies {
  /// By the scheme of the request's URL; nothing = direct.
  std::optional<wire::UpstreamProxy> for_http, for_https;
  std::vector<std::string> no_proxy;  ///< entries that policy::NoProxy accepts
};

/// "[scheme://][user[:password]@]host[:port]", user and password percent-encoded. Schemes and their ports:
/// http (80; also when none is given), https (443), socks5 and socks5h (1080), which are the same, since Weir
/// leaves names to the proxy. Others are refused (bad_config). Errors never contain the password.
Result<wire::UpstreamProxy> parse_proxy_url(std::string_view url);
/// `url` with its password replaced by "***", for showing.
std::string without_password(std::string_view url);

/// The value of an environment variable; nothing when it is unset.
using EnvironmentLookup = std::function<std::optional<std::string>(const char* name)>;
/// Reads the process's own environment; not while another thread changes it.
std::optional<std::string> own_environment(const char* name);

/// curl's rules: https_proxy, http_proxy, all_proxy, no_proxy; lower case wins over upper case, and
/// HTTP_PROXY in upper case is not read at all (a CGI server sets it from a request's Proxy field). An entry
/// of NO_PROXY that cannot be understood is left out with a warning in the log.
Result<UpstreamProxies> upstream_from_environment(const EnvironmentLookup& lookup = own_environment);
/// What `settings` says; the environment when it leaves `proxy` empty.
Result<UpstreamProxies> upstream_proxies(const UpstreamSettings& settings,
                                         const EnvironmentLookup& lookup = own_environment);

}  // namespace weir::config
