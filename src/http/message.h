// What a message is, whatever protocol carried it: heads are values, bodies are streams (net/body.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/host_port.h"
#include "http/fields.h"

namespace weir::http {

enum class Version : std::uint8_t { http10, http11, h2 };
std::string_view name(Version version);  ///< "HTTP/1.1"

enum class Scheme : std::uint8_t { http, https };
inline std::string_view name(Scheme scheme) { return scheme == Scheme::https ? "https" : "http"; }

/// Where a request goes: scheme and place. The key of connection reuse.
struct Origin {
  Scheme scheme = Scheme::http;
  HostPort place;

  /// "https://host[:port]", the port left out when it is the scheme's own.
  std::string str() const;
  friend bool operator==(const Origin&, const Origin&) = default;
};

/// A request head, independent of the protocol version. `target` is the origin-form path and query
/// ("/a?b", or "*" for OPTIONS); where it goes is `origin`. For CONNECT target is empty.
struct RequestHead {
  std::string method;
  Origin origin;
  std::string target;
  Version version = Version::http11;
  Fields fields;
  /// The protocol the client asks to change to ("websocket"); empty when it asks for none. Says the same as
  /// Connection and Upgrade in HTTP/1.1 (which `fields` then lacks), or :protocol in HTTP/2.
  std::string upgrade;
  bool secret_target = false;  ///< `target` holds a secret, as Fields::add_secret has it; its maker zeroes it

  bool is(std::string_view wanted) const { return method == wanted; }
  bool secret() const { return secret_target || fields.secret(); }
  std::string url() const;  ///< origin + target; "https://host:port" style without path for CONNECT
};

struct ResponseHead {
  std::uint16_t status = 0;
  std::string reason;  ///< as sent by an HTTP/1 peer; may be empty
  Version version = Version::http11;
  Fields fields;

  bool informational() const { return status >= 100 && status < 200; }
};

/// Methods that may be sent twice without asking (RFC 9110 section 9.2.2).
bool is_idempotent(std::string_view method);
/// The standard phrase of a status, "" when there is none.
std::string_view reason_phrase(std::uint16_t status);

}  // namespace weir::http
