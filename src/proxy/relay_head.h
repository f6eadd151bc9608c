// Heads in which a relay shows its token: it is taken out before anybody else reads them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "base/hash.h"

namespace weir::proxy {

/// Of the whole head of an upgrade, and of the CONNECT in a tunnel's first bytes.
inline constexpr std::size_t kMostTokenHead = 8192;

/// What was shown; the token is not kept, only what it is known by.
struct ShownToken {
  std::optional<Sha256> digest;  ///< nothing where no token was shown, or more than one
  std::string session;           ///< of basic credentials
};

/// The token of `Authorization: Bearer TOKEN`. Every byte of every value of that field in the first `size`
/// bytes of `text` is overwritten, whatever it was, and however the field is spelled.
ShownToken take_bearer(std::string& text, std::size_t size);
/// The same of `Proxy-Authorization: Basic base64(SESSION:TOKEN)`.
ShownToken take_basic(std::string& text, std::size_t size);

/// Gives the CONNECT in the first `size` bytes of `text` the Host field that HTTP/1.1 wants, if it has none:
/// relays leave it out.
void add_host(std::string& text, std::size_t size);

/// Holds a head with a token in it: of one size from the start, so that it is never copied to another place,
/// and zeroed in the end.
class TokenHead {
 public:
  TokenHead() { text.resize(kMostTokenHead); }
  TokenHead(const TokenHead&) = delete;
  ~TokenHead();

  std::string text;
};

}  // namespace weir::proxy
