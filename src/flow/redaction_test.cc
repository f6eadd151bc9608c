#include "flow/redaction.h"

#include <gtest/gtest.h>

namespace weir::flow {
namespace {

TEST(SensitiveField, KnowsCredentialsWithoutCase) {
  for (auto name : {"Authorization",
                    "AUTHORIZATION",
                    "Proxy-Authorization",
                    "X-Forwarded-Authorization",
                    "Cookie",
                    "Set-Cookie",
                    "set-cookie2",
                    "X-Api-Key",
                    "x_api_key",
                    "Api-Key",
                    "ApiKey",
                    "X-Goog-Api-Key",
                    "X-Auth-Token",
                    "X-Vault-Token",
                    "Private-Token",
                    "X-Amz-Security-Token",
                    "X-CSRF-Token",
                    "Token",
                    "X-Client-Secret",
                    "X-Password",
                    "Ocp-Apim-Subscription-Key",
                    "X-Registry-Auth",
                    "X-Auth-Key",
                    "DD-APPLICATION-KEY",
                    "X-License-Key",
                    "X-Amz-Server-Side-Encryption-Customer-Key",
                    "x-ms-authorization-auxiliary",
                    "npm-otp",
                    "CF-Access-Client-Secret",
                    "DPoP"})
    EXPECT_TRUE(is_sensitive_field(name)) << name;
}

TEST(SensitiveField, LeavesOthersAlone) {
  for (auto name :
       {"", "-", "Host", "Accept", "Content-Type", "User-Agent", "Sec-WebSocket-Key", "Idempotency-Key",
        "Surrogate-Key", "WWW-Authenticate", "Authority", "X-Secrets", "Mytoken", "Location", "Referer"})
    EXPECT_FALSE(is_sensitive_field(name)) << name;
}

struct Case {
  std::string_view name;
  std::string_view value;
  std::string_view stored;
};

TEST(RedactedValue, KeepsWhatHelpsAndHarmsNobody) {
  constexpr Case kCases[] = {
      {"Accept", "text/html", "text/html"},
      {"Authorization", "Bearer abc.def", "Bearer [REDACTED]"},
      {"Authorization", "bearer  abc def", "bearer [REDACTED]"},
      {"Authorization", "Basic dXNlcjpwYXNz", "Basic [REDACTED]"},
      {"Authorization", "AWS4-HMAC-SHA256 Credential=AKIA/x, Signature=ff", "AWS4-HMAC-SHA256 [REDACTED]"},
      {"Proxy-Authorization", "Negotiate", "Negotiate"},
      {"Authorization", "sk-live-1234", "[REDACTED]"},
      {"Authorization", "hunter2 rest", "[REDACTED]"},
      {"Authorization", "", "[REDACTED]"},
      {"X-Api-Key", "k", "[REDACTED]"},
      {"Cookie", "sid=abc; lang=de", "sid=[REDACTED]; lang=[REDACTED]"},
      {"Cookie", "sid=a=b;;  bare ;", "sid=[REDACTED]; [REDACTED]"},
      {"Set-Cookie", "sid=abc; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT; HttpOnly",
       "sid=[REDACTED]; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT; HttpOnly"},
      {"Set-Cookie", "sid=abc; Path=/, other=secret; Odd=secret; secret",
       "sid=[REDACTED]; Path=[REDACTED]; Odd=[REDACTED]; [REDACTED]"},
      {"Set-Cookie", "path=secret", "path=[REDACTED]"},
      {"Referer", "https://u:p@a.example/x?token=abc", "https://a.example/x?token=[REDACTED]"},
      {"Location", "/cb#access_token=abc&state=1", "/cb#access_token=[REDACTED]&state=1"},
      {"Refresh", "5; url=https://a.example/?key=abc", "5; url=https://a.example/?key=[REDACTED]"},
      {"Sec-WebSocket-Protocol", "chat,v2 ", "chat,v2 "},
      {"Sec-WebSocket-Protocol", "realtime, openai-insecure-api-key.sk-1, beta.v1",
       "realtime, openai-insecure-api-key.[REDACTED], beta.v1"},
      {"Sec-WebSocket-Protocol", "base64url.Bearer.authorization.k8s.io.dG9r", "base64url.Bearer.[REDACTED]"},
  };
  for (const Case& c : kCases)
    EXPECT_EQ(redacted_value(c.name, c.value), c.stored) << c.name << ": " << c.value;
}

TEST(RedactedFields, KeepsOrderSpellingAndCount) {
  http::Fields fields;
  fields.add("Host", "a.example");
  fields.add("COOKIE", "a=1");
  fields.add("x-token", "s");
  fields.add("Host", "b.example");
  http::Fields out = redacted(fields);
  ASSERT_EQ(out.size(), 4u);
  EXPECT_EQ(out[0].value, "a.example");
  EXPECT_EQ(out[1].name, "COOKIE");
  EXPECT_EQ(out[1].value, "a=[REDACTED]");
  EXPECT_EQ(out[2].value, "[REDACTED]");
  EXPECT_EQ(out[3].value, "b.example");
}

TEST(RedactedUrl, LosesUserInformationAndCredentials) {
  constexpr std::pair<std::string_view, std::string_view> kCases[] = {
      {"", ""},
      {"*", "*"},
      {"/a/b?c=d&e", "/a/b?c=d&e"},
      {"/a@b//c@d", "/a@b//c@d"},
      {"https://user:pass@a.example/x", "https://a.example/x"},
      {"https://user:p@ss@a.example", "https://a.example"},
      {"//user@a.example/x", "//a.example/x"},
      {"https://a.example/@scope/pkg", "https://a.example/@scope/pkg"},
      {"/x?access_token=abc&b=1&API-KEY=def", "/x?access_token=[REDACTED]&b=1&API-KEY=[REDACTED]"},
      {"/x?key=a=b&sig=%2F", "/x?key=[REDACTED]&sig=[REDACTED]"},
      {"/x?access%5Ftoken=abc", "/x?access%5Ftoken=[REDACTED]"},
      {"/x?a=1;token=abc", "/x?a=1;token=[REDACTED]"},
      {"/x?password=ab;cd&b=1", "/x?password=[REDACTED]&b=1"},
      {"/x?b=1;password=ab;cd#e", "/x?b=1;password=[REDACTED]#e"},
      {"/x?token=&keyboard=1&monkey=2", "/x?token=&keyboard=1&monkey=2"},
      {"/x?next=?token=abc", "/x?next=?token=[REDACTED]"},
      {"/x?X-Amz-Signature=ff&X-Amz-Date=1", "/x?X-Amz-Signature=[REDACTED]&X-Amz-Date=1"},
      {"/x?my_client_secret=ff&page_token=2", "/x?my_client_secret=[REDACTED]&page_token=2"},
      {"/x?oauth_token=a&oauth_nonce=b&q-signature=c",
       "/x?oauth_token=[REDACTED]&oauth_nonce=b&q-signature=[REDACTED]"},
      {"/x?X-Cos-Security-Token=a&api_token=b&otp=1",
       "/x?X-Cos-Security-Token=[REDACTED]&api_token=[REDACTED]&otp=[REDACTED]"},
      {"/x?session=1&tok=2&%20=3&key%20=4", "/x?session=1&tok=2&%20=3&key%20=4"},
      {"/x?%", "/x?%"},
      {"/x?%4=1&%zz=2", "/x?%4=1&%zz=2"},
  };
  for (auto [url, stored] : kCases) EXPECT_EQ(redacted_url(url), stored) << url;
}

TEST(RedactedLine, EachWordByItself) {
  EXPECT_EQ(redacted_line("GET http://u:p@a/?key=1 HTTP/1.1"), "GET http://a/?key=[REDACTED] HTTP/1.1");
  EXPECT_EQ(redacted_line("first http://a/?x=1 then  https://u:p@b/?sig=2"),
            "first http://a/?x=1 then  https://b/?sig=[REDACTED]");
  EXPECT_EQ(redacted_line(""), "");
  EXPECT_EQ(redacted_line("CONNECT user:p@ss@a.example:443 HTTP/1.1"), "CONNECT a.example:443 HTTP/1.1");
  EXPECT_EQ(redacted_line("mail to a@b.example at 10:30, not /x:y@z"),
            "mail to a@b.example at 10:30, not /x:y@z");
}

TEST(Redact, AWholeFlowAndOnceIsEnough) {
  Flow flow;
  flow.request.target = "/x?token=1";
  flow.request.fields.add("Cookie", "a=1");
  flow.request_trailers.add("X-Token", "1");
  flow.response.fields.add("Set-Cookie", "a=1; Path=/");
  flow.response_trailers.add("X-Api-Key", "1");
  flow.error_detail = "to https://u:p@a/ and https://u:p@b/";
  flow.filter_reason = "rule https://a/?key=1";
  for (int i = 0; i < 2; ++i) {
    redact(flow);
    EXPECT_EQ(flow.request.target, "/x?token=[REDACTED]");
    EXPECT_EQ(flow.request.fields[0].value, "a=[REDACTED]");
    EXPECT_EQ(flow.request_trailers[0].value, "[REDACTED]");
    EXPECT_EQ(flow.response.fields[0].value, "a=[REDACTED]; Path=/");
    EXPECT_EQ(flow.response_trailers[0].value, "[REDACTED]");
    EXPECT_EQ(flow.error_detail, "to https://a/ and https://b/");
    EXPECT_EQ(flow.filter_reason, "rule https://a/?key=[REDACTED]");
  }
}

TEST(CredentialNames, AddToTheBuiltInOnes) {
  CredentialNames more{{"X-Corp_Id", "Referer"}, {"tenant-id"}};
  EXPECT_TRUE(is_sensitive_field("x-corp-id", more));
  EXPECT_FALSE(is_sensitive_field("x-corp-id"));
  EXPECT_FALSE(is_sensitive_field("my-x-corp-id", more)) << "whole names";
  EXPECT_EQ(redacted_value("X-Corp-Id", "a", more), "[REDACTED]");
  EXPECT_EQ(redacted_value("Referer", "https://a/", more), "[REDACTED]");
  EXPECT_EQ(redacted_value("Authorization", "Bearer a", more), "Bearer [REDACTED]");
  EXPECT_EQ(redacted_url("/?Tenant_Id=1&key=2&x=3", more), "/?Tenant_Id=[REDACTED]&key=[REDACTED]&x=3");
}

}  // namespace
}  // namespace weir::flow
