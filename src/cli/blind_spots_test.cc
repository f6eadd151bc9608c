#include "cli/blind_spots.h"

#include <gtest/gtest.h>

namespace weir::cli {
namespace {

using policy::Action;
using policy::PatternType;
using policy::Scope;

bool blind(policy::RuleSet rules, std::string_view target, bool opaque = false,
           std::string_view method = "GET") {
  std::array<policy::RuleSet, 5> layers;
  layers[std::to_underlying(policy::Layer::user)] = std::move(rules);
  auto spots = BlindSpots::compile(layers);
  EXPECT_TRUE(spots) << spots.error().message();
  http::Origin origin{http::Scheme::https, {"api.example", 443}};
  return spots && spots->concern({origin, method, target, opaque});
}

policy::RuleSet rule(std::string pattern, Scope scope, std::optional<PatternType> type = {}) {
  return {.rules = {{.pattern = std::move(pattern), .action = Action::block, .scope = scope, .type = type}}};
}

TEST(BlindSpots, ARuleThatLooksAtTheRedactedQuery) {
  constexpr std::string_view kTarget = "/v1/x?token=[REDACTED]&a=1";
  const struct {
    const char* pattern;
    Scope scope;
    std::optional<PatternType> type;
    bool blind;
  } rows[] = {
      {"/v1/x?token=abc*", Scope::path, {}, true},
      {"/v1/x?token=abc&a=1", Scope::path, PatternType::exact, true},
      {"token=(abc|def)", Scope::path, {}, true},
      {"https://api.example/v1/x?token=*", Scope::url, {}, true},
      {"https://*.other.example/v1/x?token=*", Scope::url, {}, false},  // another host
      {"/v2/x?token=abc*", Scope::path, {}, false},                     // another path
      {"/v1/x", Scope::path, {}, false},                                // matches whatever the query
      {"^/v1/", Scope::path, {}, false},                                // the same
      {"/v1/**", Scope::path, {}, false},
      {"/v9/**", Scope::path, {}, false},
      {"*.example", Scope::host, {}, false},
  };
  for (const auto& row : rows)
    EXPECT_EQ(blind(rule(row.pattern, row.scope, row.type), kTarget), row.blind) << row.pattern;
}

TEST(BlindSpots, ARuleThatLooksAtARedactedPath) {
  constexpr std::string_view kTarget = "/bot/[REDACTED:key]/send";
  EXPECT_TRUE(blind(rule("/bot/*/send", Scope::path), kTarget));
  EXPECT_TRUE(blind(rule("https://api.example/bot/1*", Scope::url), kTarget));
  EXPECT_FALSE(blind(rule("/web/**", Scope::path), kTarget));
  policy::RuleSet domains;
  domains.domains.push_back({.pattern = "api.example",
                             .read = Action::allow,
                             .paths = {{.path = "/bot/1/**", .action = Action::block}}});
  EXPECT_TRUE(blind(domains, kTarget));
  EXPECT_FALSE(blind(domains, "/bot/1/send?token=[REDACTED]")) << "path rules do not see the query";
  domains.domains[0].pattern = "other.example";
  EXPECT_FALSE(blind(domains, kTarget));
}

TEST(BlindSpots, NothingRedactedOrNothingKnown) {
  EXPECT_FALSE(blind(rule("token=(abc|def)", Scope::path), "/v1/x?token=abc"));
  EXPECT_FALSE(blind(rule("token=(abc|def)", Scope::path), "", true));
  policy::RuleSet posts = rule("token=(abc|def)", Scope::path);
  posts.rules[0].methods = {"POST"};
  EXPECT_FALSE(blind(posts, "/v1/x?token=[REDACTED]"));
  EXPECT_TRUE(blind(posts, "/v1/x?token=[REDACTED]", false, "POST"));
}

}  // namespace
}  // namespace weir::cli
