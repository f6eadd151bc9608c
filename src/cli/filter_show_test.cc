// `weir filter show`.
#include <gmock/gmock.h>

#include "base/json_reader.h"
#include "cli/test_verbs.h"
#include "cli/verbs.h"

namespace weir::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

using ShowTest = VerbTest;

constexpr const char* kUser = R"([filter]
default_action = "block"
ask_timeout = 45
cache_decisions = false
[[filter.rules]]
pattern = "*.example.com"
action = "allow"
reason = "ours"
[[filter.rules]]
pattern = "^ads"
action = "ask"
methods = ["POST"]
[[filter.domains]]
pattern = "api.example.org"
read = "allow"
write = "ask"
other_paths = "block"
paths = [{ methods = ["GET"], path = "/v1/**", action = "allow" }]
)";

TEST_F(ShowTest, WithoutAFilterItSaysSo) {
  Outcome outcome = run({"filter", "show"});
  EXPECT_EQ(outcome.status, kExitOk);
  EXPECT_EQ(outcome.out, "No filter configuration found (filtering disabled).\n");
  EXPECT_THAT(run({"filter", "show", "--json"}).out, HasSubstr("\"filtering\": false"));
}

TEST_F(ShowTest, EveryRuleInOrderWithLayerAndFile) {
  write("user.toml", kUser);
  write("corp.toml",
        "[[filter.rules]]\npattern = \"ok.example\"\naction = \"allow\"\n"
        "[[filter.rules]]\npattern = \"https://evil.example/**\"\nscope = \"url\"\naction = \"block\"\n");
  ::setenv("WEIR_CORP_CONFIG", (home_ + "/code/corp.toml").c_str(), 1);
  std::string corp = home_ + "/code/corp.toml";
  Outcome outcome = run({"filter", "show", "--config", "user.toml"});
  EXPECT_EQ(outcome.status, kExitOk);
  EXPECT_EQ(outcome.out, R"(Default Action: block (user.toml:2)
Ask Timeout: 45s
Cache Decisions: false

Rules, in the order in which they are looked at:
1. [block] https://evil.example/** (scope: url)
   corp, )" + corp + R"(:4
2. [allow] ok.example (scope: host)
   corp, )" + corp + R"(:1
3. [allow] *.example.com (scope: host)
   Reason: ours
   user, user.toml:5
4. [ask] ^ads (scope: host, type: regex, methods: POST)
   user, user.toml:9

Domains, of which the most specific counts:
1. api.example.org (read: allow, write: ask, other paths: block)
   [allow] GET /v1/**
   user, user.toml:13
)");
}

TEST_F(ShowTest, Json) {
  write("user.toml", kUser);
  Outcome outcome = run({"filter", "show", "--config", "user.toml", "--json"});
  auto document = JsonDocument::parse(outcome.out);
  ASSERT_TRUE(document) << outcome.out;
  JsonValue root = document->root();
  EXPECT_EQ(root["filtering"].boolean(), true);
  EXPECT_EQ(root["default_action"]["action"].string(), "block");
  EXPECT_EQ(root["default_action"]["origin"].string(), "user.toml:2");
  EXPECT_EQ(root["ask_timeout_ms"].integer(), 45'000);
  EXPECT_EQ(root["cache_decisions"].boolean(), false);
  EXPECT_THAT(outcome.out,
              AllOf(HasSubstr(R"({"pattern":"^ads","action":"ask","type":"regex","methods":["POST"]})"),
                    HasSubstr(R"("source": "user.toml:13")")));
}

TEST_F(ShowTest, RulesWithoutADefaultAllowTheRest) {
  write("user.toml", "[[filter.rules]]\npattern = \"a.example\"\naction = \"block\"\n");
  EXPECT_THAT(run({"filter", "show", "--config", "user.toml"}).out,
              StartsWith("Default Action: allow (default)\n"));
}

TEST_F(ShowTest, SaysWhatIsWrong) {
  write("bad.toml", "[[filter.rules]]\npattern = \"a.example\\u001b/x\"\naction = \"block\"\n");
  Outcome outcome = run({"filter", "show", "--config", "bad.toml"});
  EXPECT_EQ(outcome.status, kExitUsage);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("bad.toml:1"), HasSubstr("\\x1b")));
  EXPECT_EQ(run({"filter", "show", "--config", "none.toml"}).status, kExitUsage);
}

}  // namespace
}  // namespace weir::cli
