// `weir trust`, and what `weir config` says of the filter.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "cli/main.h"
#include "cli/verbs.h"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;

struct Outcome {
  int status = 0;
  std::string out, err;
};

/// A home with a project in it, which is the working directory. The home is "~" in what is printed.
class TrustTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "weir-trust-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    home_ = fs::canonical(name);
    before_ = fs::current_path();
    fs::create_directory(home_ + "/code");
    fs::current_path(home_ + "/code");
    const char* home = ::getenv("HOME");
    old_home_ = home != nullptr ? home : "";
    ::setenv("HOME", home_.c_str(), 1);
    for (const char* unset : {"XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"}) ::unsetenv(unset);
  }
  void TearDown() override {
    ::setenv("HOME", old_home_.c_str(), 1);
    fs::current_path(before_);
    fs::remove_all(home_);
  }

  Outcome run(std::vector<std::string> words) {
    words.insert(words.begin(), "weir");
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    Outcome outcome;
    outcome.status = weir::cli::main(static_cast<int>(words.size()), argv.data());
    outcome.out = shortened(testing::internal::GetCapturedStdout());
    outcome.err = shortened(testing::internal::GetCapturedStderr());
    return outcome;
  }
  std::string shortened(std::string text) const {
    for (std::size_t at; (at = text.find(home_)) != std::string::npos;) text.replace(at, home_.size(), "~");
    return text;
  }
  static void write(const std::string& text) { std::ofstream(".weir.toml") << text; }

  fs::path before_;
  std::string home_, old_home_;
};

constexpr const char* kNarrows = "[[filter.rules]]\npattern = \"a.test\"\naction = \"block\"\n";
constexpr const char* kWidens = "[[filter.rules]]\npattern = \"a.test\"\naction = \"allow\"\n";

TEST_F(TrustTest, TrustsListsAndRemoves) {
  write(kNarrows);
  Outcome trusted = run({"trust"});
  EXPECT_EQ(trusted.status, kExitOk) << trusted.err;
  EXPECT_EQ(trusted.out, "trusted, to narrow what is allowed: ~/code/.weir.toml\n");
  EXPECT_EQ(run({"trust", "list"}).out, "narrow     ~/code/.weir.toml\n");
  write(kWidens);
  EXPECT_EQ(run({"trust", "list"}).out, "changed    ~/code/.weir.toml\n");
  EXPECT_EQ(run({"trust", "--widen", ".weir.toml"}).out,
            "trusted, to set everything that you do not: ~/code/.weir.toml\n");
  EXPECT_EQ(run({"trust", "list"}).out, "widen      ~/code/.weir.toml\n");
  fs::remove(".weir.toml");
  EXPECT_EQ(run({"trust", "list"}).out, "gone       ~/code/.weir.toml\n");
  EXPECT_EQ(run({"trust", "remove", ".weir.toml"}).out, "no longer trusted: ~/code/.weir.toml\n");
  EXPECT_THAT(run({"trust", "list"}).out, IsEmpty());
  Outcome again = run({"trust", "remove", ".weir.toml"});
  EXPECT_EQ(again.status, kExitError);
  EXPECT_THAT(again.err, HasSubstr("~/code/.weir.toml was not trusted"));
}

TEST_F(TrustTest, WhatWouldBeRefusedLaterIsRefusedNow) {
  write(kWidens);
  Outcome refused = run({"trust"});
  EXPECT_EQ(refused.status, kExitUsage);
  EXPECT_THAT(refused.err, HasSubstr("the rule \"a.test\" allows; a project's file may only narrow"));
  write("[[filter.rules]]\npattern = \"((\"\naction = \"block\"\n");
  EXPECT_THAT(run({"trust"}).err, HasSubstr("~/code/.weir.toml:1: pattern \"((\""));
  fs::create_directories(home_ + "/.config/weir");
  std::ofstream(home_ + "/.config/weir/config.toml") << "[tls]\npassthrough = [\"a.test\"]\n";
  write(std::string(kNarrows) + "methods = [\"POST\"]\n");
  EXPECT_THAT(run({"trust"}).err, HasSubstr("~/code/.weir.toml:1: the rule a.test cannot be enforced"));
  EXPECT_THAT(run({"trust", "list"}).out, IsEmpty());
}

TEST_F(TrustTest, WhatNobodyWouldLookForIsNotTrusted) {
  std::ofstream("other.toml") << kNarrows;
  EXPECT_THAT(run({"trust", "other.toml"}).err, HasSubstr("~/code/other.toml would never be looked for"));
  EXPECT_THAT(run({"trust", "list"}).out, IsEmpty());
}

TEST_F(TrustTest, WithoutAFileItSaysSo) {
  EXPECT_THAT(run({"trust"}).err, HasSubstr("there is no .weir.toml here or further up; name the file"));
  EXPECT_THAT(run({"trust", "other.toml"}).err, HasSubstr("other.toml: No such file or directory"));
  EXPECT_EQ(run({"trust", "remove"}).status, kExitUsage);
}

TEST_F(TrustTest, ConfigShowsRulesWithLayerAndSource) {
  write(std::string(kNarrows) + "[[filter.domains]]\npattern = \"b.test\"\nread = \"ask\"\n");
  EXPECT_THAT(run({"config", "show"}).err,
              HasSubstr("~/code/.weir.toml: is not used: you have not trusted it"));
  ASSERT_EQ(run({"trust"}).status, kExitOk);
  std::ofstream("user.toml") << "[filter]\ndefault_action = \"ask\"\n[[filter.rules]]\npattern = \"c.test\"\n"
                                "action = \"allow\"\n";
  Outcome table = run({"config", "show", "user.toml"});
  EXPECT_THAT(table.out, HasSubstr("filter.default_action      \"ask\" "));
  EXPECT_THAT(table.out,
              HasSubstr("filter.rules               { pattern = \"c.test\", action = \"allow\" } # "
                        "user, user.toml:3\nfilter.rules               { pattern = \"a.test\", "
                        "action = \"block\" } # project, ~/code/.weir.toml:1\n"));
  EXPECT_THAT(table.out,
              HasSubstr("{ pattern = \"b.test\", read = \"ask\" } # project, ~/code/.weir.toml:4\n"));
  Outcome json = run({"config", "show", "--json", "user.toml"});
  EXPECT_THAT(json.out, HasSubstr("\"project\": \"~/code/.weir.toml\""));
  EXPECT_THAT(json.out,
              HasSubstr("\"rule\": {\"pattern\":\"a.test\",\"action\":\"block\"},\n      \"layer\": "
                        "\"project\",\n      \"source\": \"~/code/.weir.toml:1\""));
}

TEST_F(TrustTest, ConfigShowsEachReceiverWithItsPlace) {
  std::ofstream("corp.toml") << "[[logging.receivers]]\nname = \"central\"\ntype = \"syslog\"\n";
  std::ofstream("user.toml") << "[[logging.receivers]]\nname = \"mine\"\ntype = \"syslog\"\n";
  ::setenv("WEIR_CORP_CONFIG", "corp.toml", 1);
  std::string table = run({"config", "show", "user.toml"}).out;
  ::unsetenv("WEIR_CORP_CONFIG");
  EXPECT_THAT(table, testing::ContainsRegex("logging.receivers .*\"central\".* # corp, corp.toml:1\n"
                                            "logging.receivers .*\"mine\".* # user, user.toml:1\n"));
}

TEST_F(TrustTest, ConfigCheckCompilesTheRules) {
  std::ofstream("user.toml") << "[[filter.rules]]\npattern = \"((\"\naction = \"block\"\n";
  Outcome bad = run({"config", "check", "user.toml"});
  EXPECT_EQ(bad.status, kExitUsage);
  EXPECT_THAT(bad.err, HasSubstr("user.toml:1: pattern \"((\""));
  std::ofstream("user.toml") << kNarrows << "methods = [\"POST\"]\n[tls]\npassthrough = [\"a.test\"]\n";
  EXPECT_THAT(run({"config", "check", "user.toml"}).err, HasSubstr("the rule a.test cannot be enforced"));
  std::ofstream("user.toml") << "[[logging.receivers]]\ntype = \"http\"\nurl = \"http://a.test/\"\n"
                                "bearer_token = { env = \"WEIR_TEST_NOT_SET\" }\n";
  Outcome elsewhere = run({"config", "check", "user.toml"});
  EXPECT_EQ(elsewhere.status, kExitOk);
  EXPECT_THAT(elsewhere.err, HasSubstr("as things are here, Weir would not start: user.toml:1: logging "
                                       "receiver \"http-1\": Authorization: the variable WEIR_TEST_NOT_SET"));
  std::ofstream("user.toml") << kNarrows;
  Outcome good = run({"config", "check", "user.toml"});
  EXPECT_EQ(good.status, kExitOk) << good.err;
  EXPECT_THAT(good.out, HasSubstr("user.toml: valid, sets 1 of "));
}

}  // namespace
}  // namespace weir::cli
