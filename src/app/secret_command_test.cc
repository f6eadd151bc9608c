#include "app/secret_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <future>
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
    auto runner = spawner_.open_runner();
    if (!runner) return "no runner: " + runner.error().context();
    auto out = run_secret_command(std::move(*runner), command, time, stop);
    if (out) return std::string(out->reveal());
    EXPECT_EQ(out.error().code(), Code::credential_failed);
    return "failed: " + out.error().context();
  }
  std::string shell(const std::string& script, Duration time = seconds(60)) {
    return run({"sh", "-c", script}, time);
  }
  /// Stopped when the script has said "go" to the gate.
  std::string stopped_at_the_gate(const std::string& script) {
    UniqueFd stop(::eventfd(0, EFD_CLOEXEC));
    EXPECT_EQ(::mkfifo(path("gate").c_str(), 0600), 0);
    std::thread stopping([&] {
      std::ifstream in(path("gate"));
      std::string line;
      std::getline(in, line);
      ::eventfd_write(stop.get(), 1);
    });
    std::string out = run({"sh", "-c", "cd " + folder_.string() + "; " + script}, seconds(600), stop.get());
    stopping.join();
    return out;
  }
  /// The process whose number the script wrote into `name`; 0 where there is none.
  pid_t process(const std::string& name) const {
    std::ifstream in(path(name));
    pid_t pid = 0;
    in >> pid;
    return pid;
  }
  static bool lives(pid_t pid) { return std::filesystem::exists("/proc/" + std::to_string(pid)); }

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
  ASSERT_NE(process("pid"), 0);
  EXPECT_FALSE(lives(process("pid"))) << "it is gone";
  EXPECT_EQ(shell("echo s3cret; exec >&-; exec sleep 1000", milliseconds(200)), late)
      << "with its output closed";
  EXPECT_EQ(shell("trap '' TERM HUP INT; exec sleep 1000", milliseconds(200)), late);
  EXPECT_EQ(shell("echo next", Duration::zero()), late);
  EXPECT_EQ(shell("echo next"), "next");
}

// A child of its own that keeps the output would keep us.
TEST_F(SecretCommandTest, AChildThatHoldsTheOutputOpen) {
  ASSERT_EQ(::mkfifo(path("gate").c_str(), 0600), 0);
  EXPECT_EQ(shell("(read line < " + path("gate") + ") & echo $! > " + path("child") + "; echo s3cret",
                  milliseconds(300)),
            "failed: the command sh: it did not end in time");
  ASSERT_NE(process("child"), 0);
  EXPECT_FALSE(lives(process("child"))) << "it is killed, though the command itself has ended";
}

// Agents that keep passwords are started like that.
TEST_F(SecretCommandTest, WhatOneThatEndedHasLeftRunningLivesOn) {
  ASSERT_EQ(::mkfifo(path("gate").c_str(), 0600), 0);
  const std::string agent =
      "(read line < " + path("gate") + ") > /dev/null & echo $! > " + path("child") + "; ";
  EXPECT_EQ(shell(agent + "echo s3cret"), "s3cret");
  pid_t first = process("child");
  EXPECT_EQ(shell(agent + "exit 3"), "failed: the command sh: it failed with status 3");
  pid_t second = process("child");
  EXPECT_EQ(shell("echo next"), "next");
  for (pid_t child : {first, second}) {
    ASSERT_NE(child, 0);
    EXPECT_TRUE(lives(child));
    ::kill(child, SIGKILL);
  }
}

TEST_F(SecretCommandTest, WhatItHasStartedDiesWithIt) {
  EXPECT_EQ(stopped_at_the_gate("sh -c 'trap \"\" TERM HUP INT; echo $$ > child; exec sleep 1000' & "
                                "setsid sh -c 'echo $$ > session; exec sleep 1000' & "
                                "(sh -c 'echo $$ > orphan; sleep 1000 & echo $! > deeper; wait' &); "
                                "until [ -s child ] && [ -s session ] && [ -s orphan ] && [ -s deeper ]; "
                                "do sleep 0.01; done; echo go > gate; exec sleep 1000"),
            "failed: the command sh: Weir ends before it does");
  for (const char* name : {"child", "session", "orphan", "deeper"}) {
    ASSERT_NE(process(name), 0) << name;
    EXPECT_FALSE(lives(process(name))) << name;
  }
  EXPECT_TRUE(lives(spawner_.pid())) << "others live on";
  EXPECT_EQ(shell("echo next"), "next");
}

TEST_F(SecretCommandTest, SeveralAtATime) {
  ASSERT_EQ(::mkfifo(path("gate").c_str(), 0600), 0);
  auto slow = spawner_.open_runner();
  ASSERT_TRUE(slow);
  auto first = std::async(std::launch::async, [&, runner = std::move(*slow)]() mutable {
    return run_secret_command(std::move(runner),
                              {"sh", "-c", "read line < " + path("gate") + "; echo first"});
  });
  EXPECT_EQ(shell("echo second"), "second");
  std::ofstream(path("gate")) << "go\n";
  auto out = first.get();
  ASSERT_TRUE(out);
  EXPECT_EQ(out->reveal(), "first");
}

TEST_F(SecretCommandTest, IsStopped) {
  EXPECT_EQ(stopped_at_the_gate("echo go > gate; exec sleep 1000"),
            "failed: the command sh: Weir ends before it does");
  UniqueFd stop(::eventfd(1, EFD_CLOEXEC));
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
  EXPECT_THAT(run({"echo", "a"}), HasSubstr("no runner: the spawner process"));
}

TEST_F(SecretCommandTest, ARunnerThatDiedIsSaidSo) {
  EXPECT_THAT(shell("kill -KILL $PPID; exec sleep 1000"),
              HasSubstr("failed: the command sh: the spawner process"));
  EXPECT_EQ(shell("echo next"), "next");
}

}  // namespace
}  // namespace weir::app
