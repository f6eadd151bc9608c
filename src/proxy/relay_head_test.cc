#include "proxy/relay_head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::proxy {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kToken = "CANARY-71c2-token";

ShownToken bearer(std::string& text) { return take_bearer(text, text.size()); }
ShownToken basic(std::string& text) { return take_basic(text, text.size()); }

TEST(RelayHead, TakesABearerTokenOut) {
  std::string text = std::string("GET /ws HTTP/1.1\r\nHost: a\r\nAUTHORIZATION:\tbearer  ") + kToken +
                     " \r\nAccept: */*\r\n\r\n";
  std::size_t size = text.size();
  EXPECT_EQ(bearer(text).digest, sha256(kToken));
  EXPECT_EQ(text.size(), size);
  EXPECT_THAT(text, Not(HasSubstr("CANARY")));
  EXPECT_THAT(text, HasSubstr("\r\nAccept: */*\r\n\r\n"));
}

TEST(RelayHead, TakesASessionAndItsTokenOut) {
  std::string shown = base64(std::string("session-1:") + kToken);
  std::string text = "CONNECT a:443 HTTP/1.1\r\nProxy-Authorization: Basic " + shown + "\r\n\r\nearly";
  ShownToken taken = basic(text);
  EXPECT_EQ(taken.session, "session-1");
  EXPECT_EQ(taken.digest, sha256(kToken));
  EXPECT_THAT(text, Not(HasSubstr(shown)));
  EXPECT_THAT(text, HasSubstr("\r\n\r\nearly"));
}

// What cannot be used is no less a secret.
TEST(RelayHead, BlanksWhatItDoesNotTake) {
  for (const char* fields :
       {"Authorization: CANARY", "Authorization: Token CANARY", "Authorization : Bearer CANARY",
        "Authorization: Bearer x\r\nAuthorization: Bearer CANARY", "Authorization:\r\n Bearer CANARY",
        "Authorization: Bearer\r\n\tCANARY\r\n CANARY"}) {
    std::string text = std::string("GET / HTTP/1.1\r\n") + fields + "\r\n\r\n";
    bearer(text);
    EXPECT_THAT(text, Not(HasSubstr("CANARY"))) << fields;
  }
}

TEST(RelayHead, TakesNothingThatIsNotOneToken) {
  for (const char* fields :
       {"", "Authorization: Bearer", "Authorization: Bearer ", "Authorization: Basic abc",
        "Authorization: Bearerabc", "Authorization: Bearer a\r\nAuthorization: Bearer a",
        "X-Authorization: Bearer a"}) {
    std::string text = std::string("GET / HTTP/1.1\r\n") + fields + "\r\n\r\n";
    EXPECT_EQ(bearer(text).digest, std::nullopt) << fields;
  }
  for (const char* value :
       {"Basic", "Basic !!!!", "Basic YWJj", "Basic YWJjOg==", "Bearer YTpi", "Basic YTpi="}) {
    std::string text = std::string("CONNECT a:1 HTTP/1.1\r\nProxy-Authorization: ") + value + "\r\n\r\n";
    EXPECT_EQ(basic(text).digest, std::nullopt) << value;
  }
  std::string good = "CONNECT a:1 HTTP/1.1\r\nProxy-Authorization: Basic YTpi\r\n\r\n";
  EXPECT_EQ(basic(good).digest, sha256("b"));
}

TEST(RelayHead, LooksNoFartherThanTheHead) {
  std::string text = "GET / HTTP/1.1\r\n\r\nAuthorization: Bearer a\r\n";
  EXPECT_EQ(take_bearer(text, 18).digest, std::nullopt);
  EXPECT_THAT(text, HasSubstr("Bearer a"));
}

TEST(RelayHead, GivesAConnectTheHostThatRelaysLeaveOut) {
  auto with_host = [](std::string text) {
    add_host(text, text.find("\r\n\r\n") + 4);
    return text;
  };
  EXPECT_EQ(with_host("CONNECT a:443 HTTP/1.1\r\nX: y\r\n\r\nmore"),
            "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nX: y\r\n\r\nmore");
  EXPECT_EQ(with_host("CONNECT a:443 HTTP/1.1\r\n\r\nHost: b"),
            "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\nHost: b");
  for (const char* same : {"CONNECT a:1 HTTP/1.1\r\nhost: b\r\n\r\n",
                           "CONNECT a:1 HTTP/1.1\r\nX: y\r\nHOST:b\r\n\r\n", "CONNECT\r\nX: a b c\r\n\r\n"})
    EXPECT_EQ(with_host(same), same);
}

}  // namespace
}  // namespace weir::proxy
