#include "broker/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/ascii.h"
#include "base/hash.h"
#include "base/secret_bytes.h"

namespace weir::broker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using What = Guarded::What;
using Field = std::pair<std::string, std::string>;
using FieldList = std::vector<Field>;

enum Number : std::size_t { kToken, kKey, kAny, kInactive, kInjected, kPassword, kAws, kSecond };
constexpr std::size_t kCount = 8;

const std::string kPlaceholders[kCount] = {
    "ghp_weirToken000000000000", "weirKey00000000000000", "weirAny00000000000000", "weirInactive000000000",
    "weirInjected000000000",     "weirPassword000000000", "AKIAWEIRPLACEHOLDER2",  "weirSecond00000000000"};
const std::string kSecrets[kCount] = {"real-token-value",    "real&key=/+ %\"v", "real-any-value",
                                      "real-inactive-value", "real-injected",    "real:pass word\"1",
                                      "real/AWS+secret-key", "real-second-value"};

Binding bound(std::size_t number, std::vector<std::string> hosts) {
  static const char* const kNames[] = {"token",    "key",      "any", "inactive",
                                       "injected", "password", "aws", "second"};
  Binding out;
  out.name = kNames[number];
  out.placeholder = kPlaceholders[number];
  out.hosts = *policy::HostPatterns::compile(hosts);
  out.host_texts = std::move(hosts);
  return out;
}

Bindings bindings() {
  Bindings out;
  for (std::size_t i = 0; i < kCount; ++i) out.push_back(bound(i, {"api.test"}));
  out[kToken].path = "/v1";
  out[kToken].fields = {"Authorization", "X-Api-Key"};
  out[kKey].parameters = {"key", "k"};
  out[kAny] = bound(kAny, {"any.test", "*.any.test:8443"});
  out[kInactive].active = false;
  out[kInjected] = bound(kInjected, {"inject.test"});
  out[kInjected].fields = {"Authorization", "X-Token"};
  out[kInjected].injected = "Bearer {secret}";
  out[kPassword] = bound(kPassword, {"basic.test"});
  out[kPassword].fields = {"Authorization"};
  out[kPassword].injected = "Basic {user:secret}";
  out[kPassword].user = "me";
  out[kAws] = bound(kAws, {"*.aws.test"});
  out[kAws].use = Use::aws_signature;
  out[kAws].placeholder_secret = "weirAwsSecret00000000000000000000000000x";
  out[kSecond].fields = {"Authorization", "X-Second"};
  return out;
}

std::string encoded(std::string_view text) {
  std::string out;
  for (char c : text)
    if (is_alpha(c) || is_digit(c) || std::string_view("-._~").contains(c)) {
      out += c;
    } else {
      std::string digits = hex({&c, 1});
      for (char& digit : digits) digit = digit >= 'a' ? static_cast<char>(digit - 32) : digit;
      out.append("%").append(digits);
    }
  return out;
}

class RequestTest : public testing::Test {
 protected:
  RequestTest() { fill_guard(); }

  void fill_guard() {
    guard_ = Guard();
    for (std::size_t i = 0; i < bindings_.size(); ++i) {
      guard_.add({i, What::placeholder}, bindings_[i].placeholder);
      if (!bindings_[i].placeholder_secret.empty())
        guard_.add({i, What::placeholder}, bindings_[i].placeholder_secret);
      guard_.add({i, What::secret}, kSecrets[i]);
    }
    guard_.compile();
  }

  static http::RequestHead request(const std::string& url, const FieldList& fields) {
    http::RequestHead out;
    out.method = "GET";
    std::string_view rest = url;
    bool plain = rest.starts_with("http://");
    rest.remove_prefix(plain ? 7 : 8);
    std::size_t slash = rest.find('/');
    auto place = parse_host_port(rest.substr(0, slash), plain ? 80 : 443);
    EXPECT_TRUE(place) << url;
    out.origin = {plain ? http::Scheme::http : http::Scheme::https, *place};
    out.target = rest.substr(slash);
    out.fields.add("Host", place->authority(!plain));
    for (const auto& [name, value] : fields) out.fields.add(name, value);
    return out;
  }

  static std::string written(const http::RequestHead& head) {
    std::string out = head.method + " " + head.target;
    for (std::size_t i = 0; i < head.fields.size(); ++i)
      out.append("\n")
          .append(head.fields[i].name)
          .append(head.fields.secret(i) ? "! " : ": ")
          .append(head.fields[i].value);
    return out;
  }

  http::RequestHead with_all(const http::RequestHead& head, const Plan& plan) const {
    return with_secrets(head, bindings_, plan, [](std::size_t i) { return std::string_view(kSecrets[i]); });
  }

  /// What leaves of a request, or why nothing does.
  std::string sent(const http::RequestHead& head) const {
    auto plan = judge(bindings_, guard_, head, head.origin);
    if (!plan) {
      for (const std::string& secret : kSecrets) EXPECT_THAT(plan.error().message(), Not(HasSubstr(secret)));
      return std::string(info(plan.error().code()).name) + ": " + plan.error().context();
    }
    http::RequestHead out = with_all(head, *plan);
    std::string text = written(out);
    if (!plan->aws) {
      for (const std::string& placeholder : kPlaceholders)
        EXPECT_THAT(text, testing::AllOf(Not(HasSubstr(placeholder)), Not(HasSubstr(lower(placeholder)))))
            << "it is not left anywhere";
    }
    if (out.secret_target) zero(out.target);
    return text;
  }
  std::string sent(const std::string& url, const FieldList& fields) const {
    return sent(request(url, fields));
  }
  /// Of the one field besides Host.
  std::string value(const std::string& url, const Field& field) const {
    std::string text = sent(url, {field});
    std::size_t at = text.rfind('\n');
    return at == text.npos ? text : text.substr(at + 1);
  }
  std::string target(const std::string& url) const {
    std::string text = sent(url, {});
    return text.substr(4, text.find('\n') - 4);
  }

  Bindings bindings_ = bindings();
  Guard guard_;
};

// --- what is put in

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

// --- AWS

std::string signed_with(const std::string& id) {
  return "AWS4-HMAC-SHA256 Credential=" + id +
         "/20130524/us-east-1/dynamodb/aws4_request, SignedHeaders=host;x-amz-date, Signature=" +
         std::string(64, 'a');
}
const Field kDate = {"X-Amz-Date", "20130524T000000Z"};

std::string presigned(const std::string& id) {
  return "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" + id +
         "%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-SignedHeaders=host&"
         "X-Amz-Signature=" +
         std::string(64, 'a');
}

TEST_F(RequestTest, ASignatureWithAPlaceholderIsToBeMadeAgain) {
  for (const http::RequestHead& head :
       {request("https://s3.aws.test/", {{"Authorization", signed_with(kPlaceholders[kAws])}, kDate}),
        request("https://s3.aws.test/b/k?" + presigned(kPlaceholders[kAws]), {})}) {
    auto plan = judge(bindings_, guard_, head, head.origin);
    ASSERT_TRUE(plan) << plan.error().message();
    ASSERT_TRUE(plan->aws);
    EXPECT_EQ(plan->aws->binding, kAws);
    EXPECT_EQ(plan->aws->signature.access_key_id, kPlaceholders[kAws]);
    EXPECT_THAT(plan->used, IsEmpty()) << "it is not spoken";
    EXPECT_TRUE(plan->allowed.has({kAws, What::secret}));
  }
}

TEST_F(RequestTest, ASignatureInAWrongPlace) {
  const std::string& id = kPlaceholders[kAws];
  const std::string authorization = signed_with(id);
  struct Row {
    std::string url;
    FieldList fields;
    std::string says;
  };
  for (const Row& row : std::vector<Row>{
           {"https://evil.test/",
            {{"Authorization", authorization}, kDate},
            "placeholder_leak: the placeholder of \"aws\" in the field Authorization of a request to "
            "https://evil.test; it belongs in the signature of requests to *.aws.test, over https"},
           {"http://s3.aws.test/", {{"Authorization", authorization}, kDate}, "placeholder_leak: "},
           {"https://aws.test/", {{"Authorization", authorization}, kDate}, "placeholder_leak: "},
           {"https://evil.test/?" + presigned(id), {}, "in the URL"},
           {"https://s3.aws.test/", {{"Authorization", "Bearer " + id}}, "in the field Authorization"},
           {"https://s3.aws.test/",
            {{"Authorization", "Basic " + base64(id + ":x")}},
            "in the field Authorization"},
           {"https://s3.aws.test/", {{"X-Other", authorization}, kDate}, "in the field X-Other"},
           {"https://s3.aws.test/" + id, {}, "in the URL"},
           // Broken: it cannot be made again, and does not go as it is.
           {"https://s3.aws.test/", {{"Authorization", authorization}}, "bad_request: AWS signature: "},
           {"https://s3.aws.test/", {{"Authorization", authorization + "x"}, kDate}, "bad_request: "},
           {"https://s3.aws.test/",
            {{"Authorization", authorization}, {"Authorization", authorization}, kDate},
            "bad_request: "},
           {"https://s3.aws.test/", {{"Authorization", "x"}, {"Authorization", authorization}, kDate}, "_"},
           {"https://s3.aws.test/?" + presigned(id), {{"Authorization", "x"}}, "bad_request: "},
           {"https://s3.aws.test/?" + presigned(id) + "&X-Amz-Credential=" + id, {}, "bad_request: "},
           // Elsewhere besides.
           {"https://s3.aws.test/" + id, {{"Authorization", authorization}, kDate}, "in the URL"},
           {"https://s3.aws.test/" + id + "?" + presigned(id), {}, "in the URL"},
           {"https://s3.aws.test/?" + presigned(id) + "&x=" + id, {}, "in the URL"},
           {"https://s3.aws.test/", {{"Authorization", authorization}, kDate, {"X", id}}, "in the field X"},
           {"https://s3.aws.test/",
            {{"Authorization", authorization}, kDate, {"X", lower(id)}},
            "in the field X"},
           {"https://s3.aws.test/",
            {{"Authorization", signed_with(kPlaceholders[kAws] + "X")}, kDate},
            "in the field Authorization"},
           {"https://s3.aws.test/",
            {{"Authorization", authorization}, kDate, {"X", bindings_[kAws].placeholder_secret}},
            "in the field X"},
           {"https://s3.aws.test/",
            {{"Authorization", authorization}, kDate, {"X", kPlaceholders[kToken]}},
            "the placeholder of \"token\""},
       })
    EXPECT_THAT(sent(row.url, row.fields),
                testing::AllOf(HasSubstr(row.says), Not(testing::StartsWith("GET "))))
        << row.url;
}

// API gateways want a key besides.
TEST_F(RequestTest, ASignatureAndASpokenSecret) {
  bindings_[kAny].hosts = bindings_[kAws].hosts;
  http::RequestHead head = request(
      "https://s3.aws.test/",
      {{"Authorization", signed_with(kPlaceholders[kAws])}, kDate, {"X-Api-Key", kPlaceholders[kAny]}});
  auto plan = judge(bindings_, guard_, head, head.origin);
  ASSERT_TRUE(plan) << plan.error().message();
  EXPECT_TRUE(plan->aws);
  EXPECT_THAT(plan->used, ElementsAre(kAny));
  EXPECT_EQ(with_all(head, *plan).fields.get("x-api-key"), kSecrets[kAny]);
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
