// What the conformance tests of WebSockets share: how one is opened, in HTTP/1.1 and in HTTP/2.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "tests/support/h2_peer.h"
#include "tests/support/websocket.h"

namespace weir::testing {

// RFC 6455 section 1.3.
inline constexpr const char* kKey = "dGhlIHNhbXBsZSBub25jZQ==";
inline constexpr const char* kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

// First bytes of frames that end their message.
inline constexpr unsigned kText = 0x81;
inline constexpr unsigned kBinary = 0x82;
inline constexpr unsigned kClose = 0x88;
inline constexpr unsigned kPing = 0x89;
inline constexpr unsigned kPong = 0x8A;

/// An extended CONNECT (RFC 8441 section 4).
h2::Headers extended(const h2::Headers& fields = {}, const std::string& authority = "{origin}",
                     const std::string& scheme = "http", const std::string& protocol = "websocket");

/// The 101 that answers `key`; `fields` are whole lines.
std::string consent(std::string_view key, const std::string& fields = "");

/// The head that comes next on a connection of HTTP/1.1 to an origin, and the Sec-WebSocket-Key in it ("" for
/// none).
std::string head_of(Peer& origin);
std::string key_in(const std::string& head);

}  // namespace weir::testing
