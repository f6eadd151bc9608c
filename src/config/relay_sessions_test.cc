#include "config/relay_sessions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::config {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kHash(64, 'a'), kOther(64, 'b');

std::string session(const std::string& more, const std::string& hash = kHash) {
  return "[[session]]\ntoken_sha256 = \"" + hash + "\"\n" + more + "\n";
}

std::string complaint(const std::string& text) {
  auto read = parse_relay_sessions(text, "s.toml");
  return read ? "" : read.error().context();
}

TEST(RelaySessionsFile, ReadsAll) {
  auto read = parse_relay_sessions(
      session("id = \"a\"") + session("id = \"b-2\"\nexpires = \"2026-12-01T12:00:00Z\"\nnote = \"x\"\n"
                                      "allowed_hosts = [\"*.example.com\", \"b.test:8443\"]",
                                      kOther),
      "s.toml");
  ASSERT_TRUE(read) << read.error().context();
  ASSERT_EQ(read->size(), 2u);
  EXPECT_TRUE((*read)[0].any_host);
  EXPECT_EQ((*read)[0].expires, 0);
  EXPECT_EQ((*read)[0].token[0], 0xaa);
  EXPECT_FALSE((*read)[1].any_host);
  EXPECT_EQ((*read)[1].expires, 1796126400LL * 1'000'000'000);
  EXPECT_TRUE((*read)[1].allowed_hosts.matches({"a.example.com", 443}));
  EXPECT_FALSE((*read)[1].allowed_hosts.matches({"b.test", 443}));
}

TEST(RelaySessionsFile, AnEmptyFileGrantsNothing) {
  EXPECT_TRUE(parse_relay_sessions("", "s.toml")->empty());
}

TEST(RelaySessionsFile, SaysWhatIsWrongAndWhere) {
  EXPECT_THAT(complaint("[[session]\n"), HasSubstr("s.toml:1:"));
  EXPECT_THAT(complaint("[[sessions]]\nid = \"a\"\n"), HasSubstr("unknown key sessions"));
  EXPECT_THAT(complaint(session("")), HasSubstr("id is missing"));
  EXPECT_THAT(complaint("[[session]]\nid = \"a\"\n"), HasSubstr("token_sha256 is missing"));
  EXPECT_THAT(complaint(session("id = \"a:b\"")), HasSubstr("s.toml:3:"));
  EXPECT_THAT(complaint(session("id = \"\"")), HasSubstr("id: "));
  EXPECT_THAT(complaint(session("id = \"a\"\nexpires = \"tomorrow\"")), HasSubstr("expires: \"tomorrow\""));
  EXPECT_THAT(complaint(session("id = \"a\"\nexpires = 2026-12-01T12:00:00Z")), HasSubstr("in quotes"));
  EXPECT_THAT(complaint(session("id = \"a\"\nallowed_hosts = [\"ex ample\"]")), HasSubstr("allowed_hosts: "));
  EXPECT_THAT(complaint(session("id = \"a\"\nalowed_hosts = []")), HasSubstr("did you mean allowed_hosts?"));
  EXPECT_THAT(complaint(session("id = \"a\"") + session("id = \"a\"", kOther)),
              HasSubstr("line 1 has it as well"));
  EXPECT_THAT(complaint(session("id = \"a\"") + session("id = \"b\"")),
              HasSubstr("has the token of the one in line 1"));
}

TEST(RelaySessionsFile, NeverShowsATokenThatWasPutIntoTheWrongPlace) {
  std::string text = complaint("[[session]]\nid = \"a\"\ntoken_sha256 = \"CANARY-5f1c\"\n");
  EXPECT_THAT(text, HasSubstr("token_sha256: what is there is not accepted"));
  EXPECT_THAT(text, Not(HasSubstr("CANARY")));
  EXPECT_THAT(complaint("[[session]]\nid = \"a\"\ntoken = \"CANARY-5f1c\"\n"), Not(HasSubstr("CANARY")));
}

TEST(RelaySessionsFile, AFileThatIsNotThereIsTold) {
  auto read = read_relay_sessions("/nowhere/sessions.toml");
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().context(), HasSubstr("/nowhere/sessions.toml: there is no such file"));
}

TEST(RelaySessionsFile, MomentsHaveAZone) {
  EXPECT_EQ(parse_moment("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(parse_moment("1970-01-01T02:00:01.5+02:00"), 1'000'000'000);
  EXPECT_EQ(parse_moment("1970-01-01 00:00:00-00:01"), 60'000'000'000);
  for (const char* bad :
       {"", "1970-01-01", "1970-01-01T00:00:00", "1970-13-01T00:00:00Z", "1970-02-30T00:00:00Z",
        "1970-01-01T24:00:00Z", "1970-01-01T00:00:00.Z", "1970-01-01T00:00:00Zx", "9999-01-01T00:00:00Z"})
    EXPECT_EQ(parse_moment(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace weir::config
