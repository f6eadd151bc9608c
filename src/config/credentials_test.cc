#include "config/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "config/load.h"
#include "config/trust.h"

namespace weir::config {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using Kind = SecretSource::Kind;

/// A home with a project in it, which is the working directory.
class CredentialsTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "weir-credentials-XXXXXX";
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
    ::unsetenv("WEIR_CORP_CONFIG");
    fs::current_path(before_);
    fs::remove_all(home_);
  }

  static void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }
  static Configuration good() {
    auto out = load({});
    if (!out) ADD_FAILURE() << to_error(out.error()).message();
    return out.value_or(Configuration());
  }
  std::vector<Credential> read(const std::string& text) {
    write(user_, text);
    return all_credentials(good().settings.credentials);
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
  static std::string shown(const Settings& settings) {
    return find_field("credentials")->show(settings).toml();
  }

  fs::path before_;
  std::string home_, user_;
};

TEST_F(CredentialsTest, ATableForEach) {
  auto all = read(R"(
[credentials.corp]
hosts = ["api.corp.test", "*.int.corp.test:8443"]
path = "/v1/%61/"
headers = ["X-Api-Key"]
query = "key"
inject = true
format = "Key {secret}"
env = ["CORP_KEY", "corp_key"]
placeholder = "my-own-placeholder_1.0"
source = { file = "~/.corp-key" }

[credentials.github]
preset = "github"
source = { command = ["pass", "show", "github"], ttl = "8h" }
enabled = false

[credentials.drive]
preset = "bearer"
host = "www.drive.test"
user = "me"
source = { env = "DRIVE" }
oauth = { token_url = "https://id.test/token", client_id = "id", client_secret = { env = "SECRET" }, scope = "a b" }

[credentials.AWS-2_x]
preset = "aws"
access_key_id = { value = "AKIAREAL" }
source = { env_file = "/e", env_file_key = "K" }
session_token = { file = "/token" }
)");
  ASSERT_THAT(all, SizeIs(4));
  auto named = [&](std::string_view name) { return *std::ranges::find(all, name, &Credential::name); };
  const Credential corp = named("corp");
  EXPECT_EQ(corp.place, user_ + ":2");
  EXPECT_THAT(corp.hosts, ElementsAre("api.corp.test", "*.int.corp.test:8443"));
  EXPECT_EQ(corp.path, "/v1/a") << "in one spelling";
  EXPECT_THAT(corp.headers, ElementsAre("X-Api-Key"));
  EXPECT_THAT(corp.query, ElementsAre("key")) << "one is a list of one";
  EXPECT_TRUE(corp.inject);
  EXPECT_EQ(corp.format, "Key {secret}");
  EXPECT_THAT(corp.env, ElementsAre("CORP_KEY", "corp_key"));
  EXPECT_EQ(corp.placeholder, "my-own-placeholder_1.0");
  ASSERT_TRUE(corp.source);
  EXPECT_EQ(corp.source->kind, Kind::file);
  EXPECT_EQ(corp.source->text, home_ + "/.corp-key");
  EXPECT_TRUE(corp.enabled);

  const Credential github = named("github");
  EXPECT_EQ(github.place, user_ + ":13");
  EXPECT_EQ(github.preset, "github");
  EXPECT_FALSE(github.enabled);
  EXPECT_THAT(github.source->command, ElementsAre("pass", "show", "github"));
  EXPECT_EQ(github.source->ttl, std::chrono::hours(8));
  EXPECT_THAT(github.hosts, IsEmpty()) << "what the preset says is filled in later";

  const Credential drive = named("drive");
  EXPECT_THAT(drive.hosts, ElementsAre("www.drive.test"));
  EXPECT_EQ(drive.user, "me");
  ASSERT_TRUE(drive.oauth);
  EXPECT_EQ(drive.oauth->token_url, "https://id.test/token");
  EXPECT_EQ(drive.oauth->client_id, "id");
  EXPECT_EQ(drive.oauth->scope, "a b");
  EXPECT_FALSE(drive.oauth->client_credentials);
  EXPECT_EQ(drive.oauth->client_secret->text, "SECRET");

  const Credential aws = named("AWS-2_x");
  EXPECT_EQ(aws.access_key_id->value, "AKIAREAL");
  EXPECT_EQ(aws.source->key, "K");
  EXPECT_EQ(aws.session_token->text, "/token");
}

TEST_F(CredentialsTest, AListOfTables) {
  auto all = read(R"([[credentials]]
name = "github"
preset = "github"
[[credentials]]
name = "corp"
hosts = ["a.test"]
source = { env = "A" }
)");
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(all[0].name, "github");
  EXPECT_EQ(all[1].name, "corp");
  EXPECT_EQ(all[1].place, user_ + ":4");
  EXPECT_THAT(read("credentials = [{ name = \"a\", preset = \"npm\", hosts = [\"npm.test\"] }]\n"),
              SizeIs(1));
  EXPECT_THAT(read("credentials.a.preset = \"github\"\n"), SizeIs(1));
  EXPECT_THAT(read("[credentials]\na = { preset = \"github\" }\nb = { preset = \"openai\" }\n"), SizeIs(2));
  EXPECT_THAT(read("[credentials]\n"), IsEmpty());
  EXPECT_THAT(read(""), IsEmpty());
}

TEST_F(CredentialsTest, WhatIsWrongIsSaidWithItsPlace) {
  struct Row {
    std::string text, says;
  };
  // In a table that is fine but for this.
  for (const Row& row : std::vector<Row>{
           {"preset = \"git-hub\"",
            "4:10: credentials: preset: \"git-hub\" is not accepted; wanted is one of anthropic, aws,"},
           {"preset = 1", "4:10: credentials: preset: 1 is not accepted"},
           {"hosts = [\"*\"]", "4:10: credentials: hosts: \"*\" is not accepted; wanted is a host:"},
           {"hosts = [\"*:443\"]", "hosts: \"*:443\" is not accepted"},
           {"hosts = [\"a.test\", \"10.0.0.0/8\"]",
            "4:20: credentials: hosts: \"10.0.0.0/8\" is not accepted"},
           {"hosts = [\"https://a.test\"]", "hosts: "},
           {"hosts = [\"\"]", "hosts: "},
           {"hosts = [7]", "hosts: 7 is not accepted"},
           {"host = \"a.test/x\"", "host: "},
           {"path = \"v1\"",
            "4:8: credentials: path: \"v1\" is not accepted; wanted is a path such as \"/v1\""},
           {"path = \"\"", "path: "},
           {"path = \"/v1?x\"", "path: "},
           {"path = \"/v1#x\"", "path: "},
           {"path = \"/v1/../x\"", "path: "},
           {"path = \"/v1%2fx\"", "path: "},
           {"path = \"//v1\"", "path: "},
           {"path = \"/v1\\\\x\"", "path: "},
           {"path = [\"/v1\"]", "path: a list is not accepted"},
           {"headers = [\"X Key\"]", "headers: \"X Key\" is not accepted; wanted is a header's name"},
           {"headers = [\"\"]", "headers: "},
           {"headers = [\"Host\"]", "headers: no secret goes into Host"},
           {"header = \"hOST\"", "no secret goes into Host"},
           {"query = [\"a=b\"]", "query: \"a=b\" is not accepted; wanted is a query parameter's name"},
           {"inject = \"yes\"", "inject: \"yes\" is not accepted"},
           {"inject = true", "inject: into which header? Name it in headers"},
           {"inject = true\nheaders = [\"X-Key\"]", "inject: format is missing, such as \"Bearer {secret}\""},
           {"format = \"Bearer\"",
            "format: \"Bearer\" is not accepted; wanted is a text with {secret} or {user:secret} in it once"},
           {"format = \"{secret}{user:secret}\"", "format: "},
           {"format = \"{secret} {secret}\"", "format: "},
           {"format = \"{user:secret}{user:secret}\"", "format: "},
           {"format = \"{secret}\\r\\nX: y\"", "format: "},
           {"user = \"a:b\"", "user: \"a:b\" is not accepted; wanted is a user's name without a colon"},
           {"user = \"a\\nb\"", "user: "},
           {"env = [\"A B\"]", "env: \"A B\" is not accepted; wanted is a variable's name"},
           {"env = [\"\"]", "env: "},
           {"env = [\"A=B\"]", "env: "},
           {"placeholder = \"short\"", "placeholder: \"short\" is not accepted; wanted is 16 to 256 letters"},
           {"placeholder = \"0123456789abcdef=\"", "placeholder: "},
           {"placeholder = \"" + std::string(257, 'x') + "\"", "placeholder: "},
           {"enabled = 1", "enabled: 1 is not accepted"},
           {"sauce = 1", "4:1: credentials: unknown key sauce; did you mean source?"},
           {"access_key_id = { env = \"A\" }",
            "access_key_id and session_token are of the preset \"aws\" alone"},
           {"session_token = { env = \"A\" }",
            "access_key_id and session_token are of the preset \"aws\" alone"},
           {"oauth = \"x\"", "oauth: wanted is a table such as"},
           {"oauth = { client_id = \"a\" }", "oauth: token_url is missing"},
           {"oauth = { token_url = \"https://a.test/\" }", "oauth: client_id is missing"},
           {"oauth = { token_url = \"http://a.test/\", client_id = \"a\" }",
            "oauth: token_url: \"http://a.test/\" is not accepted; wanted is \"https://host/path\""},
           {"oauth = { token_url = \"https://a.test/ x\", client_id = \"a\" }", "oauth: token_url: "},
           {"oauth = { token_url = \"https://a.test/\", client_id = \"a\", grant = \"password\" }",
            "oauth: grant: "},
           {"oauth = { token_url = \"https://a.test/\", client_id = \"a\", secret = \"x\" }",
            "oauth: unknown key secret"},
           {"oauth = { token_url = \"https://a.test/\", client_id = \"a\", grant = \"client_credentials\" }",
            "client_secret is missing; the grant client_credentials has nothing else to show"},
           {"oauth = { token_url = \"https://a.test/\", client_id = \"a\", grant = \"client_credentials\", "
            "client_secret = { env = \"A\" } }",
            "source: the grant client_credentials takes none; the secret is oauth.client_secret"},
       }) {
    std::string hosts = row.text.starts_with("host") ? "#" : "hosts = [\"fine.test\"]";
    auto said = problems("[credentials.a]\n" + hosts + "\nsource = { env = \"A\" }\n" + row.text + "\n");
    ASSERT_FALSE(said.empty()) << row.text;
    EXPECT_THAT(said.front(), HasSubstr(row.says)) << row.text;
  }
}

TEST_F(CredentialsTest, WhatIsMissingOrDoesNotGoTogether) {
  EXPECT_THAT(problems("\n[credentials.a]\nsource = { env = \"A\" }\n"),
              ElementsAre("2:14: credentials: hosts is missing: which hosts is the secret for?"));
  EXPECT_THAT(problems("[credentials.a]\nhosts = []\nsource = { env = \"A\" }\n"),
              ElementsAre(HasSubstr("hosts is missing")));
  EXPECT_THAT(problems("[credentials.a]\npreset = \"npm\"\n"), ElementsAre(HasSubstr("hosts is missing")));
  EXPECT_THAT(problems("[credentials.a]\nhosts = [\"a.test\"]\n"),
              ElementsAre("1:14: credentials: source is missing: where is the secret?"));
  EXPECT_THAT(problems("[credentials.a]\npreset = \"bearer\"\nhosts = [\"a.test\"]\n"),
              ElementsAre(HasSubstr("source is missing")));
  EXPECT_THAT(problems("[credentials.a]\n"),
              ElementsAre(HasSubstr("hosts is missing"), HasSubstr("source is missing")));
  for (const char* member : {"headers = [\"X\"]", "query = [\"k\"]", "format = \"{secret}\"", "inject = true",
                             "oauth = { token_url = \"https://a.test/\", client_id = \"a\" }"})
    EXPECT_THAT(problems("[credentials.a]\npreset = \"aws\"\n" + std::string(member) + "\n"),
                testing::Contains(HasSubstr(
                    "AWS keys sign requests: headers, query, inject, format and oauth do not go with them")));
  EXPECT_THAT(problems("[credentials.a]\nhosts = [\"a.test\"]\nsource = { env = \"A\", file = \"/b\" }\n"),
              ElementsAre(HasSubstr("wanted is one place")));
  EXPECT_THAT(problems("[credentials.a]\nhosts = [\"a.test\"]\nsource = { command = [] }\n"),
              ElementsAre(HasSubstr("command: nothing to run")));
  EXPECT_THAT(problems("[credentials.a]\nhosts = [\"a.test\"]\nsource = { env = \"A\", ttl = \"5m\" }\n"),
              ElementsAre(HasSubstr("unknown key ttl")));
}

TEST_F(CredentialsTest, Names) {
  for (const char* good : {"a", "1", "A-b_c", "github"}) EXPECT_TRUE(is_credential_name(good)) << good;
  EXPECT_TRUE(is_credential_name(std::string(64, 'x')));
  for (const char* bad : {"", "-a", "_a", "a b", "a.b", "a/b", "a@b", "\xC3\xA9", "a\n"})
    EXPECT_FALSE(is_credential_name(bad)) << bad;
  EXPECT_FALSE(is_credential_name(std::string(65, 'x')));
  EXPECT_THAT(
      problems("[credentials.\"a b\"]\npreset = \"github\"\n"),
      ElementsAre(
          "1:14: credentials: name: \"a b\" is not accepted; wanted is a name of letters, digits, '-' and "
          "'_', at most 64, beginning with a letter or digit"));
  EXPECT_THAT(problems("[[credentials]]\npreset = \"github\"\n"), ElementsAre(HasSubstr("name is missing")));
  EXPECT_THAT(problems("[credentials.a]\nname = \"b\"\npreset = \"github\"\n"), Not(IsEmpty()))
      << "which of the two?";
}

TEST_F(CredentialsTest, TwoOfOneName) {
  EXPECT_THAT(problems("[[credentials]]\nname = \"a\"\npreset = \"github\"\n[[credentials]]\nname = "
                       "\"a\"\npreset = \"openai\"\n"),
              ElementsAre("4:1: credentials: there are two with the name \"a\""));
  EXPECT_THAT(problems("[credentials.a]\npreset = \"github\"\n[credentials.a]\npreset = \"openai\"\n"),
              Not(IsEmpty()));
}

TEST_F(CredentialsTest, WhatIsNoTable) {
  for (const char* text : {"credentials = 1\n", "credentials = \"hunter22\"\n",
                           "credentials = [\"hunter22\"]\n", "[credentials]\ngithub = \"hunter22\"\n",
                           "[credentials]\ngithub = [\"hunter22\"]\n", "[credentials]\ngithub = [[1]]\n"}) {
    auto said = problems(text);
    ASSERT_FALSE(said.empty()) << text;
    for (const std::string& line : said) {
      EXPECT_THAT(line, HasSubstr("credentials")) << text;
      EXPECT_THAT(line, Not(HasSubstr("hunter22"))) << "it may be the secret";
    }
  }
}

TEST_F(CredentialsTest, NoComplaintRepeatsASecret) {
  for (const char* source :
       {"source = \"hunter22\"", "source = [\"hunter22\"]", "source = { value = 48151623 }",
        "source = { env = \"hunter 22\" }", "source = { secret = \"hunter22\" }",
        "source = { value = \"hunter22\", env = \"A\" }",
        "source = { env = \"A\" }\noauth = { token_url = \"https://a.test/\", client_id = \"a\", "
        "client_secret = \"hunter22\" }",
        "source = { env = \"A\" }\naccess_key_id = \"hunter22\""}) {
    auto said = problems("[credentials.a]\nhosts = [\"a.test\"]\n" + std::string(source) + "\n");
    EXPECT_FALSE(said.empty()) << source;
    for (const std::string& line : said) {
      EXPECT_THAT(line, Not(HasSubstr("hunter"))) << source;
      EXPECT_THAT(line, Not(HasSubstr("48151623"))) << source;
    }
  }
}

TEST_F(CredentialsTest, ShowMasksValuesAndReadsBack) {
  write(user_, R"([credentials.corp]
hosts = ["a.test"]
path = "/v1"
headers = ["X-Key"]
query = ["key"]
inject = true
format = "Basic {user:secret}"
user = "me"
env = ["A"]
placeholder = "my-own-placeholder"
source = { value = "hunter22" }
oauth = { token_url = "https://id.test/t", client_id = "id", client_secret = { value = "hunter33" }, scope = "a" }
enabled = false
[credentials.aws]
preset = "aws"
access_key_id = { env = "ID" }
session_token = { command = ["x", "y"], ttl = "15m" }
source = { file = "/f" }
)");
  std::string text = shown(good().settings);
  EXPECT_THAT(text, Not(HasSubstr("hunter")));
  write(user_, "credentials = " + text + "\n");
  EXPECT_EQ(shown(good().settings), text);
  EXPECT_THAT(
      text,
      HasSubstr(
          R"({ name = "corp", hosts = ["a.test"], path = "/v1", headers = ["X-Key"], query = ["key"], )"
          R"(inject = true, format = "Basic {user:secret}", user = "me", env = ["A"], )"
          R"(placeholder = "my-own-placeholder", source = { value = "****" }, )"
          R"(oauth = { token_url = "https://id.test/t", client_id = "id", client_secret = { value = "****" }, )"
          R"(scope = "a" }, enabled = false })"));
  EXPECT_THAT(
      text,
      HasSubstr(
          R"({ name = "aws", preset = "aws", source = { file = "/f" }, access_key_id = { env = "ID" }, )"
          R"(session_token = { command = ["x", "y"], ttl = "15m" } })"));
}

TEST_F(CredentialsTest, AProjectMaySetNoneWhateverItIsTrustedWith) {
  const std::string text = "[credentials.a]\nhosts = [\"evil.test\"]\nsource = { env = \"GITHUB_TOKEN\" }\n";
  const std::string file = home_ + "/code/.weir.toml";
  write(file, text);
  for (bool widen : {false, true}) {
    ASSERT_TRUE(store_trust({file, content_hash(text), widen}));
    auto loaded = load({});
    ASSERT_FALSE(loaded) << widen;
    EXPECT_THAT(to_error(loaded.error()).context(), HasSubstr("credentials is not for a project to set"));
  }
}

TEST_F(CredentialsTest, OfANameTheWeightiestLayersCounts) {
  write(home_ + "/corp.toml", "[credentials.a]\npreset = \"github\"\nhosts = [\"corp.test\"]\n");
  ::setenv("WEIR_CORP_CONFIG", (home_ + "/corp.toml").c_str(), 1);
  auto all = read(
      "[credentials.a]\npreset = \"github\"\nhosts = [\"user.test\"]\n[credentials.b]\npreset = "
      "\"github\"\n");
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(all[0].name, "a");
  EXPECT_THAT(all[0].hosts, ElementsAre("corp.test")) << "nothing of the user's is mixed in";
  EXPECT_EQ(all[1].name, "b");
  write(home_ + "/corp.toml", "[credentials.a]\npreset = \"github\"\nenabled = false\n");
  all = read("[credentials.a]\npreset = \"github\"\n");
  ASSERT_THAT(all, SizeIs(1));
  EXPECT_FALSE(all[0].enabled) << "the user does not switch it on again";
}

}  // namespace
}  // namespace weir::config
