#include "relay/base_url.h"

#include <gtest/gtest.h>

namespace weir::relay {
namespace {

TEST(BaseUrl, is_https_anywhere_and_http_here) {
  for (auto [text, url] : {std::pair{"https://Api.Example", "https://api.example"},
                           {"https://api.example:8443/a/b/", "https://api.example:8443/a/b"},
                           {"HTTP://127.0.0.1:9/", "http://127.0.0.1:9"},
                           {"http://[::1]:9", "http://[::1]:9"},
                           {"http://localhost", "http://localhost"}}) {
    auto base = parse_base_url(text);
    ASSERT_TRUE(base) << text;
    EXPECT_EQ(base->str(), url);
  }
  EXPECT_EQ(parse_base_url("https://a.test/x/")->socket_path(), "/x/v1/code/upstreamproxy/ws");
  EXPECT_EQ(parse_base_url("https://a.test")->certificate_path(), "/v1/code/upstreamproxy/ca-cert");
}

TEST(BaseUrl, anything_else_is_refused) {
  for (const char* text : {"", "api.example", "http://api.example", "http://127.0.0.1.evil.test",
                           "ws://localhost", "https://", "https://u@a.test", "https://u:p@a.test",
                           "https://a.test/?x", "https://a.test/#x", "https://a.test?x", "https://a.test/a b",
                           "https://a.test/\r\nX: y", "https://a.test:0", "https://a.test\\@b.test"}) {
    auto base = parse_base_url(text);
    ASSERT_FALSE(base) << text;
    EXPECT_EQ(base.error().code(), Code::bad_config) << text;
  }
}

}  // namespace
}  // namespace weir::relay
