// HTTP/1 heads: bytes -> head values, strictly (RFC 9112 sections 2 to 5). No sockets, no clock.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "http/door.h"
#include "http/message.h"

namespace weir::http::h1 {

struct Limits {
  std::size_t head_bytes = 64 * 1024;    ///< whole head, start line included; over it: head_too_large (431)
  std::size_t target_bytes = 16 * 1024;  ///< request target; over it: uri_too_long (414)
  std::size_t fields = 256;              ///< number of field lines; over it: head_too_large
};

/// Finds the end of a head, of either kind, in a growing buffer without looking at any byte twice.
class HeadScanner {
 public:
  explicit HeadScanner(Limits limits = {}) : limits_(limits) {}
  /// `buffer` is all that has come for this head so far, from its first byte. Returns the head's length with
  /// its empty line (and with the one empty line that may come before a request line, RFC 9112 section 2.2),
  /// or nothing when more is needed. Errors: head_too_large / uri_too_long as soon as the limit is passed,
  /// bad_request on a bare CR or bare LF line ending or any control byte but tab, and on a first line without
  /// a version (HTTP/0.9, other protocols), so that its sender is not left waiting. The outcome does not
  /// depend on how the bytes were cut. For responses the caller puts upstream_bad_response in place of these
  /// codes.
  Result<std::optional<std::size_t>> scan(std::string_view buffer);
  void reset() { *this = HeadScanner(limits_); }

 private:
  Limits limits_;
  bool started_ = false;     // the start line is complete
  std::size_t scanned_ = 0;  // bytes known to be free of control bytes and line ends
  std::size_t line_start_ = 0;
};

/// Parses a complete head (start line, fields, empty line; as measured by HeadScanner).
/// On the proxy port: absolute-form ("http://host/p" or https, any case of scheme) and CONNECT
/// authority-form; an origin-form there is bad_target. In a tunnel: origin-form, "*" for OPTIONS, and
/// absolute-form (its origin is taken); CONNECT there is bad_target. The Host rules of RFC 9112 section 3.2
/// apply: HTTP/1.1 needs exactly one valid Host (bad_host); an absolute-form replaces its value; an HTTP/1.0
/// request without one is given one, so every result has exactly one Host. Refuses: obs-fold, space before
/// the colon, empty names, control bytes in values, non-token names and methods, HTTP/0.9, versions other
/// than 1.0 and 1.1 (unsupported_version), user information in the target, a fragment, bytes outside
/// printable ASCII in the target (all bad_target).
Result<RequestHead> parse_request_head(std::string_view head, const Limits& limits, Door door = {});

/// Parses a complete response head. Errors are upstream_bad_response. An empty reason and a missing space
/// before it are accepted; status is three digits, 100 to 599 (600 to 999 accepted as is). Space between a
/// field name and its colon is removed, as RFC 9112 section 5.1 asks of a proxy; all else is as strict as for
/// requests.
Result<ResponseHead> parse_response_head(std::string_view head, const Limits& limits);

}  // namespace weir::http::h1
