#include "config/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "config/fields.h"

namespace weir::config {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class LoadTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "weir-load-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    file_ = folder_ + "/config.toml";
    ::setenv("HOME", folder_.c_str(), 1);
    ::unsetenv("XDG_DATA_HOME");
    ::unsetenv("XDG_CONFIG_HOME");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::expected<Configuration, Problems> loaded(const std::string& text,
                                                std::vector<Override> overrides = {}) {
    std::ofstream(file_) << text;
    return load({file_, true, std::move(overrides)});
  }
  Configuration good(const std::string& text, std::vector<Override> overrides = {}) {
    auto out = loaded(text, std::move(overrides));
    if (!out) ADD_FAILURE() << to_error(out.error()).message();
    return out.value_or(Configuration());
  }
  /// The problems as "line:column: text" (without a place: ": text").
  std::vector<std::string> problems(const std::string& text, std::vector<Override> overrides = {}) {
    std::vector<std::string> out;
    auto result = loaded(text, std::move(overrides));
    if (result) return out;
    for (const Problem& problem : result.error()) {
      std::string line = problem.str();
      out.push_back(line.starts_with(file_ + ":") ? line.substr(file_.size() + 1) : line);
    }
    return out;
  }

  std::string folder_, file_;
};

TEST_F(LoadTest, WithoutAFileEverythingIsDefault) {
  auto out = load({});
  ASSERT_TRUE(out);
  EXPECT_EQ(out->file, "");
  EXPECT_EQ(out->settings.listen, (std::vector<HostPort>{{"127.0.0.1", 8080}}));
  EXPECT_EQ(out->settings.ca_dir, folder_ + "/.local/share/weir/ca");
  EXPECT_EQ(out->settings.limits.head_timeout, milliseconds(30'000));
  EXPECT_THAT(out->origins, IsEmpty());
  EXPECT_EQ(out->origin("limits.head_timeout").str(), "default");
}

TEST_F(LoadTest, AFileThatTheUserNamedMustExist) {
  auto out = load({folder_ + "/missing.toml", true, {}});
  ASSERT_FALSE(out);
  ASSERT_THAT(out.error(), SizeIs(1));
  EXPECT_THAT(out.error()[0].str(), HasSubstr("missing.toml: cannot be read: No such file"));
}

TEST_F(LoadTest, AFileThatCannotBeReadIsAProblemThoughNotNamed) {
  std::filesystem::create_directories(folder_ + "/.config/weir/config.toml");
  auto out = load({});
  ASSERT_FALSE(out);
  EXPECT_THAT(out.error()[0].str(), HasSubstr("Is a directory"));
}

TEST_F(LoadTest, EveryKindOfValue) {
  Settings s = good(R"(
listen = ["127.0.0.1:0", "[::1]:9090"]
threads = 4
ca_dir = "~/ca"
data_dir = "data"
log_level = "warn"
allow_open_proxy = true
transparent_preamble = true
reverse = "https://api.test:8443"
reverse_keep_host = true
[proxy_auth]
users = ["alice:s3cret", "bob:a:b"]
[tls]
intercept = "*.example.com"
passthrough = ["bank.example", "10.0.0.0/8"]
upstream_ca = ["roots/corp.pem", "/etc/corp.pem"]
[upstream]
proxy = "http://u:p%40ss@proxy.corp:3128"
no_proxy = [".corp", "*"]
[limits]
head_bytes = "128KiB"
idle_timeout = "2m"
response_timeout = 0
connections = 7
[capture]
body_bytes = 0
queue_bytes = 1048576
when_full = "drop"
on_failure = "block"
jsonl = true
jsonl_dir = "lines"
jsonl_roll_bytes = "1MiB"
jsonl_keep = 9
)")
                   .settings;
  EXPECT_EQ(s.listen, (std::vector<HostPort>{{"127.0.0.1", 0}, {"::1", 9090}}));
  EXPECT_EQ(s.threads, 4u);
  EXPECT_EQ(s.ca_dir, folder_ + "/ca");
  EXPECT_EQ(s.data_dir, folder_ + "/data") << "relative to the file";
  EXPECT_EQ(s.log_level, log::Level::warn);
  EXPECT_TRUE(s.allow_open_proxy);
  EXPECT_TRUE(s.transparent_preamble);
  EXPECT_EQ(s.reverse, "https://api.test:8443");
  EXPECT_TRUE(s.reverse_keep_host);
  EXPECT_THAT(s.proxy_auth.users, ElementsAre("alice:s3cret", "bob:a:b"));
  EXPECT_THAT(s.tls.intercept, ElementsAre("*.example.com"));
  EXPECT_THAT(s.tls.passthrough, ElementsAre("bank.example", "10.0.0.0/8"));
  EXPECT_THAT(s.tls.upstream_ca, ElementsAre(folder_ + "/roots/corp.pem", "/etc/corp.pem"));
  EXPECT_EQ(s.upstream.proxy.reveal(), "http://u:p%40ss@proxy.corp:3128");
  EXPECT_THAT(s.upstream.no_proxy, ElementsAre(".corp", "*"));
  EXPECT_EQ(s.limits.head_bytes, 128u << 10);
  EXPECT_EQ(s.limits.idle_timeout, milliseconds(120'000));
  EXPECT_EQ(s.limits.response_timeout, milliseconds(0));
  EXPECT_EQ(s.limits.connections, 7u);
  EXPECT_EQ(s.capture.body_bytes, 0u);
  EXPECT_EQ(s.capture.queue_bytes, 1u << 20);
  EXPECT_EQ(s.capture.when_full, WhenFull::drop);
  EXPECT_EQ(s.capture.on_failure, OnCaptureFailure::block);
  EXPECT_TRUE(s.capture.jsonl);
  EXPECT_EQ(s.capture.jsonl_dir, folder_ + "/lines") << "relative to the file";
  EXPECT_EQ(s.capture.jsonl_roll_bytes, 1u << 20);
  EXPECT_EQ(s.capture.jsonl_keep, 9u);
}

TEST_F(LoadTest, AGateway) {
  GatewaySettings defaults = good("").settings.gateway;
  EXPECT_EQ(defaults.listen, (std::vector<HostPort>{{"127.0.0.1", 8443}}));
  EXPECT_EQ(defaults.idle, milliseconds(50'000));
  EXPECT_EQ(defaults.sessions, "");
  GatewaySettings s = good(R"(
[gateway]
listen = ["0.0.0.0:443", "[::1]:0"]
cert = "cert.pem"
key = "/keys/key.pem"
sessions = "sessions.toml"
prefix = "/relay"
most_tunnels = 7
idle = 0
)")
                          .settings.gateway;
  EXPECT_EQ(s.listen, (std::vector<HostPort>{{"0.0.0.0", 443}, {"::1", 0}}));
  EXPECT_EQ(s.cert, folder_ + "/cert.pem") << "relative to the file";
  EXPECT_EQ(s.key, "/keys/key.pem");
  EXPECT_EQ(s.sessions, folder_ + "/sessions.toml");
  EXPECT_EQ(s.prefix, "/relay");
  EXPECT_EQ(s.most_tunnels, 7u);
  EXPECT_EQ(s.idle, milliseconds(0));
}

TEST_F(LoadTest, ClientCertificatesAreTablesInAList) {
  constexpr const char* kTables = R"(
[[tls.client_certificates]]
host = "*.corp.example"
cert = "corp.pem"
key = "~/corp.key"
[[tls.client_certificates]]
host = "10.0.0.0/8"
cert = "/etc/both.pem"
)";
  Configuration out = good(kTables);
  const auto& certificates = out.settings.tls.client_certificates;
  ASSERT_THAT(certificates, SizeIs(2));
  EXPECT_EQ(certificates[0].host, "*.corp.example");
  EXPECT_EQ(certificates[0].cert, folder_ + "/corp.pem") << "relative to the file";
  EXPECT_EQ(certificates[0].key, folder_ + "/corp.key");
  EXPECT_EQ(certificates[1].host, "10.0.0.0/8");
  EXPECT_EQ(certificates[1].key, "");
  Value shown = find_field("tls.client_certificates")->show(out.settings);
  EXPECT_EQ(shown.json(), R"([{"host":"*.corp.example","cert":")" + folder_ + R"(/corp.pem","key":")" +
                              folder_ + R"(/corp.key"},{"host":"10.0.0.0/8","cert":"/etc/both.pem"}])");
  // What is shown can be written into a file again.
  Configuration again = good("[tls]\nclient_certificates = " + shown.toml());
  EXPECT_EQ(find_field("tls.client_certificates")->show(again.settings).toml(), shown.toml());
}

TEST_F(LoadTest, ClientCertificatesOnTheCommandLine) {
  std::string here = std::filesystem::current_path().string();
  Configuration out = good(
      "",
      {{"tls.client_certificates", {"*.corp.example:8443=a.pem,a.key", "b.test=/b.pem"}, "--client-cert"}});
  const auto& certificates = out.settings.tls.client_certificates;
  ASSERT_THAT(certificates, SizeIs(2));
  EXPECT_EQ(certificates[0].host, "*.corp.example:8443");
  EXPECT_EQ(certificates[0].cert, here + "/a.pem");
  EXPECT_EQ(certificates[0].key, here + "/a.key");
  EXPECT_EQ(certificates[1].host, "b.test");
  EXPECT_EQ(certificates[1].cert, "/b.pem");
  for (const char* bad : {"a.pem", "=a.pem", "a.test=", "a..b=a.pem", "a.test=a.pem,"})
    EXPECT_THAT(problems("", {{"tls.client_certificates", {bad}, "--client-cert"}}),
                ElementsAre(HasSubstr(std::string(bad) + " is not accepted; wanted is a table { host = ")))
        << bad;
}

TEST_F(LoadTest, ABadClientCertificateIsShownWhole) {
  EXPECT_THAT(problems("[[tls.client_certificates]]\nhots = \"a.test\"\ncert = \"a.pem\"\n"),
              ElementsAre(HasSubstr("hots = \"a.test\"")));
  EXPECT_THAT(problems("[[tls.client_certificates]]\nhost = \"a.test\"\ncert = 3\n"),
              ElementsAre(HasSubstr("{ cert = 3, host = \"a.test\" } is not accepted")));
  for (const char* text : {"host = \"a..b\"\ncert = \"a.pem\"", "host = \"a.test\"", "cert = \"a.pem\"", ""})
    EXPECT_THAT(problems(std::string("[[tls.client_certificates]]\n") + text), SizeIs(1)) << text;
}

TEST_F(LoadTest, Switches) {
  EXPECT_TRUE(good("tls.auto_passthrough = true").settings.tls.auto_passthrough);
  EXPECT_FALSE(good("tls.auto_passthrough = false").settings.tls.auto_passthrough);
  EXPECT_TRUE(
      good("", {{"tls.auto_passthrough", {"true"}, "--auto-passthrough"}}).settings.tls.auto_passthrough);
  for (const char* text : {"\"true\"", "1", "[true, false]"})
    EXPECT_THAT(problems(std::string("tls.auto_passthrough = ") + text),
                ElementsAre(HasSubstr("wanted is true or false")))
        << text;
}

TEST_F(LoadTest, LayersMergeByFieldAndRememberWhereFrom) {
  Configuration out =
      good("threads = 4\n[limits]\nhead_timeout = \"5s\"\nidle_timeout = \"6s\"\n",
           {{"limits.idle_timeout", {"7s"}, "--idle-timeout"}, {"listen", {"0"}, "--listen"}});
  EXPECT_EQ(out.settings.limits.head_timeout, milliseconds(5000));
  EXPECT_EQ(out.settings.limits.idle_timeout, milliseconds(7000));
  EXPECT_EQ(out.settings.listen, (std::vector<HostPort>{{"127.0.0.1", 0}}));
  EXPECT_EQ(out.origin("threads").str(), file_ + ":1");
  EXPECT_EQ(out.origin("limits.head_timeout").str(), file_ + ":3");
  EXPECT_EQ(out.origin("limits.idle_timeout").str(), "--idle-timeout");
  EXPECT_EQ(out.origin("limits.tls_timeout").str(), "default");
}

TEST_F(LoadTest, CommandLinePathsAreRelativeToTheWorkingFolder) {
  Configuration out = good("", {{"data_dir", {"here"}, "--data"}});
  EXPECT_EQ(out.settings.data_dir, (std::filesystem::current_path() / "here").string());
}

TEST_F(LoadTest, UnknownKeysHaveAPathAPlaceAndASuggestion) {
  EXPECT_THAT(problems("[limits]\n\nhead_timeot = \"5s\"\n"),
              ElementsAre("3:1: unknown key limits.head_timeot; did you mean limits.head_timeout?"));
  EXPECT_THAT(problems("head-timeout = \"5s\"\n"),
              ElementsAre("1:1: unknown key head-timeout; did you mean limits.head_timeout?"));
  EXPECT_THAT(problems("[capture]\nxyzzy = 1\n"), ElementsAre("2:1: unknown key capture.xyzzy"));
}

TEST_F(LoadTest, AnUnknownTableIsSaidOnce) {
  EXPECT_THAT(problems("[limts]\nhead_timeout = \"5s\"\nother = 1\n[tls]\nbad = 1\n"),
              ElementsAre("1:1: unknown key limts; did you mean limits?", "5:1: unknown key tls.bad"));
}

TEST_F(LoadTest, EveryProblemOfEveryLayerIsCollectedInOrder) {
  auto out = problems("threads = \"two\"\nbogus = 1\nlog_level = \"loud\"\n[limits]\nhead_timeout = 5\n",
                      {{"listen", {"nowhere"}, "--listen"}});
  ASSERT_THAT(out, SizeIs(5));
  EXPECT_EQ(
      out[0],
      "1:11: threads: \"two\" is not accepted; wanted is a whole number from 0 to 1024, without quotes");
  EXPECT_EQ(out[1], "2:1: unknown key bogus");
  EXPECT_EQ(
      out[2],
      "3:13: log_level: \"loud\" is not accepted; wanted is \"debug\", \"info\", \"warn\" or \"error\"");
  EXPECT_THAT(out[3],
              HasSubstr("5:16: limits.head_timeout: 5 is not accepted; wanted is a duration with its unit"));
  EXPECT_THAT(out[4], HasSubstr("--listen: listen: nowhere is not accepted; wanted is \"address:port\""));
}

TEST_F(LoadTest, SyntaxErrorsHaveTheirPlace) {
  auto out = problems("threads = 1\nlisten = [\n");
  ASSERT_THAT(out, SizeIs(1));
  EXPECT_THAT(out[0], testing::MatchesRegex("[23]:[0-9]+: not valid TOML: .*"));
}

TEST_F(LoadTest, BadValues) {
  for (const char* text : {"listen = \"localhost\"",
                           "listen = \"example.com:80\"",
                           "listen = \"127.0.0.1:99999\"",
                           "listen = \"::1\"",
                           "listen = [[1]]",
                           "listen = 70000",
                           "threads = -1",
                           "threads = 1.5",
                           "threads = [1]",
                           "threads = true",
                           "ca_dir = 3",
                           "tls = 3",
                           "tls.intercept = [\"a..b\"]",
                           "tls.intercept = [\"ok.com\", 3]",
                           "tls.upstream_ca = [\"\"]",
                           "upstream.proxy = \"socks4://a:1\"",
                           "proxy_auth.users = [\"alice\"]",
                           "proxy_auth.users = [\":pw\"]",
                           "reverse = \"api.test\"",
                           "reverse = \"https://api.test/path\"",
                           "reverse_keep_host = \"yes\"",
                           "upstream.no_proxy = [\"a b\"]",
                           "limits.head_bytes = 10",
                           "limits.head_bytes = \"1TiB\"",
                           "limits.head_timeout = \"5\"",
                           "limits.head_timeout.x = 1",
                           "capture.when_full = \"Slow\"",
                           "capture.when_full = 1",
                           "[[tls]]",
                           "threads = 1979-05-27"})
    EXPECT_THAT(problems(text), SizeIs(1)) << text;
}

TEST_F(LoadTest, TheBadItemOfAListIsPointedAt) {
  EXPECT_THAT(problems("[tls]\nintercept = [\n  \"good.com\",\n  \"*bad\"]\n"),
              ElementsAre(HasSubstr("4:3: tls.intercept: \"*bad\" is not accepted")));
}

TEST_F(LoadTest, TheDefaultFileIsValidAsItIsAndWithEveryKeyUncommented) {
  EXPECT_THAT(good(default_file()).origins, IsEmpty());
  std::string text = default_file(), uncommented;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    uncommented += (line.size() > 1 && line[0] == '#' && line[1] != ' ' ? line.substr(1) : line) + "\n";
  Configuration out = good(uncommented);
  EXPECT_THAT(out.origins, SizeIs(fields().size())) << "every key stands in the file";
  Configuration defaults = good("");
  for (const Field& field : fields())
    EXPECT_EQ(field.show(out.settings).toml(), field.show(defaults.settings).toml()) << field.key;
}

TEST(Fields, PasswordsAreMasked) {
  Settings settings;
  settings.upstream.proxy = "http://user:secret@proxy:3128";
  settings.proxy_auth.users = {SecretText("alice:secret"), SecretText("bob:a:b")};
  EXPECT_EQ(find_field("upstream.proxy")->show(settings).toml(), "\"http://user:***@proxy:3128\"");
  EXPECT_EQ(find_field("proxy_auth.users")->show(settings).toml(), "[\"alice:***\", \"bob:***\"]");
}

TEST_F(LoadTest, ComplaintsMaskPasswords) {
  for (const char* text :
       {"upstream.proxy = \"socks4://u:secret@a:1\"", "upstream.proxy = { url = \"http://u:secret@a\" }",
        "upstream.proxy = [{ url = \"http://u:secret@a\" }]", "proxy_auth.users = \"secret\"",
        "proxy_auth.users = [\":secret\"]", "proxy_auth.users = [{ name = \"a\", password = \"secret\" }]"})
    for (const std::string& problem : problems(text))
      EXPECT_THAT(problem, testing::Not(HasSubstr("secret"))) << text;
}

TEST(Fields, NearestKey) {
  EXPECT_EQ(nearest_key("limits.conections"), "limits.connections");
  EXPECT_EQ(nearest_key("Listen"), "listen");
  EXPECT_EQ(nearest_key("tls.body_bytes"), "capture.body_bytes");
  EXPECT_EQ(nearest_key("captures"), "capture");
  EXPECT_EQ(nearest_key("something.else"), std::nullopt);
  EXPECT_EQ(nearest_key("x"), std::nullopt);
}

}  // namespace
}  // namespace weir::config
