// Redaction: credentials leave a flow before anything is stored, known by the names they go by (mission G5,
// the default part). The user's own secrets are for flow/redactor.h.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "flow/flow.h"

namespace weir::flow {

/// Names that credentials go by besides those known here; '_' is the same as '-', case does not matter.
struct CredentialNames {
  std::vector<std::string> fields;
  std::vector<std::string> parameters;  ///< of queries

  bool empty() const { return fields.empty() && parameters.empty(); }
};

/// True for fields whose value is a credential: Authorization, Proxy-Authorization, Cookie, Set-Cookie,
/// X-Api-Key, X-Auth-Token and their relatives; and for names ending in "-token", "-secret", "-api-key",
/// "-password".
bool is_sensitive_field(std::string_view name, const CredentialNames& more = {});

/// False when `redacted_value` gives every value of this field back as it is.
bool needs_redaction(std::string_view name, const CredentialNames& more = {});

/// The value to store for a field: `[REDACTED]`, with what helps a reader and harms nobody kept: the scheme
/// of Authorization ("Bearer [REDACTED]"), cookie names ("sid=[REDACTED]; lang=[REDACTED]"), and for
/// Set-Cookie the name and attributes. The URL in Location, Referer and their like comes back as from
/// `redacted_url`, the values of all other fields as they are.
std::string redacted_value(std::string_view name, std::string_view value, const CredentialNames& more = {});

/// A copy of `fields` with every sensitive value replaced.
http::Fields redacted(const http::Fields& fields, const CredentialNames& more = {});

/// A URL or target with user information removed and the values of query (or fragment) parameters that carry
/// credentials (access_token, api_key, apikey, key, token, password, secret, signature, sig, ...) replaced by
/// [REDACTED].
std::string redacted_url(std::string_view url, const CredentialNames& more = {});
/// A line of words, such as the first of a message, valid or not, with each word treated as a URL, or as an
/// authority with user and password.
std::string redacted_line(std::string_view line, const CredentialNames& more = {});

/// What every sink does to a flow before it keeps it: target, fields, trailers, error, reason
/// and the command line of the sender. Done twice
/// it changes nothing more.
void redact(Flow& flow, const CredentialNames& more = {});
/// The same of its texts outside of fields, for a sink that writes fields one by one with `redacted_value`.
struct RedactedTexts {
  std::string target, error_detail, filter_reason;
};
RedactedTexts redacted_texts(const Flow& flow, const CredentialNames& more = {});

}  // namespace weir::flow
