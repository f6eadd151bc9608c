#include "broker/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/request_fixture.h"

namespace weir::broker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST_F(RequestTest, PutsTheSecretWhereItsPlaceholderStands) {
  const std::string& mark = kPlaceholders[kToken];
  const std::string& real = kSecrets[kToken];
  struct Row {
    std::string name, before, after;
  };
  for (const Row& row : std::vector<Row>{
           {"Authorization", "Bearer " + mark, "Bearer " + real},
           {"Authorization", "token " + mark, "token " + real},
           {"authorization", "bearer " + mark, "bearer " + real},
           {"Authorization", mark, real},
           {"X-API-KEY", mark, real},
           {"X-Api-Key", "  " + mark + "\t", "  " + real + "\t"},
           {"X-Api-Key", mark + mark, real + real},
           {"X-Api-Key", "a=" + mark + ", b=" + mark + ";", "a=" + real + ", b=" + real + ";"},
           {"Authorization", "Basic " + base64("user:" + mark), "Basic " + base64("user:" + real)},
           {"Authorization", "basic " + base64(mark + ":"), "basic " + base64(real + ":")},
           {"Authorization", "BASIC " + base64(mark), "BASIC " + base64(real)},
           {"Authorization", "Basic " + base64(mark + ":" + mark + ":"),
            "Basic " + base64(real + ":" + real + ":")},
           {"Authorization", "Basic " + mark, "Basic " + real},
       })
    EXPECT_EQ(value("https://api.test/v1/x", {row.name, row.before}), row.name + "! " + row.after);
}

TEST_F(RequestTest, SeveralCredentialsInOneRequest) {
  EXPECT_EQ(sent("https://api.test/v1?key=" + kPlaceholders[kKey] + "&k=1",
                 {{"X-Api-Key", kPlaceholders[kToken]},
                  {"Accept", "*/*"},
                  {"X-Second", kPlaceholders[kSecond]},
                  {"X-Api-Key", "a " + kPlaceholders[kToken]}}),
            "GET /v1?key=" + encoded(kSecrets[kKey]) + "&k=1\nHost: api.test\nX-Api-Key! " +
                kSecrets[kToken] + "\nAccept: */*\nX-Second! " + kSecrets[kSecond] + "\nX-Api-Key! a " +
                kSecrets[kToken]);
}

TEST_F(RequestTest, SeveralCredentialsInOneField) {
  const std::string pair = kPlaceholders[kToken] + ":" + kPlaceholders[kSecond];
  const std::string real = kSecrets[kToken] + ":" + kSecrets[kSecond];
  EXPECT_EQ(value("https://api.test/v1", {"Authorization", pair}), "Authorization! " + real);
  EXPECT_EQ(value("https://api.test/v1", {"Authorization", "Basic " + base64(pair)}),
            "Authorization! Basic " + base64(real));
}

TEST_F(RequestTest, ParametersAreEncoded) {
  const std::string& mark = kPlaceholders[kKey];
  const std::string real = encoded(kSecrets[kKey]);
  ASSERT_EQ(real, "real%26key%3D%2F%2B%20%25%22v");
  const std::string url = "https://api.test";
  EXPECT_EQ(target(url + "/?key=" + mark), "/?key=" + real);
  EXPECT_EQ(target(url + "/a/b?x=1&k=" + mark + "&y"), "/a/b?x=1&k=" + real + "&y");
  EXPECT_EQ(target(url + "/?key=" + mark + mark + "&key=" + mark), "/?key=" + real + real + "&key=" + real);
  EXPECT_EQ(target(url + "/?&&key=a" + mark + "b&&"), "/?&&key=a" + real + "b&&");
  EXPECT_EQ(target(url + "/?key=?" + mark), "/?key=?" + real);
  EXPECT_EQ(target(url + "/?key==" + mark), "/?key==" + real);
  EXPECT_EQ(target(url + "/?key"), "/?key");
  EXPECT_EQ(target(url + "/?"), "/?");
  std::string many = "/?", all = "/?";
  for (int i = 0; i < 50; ++i) {
    many += "key=" + mark + "&";
    all += "key=" + real + "&";
  }
  EXPECT_EQ(target(url + many), all);
}

TEST_F(RequestTest, WhatHoldsASecretSaysSo) {
  http::RequestHead head =
      request("https://api.test/v1?x=1", {{"Authorization", "Bearer " + kPlaceholders[kToken]}});
  auto plan = judge(bindings_, guard_, head, head.origin);
  ASSERT_TRUE(plan);
  EXPECT_THAT(plan->used, ElementsAre(kToken));
  http::RequestHead out = with_all(head, *plan);
  EXPECT_TRUE(out.fields.secret(1));
  EXPECT_FALSE(out.fields.secret(0));
  EXPECT_FALSE(out.secret_target);
  EXPECT_TRUE(out.secret());

  head = request("https://api.test/v1?key=" + kPlaceholders[kKey], {});
  plan = judge(bindings_, guard_, head, head.origin);
  ASSERT_TRUE(plan);
  EXPECT_THAT(plan->used, ElementsAre(kKey));
  out = with_all(head, *plan);
  EXPECT_TRUE(out.secret_target);
  EXPECT_FALSE(out.fields.secret());
  zero(out.target);

  head = request("https://api.test/v1", {{"Authorization", "Bearer another"}});
  plan = judge(bindings_, guard_, head, head.origin);
  ASSERT_TRUE(plan);
  EXPECT_THAT(plan->used, IsEmpty());
  EXPECT_FALSE(with_all(head, *plan).secret());
}

TEST_F(RequestTest, AllElseStaysAsItIs) {
  http::RequestHead head =
      request("https://api.test/v1/%7e?b=2&a=1;c#", {{"ACCEPT", "a"},
                                                     {"accept", "b"},
                                                     {"X-Api-Key", kPlaceholders[kToken]},
                                                     {"Empty", ""},
                                                     {"Cookie", "a=b; c"}});
  head.method = "PURGE";
  head.version = http::Version::http10;
  head.upgrade = "websocket";
  auto plan = judge(bindings_, guard_, head, head.origin);
  ASSERT_TRUE(plan) << plan.error().message();
  http::RequestHead out = with_all(head, *plan);
  EXPECT_EQ(written(out), "PURGE /v1/%7e?b=2&a=1;c#\nHost: api.test\nACCEPT: a\naccept: b\nX-Api-Key! " +
                              kSecrets[kToken] + "\nEmpty: \nCookie: a=b; c");
  EXPECT_EQ(out.version, head.version);
  EXPECT_EQ(out.upgrade, "websocket");
  EXPECT_EQ(out.origin, head.origin);
}

TEST_F(RequestTest, AnyFieldWhereTheBindingNamesNone) {
  const std::string& mark = kPlaceholders[kAny];
  EXPECT_EQ(value("https://any.test/", {"Cookie", "session=" + mark}), "Cookie! session=" + kSecrets[kAny]);
  EXPECT_EQ(value("https://a.b.any.test:8443/", {"X", mark}), "X! " + kSecrets[kAny]);
  EXPECT_THAT(value("https://a.b.any.test/", {"X", mark}), HasSubstr("placeholder_leak"));
  EXPECT_THAT(target("https://any.test/?key=" + mark), HasSubstr("in the URL of a request"))
      << "but no parameter";
}

// --- where the field is missing

TEST_F(RequestTest, PutsAFieldInThatIsMissing) {
  EXPECT_EQ(sent("https://inject.test/", {{"Accept", "*/*"}}),
            "GET /\nHost: inject.test\nAccept: */*\nAuthorization! Bearer " + kSecrets[kInjected]);
  EXPECT_EQ(sent("https://basic.test/", {}),
            "GET /\nHost: basic.test\nAuthorization! Basic " + base64("me:" + kSecrets[kPassword]));
}

TEST_F(RequestTest, PutsNoFieldInThatIsThere) {
  EXPECT_EQ(value("https://inject.test/", {"authorization", "Bearer of the client"}),
            "authorization: Bearer of the client");
  EXPECT_EQ(value("https://inject.test/", {"Authorization", ""}), "Authorization: ");
  EXPECT_EQ(value("https://inject.test/", {"Authorization", "x " + kPlaceholders[kInjected]}),
            "Authorization! x " + kSecrets[kInjected]);
  EXPECT_EQ(sent("https://inject.test/", {{"X-Token", kPlaceholders[kInjected]}}),
            "GET /\nHost: inject.test\nX-Token! " + kSecrets[kInjected])
      << "it stands elsewhere";
  EXPECT_EQ(sent("http://inject.test/", {}), "GET /\nHost: inject.test");
  EXPECT_EQ(sent("https://inject.test:8443/", {{"Authorization", "x"}}),
            "GET /\nHost: inject.test:8443\nAuthorization: x");
  EXPECT_EQ(sent("https://elsewhere.test/", {}), "GET /\nHost: elsewhere.test");
}

TEST_F(RequestTest, TwoThatWouldPutTheSameFieldIn) {
  bindings_[kPassword].hosts = bindings_[kInjected].hosts;
  EXPECT_EQ(sent("https://inject.test/", {}),
            "GET /\nHost: inject.test\nAuthorization! Bearer " + kSecrets[kInjected])
      << "one field, the first's";
  http::RequestHead head = request("https://inject.test/", {});
  EXPECT_THAT(judge(bindings_, guard_, head, head.origin)->used, ElementsAre(kInjected));
  EXPECT_EQ(sent("https://inject.test/", {{"X-Token", kPlaceholders[kInjected]}}),
            "GET /\nHost: inject.test\nX-Token! " + kSecrets[kInjected] + "\nAuthorization! Basic " +
                base64("me:" + kSecrets[kPassword]))
      << "the first has another place";
}

TEST_F(RequestTest, TheLongestPathPutsTheFieldIn) {
  const std::string url = "https://inject.test";
  const std::string injected = "Authorization! Bearer " + kSecrets[kInjected];
  const std::string password = "Authorization! Basic " + base64("me:" + kSecrets[kPassword]);
  bindings_[kPassword].hosts = bindings_[kInjected].hosts;
  bindings_[kPassword].path = "/v1";
  auto puts_in = [&](const std::string& target) {
    std::string text = sent(url + target, {});
    return text.substr(text.rfind('\n') + 1);
  };
  EXPECT_EQ(puts_in("/v1"), password) << "though the other comes first";
  EXPECT_EQ(puts_in("/v1/x"), password);
  EXPECT_EQ(puts_in("/v2"), injected) << "it is not for that path";
  EXPECT_EQ(puts_in("/v1/..%2fx"), injected) << "nor surely for that one";
  bindings_[kInjected].path = "/v1/models";
  EXPECT_EQ(puts_in("/v1/models/a"), injected);
  EXPECT_EQ(puts_in("/v1/other"), password);
  EXPECT_EQ(puts_in("/"), "Host: inject.test");
  bindings_[kPassword].active = false;
  bindings_[kInjected].path = "/";
  EXPECT_EQ(puts_in("/v1"), injected) << "one that nobody asked for has no part in it";
}

TEST_F(RequestTest, OfEqualPathsTheFirstByName) {
  bindings_[kPassword].hosts = bindings_[kInjected].hosts;
  bindings_[kInjected].path = bindings_[kPassword].path = "/v1";
  http::RequestHead head = request("https://inject.test/v1", {});
  EXPECT_THAT(judge(bindings_, guard_, head, head.origin)->used, ElementsAre(kInjected));
  bindings_[kInjected].name = "z";
  EXPECT_THAT(judge(bindings_, guard_, head, head.origin)->used, ElementsAre(kPassword))
      << "whichever of them was configured first";
  bindings_[kPassword].fields = {"Proxy-Authorization"};
  EXPECT_THAT(judge(bindings_, guard_, head, head.origin)->used, ElementsAre(kInjected, kPassword))
      << "two fields are two matters";
}

// One whose placeholder is there says itself whose it is, and leaves the field that is missing to the others.
TEST_F(RequestTest, ALongerPathThatIsShownElsewhere) {
  bindings_[kPassword].hosts = bindings_[kInjected].hosts;
  bindings_[kInjected].path = "/v1";
  EXPECT_EQ(sent("https://inject.test/v1", {{"X-Token", kPlaceholders[kInjected]}}),
            "GET /v1\nHost: inject.test\nX-Token! " + kSecrets[kInjected] + "\nAuthorization! Basic " +
                base64("me:" + kSecrets[kPassword]));
}

// --- what a field can hold

TEST(Speakable, RefusesWhatAFieldCannotHold) {
  for (const char* good : {"a", "with spaces", "\xC3\xBF", "tab\there"})
    EXPECT_TRUE(check_speakable(good)) << good;
  struct Row {
    std::string_view secret, says;
  };
  for (const Row& row :
       {Row{"", "it is empty"}, Row{"two\nlines", "a line feed or another control character"},
        Row{"carriage\rreturn", "control"}, Row{std::string_view("a\0b", 3), "control"},
        Row{"\x7F", "control"}, Row{"\x1B[1m", "control"}}) {
    auto checked = check_speakable(row.secret);
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code(), Code::credential_failed);
    EXPECT_THAT(checked.error().context(), HasSubstr(std::string(row.says)));
    if (!row.secret.empty()) EXPECT_THAT(checked.error().context(), Not(HasSubstr(std::string(row.secret))));
  }
}

}  // namespace
}  // namespace weir::broker
