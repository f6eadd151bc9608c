// Access tokens of OAuth 2.0 (RFC 6749): what is asked of a token endpoint, and what it answers. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/secret_bytes.h"
#include "http/fields.h"

namespace weir::broker {

/// How a client gets its access tokens. Views must outlive the call they are for.
struct OAuthOptions {
  enum class Grant : std::uint8_t { refresh_token, client_credentials };
  /// How the client shows who it is: in the body, or by HTTP Basic (RFC 6749 section 2.3.1). Without a
  /// secret, its id alone is in the body.
  enum class Client : std::uint8_t { body, basic };

  Grant grant = Grant::refresh_token;
  Client client = Client::body;
  std::string_view client_id;      ///< may be empty with Grant::refresh_token
  std::string_view client_secret;  ///< may be empty with Grant::refresh_token
  std::string_view scope;          ///< as granted where empty
};

struct TokenRequest {
  SecretBytes body;     ///< application/x-www-form-urlencoded
  http::Fields fields;  ///< Content-Type, Accept, and perhaps Authorization (secret); no Host, no length
};

/// What is to be sent by POST. `refresh_token` is for its grant alone. Fails (credential_failed) where what
/// the grant needs is empty, (io) where there is no memory.
Result<TokenRequest> token_request(const OAuthOptions& options, std::string_view refresh_token);

struct AccessToken {
  SecretBytes token;
  SecretBytes refresh_token;        ///< the new one where it was changed; empty: the old one stays
  std::chrono::seconds lifetime{};  ///< at most kLongestLifetime
  bool lifetime_assumed = false;    ///< the answer did not say it
};
inline constexpr std::chrono::hours kAssumedLifetime{1};
inline constexpr std::chrono::hours kLongestLifetime{24 * 366};
inline constexpr std::size_t kMostTokenResponse = 256 << 10;

/// Reads an answer. Fails (credential_failed) with what the endpoint says went wrong (RFC 6749 section 5.2),
/// in printable characters, and never with anything of `secrets`, which are those that were sent.
Result<AccessToken> read_token_response(std::uint16_t status, std::string_view body,
                                        std::span<const std::string_view> secrets);

}  // namespace weir::broker
