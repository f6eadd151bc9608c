// `weir policy test`.
#include <gmock/gmock.h>

#include "base/json_reader.h"
#include "cli/test_verbs.h"
#include "cli/verbs.h"

namespace weir::cli {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

constexpr int kWider = 3, kNarrower = 4;
constexpr const char* kAllowAll = "[filter]\ndefault_action = \"allow\"\n";
constexpr const char* kBlockAll = "[filter]\ndefault_action = \"block\"\n";

class PolicyVerbTest : public VerbTest {
 protected:
  void SetUp() override {
    VerbTest::SetUp();
    write("allow.toml", kAllowAll);
    write("block.toml", kBlockAll);
    write("log.jsonl", entry("https://api.example/v1/x") + entry("https://api.example/v1/y", "POST"));
  }
  /// On the log, unless `flags` say where else to look.
  static Outcome test(const std::string& file,
                      std::vector<std::string> flags = {"--from-logs", "log.jsonl"}) {
    flags.insert(flags.begin(), {"policy", "test", file});
    return run(flags);
  }
};

TEST_F(PolicyVerbTest, TheExitStatusSaysWhatChanges) {
  const struct {
    const char *base, *file, *fail_on;
    int status;
  } rows[] = {
      {"allow.toml", "allow.toml", "any", kExitOk},   {"allow.toml", "block.toml", "any", kNarrower},
      {"block.toml", "allow.toml", "any", kWider},    {"allow.toml", "block.toml", "widen", kExitOk},
      {"block.toml", "allow.toml", "widen", kWider},  {"block.toml", "allow.toml", "never", kExitOk},
      {"allow.toml", "block.toml", "never", kExitOk},
  };
  for (const auto& row : rows) {
    Outcome outcome =
        test(row.file, {"--from-logs", "log.jsonl", "--base", row.base, "--fail-on", row.fail_on});
    EXPECT_EQ(outcome.status, row.status) << row.base << " " << row.file << " " << row.fail_on << outcome.err;
    EXPECT_EQ(outcome.err, "");
  }
}

TEST_F(PolicyVerbTest, ShowsWhichRulesSaidSo) {
  write("new.toml",
        "[proxy.filter]\ndefault_action = \"allow\"\n[[proxy.filter.rules]]\npattern = \"*.example\"\n"
        "action = \"block\"\nmethods = [\"POST\"]\nreason = \"read only\"\n");
  write(home_ + "/.config/weir/config.toml", kAllowAll);
  Outcome outcome = test("new.toml");
  EXPECT_EQ(outcome.status, kNarrower);
  EXPECT_EQ(outcome.out,
            "allow -> block  POST api.example  1 request\n"
            "  such as  https://api.example/v1/y\n"
            "  before   no rule matched, using default action: allow (user: " +
                home_ +
                "/.config/weir/config.toml:2)\n"
                "  after    read only; rule *.example (user: new.toml:3)\n"
                "\n"
                "2 requests judged, before by the policy in force, after by new.toml: 0 wider, 1 "
                "narrower, 1 as before\n");
}

TEST_F(PolicyVerbTest, NothingChanges) {
  EXPECT_THAT(test("allow.toml").out, EndsWith("after by allow.toml: nothing changes\n"));
}

TEST_F(PolicyVerbTest, AWholeConfigurationWillDo) {
  write("whole.toml", std::string("threads = 2\n[limits]\nconnections = 5\n") + kBlockAll);
  EXPECT_EQ(test("whole.toml").status, kNarrower);
}

TEST_F(PolicyVerbTest, TheAdministratorsRulesStayAboveTheFile) {
  write("corp.toml", "[[filter.rules]]\npattern = \"api.example\"\naction = \"block\"\n");
  ::setenv("WEIR_CORP_CONFIG", (home_ + "/code/corp.toml").c_str(), 1);
  EXPECT_EQ(test("allow.toml", {"--from-logs", "log.jsonl", "--base", "block.toml"}).status, kExitOk);
}

TEST_F(PolicyVerbTest, TunnelsAreJudgedAsTunnels) {
  write("log.jsonl", entry("https://raw.example:443", "CONNECT", kTunnel));
  write("paths.toml", std::string(kAllowAll) +
                          "[[filter.rules]]\npattern = \"https://raw.example/admin/**\"\nscope = \"url\"\n"
                          "action = \"block\"\n");
  Outcome outcome = test("paths.toml");
  EXPECT_EQ(outcome.status, kNarrower) << "some request in it could have been to /admin";
  EXPECT_THAT(
      outcome.out,
      HasSubstr("allow -> block  CONNECT raw.example  1 request\n  such as  https://raw.example:443\n"));
}

TEST_F(PolicyVerbTest, TellsOfRulesThatLookAtRedactedParts) {
  write("log.jsonl", entry("https://api.example/v1?token=[REDACTED]"));
  write("query.toml",
        std::string(kAllowAll) +
            "[[filter.rules]]\npattern = \"token=secret$\"\nscope = \"path\"\naction = \"block\"\n");
  EXPECT_THAT(test("query.toml").out,
              HasSubstr("1 verdict may be wrong: a rule looks at parts of the URL that were redacted\n"));
  EXPECT_THAT(test("block.toml").out, Not(HasSubstr("redacted")));
}

TEST_F(PolicyVerbTest, Json) {
  Outcome outcome = test("block.toml", {"--from-logs", "log.jsonl", "--json"});
  EXPECT_EQ(outcome.status, kNarrower);
  auto document = JsonDocument::parse(outcome.out);
  ASSERT_TRUE(document) << outcome.out;
  EXPECT_EQ(document->root()["requests"].natural(), 2u);
  EXPECT_EQ(document->root()["narrower"].natural(), 2u);
  EXPECT_EQ(document->root()["after"].string(), "block.toml");
}

TEST_F(PolicyVerbTest, AgainstAPeriodOrASession) {
  constexpr WallNanos kDay = 86'400'000'000'000;
  std::string old = record("old.example", "/", wall_now() - 8 * kDay);
  std::string fresh = record("fresh.example");
  auto judged = [&](std::vector<std::string> flags) {
    Outcome outcome = test("block.toml", std::move(flags));
    return std::pair(outcome.out.contains("old.example"), outcome.out.contains("fresh.example"));
  };
  using Found = std::pair<bool, bool>;
  EXPECT_EQ(judged({}), Found(false, true)) << "a week";
  EXPECT_EQ(judged({"--against", "7d"}), Found(false, true));
  EXPECT_EQ(judged({"--against", "2w"}), Found(true, true));
  EXPECT_EQ(judged({"--against", old}), Found(true, false));
  EXPECT_EQ(judged({"--against", fresh}), Found(false, true));
  EXPECT_EQ(judged({"--session", old}), Found(true, false));
  EXPECT_EQ(judged({"--all", "--against", "2w"}), Found(true, true));
}

TEST_F(PolicyVerbTest, NothingRecordedIsNoSuccess) {
  write("log.jsonl", "");
  Outcome empty = test("allow.toml");
  EXPECT_EQ(empty.status, kExitError);
  EXPECT_THAT(empty.err, HasSubstr("nothing was tested"));
  EXPECT_EQ(test("allow.toml", {}).status, kExitError);
  EXPECT_EQ(test("allow.toml", {"--from-logs", "missing"}).status, kExitError);
}

TEST_F(PolicyVerbTest, SaysWhatIsWrong) {
  EXPECT_EQ(test("missing.toml").status, kExitUsage);
  EXPECT_EQ(run({"policy", "test"}).status, kExitUsage);
  EXPECT_EQ(run({"policy"}).status, kExitUsage);
  EXPECT_EQ(test("allow.toml", {"--against", "7dd"}).status, kExitUsage);
  Outcome period = test("allow.toml", {"--against", "soon"});
  EXPECT_EQ(period.status, kExitUsage);
  EXPECT_THAT(period.err, AllOf(HasSubstr("\"soon\" is not a time"), HasSubstr("the id of a session")));
  EXPECT_EQ(test("allow.toml", {"--fail-on", "all"}).status, kExitUsage);
  write("bad.toml", "[[filter.rules]]\npattern = \"a/b\"\naction = \"block\"\n");
  Outcome bad = test("bad.toml");
  EXPECT_EQ(bad.status, kExitUsage);
  EXPECT_THAT(bad.err, HasSubstr("bad.toml:1"));
  write("typo.toml", "[filter]\ndefault_actoin = \"block\"\n");
  EXPECT_THAT(test("typo.toml").err, HasSubstr("typo.toml:2"));
}

}  // namespace
}  // namespace weir::cli
