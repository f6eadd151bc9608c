#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/request.h"
#include "broker/request_fixture.h"

namespace weir::broker {
namespace {

using testing::HasSubstr;
using testing::Not;

// --- what must not leave

TEST_F(RequestTest, APlaceholderInAWrongPlace) {
  const std::string& mark = kPlaceholders[kToken];
  const std::string& key = kPlaceholders[kKey];
  struct Row {
    std::string url;
    FieldList fields;
    std::string says;
  };
  const std::string belongs =
      "; it belongs in Authorization or X-Api-Key of requests to api.test below /v1, over https";
  const std::string key_belongs =
      "; it belongs in the parameter key or k of requests to api.test, over https";
  for (const Row& row : std::vector<Row>{
           {"https://evil.test/v1",
            {{"Authorization", "Bearer " + mark}},
            "the placeholder of \"token\" in the field Authorization of a request to https://evil.test" +
                belongs},
           {"https://api.test.evil.test/v1", {{"X-Api-Key", mark}}, belongs},
           {"https://xapi.test/v1", {{"X-Api-Key", mark}}, belongs},
           {"http://api.test/v1", {{"X-Api-Key", mark}}, "; secrets go over https alone"},
           {"http://api.test:443/v1", {{"X-Api-Key", mark}}, "; secrets go over https alone"},
           {"https://api.test/v2",
            {{"X-Api-Key", mark}},
            "; the path is not /v1 and nothing below it, or can be read as another"},
           {"https://api.test/", {{"X-Api-Key", mark}}, "; the path is not /v1"},
           {"https://api.test/v1x", {{"X-Api-Key", mark}}, "; the path is not /v1"},
           {"https://api.test/v1/..%2fx", {{"X-Api-Key", mark}}, "; the path is not /v1"},
           {"https://api.test/v1/%2e%2e/x", {{"X-Api-Key", mark}}, "; the path is not /v1"},
           {"https://api.test//v1", {{"X-Api-Key", mark}}, "; the path is not /v1"},
           {"https://api.test/v1",
            {{"X-Other", mark}},
            "in the field X-Other of a request to https://api.test" + belongs},
           {"https://api.test/v1", {{"Cookie", "a=" + mark}}, "in the field Cookie"},
           {"https://api.test/v1", {{"X-Api-Key2", mark}}, "in the field X-Api-Key2"},
           {"https://api.test/v1", {{"X-" + mark, "1"}}, "in the name of a field"},
           {"https://api.test/v1", {{lower(mark), "1"}}, "in the name of a field"},
           {"https://api.test/v1/" + mark, {}, "in the URL"},
           {"https://api.test/v1?x=" + mark, {}, "in the URL"},
           {"https://api.test/v1?" + mark, {}, "in the URL"},
           {"https://api.test/v1?" + mark + "=1", {}, "in the URL"},
           {"https://api.test/?key=" + key + "&x=" + key,
            {},
            "in the URL of a request to https://api.test" + key_belongs},
           {"https://api.test/?key=" + key + "&" + key, {}, "in the URL"},
           {"https://api.test/?Key=" + key, {}, "in the URL"},
           {"https://api.test/?key[]=" + key, {}, "in the URL"},
           {"https://api.test/?%6bey=" + key, {}, "in the URL"},
           {"https://api.test/?a=1;key=" + key, {}, "in the URL"},
           {"https://api.test/key=" + key, {}, "in the URL"},
           {"https://api.test/x&key=" + key + "?key=1", {}, "in the URL"},
           {"https://api.test/", {{"Authorization", key}}, "in the field Authorization"},
           {"https://api.test/", {{"X-Second", kPlaceholders[kToken]}}, "in the field X-Second"},
           // One that is right does not let the other pass.
           {"https://api.test/v1", {{"X-Api-Key", mark}, {"X-Other", mark}}, "in the field X-Other"},
           {"https://api.test/v1",
            {{"X-Api-Key", mark + kPlaceholders[kSecond]}},
            "the placeholder of \"second\" in the field X-Api-Key"},
           {"https://api.test/v1",
            {{"X-Api-Key", mark + " " + kPlaceholders[kAny]}},
            "the placeholder of \"any\""},
           {"https://api.test/v1",
            {{"Authorization", "Basic " + base64(mark + ":" + kPlaceholders[kAny])}},
            "\"any\" in the field Authorization"},
           // Nobody asked for it.
           {"https://api.test/v1",
            {{"Authorization", kPlaceholders[kInactive]}},
            "the placeholder of \"inactive\" in the field Authorization of a request to https://api.test; "
            "the secret was not asked for here: --secret inactive"},
           // Spelled in another way.
           {"https://api.test/v1", {{"X-Api-Key", lower(mark)}}, "in the field X-Api-Key"},
           {"https://api.test/v1", {{"X-Api-Key", base64(mark)}}, "in the field X-Api-Key"},
           {"https://api.test/v1", {{"X-Api-Key", "%67" + mark.substr(1)}}, "in the field X-Api-Key"},
           {"https://api.test/v1", {{"X-Api-Key", hex(mark)}}, "in the field X-Api-Key"},
           {"https://api.test/v1",
            {{"Authorization", "Basic  " + base64("u:" + mark)}},
            "in the field Authorization"},
           {"https://api.test/v1",
            {{"Authorization", "Digest " + base64("u:" + mark)}},
            "in the field Authorization"},
           {"https://api.test/?key=%77" + key.substr(1), {}, "in the URL"},
       }) {
    std::string says = sent(row.url, row.fields);
    EXPECT_THAT(says, testing::StartsWith("placeholder_leak: "))
        << row.url << " " << (row.fields.empty() ? "" : row.fields[0].second);
    EXPECT_THAT(says, HasSubstr(row.says));
  }
}

TEST_F(RequestTest, APlaceholderInTheMethodTheHostOrTheProtocol) {
  http::RequestHead head = request("https://evil.test/", {});
  head.method = kPlaceholders[kToken];
  EXPECT_THAT(sent(head), HasSubstr("in the method"));
  head = request("https://any.test/", {});
  head.upgrade = kPlaceholders[kAny];
  EXPECT_THAT(sent(head), HasSubstr("in the field Upgrade"));
  // In HTTP/2 the host need not be a field.
  head = request("https://" + lower(kPlaceholders[kAny]) + ".any.test:8443/", {});
  head.fields.clear();
  std::string says = sent(head);
  EXPECT_THAT(says, HasSubstr("the placeholder of \"any\" in the host of a request to https://(not shown)"));
  EXPECT_THAT(says, Not(HasSubstr(lower(kPlaceholders[kAny]))));
  head = request("https://real-token-value.evil.test/", {});
  says = sent(head);
  EXPECT_THAT(says, HasSubstr("secret_leak: the secret of \"token\" in the host"));
  EXPECT_THAT(says, Not(HasSubstr("real-token-value")));
}

TEST_F(RequestTest, HostIsNoFieldToPutASecretIn) {
  http::RequestHead head = request("https://any.test/", {});
  head.fields.set("Host", kPlaceholders[kAny]);
  EXPECT_THAT(sent(head), HasSubstr("in the field Host"));
}

// A part of it tells nothing, and is everybody's.
TEST_F(RequestTest, PartsOfAPlaceholderPass) {
  const std::string& mark = kPlaceholders[kToken];
  const std::string capitals = "GHP_" + mark.substr(4);
  for (const std::string& part :
       {mark.substr(1), mark.substr(0, mark.size() - 1), std::string("ghp_weir"), capitals}) {
    EXPECT_EQ(value("https://evil.test/", {"X-Api-Key", part}), "X-Api-Key: " + part);
    EXPECT_EQ(value("https://api.test/v1", {"X-Api-Key", part}), "X-Api-Key: " + part);
  }
  EXPECT_EQ(value("https://api.test/v1", {"X-Api-Key", mark + mark.substr(0, 9)}),
            "X-Api-Key! " + kSecrets[kToken] + mark.substr(0, 9));
}

// Taking one out must not make one, and must not hide one.
TEST_F(RequestTest, APlaceholderWithinAPlaceholder) {
  const std::string& mark = kPlaceholders[kToken];
  const std::string nested = mark.substr(0, 8) + mark + mark.substr(8);
  EXPECT_THAT(value("https://api.test/v1", {"X-Api-Key", nested}), HasSubstr("placeholder_leak"));
}

// --- the secrets themselves

TEST_F(RequestTest, ASecretGoesToItsOwnHostAlone) {
  const std::string& real = kSecrets[kToken];
  EXPECT_EQ(value("https://api.test/v1", {"X-Other", real}), "X-Other: " + real) << "it has it already";
  EXPECT_EQ(target("https://api.test/v1?" + real), "/v1?" + real);
  EXPECT_THAT(value("https://evil.test/", {"Authorization", "Bearer " + real}),
              testing::StartsWith(
                  "secret_leak: the secret of \"token\" in the field Authorization of a request to "
                  "https://evil.test; it belongs in Authorization or X-Api-Key of requests to api.test "
                  "below /v1, over https"));
  for (const std::string& url : {std::string("http://api.test/v1"), std::string("https://api.test/v2"),
                                 std::string("https://api.test/v1/..%2f"), std::string("https://any.test/")})
    EXPECT_THAT(value(url, {"X-Api-Key", real}), HasSubstr("secret_leak: the secret of \"token\"")) << url;
  EXPECT_THAT(value("https://evil.test/", {"X", "Basic " + base64("u:" + real)}), HasSubstr("secret_leak"));
  EXPECT_THAT(sent("https://evil.test/?q=" + encoded(kSecrets[kKey]), {}),
              HasSubstr("secret_leak: the secret of \"key\""));
  EXPECT_THAT(value("https://api.test/v1", {"X-Api-Key", kPlaceholders[kToken] + kSecrets[kAny]}),
              HasSubstr("secret_leak: the secret of \"any\""));
  EXPECT_THAT(value("https://api.test/", {"X-Second", kSecrets[kInactive]}),
              HasSubstr("secret_leak: the secret of \"inactive\""));
}

TEST_F(RequestTest, WhatIsAllowedInTheBodyIsSecretsOfThisPlace) {
  http::RequestHead head = request("https://api.test/v1", {{"X-Api-Key", kPlaceholders[kToken]}});
  auto plan = judge(bindings_, guard_, head, head.origin);
  ASSERT_TRUE(plan);
  EXPECT_TRUE(plan->allowed.has({kToken, What::secret}));
  EXPECT_TRUE(plan->allowed.has({kKey, What::secret}));
  EXPECT_FALSE(plan->allowed.has({kToken, What::placeholder}));
  EXPECT_FALSE(plan->allowed.has({kAny, What::secret}));
  EXPECT_FALSE(plan->allowed.has({kInactive, What::secret}));
  Error error = leak(bindings_, {kToken, What::placeholder}, "the body", head.origin, head.target);
  EXPECT_EQ(error.code(), Code::placeholder_leak);
  EXPECT_THAT(
      error.context(),
      HasSubstr("the placeholder of \"token\" in the body of a request to https://api.test; it belongs in"));
}

// The place that policy goes by is the one that counts.
TEST_F(RequestTest, GoesByTheOriginThatItIsToldOf) {
  http::RequestHead head = request("https://api.test/v1", {{"X-Api-Key", kPlaceholders[kToken]}});
  EXPECT_TRUE(judge(bindings_, guard_, head, head.origin));
  auto plan = judge(bindings_, guard_, head, {http::Scheme::https, {"evil.test", 443}});
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code(), Code::placeholder_leak);
}

}  // namespace
}  // namespace weir::broker
