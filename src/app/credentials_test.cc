#include "app/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "broker/preset.h"

namespace weir::app {
namespace {

namespace fs = std::filesystem;
using config::SecretSource;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Kind = SecretSource::Kind;

constexpr std::string_view kKey = "the key of placeholders";
constexpr const char* kVariables[] = {"GITHUB_TOKEN",          "GH_TOKEN",          "AWS_ACCESS_KEY_ID",
                                      "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "MY_TOKEN",
                                      "ANTHROPIC_API_KEY"};

/// A home of its own, and none of the variables of presets.
class CredentialsTest : public ::testing::Test {
 protected:
  CredentialsTest() {
    std::string name = ::testing::TempDir() + "weir-secrets-XXXXXX";
    home_ = ::mkdtemp(name.data());
    ::setenv("HOME", home_.c_str(), 1);
    for (const char* name : {"XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"}) ::unsetenv(name);
    for (const char* name : kVariables) ::unsetenv(name);
  }
  ~CredentialsTest() override {
    for (const char* name : kVariables) ::unsetenv(name);
    fs::remove_all(home_);
  }

  void add(config::Credential credential) {
    credential.place = "config.toml:7";
    settings_.credentials.layers[2].push_back(std::move(credential));
  }
  static SecretSource env(std::string name) { return {.kind = Kind::env, .text = std::move(name)}; }

  std::vector<ResolvedCredential> resolve(const CredentialChoice& choice) const {
    auto out = resolve_credentials(settings_, choice, kKey);
    EXPECT_TRUE(out) << out.error().message();
    return out ? std::move(*out) : std::vector<ResolvedCredential>();
  }
  std::vector<ResolvedCredential> asked(std::vector<std::string> words) const {
    return resolve({.asked = std::move(words)});
  }
  std::string refusal(std::vector<std::string> words) const {
    auto out = resolve_credentials(settings_, {.asked = std::move(words)}, kKey);
    if (out) return "taken";
    EXPECT_EQ(out.error().code(), Code::bad_config);
    return out.error().context();
  }

  fs::path home_;
  config::Settings settings_;
};

TEST_F(CredentialsTest, APresetNeedsNoConfiguration) {
  auto all = asked({"github"});
  ASSERT_THAT(all, SizeIs(1));
  const ResolvedCredential& github = all[0];
  EXPECT_EQ(github.binding.name, "github");
  EXPECT_TRUE(github.binding.active);
  EXPECT_THAT(github.binding.fields, ElementsAre("Authorization"));
  EXPECT_TRUE(github.binding.binds({http::Scheme::https, {"api.github.com", 443}}));
  EXPECT_FALSE(github.binding.binds({http::Scheme::https, {"gist.github.com", 443}}));
  EXPECT_EQ(github.binding.injected, "") << "nobody asked for that";
  EXPECT_EQ(github.binding.placeholder, broker::placeholder(kKey, "github", {"ghp_", 40}));
  EXPECT_EQ(github.settings.source->text, "GITHUB_TOKEN");
  EXPECT_THAT(variables_of(github), ElementsAre("GITHUB_TOKEN", "GH_TOKEN"));
  EXPECT_THAT(placeholders_of(github), ElementsAre("GITHUB_TOKEN=" + github.binding.placeholder,
                                                   "GH_TOKEN=" + github.binding.placeholder));
  ::setenv("GH_TOKEN", "x", 1);
  EXPECT_EQ(asked({"github"})[0].settings.source->text, "GH_TOKEN") << "the one that is set";
  ::setenv("GITHUB_TOKEN", "", 1);
  EXPECT_EQ(asked({"github"})[0].settings.source->text, "GH_TOKEN") << "an empty one is not";
}

TEST_F(CredentialsTest, APresetOrAVariableForOtherHosts) {
  auto all = asked({"github@ghe.test,*.ghe.test:8443", "MY_TOKEN@api.test"});
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_THAT(all[0].binding.host_texts, ElementsAre("ghe.test", "*.ghe.test:8443"))
      << "and no longer those of the preset";
  EXPECT_THAT(all[0].binding.fields, ElementsAre("Authorization"));
  EXPECT_EQ(all[1].binding.name, "MY_TOKEN");
  EXPECT_THAT(all[1].binding.fields, IsEmpty()) << "any field";
  EXPECT_EQ(all[1].settings.source->text, "MY_TOKEN");
  EXPECT_THAT(variables_of(all[1]), ElementsAre("MY_TOKEN"));
  EXPECT_THAT(placeholders_of(all[1]), ElementsAre("MY_TOKEN=" + all[1].binding.placeholder));
  EXPECT_EQ(all[1].binding.placeholder.size(), 36U);
  EXPECT_THAT(asked({"github", "github"}), SizeIs(1)) << "said twice";
}

TEST_F(CredentialsTest, WhatCannotBeAskedFor) {
  add({.name = "corp", .hosts = {"corp.test"}, .source = env("A")});
  add({.name = "off", .hosts = {"off.test"}, .source = env("A"), .enabled = false});
  EXPECT_EQ(
      refusal({"nosuch"}),
      "--secret nosuch: there is no such credential; configured are: corp, off; presets that need no more: "
      "anthropic, aws, gemini, github, gitlab, openai; or bind a variable to a host: --secret "
      "nosuch@api.example.com");
  EXPECT_THAT(refusal({""}), HasSubstr("there is no such credential"));
  EXPECT_THAT(refusal({"bearer"}), HasSubstr("there is no such credential")) << "it has no hosts";
  EXPECT_EQ(refusal({"off"}), "--secret off: it is switched off (enabled = false, config.toml:7)");
  EXPECT_EQ(refusal({"MY_TOKEN@"}), "--secret MY_TOKEN@: a host is missing behind the @");
  EXPECT_EQ(refusal({"@api.test"}), "--secret @api.test:  is neither a preset nor the name of a variable");
  EXPECT_THAT(refusal({"MY TOKEN@api.test"}),
              HasSubstr("MY TOKEN is neither a preset nor the name of a variable"));
  for (const char* host : {"*", "*:443", "10.0.0.0/8", "[2001:db8::]/32", "https://api.test", "a b", ",",
                           ",api.test", "a.test,,b.test"})
    EXPECT_THAT(refusal({"MY_TOKEN@" + std::string(host)}), HasSubstr("is no host to bind a secret to"))
        << host;
  EXPECT_EQ(refusal({"MY_TOKEN@a.test", "MY_TOKEN@b.test"}),
            "--secret MY_TOKEN@b.test: MY_TOKEN is asked for twice; give all its hosts at once, as in "
            "NAME@HOST,HOST");
  EXPECT_THAT(refusal({"corp@evil.test"}), HasSubstr("corp is configured already, for its own hosts"));
  settings_.credentials = {};
  EXPECT_THAT(refusal({"nosuch"}), HasSubstr("none is configured"));
}

TEST_F(CredentialsTest, WhoIsActive) {
  add({.name = "a", .hosts = {"a.test"}, .source = env("A")});
  add({.name = "b", .hosts = {"b.test"}, .source = env("B")});
  add({.name = "off", .hosts = {"off.test"}, .source = env("C"), .enabled = false});
  auto active = [&](const CredentialChoice& choice) {
    std::string out;
    for (const auto& credential : resolve(choice)) out += credential.binding.active ? '1' : '0';
    return out;
  };
  EXPECT_EQ(active({}), "000") << "known, so that their placeholders stay in";
  EXPECT_EQ(active({.all = true}), "110");
  EXPECT_EQ(active({.asked = {"b"}}), "010");
  EXPECT_EQ(active({.asked = {"b", "github"}}), "0101");
}

TEST_F(CredentialsTest, WhatAPresetSaysIsFilledIn) {
  add({.name = "work",
       .preset = "github",
       .hosts = {"ghe.test"},
       .path = "/api",
       .inject = true,
       .source = env("MY_TOKEN")});
  add({.name = "gemini", .preset = "gemini", .headers = {"X-Key"}});
  add({.name = "plain",
       .hosts = {"plain.test"},
       .inject = true,
       .format = "x {secret}",
       .source = env("MY_TOKEN")});
  auto all = resolve({.all = true});
  EXPECT_THAT(all[0].binding.host_texts, ElementsAre("ghe.test"));
  EXPECT_EQ(all[0].binding.path, "/api");
  EXPECT_EQ(all[0].binding.injected, "Bearer {secret}");
  EXPECT_EQ(all[0].settings.source->text, "MY_TOKEN");
  EXPECT_THAT(variables_of(all[0]), ElementsAre("GITHUB_TOKEN", "GH_TOKEN", "MY_TOKEN"));
  EXPECT_EQ(all[0].binding.placeholder, broker::placeholder(kKey, "work", {"ghp_", 40}));
  EXPECT_THAT(all[1].binding.fields, ElementsAre("X-Key"));
  EXPECT_THAT(all[1].binding.parameters, IsEmpty()) << "whoever names one place names all";
  EXPECT_EQ(all[1].binding.injected, "");
  EXPECT_EQ(all[2].binding.injected, "x {secret}");
  EXPECT_EQ(all[2].binding.path, "/");
  EXPECT_THAT(placeholders_of(all[2]), ElementsAre("MY_TOKEN=" + all[2].binding.placeholder))
      << "the variable of the secret has the placeholder from then on";
}

TEST_F(CredentialsTest, Aws) {
  ::setenv("AWS_SESSION_TOKEN", "x", 1);
  auto all = asked({"aws"});
  ASSERT_THAT(all, SizeIs(1));
  const ResolvedCredential& aws = all[0];
  EXPECT_EQ(aws.binding.use, broker::Use::aws_signature);
  EXPECT_EQ(aws.settings.access_key_id->text, "AWS_ACCESS_KEY_ID");
  EXPECT_EQ(aws.settings.source->text, "AWS_SECRET_ACCESS_KEY");
  EXPECT_EQ(aws.settings.session_token->text, "AWS_SESSION_TOKEN");
  EXPECT_EQ(aws.binding.placeholder.size(), 20U);
  EXPECT_TRUE(aws.binding.placeholder.starts_with("AKIAWEIR"));
  EXPECT_EQ(aws.binding.placeholder_secret.size(), 40U);
  EXPECT_THAT(variables_of(aws),
              ElementsAre("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"));
  EXPECT_THAT(placeholders_of(aws), ElementsAre("AWS_ACCESS_KEY_ID=" + aws.binding.placeholder,
                                                "AWS_SECRET_ACCESS_KEY=" + aws.binding.placeholder_secret))
      << "and no session token";
  ::unsetenv("AWS_SESSION_TOKEN");
  EXPECT_FALSE(asked({"aws"})[0].settings.session_token);
}

TEST_F(CredentialsTest, OauthTakesNoVariableOfAPresetForItsOwn) {
  add({.name = "drive",
       .preset = "bearer",
       .hosts = {"a.test"},
       .source = env("REFRESH"),
       .oauth = config::OauthSettings{
           .token_url = "https://id.test/", .client_id = "id", .client_secret = env("CLIENT")}});
  auto all = resolve({.all = true});
  EXPECT_THAT(variables_of(all[0]), ElementsAre("REFRESH", "CLIENT"));
  EXPECT_THAT(placeholders_of(all[0]), IsEmpty()) << "a refresh token is not what the program sends";
}

TEST_F(CredentialsTest, AHostThatNobodyReadsIsRefused) {
  add({.name = "a", .hosts = {"api.test", "*.below.test"}, .source = env("A")});
  const std::string says =
      "config.toml:7: the credential \"a\" is for api.test, whose requests are not read (tls.passthrough, "
      "tls.intercept), so that its placeholder would go there as it is. Take the host out of there, or out "
      "of the "
      "credential";
  settings_.tls.passthrough = {"api.test"};
  EXPECT_EQ(refusal({"a"}), says);
  EXPECT_TRUE(resolve_credentials(settings_, {}, kKey)) << "nobody uses it";
  settings_.tls.passthrough = {"*.test"};
  EXPECT_EQ(refusal({"a"}), says);
  settings_.tls.passthrough = {"*.below.test:443"};
  EXPECT_THAT(refusal({"a"}), HasSubstr("is for *.below.test"));
  settings_.tls.passthrough = {"other.test", "api.test:8443"};
  EXPECT_EQ(refusal({"a"}), "taken");
  settings_.tls = {};
  settings_.tls.intercept = {"other.test"};
  EXPECT_EQ(refusal({"a"}), says);
  settings_.tls.intercept = {"api.test", "*.below.test"};
  EXPECT_EQ(refusal({"a"}), "taken");
}

TEST_F(CredentialsTest, PlaceholdersThatCannotBeToldApart) {
  for (const auto& [first, second] :
       {std::pair<std::string, std::string>{"my-placeholder-0001", "my-placeholder-0001"},
        {"my-placeholder-0001", "my-placeholder-00012"},
        {"xmy-placeholder-0001", "my-placeholder-0001"}}) {
    settings_.credentials = {};
    add({.name = "a", .hosts = {"a.test"}, .placeholder = first, .source = env("A")});
    add({.name = "b", .hosts = {"b.test"}, .placeholder = second, .source = env("B")});
    EXPECT_THAT(
        refusal({}),
        HasSubstr("config.toml:7: the placeholders of the credentials \"a\" and \"b\" are one, or one is "
                  "part of the other"))
        << first << " " << second;
  }
}

// --- the key

using PlaceholderKey = CredentialsTest;

std::string key_text() {
  auto key = placeholder_key();
  return key ? std::string(key->reveal()) : key.error().message();
}

TEST_F(PlaceholderKey, IsMadeOnceAndStays) {
  std::string key = key_text();
  EXPECT_EQ(key.size(), 64U);
  EXPECT_EQ(key_text(), key);
  fs::path folder = home_ / ".local/state/weir";
  struct stat status;
  ASSERT_EQ(::stat((folder / "placeholder.key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
  int files = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(folder)) ++files;
  EXPECT_EQ(files, 1) << "no draft is left";
  fs::remove(folder / "placeholder.key");
  EXPECT_NE(key_text(), key);
}

TEST_F(PlaceholderKey, OfManyWhoMakeItAtOnceAllGetTheSame) {
  constexpr int kMany = 8;
  int go[2], out[2];
  ASSERT_EQ(::pipe(go), 0);
  ASSERT_EQ(::pipe(out), 0);
  std::vector<pid_t> children;
  for (int i = 0; i < kMany; ++i) {
    children.push_back(::fork());
    if (children.back() != 0) continue;
    ::close(go[1]);
    char byte;
    [[maybe_unused]] auto waited = ::read(go[0], &byte, 1);  // until the other end goes
    std::string key = key_text();
    key.resize(64, '-');
    [[maybe_unused]] auto written = ::write(out[1], key.data(), 64);
    ::_exit(0);
  }
  ::close(go[0]);
  ::close(go[1]);
  ::close(out[1]);
  std::string all;
  char part[64];
  for (ssize_t size; (size = ::read(out[0], part, sizeof part)) > 0;)
    all.append(part, static_cast<std::size_t>(size));
  ::close(out[0]);
  for (pid_t child : children) ::waitpid(child, nullptr, 0);
  ASSERT_EQ(all.size(), 64U * kMany);
  for (int i = 0; i < kMany; ++i) EXPECT_EQ(all.substr(64 * static_cast<std::size_t>(i), 64), key_text());
}

// Of one that was killed while it made one.
TEST_F(PlaceholderKey, ADraftOfAnotherIsInNobodysWay) {
  fs::create_directories(home_ / ".local/state/weir");
  std::ofstream(home_ / ".local/state/weir" / ("placeholder.key." + std::to_string(::getpid()))) << "x";
  EXPECT_EQ(key_text().size(), 64U);
}

TEST_F(PlaceholderKey, OneThatIsNotSafeIsRefused) {
  fs::path path = home_ / ".local/state/weir/placeholder.key";
  std::string key = key_text();
  ::chmod(path.c_str(), 0644);
  EXPECT_THAT(key_text(), HasSubstr("others may read or write it"));
  ::chmod(path.c_str(), 0600);
  std::ofstream(path) << "abc";
  EXPECT_THAT(key_text(), HasSubstr("placeholder.key is not whole: remove it, and placeholders change"));
  fs::remove(path);
  std::ofstream(home_ / "elsewhere") << key;
  ::chmod((home_ / "elsewhere").c_str(), 0600);
  fs::create_symlink(home_ / "elsewhere", path);
  EXPECT_THAT(key_text(), HasSubstr("it is a link"));
}

}  // namespace
}  // namespace weir::app
