#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/system_store.h"
#include "cli/trust_commands.h"
#include "cli/verbs.h"
#include "tls/authority.h"

namespace weir::cli {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

struct Ran {
  int exit_code = -1;
  std::string out, err;
};

/// The verbs `ca` and `config` in a home of their own.
class SetUpVerbs : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "weir-verbs-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    home_ = name;
    ::setenv("HOME", home_.c_str(), 1);
    for (const char* name : {"XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"}) ::unsetenv(name);
  }
  void TearDown() override { std::filesystem::remove_all(home_); }

  static Ran run(const std::string& arguments) {
    CLI::App app("test", "weir");
    Ran out;
    add_ca(app, out.exit_code);
    add_config(app, out.exit_code);
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    try {
      app.parse(arguments);
    } catch (const CLI::ParseError& error) {
      out.exit_code = kExitUsage;
    }
    std::fflush(stdout);
    out.out = testing::internal::GetCapturedStdout();
    out.err = testing::internal::GetCapturedStderr();
    return out;
  }
  std::string path(const std::string& name) const { return home_ + "/" + name; }
  static std::string content(const std::string& file) {
    std::ifstream in(file);
    return (std::ostringstream() << in.rdbuf()).str();
  }

  std::string home_;
};

using Ca = SetUpVerbs;
using Config = SetUpVerbs;

TEST_F(Ca, ShowMakesTheCaOnFirstUseAndDescribesIt) {
  Ran first = run("ca show");
  EXPECT_EQ(first.exit_code, kExitOk) << first.err;
  EXPECT_THAT(first.err, HasSubstr("made a new CA in " + path(".local/share/weir/ca")));
  EXPECT_THAT(first.out, AllOf(HasSubstr("Subject"), HasSubstr("Weir CA"), HasSubstr("Valid"),
                               HasSubstr(path(".local/share/weir/ca/ca.pem"))));
  Ran second = run("ca show");
  EXPECT_EQ(second.out, first.out);
  EXPECT_EQ(second.err, "");
}

TEST_F(Ca, ShowAsJson) {
  Ran ran = run("ca show --json --ca-dir " + path("ca"));
  EXPECT_THAT(ran.out, AllOf(StartsWith("{"), HasSubstr("\"sha256\": \""), HasSubstr("\"not_after\": \"20"),
                             HasSubstr("\"certificate\": \"" + path("ca/ca.pem") + "\"")));
}

TEST_F(Ca, ExportGivesTheCertificateAndNeverTheKey) {
  Ran pem = run("ca export");
  EXPECT_THAT(pem.out, AllOf(StartsWith("-----BEGIN CERTIFICATE-----\n"), Not(HasSubstr("PRIVATE"))));
  EXPECT_EQ(run("ca export --pem").out, pem.out);
  EXPECT_THAT(run("ca export --der").out, StartsWith("\x30\x82"));
  EXPECT_EQ(run("ca export -o " + path("out.pem")).exit_code, kExitOk);
  EXPECT_EQ(content(path("out.pem")), pem.out);
  Ran failed = run("ca export -o /proc/weir/out.pem");
  EXPECT_EQ(failed.exit_code, kExitError);
  EXPECT_THAT(failed.err, HasSubstr("/proc/weir"));
  EXPECT_EQ(run("ca export --der --pem").exit_code, kExitUsage);
}

TEST_F(Ca, PathMakesNothing) {
  EXPECT_EQ(run("ca path --ca-dir " + path("ca")).out, path("ca/ca.pem") + "\n");
  EXPECT_FALSE(std::filesystem::exists(path("ca")));
}

TEST_F(Ca, TheConfigurationNamesTheFolderAndTheFlagWins) {
  std::ofstream(path("c.toml")) << "ca_dir = \"from-file\"\n";
  EXPECT_EQ(run("ca path --config " + path("c.toml")).out, path("from-file/ca.pem") + "\n");
  EXPECT_EQ(run("ca path --config " + path("c.toml") + " --ca-dir " + path("flag")).out,
            path("flag/ca.pem") + "\n");
  EXPECT_EQ(run("ca path --config " + path("missing.toml")).exit_code, kExitUsage);
}

TEST_F(Ca, RotateReplacesTheCaAndSaysWhatThatMeans) {
  std::string before = run("ca export").out;
  Ran rotated = run("ca rotate");
  EXPECT_EQ(rotated.exit_code, kExitOk) << rotated.err;
  EXPECT_THAT(rotated.out, AllOf(HasSubstr("Earlier CAs   1"), HasSubstr("do not trust this one yet")));
  EXPECT_NE(run("ca export").out, before);
}

TEST_F(Ca, UninstallWithoutACaSaysSo) {
  Ran ran = run("ca install --uninstall --ca-dir " + path("none"));
  EXPECT_EQ(ran.exit_code, kExitError);
  EXPECT_THAT(ran.err, HasSubstr(path("none")));
  EXPECT_FALSE(std::filesystem::exists(path("none/ca.pem")));
}

TEST_F(Ca, SystemStoreTakesAndGivesBack) {
  ASSERT_TRUE(std::filesystem::create_directory(path("store")));
  SystemStore store{path("store"), {"touch", path("added")}, {"touch", path("removed")}};
  std::string one(64, 'a'), two(64, 'b');
  ASSERT_TRUE(add_to(store, one, "PEM"));
  EXPECT_EQ(content(path("store/weir-aaaaaaaa.crt")), "PEM");
  EXPECT_TRUE(std::filesystem::exists(path("added")));
  EXPECT_THAT(remove_from(store, {two}).value(), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(path("removed"))) << "nothing to do, so nothing is run";
  EXPECT_THAT(remove_from(store, {one, two}).value(), ElementsAre(path("store/weir-aaaaaaaa.crt")));
  EXPECT_TRUE(std::filesystem::exists(path("removed")));
  EXPECT_TRUE(std::filesystem::is_empty(path("store")));
}

TEST_F(Ca, SystemStoreSaysWhichStepFailed) {
  SystemStore store{home_, {"sh", "-c", "exit 3"}, {"weir-no-such-command"}};
  auto added = add_to(store, std::string(64, 'a'), "PEM");
  ASSERT_FALSE(added);
  EXPECT_THAT(added.error().context(), HasSubstr("`sh -c exit 3` ended with status 3"));
  auto removed = remove_from(store, {std::string(64, 'a')});
  ASSERT_FALSE(removed);
  EXPECT_THAT(removed.error().context(), HasSubstr("not found in PATH"));
}

TEST(TrustCommands, AreReadyForTheShell) {
  SystemStore store{"/store", {"update"}, {"update", "--fresh"}};
  std::string fingerprint = "0123456789abcdef";
  EXPECT_EQ(system_install_commands(store, fingerprint, "/a b/ca.pem"),
            "  sudo install -m 0644 '/a b/ca.pem' /store/weir-01234567.crt\n  sudo update\n");
  EXPECT_EQ(system_uninstall_commands(store, {fingerprint}),
            "  sudo rm -f /store/weir-01234567.crt\n  sudo update --fresh\n");
  EXPECT_THAT(other_install_commands(fingerprint, "/a b/ca.pem"),
              AllOf(HasSubstr("-A -t C,, -n weir-01234567 -i '/a b/ca.pem'\n"), HasSubstr("\"${p%/*}\""),
                    HasSubstr("-alias weir-01234567 -file '/a b/ca.pem'\n")));
  EXPECT_THAT(
      other_uninstall_commands({fingerprint}),
      AllOf(HasSubstr("keytool -delete -cacerts -storepass changeit -alias weir-01234567\n"),
            HasSubstr("keytool -delete -cacerts -storepass changeit -alias debian:weir-01234567.pem ")));
}

TEST(TrustCommands, ShellQuoting) {
  EXPECT_EQ(shell_quoted("/plain/path-1.pem"), "/plain/path-1.pem");
  EXPECT_EQ(shell_quoted(""), "''");
  EXPECT_EQ(shell_quoted("it's $HOME"), "'it'\\''s $HOME'");
}

TEST_F(Config, InitWritesAPrivateValidFileAndNeverOverwritesUnasked) {
  std::string file = path(".config/weir/config.toml");
  EXPECT_EQ(run("config init").out, "wrote " + file + "\n");
  struct stat info;
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_THAT(run("config check").out, HasSubstr("valid, sets 0 of "));
  std::ofstream(file) << "mine";
  Ran refused = run("config init");
  EXPECT_EQ(refused.exit_code, kExitError);
  EXPECT_THAT(refused.err, HasSubstr("--force"));
  EXPECT_EQ(content(file), "mine");
  EXPECT_EQ(run("config init --force").exit_code, kExitOk);
  EXPECT_THAT(content(file), HasSubstr("#listen = [\"127.0.0.1:8080\"]"));
}

TEST_F(Config, CheckListsEveryProblem) {
  std::ofstream(path("bad.toml")) << "threds = 1\n[limits]\nhead_timeout = 1\n";
  Ran ran = run("config check " + path("bad.toml"));
  EXPECT_EQ(ran.exit_code, kExitUsage);
  EXPECT_THAT(ran.err, AllOf(HasSubstr("weir: " + path("bad.toml") +
                                       ":1:1: unknown key threds; did you mean threads?\n"),
                             HasSubstr(":3:16: limits.head_timeout: 1 is not accepted")));
  EXPECT_EQ(run("config check " + path("missing.toml")).exit_code, kExitUsage);
}

TEST_F(Config, ShowTellsValueAndOrigin) {
  Ran none = run("config show");
  EXPECT_THAT(none.out, AllOf(HasSubstr("# no configuration file"), HasSubstr("# default")));
  std::ofstream(path("c.toml")) << "threads = 3\n[upstream]\nproxy = \"http://u:secret@p:1\"\n";
  Ran ran = run("config show " + path("c.toml"));
  EXPECT_EQ(ran.exit_code, kExitOk) << ran.err;
  EXPECT_THAT(ran.out, testing::ContainsRegex("threads +3 +# " + path("c.toml") + ":1\n"));
  EXPECT_THAT(ran.out, testing::ContainsRegex("limits.head_timeout +\"30s\" +# default\n"));
  EXPECT_THAT(ran.out, AllOf(HasSubstr("http://u:***@p:1"), Not(HasSubstr("secret"))));
  Ran json = run("config show --json " + path("c.toml"));
  EXPECT_THAT(json.out,
              AllOf(HasSubstr("\"key\": \"threads\""), HasSubstr("\"value\": 3"), Not(HasSubstr("secret"))));
}

}  // namespace
}  // namespace weir::cli
