#include "app/secret_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace weir::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

class SecretCommandTest : public ::testing::Test {
 protected:
  SecretCommandTest() {
    std::string name = ::testing::TempDir() + "weir-command-XXXXXX";
    folder_ = ::mkdtemp(name.data());
  }
  ~SecretCommandTest() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return folder_ / name; }
  std::string run(const std::vector<std::string>& command, Duration time = seconds(60), int stop = -1) {
    auto out = run_secret_command(spawner_, command, time, stop);
    if (out) return std::string(out->reveal());
    EXPECT_EQ(out.error().code(), Code::credential_failed);
    return "failed: " + out.error().context();
  }
  std::string shell(const std::string& script, Duration time = seconds(60)) {
    return run({"sh", "-c", script}, time);
  }

  std::filesystem::path folder_;
  sandbox::Spawner spawner_ = std::move(*sandbox::Spawner::start());
};

TEST_F(SecretCommandTest, IsWhatItPrints) {
  EXPECT_EQ(shell("echo s3cret"), "s3cret");
  EXPECT_EQ(shell("printf '\\n  two words \\r\\n\\n'"), "two words") << "without white space at its ends";
  EXPECT_EQ(shell("echo s3cret; echo noise >&2; exit 0"), "s3cret");
  EXPECT_EQ(run({"echo", "$HOME", "a b", ""}), "$HOME a b") << "no shell reads it";
  EXPECT_EQ(shell("printf 'a\\000b\\377'"), std::string("a\0b\xFF", 4))
      << "who uses it says what it may hold";
  EXPECT_EQ(shell("sleep 0.01; printf a; sleep 0.01; printf b"), "ab");
}

TEST_F(SecretCommandTest, PrintsSoMuchAndNoMore) {
  EXPECT_EQ(shell("head -c 65536 /dev/zero | tr '\\0' x"), std::string(65536, 'x'));
  EXPECT_EQ(shell("head -c 65537 /dev/zero | tr '\\0' x"),
            "failed: the command sh: it printed more than 64 KiB");
  EXPECT_EQ(shell("while :; do echo s3cret; done"), "failed: the command sh: it printed more than 64 KiB");
  EXPECT_EQ(shell("echo next"), "next") << "the one before is gone";
}

TEST_F(SecretCommandTest, WhatFailsSaysWhyAndNotWhat) {
  struct Row {
    std::string script, says;
  };
  for (const Row& row :
       std::vector<Row>{{"echo s3cret; exit 3", "failed: the command sh: it failed with status 3"},
                        {"echo s3cret; kill -KILL $$", "failed: the command sh: it failed with status 137"},
                        {"true", "failed: the command sh: it printed nothing"},
                        {"echo; echo '  '", "failed: the command sh: it printed nothing"},
                        {"echo s3cret >&2", "failed: the command sh: it printed nothing"}})
    EXPECT_EQ(shell(row.script), row.says);
  EXPECT_THAT(
      run({"weir-no-such-command", "s3cret"}),
      ::testing::AllOf(HasSubstr("failed: the command weir-no-such-command: "), Not(HasSubstr("s3cret"))));
  EXPECT_THAT(run({"/dev/null"}), HasSubstr("failed: the command /dev/null: "));
  EXPECT_EQ(shell("echo next"), "next");
}

TEST_F(SecretCommandTest, AHangingOneIsKilled) {
  const std::string late = "failed: the command sh: it did not end in time";
  EXPECT_EQ(shell("echo $$ > " + path("pid") + "; echo s3cret; exec sleep 1000", milliseconds(200)), late);
  std::ifstream in(path("pid"));
  std::string pid;
  in >> pid;
  EXPECT_FALSE(std::filesystem::exists("/proc/" + pid)) << "it is gone";
  EXPECT_EQ(shell("echo s3cret; exec >&-; exec sleep 1000", milliseconds(200)), late)
      << "with its output closed";
  EXPECT_EQ(shell("trap '' TERM HUP INT; exec sleep 1000", milliseconds(200)), late);
  EXPECT_EQ(shell("echo next", Duration::zero()), late);
  EXPECT_EQ(shell("echo next"), "next");
}

// A child of its own that keeps the output would keep us.
TEST_F(SecretCommandTest, AChildThatHoldsTheOutputOpen) {
  ASSERT_EQ(::mkfifo(path("gate").c_str(), 0600), 0);
  EXPECT_EQ(shell("(read line < " + path("gate") + ") & echo s3cret", milliseconds(300)),
            "failed: the command sh: it did not end in time");
  std::ofstream(path("gate")) << "go\n";
  EXPECT_EQ(shell("(read line < " + path("gate") + ") > /dev/null & echo s3cret"), "s3cret")
      << "one that does not";
  std::ofstream(path("gate")) << "go\n";
}

TEST_F(SecretCommandTest, IsStopped) {
  UniqueFd stop(::eventfd(0, EFD_CLOEXEC));
  ASSERT_EQ(::mkfifo(path("gate").c_str(), 0600), 0);
  std::thread stopping([&] {
    std::ifstream in(path("gate"));  // until it runs
    std::string line;
    std::getline(in, line);
    ::eventfd_write(stop.get(), 1);
  });
  std::string out =
      run({"sh", "-c", "echo go > " + path("gate") + "; exec sleep 1000"}, seconds(600), stop.get());
  stopping.join();
  EXPECT_EQ(out, "failed: the command sh: Weir ends before it does");
  EXPECT_EQ(run({"echo", "a"}, seconds(60), stop.get()),
            "failed: the command echo: Weir ends before it does");
}

TEST_F(SecretCommandTest, HasOurEnvironment) {
  ::setenv("WEIR_TEST_VARIABLE", "a value", 1);
  EXPECT_EQ(shell("printf %s \"$WEIR_TEST_VARIABLE\""), "a value");
  ::unsetenv("WEIR_TEST_VARIABLE");
  EXPECT_EQ(shell("printf %s \"${WEIR_TEST_VARIABLE-none}\""), "none");
}

TEST_F(SecretCommandTest, ASpawnerThatDiedIsSaidSo) {
  ::kill(spawner_.pid(), SIGKILL);
  pollfd wait{spawner_.exit_fd(), POLLIN, 0};
  ASSERT_EQ(::poll(&wait, 1, 30'000), 1);
  EXPECT_THAT(run({"echo", "a"}), HasSubstr("failed: the command echo: "));
}

}  // namespace
}  // namespace weir::app
