// Redaction: secrets leave a flow before anything is stored (mission G5, the default part).
#pragma once

#include <string>
#include <string_view>

#include "flow/flow.h"

namespace weir::flow {

/// True for fields whose value is a credential: Authorization, Proxy-Authorization, Cookie, Set-Cookie,
/// X-Api-Key, X-Auth-Token and their relatives; and for names ending in "-token", "-secret", "-api-key",
/// "-password".
bool is_sensitive_field(std::string_view name);

/// False when `redacted_value` gives every value of this field back as it is.
bool needs_redaction(std::string_view name);

/// The value to store for a field: `[REDACTED]`, with what helps a reader and harms nobody kept: the scheme
/// of Authorization ("Bearer [REDACTED]"), cookie names ("sid=[REDACTED]; lang=[REDACTED]"), and for
/// Set-Cookie the name and attributes. The URL in Location, Referer and their like comes back as from
/// `redacted_url`, the values of all other fields as they are.
std::string redacted_value(std::string_view name, std::string_view value);

/// A copy of `fields` with every sensitive value replaced.
http::Fields redacted(const http::Fields& fields);

/// A URL or target with user information removed and the values of query (or fragment) parameters that carry
/// credentials (access_token, api_key, apikey, key, token, password, secret, signature, sig, ...) replaced by
/// [REDACTED].
std::string redacted_url(std::string_view url);
/// The first line of a message, valid or not, with each of its words treated as a URL.
std::string redacted_line(std::string_view line);

}  // namespace weir::flow
