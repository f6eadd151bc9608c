#include "http/ws/handshake.h"

#include <gtest/gtest.h>

namespace weir::http::ws {
namespace {

Extensions agreed(std::initializer_list<std::string_view> values) {
  Fields fields;
  fields.add("Upgrade", "websocket");
  for (std::string_view value : values) fields.add("sec-websocket-extensions", value);
  return negotiated_extensions(fields);
}

TEST(WebSocketHandshake, AcceptKeyOfTheStandard) {
  EXPECT_EQ(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(WebSocketHandshake, AKeyIsSixteenBytes) {
  EXPECT_TRUE(valid_key("dGhlIHNhbXBsZSBub25jZQ=="));
  EXPECT_TRUE(valid_key("AAAAAAAAAAAAAAAAAAAA+/=="));
  for (auto key : {"", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQAA",
                   "dGhlIHNhbXBsZSBub25jZQ== ", "dGhl-HNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ==A==",
                   "dGhlIHNhbXBsZSBub25j=Q=="})
    EXPECT_FALSE(valid_key(key)) << key;
}

TEST(WebSocketHandshake, Extensions) {
  const DeflateParameters plain;
  const Extensions unknown{.unknown = true};
  struct {
    std::initializer_list<std::string_view> values;
    Extensions expected;
  } rows[] = {
      {{}, {}},
      {{""}, {}},
      {{"permessage-deflate"}, {plain}},
      {{"Permessage-Deflate ;"}, {plain}},
      {{"permessage-deflate; server_no_context_takeover"}, {DeflateParameters{true, false, 15, 15}}},
      {{"permessage-deflate;client_no_context_takeover ; server_max_window_bits=10"},
       {DeflateParameters{false, true, 10, 15}}},
      {{"permessage-deflate; server_max_window_bits=\"8\"; client_max_window_bits = 15"},
       {DeflateParameters{false, false, 8, 15}}},
      // What a client must refuse (RFC 7692 section 7.1).
      {{"permessage-deflate; client_max_window_bits"}, unknown},
      {{"permessage-deflate; server_max_window_bits=7"}, unknown},
      {{"permessage-deflate; server_max_window_bits=16"}, unknown},
      {{"permessage-deflate; server_max_window_bits=010"}, unknown},
      {{"permessage-deflate; server_max_window_bits=10; server_max_window_bits=10"}, unknown},
      {{"permessage-deflate; server_no_context_takeover=1"}, unknown},
      {{"permessage-deflate; server_no_context_takeover; server_no_context_takeover"}, unknown},
      {{"permessage-deflate; level=9"}, unknown},
      // Others.
      {{"x-webkit-deflate-frame"}, unknown},
      {{"permessage-deflate, x-other; a=b"}, {plain, true}},
      {{"permessage-deflate", "x-other"}, {plain, true}},
      {{"permessage-deflate, permessage-deflate"}, {plain, true}},
  };
  for (const auto& row : rows)
    EXPECT_EQ(agreed(row.values), row.expected) << std::string_view(*row.values.begin());
}

}  // namespace
}  // namespace weir::http::ws
