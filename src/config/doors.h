// The settings of the doors: who may come in, and where reverse mode leads.
#pragma once

#include <string_view>

#include "config/settings.h"
#include "http/message.h"
#include "proxy/credentials.h"

namespace weir::config {

/// "name:password": a name without ':' that is not empty, no control bytes, at most 255 bytes each (RFC
/// 1929). Errors (bad_config) never contain the password.
Result<proxy::User> parse_proxy_user(std::string_view text);
/// `text` with its password replaced by "***", for showing.
std::string without_user_password(std::string_view text);

/// "http://host[:port]" or "https://host[:port]", no path but "/".
Result<http::Origin> parse_reverse(std::string_view url);

/// What no single setting shows. Refuses (bad_config) addresses beyond this machine where nobody is asked for
/// credentials and allow_open_proxy does not say that this is meant; and credentials in reverse mode, whose
/// clients know of no proxy; and guests there.
Result<void> check_doors(const Settings& settings);

}  // namespace weir::config
