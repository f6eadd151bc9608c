// Crossing: some bytes of a client, and a marker request behind them, through the whole proxy; and what
// strict readers at both of its ends make of that.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "tests/conformance/strict_reader.h"
#include "tests/support/stage.h"

namespace weir::testing {

/// The request behind each framing. Whoever takes it for a part of something else has been deceived.
inline constexpr std::string_view kMarker = "GET http://a.test/marker HTTP/1.1\r\nHost: a.test\r\n\r\n";

/// How the bytes come.
enum class Manner { whole, byte_by_byte, after_another };

struct Crossed {
  std::vector<std::string> seen;  ///< whole requests at origins: "METHOD target body"
  std::string offence;            ///< of the first origin that could not read what it got
  bool silent = true;             ///< no origin got a byte of the row
  bool cut = false;               ///< an origin got a part of a request, and then the end of its connection
  bool open = false;              ///< an origin got a part of a request, and waits for the rest
  std::vector<std::string> hosts;
  std::vector<std::string> got;  ///< responses at the client: "status body", or "status code" if Weir's own
  std::string got_offence;       ///< what the client could not read
  bool ended = false;            ///< the client's connection ended
  std::size_t accounts = 0;
  std::string error;  ///< of the last account
};

/// Sends `bytes` and the marker, in that `manner`, to the proxy port or (`tunnel`) into a tunnel to
/// a.test:80, then half-closes. Origins answer each whole request with 200 and its target. Everything is
/// closed behind it.
Crossed cross(MemoryStage& stage, std::string_view bytes, Manner manner, bool tunnel);

}  // namespace weir::testing
