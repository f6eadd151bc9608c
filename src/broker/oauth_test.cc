#include "broker/oauth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <optional>

#include "base/hash.h"

namespace weir::broker {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using Grant = OAuthOptions::Grant;
using Client = OAuthOptions::Client;
using std::chrono::hours;
using std::chrono::seconds;

std::string body_of(const OAuthOptions& options, std::string_view refresh_token = "the-refresh-token") {
  auto request = token_request(options, refresh_token);
  return request ? std::string(request->body.reveal()) : request.error().message();
}

TEST(OAuth, AsksForATokenByForm) {
  EXPECT_EQ(body_of({}), "grant_type=refresh_token&refresh_token=the-refresh-token");
  EXPECT_EQ(
      body_of({.client_id = "id", .client_secret = "hush", .scope = "a b"}),
      "grant_type=refresh_token&refresh_token=the-refresh-token&client_id=id&client_secret=hush&scope=a+b");
  EXPECT_EQ(body_of({.client = Client::basic, .client_id = "id"}),
            "grant_type=refresh_token&refresh_token=the-refresh-token&client_id=id");
  EXPECT_EQ(body_of({.client_id = "a&b=c%/?+~\xC3\xA9*"}, "1//x_y.z"),
            "grant_type=refresh_token&refresh_token=1%2F%2Fx_y.z&client_id=a%26b%3Dc%25%2F%3F%2B%7E%C3%A9*");
  EXPECT_EQ(body_of({.grant = Grant::client_credentials, .client_id = "id", .client_secret = "hush"}),
            "grant_type=client_credentials&client_id=id&client_secret=hush");
}

TEST(OAuth, SaysWhoTheClientIs) {
  auto plain = token_request({.client_id = "id"}, "r");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->fields.get("content-type"), "application/x-www-form-urlencoded");
  EXPECT_EQ(plain->fields.get("accept"), "application/json");
  EXPECT_FALSE(plain->fields.has("authorization"));

  auto basic = token_request({.grant = Grant::client_credentials,
                              .client = Client::basic,
                              .client_id = "i:d",
                              .client_secret = "h u"},
                             "");
  ASSERT_TRUE(basic);
  EXPECT_EQ(basic->fields.get("authorization"), "Basic " + base64("i%3Ad:h+u"));
  EXPECT_TRUE(basic->fields.secret());
  EXPECT_EQ(basic->body.reveal(), "grant_type=client_credentials");
}

TEST(OAuth, AsksForNothingWithoutWhatTheGrantNeeds) {
  EXPECT_THAT(body_of({}, ""), HasSubstr("the refresh token is empty"));
  EXPECT_THAT(body_of({.grant = Grant::client_credentials, .client_id = "id"}), HasSubstr("a client secret"));
  EXPECT_THAT(body_of({.grant = Grant::client_credentials, .client_secret = "x"}), HasSubstr("a client id"));
}

std::string refusal(std::uint16_t status, std::string_view body) {
  const std::array<std::string_view, 2> secrets = {"the-refresh-token", "the-client-secret"};
  auto token = read_token_response(status, body, secrets);
  if (token) return "taken";
  EXPECT_EQ(token.error().code(), Code::credential_failed);
  return token.error().context();
}

std::string with(std::string_view more) {
  return R"({"access_token":"the-access-token","token_type":"Bearer")" + std::string(more) + "}";
}

TEST(OAuth, TakesAToken) {
  auto token = read_token_response(200, with(R"(,"expires_in":3599,"scope":"x","id_token":{"a":[1]})"), {});
  ASSERT_TRUE(token) << token.error().message();
  EXPECT_EQ(token->token.reveal(), "the-access-token");
  EXPECT_TRUE(token->refresh_token.empty());
  EXPECT_EQ(token->lifetime, seconds(3599));
  EXPECT_FALSE(token->lifetime_assumed);

  auto rotated = read_token_response(200, with(R"(,"refresh_token":"n\u0065xt")"), {});
  ASSERT_TRUE(rotated);
  EXPECT_EQ(rotated->refresh_token.reveal(), "next");
  EXPECT_EQ(rotated->lifetime, hours(1));
  EXPECT_TRUE(rotated->lifetime_assumed);
}

TEST(OAuth, ReadsLifetimes) {
  auto lifetime = [](std::string_view said) {
    auto token = read_token_response(200, with(R"(,"expires_in":)" + std::string(said)), {});
    return token ? std::optional(token->lifetime) : std::nullopt;
  };
  EXPECT_EQ(lifetime("0"), seconds(0));
  EXPECT_EQ(lifetime("\"3600\""), seconds(3600));
  EXPECT_EQ(lifetime("3599.9"), seconds(3599));
  EXPECT_EQ(lifetime("36e2"), seconds(3600));
  EXPECT_EQ(lifetime("null"), seconds(3600));
  EXPECT_EQ(lifetime("1e300"), kLongestLifetime);
  EXPECT_EQ(lifetime("99999999999999999999999"), kLongestLifetime);
  for (const char* bad : {"-1", "\"-1\"", "\"\"", "\"soon\"", "\" 5\"", "true", "[]", "{}", "\"1e9\""})
    EXPECT_EQ(lifetime(bad), std::nullopt) << bad;
}

TEST(OAuth, RefusesAnswersWithoutAToken) {
  EXPECT_THAT(refusal(200, ""), HasSubstr("no JSON"));
  EXPECT_THAT(refusal(502, "<html>the-access-token"),
              StartsWith("the token endpoint answered 502 with a body"));
  EXPECT_THAT(refusal(200, "[]"), HasSubstr("no token of type Bearer"));
  EXPECT_THAT(refusal(200, R"({"access_token":"x"})"), HasSubstr("no token of type Bearer"));
  EXPECT_THAT(refusal(200, R"({"access_token":"x","token_type":"mac"})"),
              HasSubstr("no token of type Bearer"));
  EXPECT_EQ(refusal(200, R"({"access_token":"x","token_type":"BEARER"})"), "taken");
  EXPECT_THAT(refusal(200, R"({"token_type":"bearer"})"), HasSubstr("sent no access_token"));
  EXPECT_THAT(refusal(200, R"({"access_token":"","token_type":"bearer"})"),
              HasSubstr("sent no access_token"));
  EXPECT_THAT(refusal(200, R"({"access_token":7,"token_type":"bearer"})"), HasSubstr("sent no access_token"));
  EXPECT_THAT(refusal(200, R"({"access_token":"a\nb","token_type":"bearer"})"), HasSubstr("printable ASCII"));
  EXPECT_THAT(refusal(200, with(R"(,"refresh_token":"")")), HasSubstr("sent no refresh_token"));
  EXPECT_THAT(refusal(200, with(R"(,"refresh_token":"\u00e9")")), HasSubstr("printable ASCII"));
  EXPECT_EQ(refusal(301, with("")), "the token endpoint answered 301");
  EXPECT_EQ(refusal(401, "{}"), "the token endpoint answered 401");
  std::string deep = R"({"a":)" + std::string(20, '[') + std::string(20, ']') + "}";
  EXPECT_THAT(refusal(200, deep), HasSubstr("no JSON"));
  EXPECT_THAT(refusal(200, with(",\"x\":\"" + std::string(kMostTokenResponse, 'x') + "\"")),
              HasSubstr("no JSON"));
}

TEST(OAuth, TellsWhatTheEndpointSays) {
  EXPECT_EQ(refusal(400, R"({"error":"invalid_grant","error_description":"Token has been revoked."})"),
            "the token endpoint answered 400: invalid_grant: Token has been revoked.");
  EXPECT_EQ(refusal(401, R"({"error":"invalid_client"})"), "the token endpoint answered 401: invalid_client");
  EXPECT_EQ(refusal(200, R"({"error":"bad_refresh_token"})"),
            "the token endpoint answered 200: bad_refresh_token");
  EXPECT_EQ(refusal(400, R"({"error":{"code":1},"error_description":""})"),
            "the token endpoint answered 400");
  EXPECT_EQ(refusal(400, R"({"error":"a\u001b[31m\r\nb\u00e9"})"),
            "the token endpoint answered 400: a?[31m??b??");
  EXPECT_LT(refusal(400, R"({"error":")" + std::string(9999, 'e') + R"(","error_description":")" +
                             std::string(9999, 'd') + "\"}")
                .size(),
            400u);
}

TEST(OAuth, NeverTellsSecrets) {
  for (const char* said : {"the-refresh-token", "the-client-secret", "the-access-token"}) {
    std::string told = refusal(400, R"({"error":"invalid_grant","error_description":"not )" +
                                        std::string(said) + R"(!","access_token":"the-access-token"})");
    EXPECT_EQ(told, "the token endpoint answered 400: invalid_grant: (left out: it holds a secret)");
    told = refusal(400, R"({"access_token":"the-access-token","error":")" + std::string(said) + "\"}");
    EXPECT_THAT(told, Not(HasSubstr(said)));
  }
}

}  // namespace
}  // namespace weir::broker
