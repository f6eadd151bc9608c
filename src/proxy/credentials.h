// Credentials: who may use the proxy, by user name and password.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/hash.h"
#include "http/fields.h"

namespace weir::proxy {

struct User {
  std::string name;      ///< without ':' (RFC 7617 section 2)
  std::string password;  ///< whoever made it owns its end
};

/// Keeps digests, not passwords. Immutable once made; any thread may ask.
class Credentials {
 public:
  /// The value of Proxy-Authenticate in a 407.
  static constexpr std::string_view kChallenge = "Basic realm=\"weir\"";

  /// Of nobody: nobody is asked.
  Credentials() = default;
  explicit Credentials(const std::vector<User>& users);

  /// False when everybody may come in.
  bool wanted() const { return !users_.empty(); }
  /// Whether this is one of the users. How long it takes tells neither how much was right nor whose it was.
  bool accept(std::string_view name, std::string_view password) const;
  /// Whether a request may come in: all may when nothing is wanted; else it needs exactly one
  /// Proxy-Authorization field, of the Basic scheme (RFC 7617), with one of the users. Error:
  /// proxy_auth_required, without a word of what the client sent.
  Result<void> admit(const http::Fields& request) const;

 private:
  bool accept(std::string_view name_and_password) const;

  std::vector<Sha256> users_;  // of "name:password"
};

}  // namespace weir::proxy
