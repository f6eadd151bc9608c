// Conformance tables of HTTP/2: one row is some frames of a peer that has greeted, and what must come of
// them. Each runs through the whole walk, over connections held in memory.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "tests/support/h2_peer.h"

namespace weir::testing {

/// What a row ends in. goaway: the connection ends, with that error code. reset: stream 1 does, with that
/// code. refused: stream 1 is answered by Weir, with that status. fine: neither; after reset, refused and
/// fine the connection carries another exchange.
enum class Ends { goaway, reset, refused, fine };

/// Frames of a client, on a connection to the proxy port whose name is a.test.
struct ClientRow {
  const char* section;
  const char* what;
  std::string frames;
  Ends ends;
  std::uint32_t code = 0;  ///< error code, or status
  bool silent = true;      ///< no origin gets a byte of it
};

/// Frames of an origin in answer to a GET (of a client of HTTP/2, inside a tunnel) on stream 1. goaway and
/// reset: the client gets a 502. fine: it gets a 204.
struct OriginRow {
  const char* section;
  const char* what;
  std::string frames;
  Ends ends;
  std::uint32_t code = 0;
};

void run(const std::vector<ClientRow>& rows);
void run(const std::vector<OriginRow>& rows);

// Error codes (RFC 9113 section 7).
inline constexpr std::uint32_t kProtocolError = 1;
inline constexpr std::uint32_t kFlowControlError = 3;
inline constexpr std::uint32_t kStreamClosed = 5;
inline constexpr std::uint32_t kFrameSizeError = 6;
inline constexpr std::uint32_t kRefusedStream = 7;
inline constexpr std::uint32_t kCancel = 8;
inline constexpr std::uint32_t kCompressionError = 9;
inline constexpr std::uint32_t kEnhanceYourCalm = 11;

// What most rows are made of.
inline h2::Headers head(const h2::Headers& fields = {}, const std::string& method = "GET") {
  return request(method, "/row", fields, "a.test");
}
/// A whole request, or (`end` false) its head, on stream 1.
inline std::string ask(const h2::Headers& headers = head(), bool end = true) {
  return h2::headers(1, headers, end);
}

}  // namespace weir::testing
