#include "config/doors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::config {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(ProxyUser, IsANameAndAPassword) {
  auto user = parse_proxy_user("alice:a:b");
  ASSERT_TRUE(user);
  EXPECT_EQ(user->name, "alice");
  EXPECT_EQ(user->password, "a:b");
  EXPECT_TRUE(parse_proxy_user("alice:"));
  EXPECT_TRUE(parse_proxy_user(std::string(255, 'n') + ":" + std::string(255, 'p')));
}

TEST(ProxyUser, IsRefusedWithoutShowingThePassword) {
  for (std::string text : {"", "secret", ":secret", "a\n:secret", "a:secret\r"}) {
    auto user = parse_proxy_user(text);
    ASSERT_FALSE(user) << text;
    EXPECT_EQ(user.error().code(), Code::bad_config);
    EXPECT_THAT(user.error().context(), Not(HasSubstr("secret")));
  }
  EXPECT_FALSE(parse_proxy_user(std::string(256, 'n') + ":p"));
  EXPECT_FALSE(parse_proxy_user("n:" + std::string(256, 'p')));
}

TEST(ProxyUser, IsShownWithoutHisPassword) {
  EXPECT_EQ(without_user_password("alice:a:b"), "alice:***");
  EXPECT_EQ(without_user_password("secret"), "***");
}

TEST(Reverse, IsAnOrigin) {
  for (auto [url, origin] : {std::pair{"https://api.test", "https://api.test"},
                             {"HTTPS://Api.Test:8443/", "https://api.test:8443"},
                             {"http://127.0.0.1:80", "http://127.0.0.1"},
                             {"http://[::1]:3000", "http://[::1]:3000"}}) {
    auto parsed = parse_reverse(url);
    ASSERT_TRUE(parsed) << url << ": " << parsed.error().message();
    EXPECT_EQ(parsed->str(), origin);
  }
}

TEST(Reverse, HasNothingElse) {
  for (const char* url :
       {"", "api.test", "api.test:443", "ftp://api.test", "https://", "https://api.test/path",
        "https://user:pw@api.test", "https://api.test:0", "https://api.test?x"})
    EXPECT_FALSE(parse_reverse(url)) << url;
}

Settings listening(std::vector<HostPort> places) {
  Settings out;
  out.listen = std::move(places);
  return out;
}

TEST(Doors, OfThisMachineAreOpen) {
  EXPECT_TRUE(check_doors(Settings()));
  EXPECT_TRUE(check_doors(listening({{"127.0.0.1", 0}, {"::1", 8080}, {"127.9.9.9", 1}})));
}

TEST(Doors, BeyondThisMachineWantCredentials) {
  for (const char* host : {"0.0.0.0", "::", "192.0.2.7", "2001:db8::1"}) {
    Settings settings = listening({{"127.0.0.1", 8080}, {host, 8080}});
    auto refused = check_doors(settings);
    ASSERT_FALSE(refused) << host;
    EXPECT_EQ(refused.error().code(), Code::bad_config);
    EXPECT_THAT(refused.error().context(), HasSubstr(HostPort{host, 8080}.str()));
    EXPECT_THAT(refused.error().context(), HasSubstr("proxy_auth.users"));
    EXPECT_THAT(refused.error().context(), HasSubstr("allow_open_proxy = true"));
    settings.proxy_auth.users = {SecretText("alice:pw")};
    EXPECT_TRUE(check_doors(settings));
    settings.proxy_auth.users = {};
    settings.allow_open_proxy = true;
    EXPECT_TRUE(check_doors(settings));
  }
}

TEST(Doors, InReverseModeAskNobody) {
  Settings settings;
  settings.reverse = "https://api.test";
  EXPECT_TRUE(check_doors(settings));
  settings.proxy_auth.users = {SecretText("alice:pw")};
  EXPECT_FALSE(check_doors(settings));
  settings.proxy_auth.users = {};
  settings.listen = {{"0.0.0.0", 8080}};
  auto refused = check_doors(settings);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().context(), HasSubstr("https://api.test"));
  EXPECT_THAT(refused.error().context(), Not(HasSubstr("proxy_auth")));
}

}  // namespace
}  // namespace weir::config
