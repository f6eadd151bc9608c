#include "relay/credential.h"

#include <gtest/gtest.h>

#include "base/hash.h"

namespace weir::relay {
namespace {

SecretBytes secret(std::string text) { return std::move(*SecretBytes::take(text)); }

TEST(RelayCredential, says_who_we_are_in_two_ways) {
  auto out = RelayCredential::make(*parse_base_url("https://gw.test:8443/p"), "id", secret("tok"));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->upgrade(),
            "GET /p/v1/code/upstreamproxy/ws HTTP/1.1\r\nHost: gw.test:8443\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nAuthorization: Bearer tok\r\nContent-Type: application/proto\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ");
  EXPECT_EQ(out->proxy_authorization(), "Proxy-Authorization: Basic " + base64("id:tok") + "\r\n\r\n");
}

TEST(RelayCredential, nothing_that_would_break_a_field_is_taken) {
  auto base = *parse_base_url("https://gw.test");
  for (const char* token : {"", "a b", "a\r\nX: y", "\xC3\xA9", "a\x7f"})
    EXPECT_FALSE(RelayCredential::make(base, "id", secret(token))) << token;
  for (const char* session : {"", "a:b", "a\n", "a b"}) {
    auto out = RelayCredential::make(base, session, secret("the-token"));
    ASSERT_FALSE(out) << session;
    EXPECT_FALSE(out.error().context().contains("the-token"));
  }
}

}  // namespace
}  // namespace weir::relay
