// RelayCredential: what a relay shows its gateway, in the two forms in which it is sent.
#pragma once

#include <string>
#include <string_view>

#include "base/secret_bytes.h"
#include "relay/base_url.h"

namespace weir::relay {

/// Immutable. The token exists in nothing but the memory of these two.
class RelayCredential {
 public:
  /// bad_config when there is no token, or token or session could not stand in a header field. Zeroes
  /// `token`, whatever the outcome.
  static Result<RelayCredential> make(const BaseUrl& base, std::string_view session, SecretBytes token);

  /// The request that opens a WebSocket, up to and with "Sec-WebSocket-Key: ". A secret.
  std::string_view upgrade() const { return upgrade_.reveal(); }
  /// The field "Proxy-Authorization: Basic ..." with its line end, and the empty line. A secret.
  std::string_view proxy_authorization() const { return authorization_.reveal(); }
  /// How well the kernel keeps them.
  SecretBytes::Keeping keeping() const { return std::min(upgrade_.keeping(), authorization_.keeping()); }

 private:
  RelayCredential() = default;
  SecretBytes upgrade_, authorization_;
};

}  // namespace weir::relay
