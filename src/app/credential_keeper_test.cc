#include "app/credential_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "app/credential_keeper_fixture.h"
#include "app/secret_command.h"

namespace weir::app {
namespace {

namespace fs = std::filesystem;
using broker::Guarded;
using config::SecretSource;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Kind = SecretSource::Kind;
using What = Guarded::What;

TEST_F(CredentialKeeperTest, ReadsEverySourceBeforeItServes) {
  ::setenv("WEIR_TEST_TOKEN", " from-variable ", 1);
  write("token", "from-file\r\n");
  write(".env", "A=1\nTOKEN='from env file'\n");
  add("value", value("from-value"));
  add("variable", env("WEIR_TEST_TOKEN"));
  add("file", file("token"));
  add({.name = "env_file",
       .hosts = {"a.test"},
       .source = SecretSource{.kind = Kind::env_file, .text = path(".env"), .key = "TOKEN"}});
  add("command", shell("echo from-command"));
  ASSERT_EQ(open(), "");
  const char* const kWanted[] = {"from-value", "from-variable", "from-file", "from env file", "from-command"};
  for (std::size_t i = 0; i < std::size(kWanted); ++i) {
    EXPECT_EQ(at_hand(i), kWanted[i]);
    EXPECT_EQ(guarded(kWanted[i]), (Guarded{i, What::secret}));
    EXPECT_EQ(guarded(placeholder(i)), (Guarded{i, What::placeholder}));
    EXPECT_TRUE(redacted(kWanted[i]));
    EXPECT_FALSE(redacted(placeholder(i))) << "a placeholder may be recorded";
  }
  EXPECT_TRUE(keeper_->any_active());
  EXPECT_THAT(keeper_->live()->names(), ElementsAre("value", "variable", "file", "env_file", "command"));
}

TEST_F(CredentialKeeperTest, WhatCannotBeHadIsSaidAtOnce) {
  struct Row {
    SecretSource source;
    std::string says;
  };
  write("empty", " \n");
  write("binary", std::string("ab\0cd", 5));
  write("lines", "two\nlines");
  write(".env", "A=1\n");
  for (const Row& row : std::vector<Row>{
           {env("WEIR_TEST_TOKEN"), "the variable WEIR_TEST_TOKEN is not set"},
           {file("none"), path("none") + ": No such file or directory"},
           {file("empty"), path("empty") + " is empty"},
           {file("binary"), "it has a line feed or another control character in it"},
           {file("lines"), "it has a line feed or another control character in it"},
           {{.kind = Kind::env_file, .text = path(".env"), .key = "TOKEN"},
            path(".env") + " has no line TOKEN=..."},
           {shell("echo hush-hush; exit 7"), "the command sh: it failed with status 7"},
           {shell("printf 'hush\\000hush'"), "it has a line feed or another control character in it"},
           {shell("true"), "the command sh: it printed nothing"},
           {{.kind = Kind::command, .command = {"weir-no-such-command"}},
            "the command weir-no-such-command: "},
       }) {
    settings_.credentials = {};
    add("corp", row.source);
    std::string said = open();
    EXPECT_THAT(said, AllOf(HasSubstr("config.toml:7: the credential \"corp\": "), HasSubstr(row.says),
                            Not(HasSubstr("hush"))));
  }
}

TEST_F(CredentialKeeperTest, NobodyReadsWhatNobodyAskedFor) {
  add("asked", value("asked-secret"));
  add("other", file("none"));
  add("command", shell("echo x >> " + path("runs") + "; exit 1"));
  ASSERT_EQ(open({.asked = {"asked"}}), "");
  EXPECT_EQ(at_hand(1), "nothing");
  EXPECT_FALSE(fs::exists(path("runs")));
  EXPECT_EQ(guarded(placeholder(1)), (Guarded{1, What::placeholder})) << "but what stands for it stays in";
  ASSERT_EQ(open({}), "");
  EXPECT_FALSE(keeper_->any_active());
}

TEST_F(CredentialKeeperTest, VariablesAreForgotten) {
  ::setenv("WEIR_TEST_TOKEN", "from-variable", 1);
  ::setenv("WEIR_TEST_OTHER", "another-secret", 1);
  std::string_view where = ::getenv("WEIR_TEST_TOKEN");
  add({.name = "a", .hosts = {"a.test"}, .env = {"WEIR_TEST_OTHER"}, .source = env("WEIR_TEST_TOKEN")});
  add("command", shell("printf %s.%s \"${WEIR_TEST_TOKEN-gone}\" \"${WEIR_TEST_OTHER-gone}\""));
  ASSERT_EQ(open(), "");
  EXPECT_EQ(::getenv("WEIR_TEST_TOKEN"), nullptr);
  EXPECT_EQ(::getenv("WEIR_TEST_OTHER"), nullptr) << "a variable of it, too";
  EXPECT_EQ(where.find_first_not_of('\0'), where.npos) << "overwritten, where others may look";
  EXPECT_EQ(at_hand(0), "from-variable");
  EXPECT_EQ(obtained(0), "from-variable") << "once more";
  EXPECT_EQ(at_hand(1), "gone.gone") << "what Weir starts does not have them";
}

// What a process was started with is all that /proc shows: so another has the secret from its start.
TEST_F(CredentialKeeperTest, ItsSpawnerForgetsVariables) {
  pid_t pid = ::fork();
  if (pid == 0) {
    ::setenv("WEIR_TEST_TOKEN", "canary-4711", 1);
    ::setenv("WEIR_TEST_OUT", path("out").c_str(), 1);
    std::string self = fs::read_symlink("/proc/self/exe");
    ::execl(self.c_str(), self.c_str(), "--gtest_filter=CredentialKeeperTest.DISABLED_WithAVariable",
            "--gtest_also_run_disabled_tests", "--gtest_brief=1", nullptr);
    ::_exit(127);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(read("out"), "forgotten");
}

/// Of the test above, in a process of its own.
TEST_F(CredentialKeeperTest, DISABLED_WithAVariable) {
  const char* out = ::getenv("WEIR_TEST_OUT");
  ASSERT_NE(out, nullptr);
  const std::string look =
      "if grep -q canary /proc/$PPID/environ; then echo it-is-there; else echo forgotten; fi";
  auto other = std::move(*sandbox::Spawner::start());
  auto before = run_secret_command(std::move(*other.open_runner()), {"sh", "-c", look});
  ASSERT_TRUE(before);
  EXPECT_EQ(before->reveal(), "it-is-there") << "of one that was not told";
  add("a", env("WEIR_TEST_TOKEN"));
  add("look", shell(look));
  ASSERT_EQ(open(), "");
  std::ofstream(out) << at_hand(1);
}

TEST_F(CredentialKeeperTest, TheVariableOfAnotherStays) {
  ::setenv("WEIR_TEST_TOKEN", "from-variable", 1);
  add("a", env("WEIR_TEST_TOKEN"));
  add("b", value("asked-secret"));
  ASSERT_EQ(open({.asked = {"b"}}), "");
  EXPECT_STREQ(::getenv("WEIR_TEST_TOKEN"), "from-variable");
}

TEST_F(CredentialKeeperTest, ANewSecretIsGuardedAndRedactedFromThenOn) {
  write("token", "the-first-secret");
  add("corp", file("token"));
  ASSERT_EQ(open(), "");
  auto before = keeper_->guard();
  write("token", "the-second-secret");
  EXPECT_EQ(obtained(0), "the-second-secret");
  EXPECT_EQ(at_hand(0), "the-second-secret");
  EXPECT_EQ(guarded("the-second-secret"), (Guarded{0, What::secret}));
  EXPECT_TRUE(redacted("the-second-secret"));
  EXPECT_FALSE(before->find("the-second-secret", {})) << "who has the old one keeps it";
  // Requests that carry the first may still be under way, and their answers say it.
  EXPECT_EQ(guarded("the-first-secret"), (Guarded{0, What::secret}));
  EXPECT_TRUE(redacted("the-first-secret"));
  write("token", "the-third-secret");
  EXPECT_EQ(obtained(0), "the-third-secret");
  EXPECT_TRUE(redacted("the-second-secret"));
  EXPECT_FALSE(redacted("the-first-secret"));
  auto now = keeper_->guard();
  EXPECT_EQ(obtained(0), "the-third-secret");
  EXPECT_EQ(keeper_->guard(), now) << "nothing has changed";
}

TEST_F(CredentialKeeperTest, AFileThatWentAwayLeavesTheOldSecretGuarded) {
  write("token", "the-first-secret");
  add("corp", file("token"));
  ASSERT_EQ(open(), "");
  fs::remove(path("token"));
  EXPECT_THAT(obtained(0), HasSubstr("\"corp\": open " + path("token") + ": No such file or directory"));
  EXPECT_FALSE(keeper_->at_hand(0)) << "who takes the file away takes the secret away";
  EXPECT_TRUE(redacted("the-first-secret"));
  EXPECT_TRUE(guarded("the-first-secret"));
}

// It is not looked for in requests, but it is not recorded either.
TEST_F(CredentialKeeperTest, AShortSecret) {
  add("a", value("hunter2"));
  add("b", value("abc"));
  ASSERT_EQ(open(), "");
  EXPECT_EQ(at_hand(0), "hunter2");
  EXPECT_FALSE(guarded("hunter2"));
  EXPECT_TRUE(redacted("hunter2"));
  EXPECT_FALSE(redacted("abc")) << "it would be found everywhere";
}

TEST_F(CredentialKeeperTest, OneTokenForTwo) {
  add("a", value("one-and-the-same"));
  add("b", value("one-and-the-same"));
  ASSERT_EQ(open(), "");
  broker::Allowed allowed;
  allowed.add({1, What::secret});
  EXPECT_FALSE(keeper_->guard()->find("one-and-the-same", allowed));
}

TEST_F(CredentialKeeperTest, CountsItsUses) {
  add("a", value("a-secret-value"));
  add("b", value("b-secret-value"));
  ASSERT_EQ(open(), "");
  keeper_->used(1);
  keeper_->used(1);
  EXPECT_THAT(keeper_->uses(), ElementsAre(0, 2));
}

TEST_F(CredentialKeeperTest, TextsWithoutSecrets) {
  add("a", value("a-secret-value"));
  add("short", value("abc"));
  ASSERT_EQ(open(), "");
  EXPECT_EQ(keeper_->without_secrets("URL=https://u:a-secret-value@a.test/a-secret-value abc"),
            "URL=https://u:" + placeholder(0) + "@a.test/" + placeholder(0) + " abc");
  EXPECT_EQ(keeper_->without_secrets(""), "");
}

// --- AWS

TEST_F(CredentialKeeperTest, AwsKeysOfThreeSources) {
  write("session", "the-session-token\n");
  add({.name = "aws",
       .preset = "aws",
       .source = value("the/secret+access-key"),
       .access_key_id = value("AKIAREALREALREALREAL"),
       .session_token = file("session")});
  ASSERT_EQ(open(), "");
  auto keys = keeper_->at_hand(0);
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->text.reveal(), "the/secret+access-key");
  EXPECT_EQ(keys->access_key_id.reveal(), "AKIAREALREALREALREAL");
  EXPECT_EQ(keys->session_token.reveal(), "the-session-token");
  for (const char* secret : {"the/secret+access-key", "the-session-token"}) {
    EXPECT_EQ(guarded(secret), (Guarded{0, What::secret}));
    EXPECT_TRUE(redacted(secret));
  }
  EXPECT_FALSE(guarded("AKIAREALREALREALREAL")) << "it is no secret";
  EXPECT_EQ(guarded(keeper_->bindings()[0].placeholder_secret), (Guarded{0, What::placeholder}));
  // The token alone is another.
  write("session", "the-next-session-token\n");
  EXPECT_EQ(obtained(0), "the/secret+access-key");
  EXPECT_TRUE(redacted("the-next-session-token"));
  EXPECT_TRUE(redacted("the-session-token"));
}

TEST_F(CredentialKeeperTest, AwsKeysOfACredentialProcess) {
  auto opened = [&](const std::string& json) {
    write("json", json);
    settings_.credentials = {};
    add({.name = "aws", .preset = "aws", .source = shell("cat " + path("json"))});
    return open();
  };
  ASSERT_EQ(
      opened(
          R"({"Version": 1, "AccessKeyId": "ASIAREAL", "SecretAccessKey": "the\/secret", "SessionToken": "the-token"})"),
      "");
  auto keys = keeper_->at_hand(0);
  EXPECT_EQ(keys->text.reveal(), "the/secret");
  EXPECT_EQ(keys->access_key_id.reveal(), "ASIAREAL");
  EXPECT_EQ(keys->session_token.reveal(), "the-token");
  EXPECT_EQ(keys->until, 0);
  const std::string keys_text =
      R"({"AccessKeyId": "ASIAREAL", "SecretAccessKey": "hush-hush", "Expiration": )";
  for (const char* end : {"\"2199-11-23T18:00:00Z\"}", "\"2199-11-23T18:00:00+00:00\"}"}) {
    ASSERT_EQ(opened(keys_text + end), "");
    EXPECT_EQ(keeper_->at_hand(0)->until, (7254813600LL - 120) * 1'000'000'000) << end;
  }
  ASSERT_EQ(opened(keys_text + "\"2001-11-23T18:00:00Z\"}"), "");
  EXPECT_EQ(at_hand(0), "nothing") << "they are good no more";
  for (const auto& [json, says] :
       {std::pair<std::string, std::string>{"{\"SecretAccessKey\": \"hush-hush\"}",
                                            "an access key id is missing beside the secret"},
        {"{\"AccessKeyId\": \"hush-hush\"}", "an access key id is missing beside the secret"},
        {"{hush-hush", "the command sh prints no JSON"},
        {"hush-hush", "an access key id is missing beside the secret; give access_key_id a source"},
        {"{\"AccessKeyId\": \"A\", \"SecretAccessKey\": \"hush\\nhush\"}", "control character"}})
    EXPECT_THAT(opened(json), AllOf(HasSubstr(says), Not(HasSubstr("hush")))) << json;
}

// --- OAuth

TEST_F(CredentialKeeperTest, ATokenIsAskedForWhenItIsNeeded) {
  add({.name = "drive",
       .hosts = {"a.test"},
       .source = file("folder/none"),
       .oauth = config::OauthSettings{.token_url = "https://id.test/", .client_id = "id"}});
  ASSERT_EQ(open(), "") << "starting takes no network";
  EXPECT_EQ(at_hand(0), "nothing");
  EXPECT_THAT(keeper_->writable(), ElementsAre(fs::path(path("folder")))) << "where a new refresh token goes";
  EXPECT_EQ(obtained(0), "\"drive\": nothing is served yet");
  ASSERT_EQ(open(), "");
  start();
  EXPECT_THAT(told(fetch(0)),
              HasSubstr("\"drive\": open " + path("folder/none") + ": No such file or directory"));
}

}  // namespace
}  // namespace weir::app
