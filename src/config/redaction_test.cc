#include "config/redaction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "config/load.h"
#include "config/log_skip.h"
#include "config/trust.h"

namespace weir::config {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

/// A home with a project in it, which is the working directory.
class RedactionTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "weir-redaction-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    before_ = fs::current_path();
    home_ = fs::canonical(name);
    user_ = home_ + "/.config/weir/config.toml";
    fs::create_directories(home_ + "/code");
    fs::create_directories(home_ + "/.config/weir");
    fs::current_path(home_ + "/code");
    ::setenv("HOME", home_.c_str(), 1);
    for (const char* name : {"XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "WEIR_CORP_CONFIG"})
      ::unsetenv(name);
  }
  void TearDown() override {
    for (const char* name : {"WEIR_CORP_CONFIG", "WEIR_TEST_SECRET"}) ::unsetenv(name);
    fs::current_path(before_);
    fs::remove_all(home_);
  }

  static void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }
  void write_corp(const std::string& text) {
    write(home_ + "/corp.toml", text);
    ::setenv("WEIR_CORP_CONFIG", (home_ + "/corp.toml").c_str(), 1);
  }
  void write_trusted(const std::string& text) {
    write(home_ + "/code/.weir.toml", text);
    ASSERT_TRUE(store_trust({home_ + "/code/.weir.toml", content_hash(text), false}));
  }
  static Configuration good() {
    auto out = load({});
    if (!out) ADD_FAILURE() << to_error(out.error()).message();
    return out.value_or(Configuration());
  }
  /// What is wrong with the user's file, without its path.
  std::vector<std::string> problems(const std::string& text) {
    write(user_, text);
    auto loaded = load({});
    std::vector<std::string> out;
    if (loaded) return out;
    for (const Problem& problem : loaded.error())
      out.push_back(problem.str().substr(problem.source.size() + 1));
    return out;
  }
  flow::Redactor::Options resolved() {
    auto out = resolve(good().settings.redaction);
    if (!out) ADD_FAILURE() << out.error().context();
    return out.value_or(flow::Redactor::Options());
  }
  std::string unresolved() {
    auto out = resolve(good().settings.redaction);
    return out ? "" : out.error().context();
  }
  static std::vector<std::string> told(const flow::Redactor::Options& options) {
    std::vector<std::string> out;
    for (const auto& rule : options.rules) out.push_back(rule.name + "=" + rule.pattern + rule.value);
    return out;
  }

  fs::path before_;
  std::string home_, user_;
};

TEST_F(RedactionTest, SecretsAreReadFromWhereTheyAre) {
  ::setenv("WEIR_TEST_SECRET", "from-env", 1);
  write(home_ + "/.token", "from-file\r\n");
  write(home_ + "/.config/weir/.env", "A=1\nexport DB = 'from # env file' # why\n");
  write(user_, R"([redaction]
headers = ["X-Corp"]
query_keys = ["session", "tenant"]
max_scan_bytes = "1MiB"
[[redaction.rules]]
pattern = 'ghp_[a-z]+'
[[redaction.rules]]
name = "value"
source = { value = "from-value" }
[[redaction.rules]]
source = { env = "WEIR_TEST_SECRET" }
[[redaction.rules]]
name = "file"
source = { file = "~/.token" }
[[redaction.rules]]
name = "env_file"
source = { env_file = ".env", env_file_key = "DB" }
)");
  auto options = resolved();
  EXPECT_THAT(told(options), ElementsAre("rule-1=ghp_[a-z]+", "value=from-value", "rule-3=from-env",
                                         "file=from-file", "env_file=from # env file"));
  EXPECT_EQ(options.rules[1].source, user_ + ":7");
  EXPECT_THAT(options.names.fields, ElementsAre("X-Corp"));
  EXPECT_THAT(options.names.parameters, ElementsAre("session", "tenant"));
  EXPECT_EQ(options.max_scan_bytes, 1u << 20);
}

TEST_F(RedactionTest, APipeIsReadToItsEndIfThatComesSoon) {
  const std::string path = home_ + "/pipe";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  SecretSource source{.kind = SecretSource::Kind::file, .text = path};
  auto nobody = read_secret(source, std::chrono::milliseconds(20));
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().context(),
            "read " + path + ": it is a pipe, and nobody has written it to its end");
  std::thread writer([&] {
    std::ofstream out(path);  // waits for the reader
    out << "from-";
    out.flush();
    out << "pipe\n";
  });
  auto secret = read_secret(source, std::chrono::minutes(1));
  writer.join();
  ASSERT_TRUE(secret) << secret.error().context();
  EXPECT_EQ(*secret, "from-pipe");
}

TEST_F(RedactionTest, WhatIsNotThereNamesRuleAndMend) {
  auto rule = [&](const std::string& source) {
    write(user_, "[[redaction.rules]]\nname = \"db\"\nsource = " + source + "\n");
    return unresolved();
  };
  const std::string begin = user_ + ":1: redaction rule \"db\": ";
  const std::string mend = ", so nobody would know what to redact; put the secret there, or remove the rule";
  EXPECT_EQ(rule("{ env = \"WEIR_TEST_SECRET\" }"),
            begin + "the variable WEIR_TEST_SECRET is not set" + mend);
  ::setenv("WEIR_TEST_SECRET", "", 1);
  EXPECT_EQ(rule("{ env = \"WEIR_TEST_SECRET\" }"), begin + "the variable WEIR_TEST_SECRET is empty" + mend);
  EXPECT_THAT(rule("{ file = \"/nowhere/token\" }"),
              HasSubstr("/nowhere/token: No such file or directory, so"));
  write(home_ + "/empty", " \n");
  EXPECT_EQ(rule("{ file = \"~/empty\" }"), begin + home_ + "/empty is empty" + mend);
  EXPECT_EQ(rule("{ env_file = \"~/empty\", env_file_key = \"DB\" }"),
            begin + home_ + "/empty has no line DB=..." + mend);
  write(home_ + "/.env", "DB=\n");
  EXPECT_EQ(rule("{ env_file = \"~/.env\", env_file_key = \"DB\" }"),
            begin + "DB in " + home_ + "/.env is empty" + mend);
}

TEST_F(RedactionTest, EnvFiles) {
  constexpr const char* kText =
      "# PLAIN=no\nPLAIN=value\n SPACED = a b \nexport EXPORTED=x\nHASH=a#b # c\nQUOTED=\"a\\nb\\\"c\" # d\n"
      "SINGLE='a\\n\"b'\nTWICE=1\nTWICE=2\nEQUALS=a=b==\nEMPTY=\nCRLF=x\r\nLAST=y";
  constexpr std::pair<const char*, const char*> kCases[] = {
      {"PLAIN", "value"},    {"SPACED", "a b"},     {"EXPORTED", "x"}, {"HASH", "a#b"},
      {"QUOTED", "a\nb\"c"}, {"SINGLE", "a\\n\"b"}, {"TWICE", "2"},    {"EQUALS", "a=b=="},
      {"EMPTY", ""},         {"CRLF", "x"},         {"LAST", "y"}};
  for (auto [key, value] : kCases) EXPECT_EQ(env_file_value(kText, key), value) << key;
  EXPECT_EQ(env_file_value(kText, "NONE"), std::nullopt);
  EXPECT_EQ(env_file_value("", "NONE"), std::nullopt);
}

TEST_F(RedactionTest, WhatIsWrongIsSaidWithoutTheSecret) {
  const std::string example =
      "a table such as { env = \"GITHUB_TOKEN\" }, { file = \"~/.token\" }, { env_file = \".env\", "
      "env_file_key = "
      "\"DB_PASSWORD\" } or { value = \"...\" }";
  auto rule = [&](const std::string& text) { return problems("[[redaction.rules]]\n" + text + "\n"); };
  EXPECT_THAT(rule(""),
              ElementsAre("1:1: redaction.rules: says nothing to look for; give it a pattern or a source"));
  EXPECT_THAT(rule("pattern = \"a\"\nsource = { env = \"A\" }"),
              ElementsAre("1:1: redaction.rules: has a pattern and a source; make two rules of it"));
  EXPECT_THAT(rule("pattern = \"a(\""),
              ElementsAre(HasSubstr("2:1: redaction.rules: pattern: it is no regular")));
  EXPECT_THAT(rule("pattern = \"a*\""), ElementsAre(HasSubstr("pattern: it matches an empty text")));
  EXPECT_THAT(rule("name = \"a b\"\npattern = \"a\""), ElementsAre(HasSubstr("wanted is a name of letters")));
  EXPECT_THAT(rule("patern = \"a\""),
              ElementsAre(HasSubstr("says nothing"), HasSubstr("unknown key patern; did you mean pattern?")));
  for (const char* source : {"\"hunter2\"", "[\"hunter2\"]"})
    EXPECT_THAT(rule(std::string("source = ") + source),
                ElementsAre("2:1: redaction.rules: source: wanted is " + example));
  EXPECT_THAT(
      rule("source = { value = 48151623 }"),
      ElementsAre(HasSubstr("source: value: what stands here is not accepted; wanted is the secret")));
  EXPECT_THAT(rule("source = { env = \"hunter 2\" }"), ElementsAre(Not(HasSubstr("hunter"))));
  EXPECT_THAT(rule("source = []"), ElementsAre(HasSubstr("source: wanted is ")));
  EXPECT_THAT(rule("source = { }"), ElementsAre(HasSubstr("source: wanted is one place: " + example)));
  EXPECT_THAT(rule("source = { env = \"A\", value = \"hunter2\" }"),
              ElementsAre(HasSubstr("wanted is one place")));
  EXPECT_THAT(rule("source = { env_file = \".env\" }"), ElementsAre(HasSubstr("env_file_key is missing")));
  EXPECT_THAT(rule("source = { env_file_key = \"A\" }"), ElementsAre(HasSubstr("wanted is one place")));
  EXPECT_THAT(problems("[redaction]\nrules = [\"hunter2\"]\n"),
              ElementsAre(HasSubstr("wanted are tables: [[redaction.rules]]")));
  EXPECT_THAT(problems("[redaction]\nheaders = [\"a b\"]\nquery_keys = [\"a&b\"]\nmax_scan_bytes = 5\n"),
              ElementsAre(HasSubstr("a header's name"), HasSubstr("a query parameter's name"),
                          HasSubstr("at least 1KiB")));
}

TEST_F(RedactionTest, ShowMasksValues) {
  write(user_, R"([redaction]
rules = [{ source = { value = "hunter2" } }, { name = "b", source = { env_file = "/e", env_file_key = "K" } }]
)");
  std::string shown = find_field("redaction.rules")->show(good().settings).toml();
  EXPECT_EQ(shown, R"([{ name = "rule-1", source = { value = "****" } }, )"
                   R"({ name = "b", source = { env_file = "/e", env_file_key = "K" } }])");
}

TEST_F(RedactionTest, LayersAddAndNoneTakesAway) {
  auto layer = [](const std::string& name) {
    return "[proxy.redaction]\nheaders = [\"X-" + name + "\"]\n[[proxy.redaction.rules]]\nname = \"" + name +
           "\"\npattern = \"" + name + "\"\n";
  };
  write_corp(layer("corp"));
  write(user_, layer("user"));
  write_trusted(layer("project"));
  auto options = resolved();
  EXPECT_THAT(told(options), ElementsAre("corp=corp", "user=user", "project=project"));
  EXPECT_THAT(options.names.fields, ElementsAre("X-corp", "X-user", "X-project"));
  EXPECT_TRUE(redaction_enabled(good().settings.redaction));
}

TEST_F(RedactionTest, OffIsForALayerAndThoseBelow) {
  const std::string on = "[[redaction.rules]]\npattern = \"a\"\n";
  write_corp(on);
  write(user_, "[redaction]\nenabled = false\n" + on);
  write_trusted(on);
  EXPECT_THAT(resolved().rules, SizeIs(1));
  EXPECT_FALSE(redaction_enabled(good().settings.redaction));
  write_corp("[redaction]\nenabled = true\n" + on);
  EXPECT_THAT(resolved().rules, SizeIs(1)) << "corp's alone: the user's own are off";
  write_corp("[redaction]\nenabled = false\n" + on);
  EXPECT_THAT(resolved().rules, IsEmpty());
}

TEST_F(RedactionTest, AProjectMayNeitherSwitchOffNorHide) {
  write_trusted(R"([redaction]
enabled = false
max_scan_bytes = "1GiB"
[[log_skip.rules]]
pattern = "*"
)");
  auto loaded = load({});
  ASSERT_FALSE(loaded);
  std::string text = to_error(loaded.error()).context();
  for (const char* key : {"redaction.enabled", "redaction.max_scan_bytes", "log_skip.rules"})
    EXPECT_THAT(text, HasSubstr(std::string(key) + " is not for a project to set"));
}

TEST_F(RedactionTest, LogSkip) {
  write(user_, R"([[log_skip.rules]]
pattern = "*.bank.test"
[[log_skip.rules]]
pattern = "/health/**"
scope = "path"
type = "glob"
methods = ["get"]
)");
  LogSkipSettings settings = good().settings.log_skip;
  const auto& rules = settings.layers[std::to_underlying(Layer::user)];
  ASSERT_THAT(rules, SizeIs(2));
  EXPECT_EQ(rules[1].source, user_ + ":3");
  EXPECT_EQ(to_skip_table(rules[1]).toml(),
            R"({ pattern = "/health/**", scope = "path", type = "glob", methods = ["GET"] })");
  auto policy = compile(settings);
  ASSERT_TRUE(policy && *policy);
  auto skips = [&](const char* host, const char* method, const char* target, bool tunnel = false) {
    http::Origin origin{http::Scheme::https, {host, 443}};
    return (*policy)->decide({origin, method, target, tunnel}).action == policy::Action::allow;
  };
  EXPECT_TRUE(skips("www.bank.test", "POST", "/x"));
  EXPECT_TRUE(skips("www.bank.test", "CONNECT", "", true));
  EXPECT_FALSE(skips("bank.test", "GET", "/"));
  EXPECT_TRUE(skips("a.test", "GET", "/health/live"));
  EXPECT_FALSE(skips("a.test", "POST", "/health/live"));
  EXPECT_FALSE(skips("a.test", "CONNECT", "", true)) << "nobody knows what is asked for inside";
  EXPECT_EQ(*compile({}), nullptr);

  EXPECT_THAT(problems("[[log_skip.rules]]\naction = \"block\"\n"),
              ElementsAre(HasSubstr("pattern is missing"), HasSubstr("unknown key action")));
  settings.layers[2][0].pattern = "a/b";
  EXPECT_THAT(compile(settings).error().context(), HasSubstr("config.toml:1: pattern \"a/b\""));
}

}  // namespace
}  // namespace weir::config
