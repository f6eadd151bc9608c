#include "cli/policy_changes.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/json_reader.h"

namespace weir::cli {
namespace {

using policy::Action;
using policy::Basis;
using testing::HasSubstr;
using testing::Not;

http::RequestHead request(const std::string& host, const std::string& method = "GET",
                          const std::string& target = "/") {
  http::RequestHead head;
  head.method = method;
  head.origin = {http::Scheme::https, {host, 443}};
  head.target = target;
  return head;
}

policy::Verdict by_rule(Action action, std::string_view pattern, std::string_view reason = "") {
  return {action, Basis::rule, policy::Layer::user, pattern, reason, "f.toml:1"};
}

const policy::Verdict kBlock = by_rule(Action::block, "*.example");
const policy::Verdict kAllow = by_rule(Action::allow, "a.example");
const policy::Verdict kAsk = by_rule(Action::ask, "a.example");

PolicyChanges changes() { return {{"now", "user.toml:2"}, {"new.toml", "new.toml:2"}}; }

TEST(PolicyChanges, LessStrictIsWider) {
  const std::tuple<policy::Verdict, policy::Verdict, bool> rows[] = {
      {kBlock, kAllow, true},  {kBlock, kAsk, true},  {kAsk, kAllow, true},
      {kAllow, kBlock, false}, {kAsk, kBlock, false}, {kAllow, kAsk, false}};
  for (const auto& [before, after, wider] : rows) {
    PolicyChanges tried = changes();
    tried.add(request("a.example"), before, after, false);
    EXPECT_EQ(tried.count(Turn::wider), wider ? 1u : 0u);
    EXPECT_EQ(tried.count(Turn::narrower), wider ? 0u : 1u);
  }
}

TEST(PolicyChanges, GroupsByHostMethodAndKind) {
  PolicyChanges tried = changes();
  tried.add(request("a.example", "GET", "/1"), kAllow, kBlock, false);
  tried.add(request("a.example", "GET", "/2"), kAllow, kBlock, true);
  tried.add(request("a.example", "POST"), kAllow, kBlock, false);
  tried.add(request("b.example"), kBlock, kAllow, false);
  tried.add(request("c.example"), kBlock, kBlock, false);
  EXPECT_EQ(tried.text(), R"(block -> allow  GET b.example  1 request
  such as  https://b.example/
  before   matched rule: *.example (user: f.toml:1)
  after    matched rule: a.example (user: f.toml:1)

allow -> block  GET a.example  2 requests
  such as  https://a.example/1
  before   matched rule: a.example (user: f.toml:1)
  after    matched rule: *.example (user: f.toml:1)
  1 may hinge on what was redacted

allow -> block  POST a.example  1 request
  such as  https://a.example/
  before   matched rule: a.example (user: f.toml:1)
  after    matched rule: *.example (user: f.toml:1)

5 requests judged, before by now, after by new.toml: 1 wider, 3 narrower, 1 as before
1 verdict may be wrong: a rule looks at parts of the URL that were redacted
)");
}

TEST(PolicyChanges, NamesReasonsDefaultsAndSeveralRules) {
  PolicyChanges tried = changes();
  policy::Verdict fallback{Action::block, Basis::fallback, policy::Layer::user};
  tried.add(request("a.example"), fallback, by_rule(Action::allow, "/v1/**", "trusted"), false);
  EXPECT_THAT(tried.text(), HasSubstr("no rule matched, using default action: block (user: user.toml:2)"));
  EXPECT_THAT(tried.text(), HasSubstr("trusted; rule /v1/** (user: f.toml:1)"));
  EXPECT_THAT(tried.text(), Not(HasSubstr("other rules")));
  tried.add(request("a.example"), fallback, kAllow, false);
  EXPECT_THAT(tried.text(), HasSubstr("for others of them, other rules say so"));
}

TEST(PolicyChanges, WhatWasRecordedDrivesNoTerminal) {
  PolicyChanges tried = changes();
  tried.add(request("a.example", "GET", "/\x1b[2J\n"), kAllow, kBlock, false);
  EXPECT_THAT(tried.text(), HasSubstr("https://a.example/\\x1b[2J\\n\n"));
}

TEST(PolicyChanges, CountsBeyondItsBound) {
  PolicyChanges tried = changes();
  const std::size_t many = PolicyChanges::kMostGroups + 5;
  std::string target(100'000, 'x');
  tried.add(request("first.example", "GET", target), kAllow, kBlock, false);
  for (std::size_t i = 1; i < many; ++i)
    tried.add(request(fmt::format("h{}.example", i)), kAllow, kBlock, false);
  tried.add(request("first.example"), kAllow, kBlock, false);
  EXPECT_EQ(tried.count(Turn::narrower), many + 1);
  EXPECT_THAT(tried.text(), HasSubstr("\n5 more would change, beyond the first 10000 kinds of change\n"));
  EXPECT_THAT(tried.text(), HasSubstr("GET first.example  2 requests\n"));
  EXPECT_THAT(tried.text(), Not(HasSubstr(std::string(3000, 'x'))));
}

TEST(PolicyChanges, Json) {
  PolicyChanges tried = changes();
  tried.add(request("a.example"), kAllow, kBlock, true);
  std::string out;
  JsonWriter json(out);
  tried.write(json);
  auto document = JsonDocument::parse(out);
  ASSERT_TRUE(document) << out;
  JsonValue root = document->root();
  EXPECT_EQ(root["requests"].natural(), 1u);
  EXPECT_EQ(root["wider"].natural(), 0u);
  EXPECT_EQ(root["narrower"].natural(), 1u);
  EXPECT_EQ(root["redacted"].natural(), 1u);
  for (JsonValue change : root["changes"]) {
    EXPECT_EQ(change["change"].string(), "narrower");
    EXPECT_EQ(change["host"].string(), "a.example");
    EXPECT_EQ(change["before"]["action"].string(), "allow");
    EXPECT_EQ(change["after"]["pattern"].string(), "*.example");
    EXPECT_EQ(change["after"]["source"].string(), "f.toml:1");
    EXPECT_EQ(change["redacted"].natural(), 1u);
  }
}

}  // namespace
}  // namespace weir::cli
