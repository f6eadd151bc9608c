// The opening handshake (RFC 6455 section 4) as far as one who looks on or carries it needs it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "http/fields.h"

namespace weir::http::ws {

/// The Sec-WebSocket-Accept that answers this Sec-WebSocket-Key (section 4.2.2).
std::string accept_key(std::string_view key);
/// True when `key` is 16 bytes in base64 (section 4.1).
bool valid_key(std::string_view key);

/// What was agreed for permessage-deflate (RFC 7692 section 7.1). Window sizes are powers of two.
struct DeflateParameters {
  bool server_no_context_takeover = false;
  bool client_no_context_takeover = false;
  int server_max_window_bits = 15;
  int client_max_window_bits = 15;

  friend bool operator==(const DeflateParameters&, const DeflateParameters&) = default;
};

/// What the two sides agreed on. `unknown`: also, or instead, something that is not understood here; what a
/// frame's bytes mean is then open.
struct Extensions {
  std::optional<DeflateParameters> deflate;
  bool unknown = false;

  friend bool operator==(const Extensions&, const Extensions&) = default;
};

/// How one direction is compressed.
struct Compression {
  int window_bits = 15;
  bool context_kept = true;  ///< a message may refer to those before it
};
/// Of the messages that `from` sends.
Compression compression_of(Side from, const Extensions& extensions);

/// Read from the Sec-WebSocket-Extensions fields of the response that opens the connection. A
/// permessage-deflate that no client may accept (an unknown, repeated or malformed parameter, or agreed on
/// twice) is `unknown`.
Extensions negotiated_extensions(const Fields& response);

}  // namespace weir::http::ws
