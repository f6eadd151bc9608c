// Targets that one server reads in one way and the next in another: what blocks holds for every reading, what
// allows for none that is in doubt.
#include "policy/readings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/canonical.h"
#include "policy/policy.h"

namespace weir::policy {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

const http::Origin kOrigin{http::Scheme::https, {"a.test", 443}};

std::shared_ptr<const Policy> compiled(RuleSet user) {
  std::array<RuleSet, 5> layers;
  layers[static_cast<std::size_t>(Layer::user)] = std::move(user);
  auto policy = Policy::compile(std::move(layers));
  EXPECT_TRUE(policy) << policy.error().message();
  return policy.value_or(nullptr);
}

Rule rule(const char* pattern, Action action, Scope scope = Scope::path) {
  return {.pattern = pattern, .action = action, .scope = scope};
}

Verdict decide(const Policy& policy, const char* target) { return policy.decide({kOrigin, "GET", target}); }

struct Spelling {
  const char* target;
  const char* meant;
};

class Spellings : public testing::TestWithParam<Spelling> {};

// As some framework or server is known to read them.
INSTANTIATE_TEST_SUITE_P(
    OfAdmin, Spellings,
    testing::Values(Spelling{"/v1/..%2fadmin/x", "/admin/x"}, Spelling{"/v1/..%2Fadmin%2fx", "/admin/x"},
                    Spelling{"/v1%2f..%2fadmin/x", "/admin/x"}, Spelling{"/v1/..\\admin/x", "/admin/x"},
                    Spelling{"/v1/..%5cadmin/x", "/admin/x"}, Spelling{"/v1/%252e%252e/admin/x", "/admin/x"},
                    Spelling{"/v1/%25252e%25252e/admin/x", "/admin/x"},
                    Spelling{"/v1/..%252fadmin/x", "/admin/x"}, Spelling{"/v1/..;/admin/x", "/admin/x"},
                    Spelling{"/v1/..;a=b/admin/x", "/admin/x"}, Spelling{"/v1/..%3b/admin/x", "/admin/x"},
                    Spelling{"/v1/%c0%ae%c0%ae/admin/x", "/admin/x"},
                    Spelling{"/v1/..%c0%afadmin/x", "/admin/x"},
                    Spelling{"/v1/%e0%80%ae%e0%80%ae/admin/x", "/admin/x"},
                    Spelling{"/v1/%u002e%u002e/admin/x", "/admin/x"}, Spelling{"//v1/admin/x", "/admin/x"},
                    Spelling{"/admin;v=1/x", "/admin/x"}, Spelling{"/admin./x", "/admin/x"},
                    Spelling{"/admin%20/x", "/admin/x"}, Spelling{"/v1/.%20./../admin/x", "/admin/x"},
                    Spelling{"/admin/x%00.png", "/admin/x"}, Spelling{"/v1/..%2f/../admin/x", "/admin/x"},
                    Spelling{"/admin/x#/../../v1", "/admin/x"}, Spelling{"/v1/x/..//../admin/x", "/admin/x"}),
    [](const auto& info) { return "n" + std::to_string(info.index); });

TEST_P(Spellings, AreAmongTheReadings) {
  EXPECT_THAT(readings(GetParam().target), Contains(GetParam().meant)) << GetParam().target;
}

TEST_P(Spellings, AreBlockedWhereTheirMeaningIs) {
  for (const char* pattern : {"/admin/**", "^/admin/x$"}) {
    auto policy = compiled({.rules = {rule(pattern, Action::block)}, .default_action = Action::allow});
    EXPECT_EQ(decide(*policy, GetParam().target).action, Action::block) << GetParam().target << pattern;
    EXPECT_EQ(decide(*policy, GetParam().meant).action, Action::block);
  }
  auto url = compiled({.rules = {rule("https://a.test/admin/**", Action::block, Scope::url)},
                       .default_action = Action::allow});
  EXPECT_EQ(decide(*url, GetParam().target).action, Action::block) << GetParam().target;
}

// The rule that allows comes first, so it would decide.
TEST_P(Spellings, AreNotLetPastByTheirFolder) {
  auto policy = compiled({.rules = {rule("/v1/**", Action::allow), rule("/admin/**", Action::block)},
                          .default_action = Action::allow});
  EXPECT_EQ(decide(*policy, GetParam().target).action, Action::block) << GetParam().target;
}

TEST(Readings, AloneTheFirstForMostTargets) {
  for (const char* target :
       {"/", "/v1/models?limit=20&x=%2F..", "/a.b/c-d_e~f", "/@scope/name", "/a/b/", "*"})
    EXPECT_THAT(readings(target), ElementsAre(canonical_target(target))) << target;
}

TEST(Readings, AreBoundedAndEachOnce) {
  std::string target;
  for (int i = 0; i < 200; ++i) target += "/%252e%252e;x/%2e%2e%5c..%c0%af%2F.%20";
  auto found = readings(target);
  EXPECT_LE(found.size(), 40u);
  std::ranges::sort(found);
  EXPECT_EQ(std::ranges::adjacent_find(found), found.end());
}

TEST(Doubt, APatternThatSpellsTheEncodedSlashAllowsIt) {
  auto policy = compiled({.rules = {rule("/@*%2F*", Action::allow)}, .default_action = Action::block});
  EXPECT_EQ(decide(*policy, "/@scope%2fname").action, Action::allow);
  EXPECT_EQ(decide(*policy, "/@scope%2f..%2fname").action, Action::block);
  EXPECT_EQ(decide(*policy, "/@scope%2fname/%2e%2e/x").action, Action::block);
}

TEST(Doubt, RulesForEveryPathAndForHostsAllowIt) {
  for (Rule each : {rule("a.test", Action::allow, Scope::host), rule("/**", Action::allow),
                    rule("https://a.test/**", Action::allow, Scope::url)}) {
    auto policy = compiled({.rules = {each}, .default_action = Action::block});
    EXPECT_EQ(decide(*policy, "/v1/..%2fadmin/x").action, Action::allow) << each.pattern;
  }
}

TEST(Doubt, TheReasonNamesIt) {
  auto policy = compiled({.rules = {rule("/v1/**", Action::allow)}, .default_action = Action::block});
  EXPECT_EQ(
      decide(*policy, "/v1/a%2fb").explanation(),
      "no rule matched, using default action: block; the path can be read in two ways (an encoded slash)");
  EXPECT_EQ(decide(*policy, "/v2/a%2fb").explanation(), "no rule matched, using default action: block")
      << "it makes no difference";
}

TEST(Doubt, ExplainTellsOfEachRuleWhatBecameOfIt) {
  auto policy = compiled({.rules = {rule("/v1/**", Action::allow), rule("/admin/**", Action::block)}});
  std::vector<Considered> considered;
  policy->explain({kOrigin, "GET", "/v1/..%2fadmin/x"}, considered);
  ASSERT_EQ(considered.size(), 3u);
  EXPECT_FALSE(considered[0].matched);
  EXPECT_THAT(considered[0].note,
              HasSubstr("passed over: the path can be read in two ways (an encoded slash)"));
  EXPECT_THAT(considered[0].note, HasSubstr("*%2F*"));
  EXPECT_TRUE(considered[1].decided);
  EXPECT_EQ(considered[1].note, "when read as /admin/x");
  considered.clear();
  policy->explain({kOrigin, "GET", "/v1/..;/x"}, considered);
  EXPECT_EQ(considered[0].note, "passed over: the path can be read in two ways (a dot segment)");
}

}  // namespace
}  // namespace weir::policy
