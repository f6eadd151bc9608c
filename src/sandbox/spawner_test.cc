#include "sandbox/spawner.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "sandbox/environment.h"

namespace weir::sandbox {
namespace {

using testing::HasSubstr;

/// A folder of its own, removed at the end.
class SpawnerTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "weir-spawner-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  std::string read(const std::string& name) const {
    std::ifstream in(path(name));
    return (std::ostringstream() << in.rdbuf()).str();
  }
  void write(const std::string& name, const std::string& text, mode_t mode) const {
    std::ofstream(path(name)) << text;
    ASSERT_EQ(::chmod(path(name).c_str(), mode), 0);
  }

  std::string folder_;
};

Spawner started() {
  auto spawner = Spawner::start();
  if (!spawner) {
    ADD_FAILURE() << spawner.error().message();
    ::abort();
  }
  return std::move(*spawner);
}

Command shell(const std::string& script) { return {{"sh", "-c", script}, own_environment(), ""}; }

/// Runs `command` to its end; fails the test when it cannot be started.
Exit run(Spawner& spawner, const Command& command) {
  auto pid = spawner.spawn(command);
  EXPECT_TRUE(pid) << pid.error().message();
  auto exit = spawner.take_exit();
  EXPECT_TRUE(exit) << exit.error().message();
  return exit.value_or(Exit{-1, -1});
}

bool readable(int fd, int timeout_ms) {
  pollfd wait{fd, POLLIN, 0};
  return ::poll(&wait, 1, timeout_ms) == 1;
}

TEST_F(SpawnerTest, ExitCodes) {
  Spawner spawner = started();
  for (int code : {0, 3, 255}) {
    Exit exit = run(spawner, shell("exit " + std::to_string(code)));
    EXPECT_EQ(exit.code, code);
    EXPECT_EQ(exit.signal, 0);
    EXPECT_EQ(exit.status(), code);
  }
}

TEST_F(SpawnerTest, DeathBySignal) {
  Spawner spawner = started();
  Exit exit = run(spawner, shell("kill -KILL $$"));
  EXPECT_EQ(exit.signal, SIGKILL);
  EXPECT_EQ(exit.status(), 137);
}

TEST_F(SpawnerTest, ExitFdBecomesReadableOnlyAtTheEnd) {
  Spawner spawner = started();
  ASSERT_EQ(::mkfifo(path("gate").c_str(), 0600), 0);
  ASSERT_TRUE(spawner.spawn(shell("read line < " + path("gate") + "; exit 4")));
  EXPECT_FALSE(readable(spawner.exit_fd(), 0));
  std::ofstream(path("gate")) << "go\n";
  ASSERT_TRUE(readable(spawner.exit_fd(), 30'000));
  EXPECT_EQ(spawner.take_exit()->code, 4);
}

TEST_F(SpawnerTest, NotFound) {
  Spawner spawner = started();
  for (const char* name : {"weir-no-such-command", "/weir/no/such", "", "/dev/null/x"}) {
    auto pid = spawner.spawn({{name}, own_environment(), ""});
    ASSERT_FALSE(pid) << name;
    EXPECT_EQ(pid.error().code(), Code::not_found) << name;
    EXPECT_EQ(exit_status(pid.error()), 127);
    EXPECT_THAT(pid.error().context(), HasSubstr('"' + std::string(name) + '"'));
  }
  EXPECT_EQ(run(spawner, shell("exit 9")).code, 9) << "a failure must not spoil the next command";
}

TEST_F(SpawnerTest, NotExecutable) {
  write("plain", "text", 0644);
  Spawner spawner = started();
  std::vector<std::string> env = {"PATH=" + folder_ + ":/usr/bin:/bin"};
  for (const std::string& name : {path("plain"), std::string("plain"), folder_}) {
    auto pid = spawner.spawn({{name}, env, ""});
    ASSERT_FALSE(pid) << name;
    EXPECT_EQ(pid.error().code(), Code::io) << name;
    EXPECT_EQ(exit_status(pid.error()), 126);
    EXPECT_THAT(pid.error().context(), HasSubstr(name));
  }
}

TEST_F(SpawnerTest, MissingInterpreterIsSaidSo) {
  write("script", "#!/weir/no/such\n", 0755);
  Spawner spawner = started();
  auto pid = spawner.spawn({{path("script")}, own_environment(), ""});
  ASSERT_FALSE(pid);
  EXPECT_EQ(exit_status(pid.error()), 127);
  EXPECT_THAT(pid.error().context(), HasSubstr("interpreter"));
}

TEST_F(SpawnerTest, LooksInThePathOfTheCommandAndPassesOverWhatCannotRun) {
  ASSERT_EQ(::mkdir(path("a").c_str(), 0700), 0);
  ASSERT_EQ(::mkdir(path("b").c_str(), 0700), 0);
  write("a/tool", "#!/bin/sh\nexit 1\n", 0644);
  write("b/tool", "#!/bin/sh\nexit 5\n", 0755);
  Spawner spawner = started();
  EXPECT_EQ(run(spawner, {{"tool"}, {"PATH=" + path("a") + ":" + path("b")}, ""}).code, 5);
}

TEST_F(SpawnerTest, ScriptWithoutInterpreterLineGoesToTheShell) {
  write("script", "exit $1\n", 0755);
  Spawner spawner = started();
  EXPECT_EQ(run(spawner, {{path("script"), "6"}, own_environment(), ""}).code, 6);
}

TEST_F(SpawnerTest, WorkingFolder) {
  Spawner spawner = started();
  Command command = shell("pwd -P > out");
  command.cwd = folder_;
  EXPECT_EQ(run(spawner, command).status(), 0);
  EXPECT_EQ(read("out"), std::filesystem::canonical(folder_).string() + "\n");
  command.cwd = path("missing");
  auto pid = spawner.spawn(command);
  ASSERT_FALSE(pid);
  EXPECT_EQ(exit_status(pid.error()), 125);
  EXPECT_THAT(pid.error().context(), HasSubstr("missing"));
}

TEST_F(SpawnerTest, ArgumentsAndEnvironmentLargerThanAPacket) {
  Spawner spawner = started();
  Command command = shell("printf '%s' \"$BIG_19\" \"$1\" > " + path("out"));
  command.argv.insert(command.argv.end(), {"sh", std::string(100'000, 'x')});
  for (int i = 0; i < 20; ++i)
    command.env.push_back("BIG_" + std::to_string(i) + "=" + std::string(50'000, static_cast<char>('a' + i)));
  EXPECT_EQ(run(spawner, command).status(), 0);
  EXPECT_EQ(read("out"), std::string(50'000, 't') + std::string(100'000, 'x'));
}

TEST_F(SpawnerTest, TooLargeForTheKernel) {
  Spawner spawner = started();
  auto pid = spawner.spawn({{"true", std::string(1 << 20, 'x')}, own_environment(), ""});
  ASSERT_FALSE(pid);
  EXPECT_EQ(exit_status(pid.error()), 126);
  EXPECT_THAT(pid.error().context(), HasSubstr("too long"));
}

TEST_F(SpawnerTest, RefusesWhatCannotBeACommand) {
  Spawner spawner = started();
  for (const Command& command : {Command{{}, {}, ""}, Command{{std::string("a\0b", 3)}, {}, ""}}) {
    auto pid = spawner.spawn(command);
    ASSERT_FALSE(pid);
    EXPECT_EQ(exit_status(pid.error()), 125);
  }
}

TEST_F(SpawnerTest, OneCommandAtATime) {
  Spawner spawner = started();
  ASSERT_TRUE(spawner.spawn(shell("while :; do sleep 1; done")));
  EXPECT_FALSE(spawner.spawn(shell("exit 0")));
  ASSERT_TRUE(spawner.signal(SIGKILL));
  EXPECT_EQ(spawner.take_exit()->signal, SIGKILL);
  EXPECT_FALSE(spawner.take_exit());
}

TEST_F(SpawnerTest, NoDescriptorLeaks) {
  UniqueFd before(::open("/dev/null", O_RDONLY));  // without O_CLOEXEC, on purpose
  Spawner spawner = started();
  UniqueFd after(::open("/dev/null", O_RDONLY));
  EXPECT_EQ(run(spawner, shell("exec ls /proc/self/fd > " + path("out"))).status(), 0);
  EXPECT_EQ(read("out"), "0\n1\n2\n3\n");  // 3 is the folder that ls reads
}

TEST_F(SpawnerTest, SpawnerItselfHoldsNothingOfOurs) {
  UniqueFd ours(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  std::string link = "/proc/self/fd/" + std::to_string(ours.get());
  Spawner spawner = started();
  ASSERT_EQ(run(spawner, shell("exit 0")).code, 0);  // it has long closed them when it answers
  int count = 0;
  std::filesystem::path standard[] = {"0", "1", "2"};
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc/" + std::to_string(spawner.pid()) + "/fd"))
    count += std::ranges::find(standard, entry.path().filename()) == std::end(standard);
  EXPECT_EQ(count, 3) << "the socket, Weir's pidfd and the signalfd";
}

TEST_F(SpawnerTest, CommandStartsWithTheSignalsWeirWasStartedWith) {
  ::signal(SIGHUP, SIG_IGN);  // as nohup leaves it
  sigset_t usr1, old;
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  ::sigprocmask(SIG_BLOCK, &usr1, &old);
  Spawner spawner = started();
  ::sigprocmask(SIG_SETMASK, &old, nullptr);
  ::signal(SIGHUP, SIG_DFL);
  ::signal(SIGINT, SIG_IGN);  // what Weir does while a command runs
  Exit exit = run(spawner, shell("exec grep -E '^Sig(Blk|Ign):' /proc/self/status > " + path("out")));
  ::signal(SIGINT, SIG_DFL);
  ASSERT_EQ(exit.status(), 0);
  auto mask = [](int signo) { return 1ULL << (signo - 1); };
  std::istringstream lines(read("out"));
  std::string name;
  unsigned long long blocked = 0, ignored = 0;
  lines >> name >> std::hex >> blocked >> name >> ignored;
  EXPECT_EQ(blocked, mask(SIGUSR1));
  EXPECT_EQ(ignored & (mask(SIGHUP) | mask(SIGINT) | mask(SIGQUIT) | mask(SIGTERM) | mask(SIGTSTP)),
            mask(SIGHUP));
}

/// Everything `fd` gives until its end.
std::string drain(int fd) {
  std::string out;
  char buffer[256];
  ssize_t size;
  while ((size = ::read(fd, buffer, sizeof buffer)) > 0) out.append(buffer, static_cast<std::size_t>(size));
  return out;
}

/// Reads from `fd` until `text` has come; false at the end or after half a minute.
bool await_text(int fd, const std::string& text) {
  std::string seen;
  char c;
  while (seen.find(text) == std::string::npos) {
    if (!readable(fd, 30'000) || ::read(fd, &c, 1) != 1) return false;
    seen += c;
  }
  return true;
}

/// A script that says "ready", then waits for a signal, which `traps` handle.
std::string waiting(const std::string& traps) { return traps + "; echo ready; while :; do sleep 0.02; done"; }

/// Another process in the part of Weir, in a process group of its own, its output a pipe.
struct Weir {
  pid_t pid = -1;
  UniqueFd output;
};
template <typename Body>
Weir in_another_process(Body body) {
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  Weir weir{::fork(), UniqueFd(ends[0])};
  if (weir.pid == 0) {
    ::setpgid(0, 0);
    ::dup2(ends[1], STDOUT_FILENO);
    ::_exit(body());
  }
  ::setpgid(weir.pid, weir.pid);
  ::close(ends[1]);
  return weir;
}

int status_of(pid_t pid, int options = 0) {
  int status = -1;
  EXPECT_EQ(::waitpid(pid, &status, options), pid);
  return status;
}

TEST_F(SpawnerTest, OutputGoesIntoThePipe) {
  Spawner spawner = started();
  auto output = spawner.spawn_piped(shell("printf 'a secret'; echo more; exit 3"));
  ASSERT_TRUE(output) << output.error().message();
  EXPECT_EQ(drain(output->get()), "a secretmore\n");
  EXPECT_EQ(spawner.take_exit()->code, 3);
  output = spawner.spawn_piped(shell("head -c 300000 /dev/zero"));
  ASSERT_TRUE(output);
  EXPECT_EQ(drain(output->get()).size(), 300'000U) << "more than a pipe holds";
  EXPECT_EQ(spawner.take_exit()->code, 0);
  EXPECT_EQ(run(spawner, shell("test -t 1 || [ -e /proc/self/fd/1 ]")).code, 0)
      << "the next has our output again";
}

TEST_F(SpawnerTest, ACommandThatClosesItsOutputGoesOn) {
  Spawner spawner = started();
  ASSERT_EQ(::mkfifo(path("gate").c_str(), 0600), 0);
  auto output = spawner.spawn_piped(shell("echo first; exec >&-; read line < " + path("gate") + "; exit 6"));
  ASSERT_TRUE(output);
  EXPECT_EQ(drain(output->get()), "first\n") << "the spawner holds no end of it open";
  EXPECT_FALSE(readable(spawner.exit_fd(), 0));
  std::ofstream(path("gate")) << "go\n";
  EXPECT_EQ(spawner.take_exit()->code, 6);
}

TEST_F(SpawnerTest, ACommandWhoseOutputNobodyReadsEnds) {
  Spawner spawner = started();
  {
    auto output = spawner.spawn_piped(shell("while :; do echo more; done"));
    ASSERT_TRUE(output);
  }
  EXPECT_EQ(spawner.take_exit()->signal, SIGPIPE);
}

int descriptors_of(pid_t pid) {
  int count = 0;
  for ([[maybe_unused]] const auto& entry :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd"))
    ++count;
  return count;
}

TEST_F(SpawnerTest, PipesLeakNoDescriptor) {
  Spawner spawner = started();
  ASSERT_EQ(run(spawner, shell("exit 0")).code, 0);
  int ours = descriptors_of(::getpid()), its = descriptors_of(spawner.pid());
  for (int i = 0; i < 5; ++i) {
    auto output = spawner.spawn_piped(shell("exec ls /proc/self/fd"));
    ASSERT_TRUE(output);
    EXPECT_EQ(drain(output->get()), "0\n1\n2\n3\n") << "3 is the folder that ls reads";
    ASSERT_TRUE(spawner.take_exit());
    auto failed = spawner.spawn_piped({{"weir-no-such-command"}, own_environment(), ""});
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code(), Code::not_found);
    EXPECT_FALSE(spawner.spawn_piped({{}, {}, ""}));
  }
  EXPECT_EQ(run(spawner, shell("exit 0")).code, 0);
  EXPECT_EQ(descriptors_of(spawner.pid()), its);
  EXPECT_EQ(descriptors_of(::getpid()), ours);
}

TEST_F(SpawnerTest, ForgetsVariablesWhereOthersLook) {
  // What a process was started with is all that /proc shows: so it is another that has it from its start.
  Weir weir = in_another_process([&] {
    std::string script =
        "exec \"$0\" --gtest_filter=SpawnerTest.DISABLED_SpawnerWithASecret "
        "--gtest_also_run_disabled_tests --gtest_brief=1";
    ::setenv("WEIR_TEST_CANARY", "canary-4711", 1);
    ::setenv("WEIR_TEST_CANARY_2", "canary-4712", 1);
    ::setenv("WEIR_TEST_OUT", path("out").c_str(), 1);
    std::string self = std::filesystem::read_symlink("/proc/self/exe");
    ::execl("/bin/sh", "sh", "-c", script.c_str(), self.c_str(), nullptr);
    return 127;
  });
  drain(weir.output.get());
  EXPECT_EQ(status_of(weir.pid), 0);
  EXPECT_EQ(read("out"), "seen forgotten") << "whether others could see it, before and after";
}

/// Of the test above, in a process of its own.
TEST_F(SpawnerTest, DISABLED_SpawnerWithASecret) {
  const char* out = ::getenv("WEIR_TEST_OUT");
  ASSERT_NE(out, nullptr);
  Spawner spawner = started();
  ASSERT_EQ(run(spawner, shell("test \"$WEIR_TEST_CANARY\" = canary-4711")).code, 0);
  auto seen = [&](pid_t pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/environ");
    std::string text = (std::ostringstream() << in.rdbuf()).str();
    return text.find("canary-471") != std::string::npos;
  };
  bool before = seen(spawner.pid()) && seen(::getpid());
  std::vector<std::string> names = {"WEIR_TEST_CANARY", "WEIR_TEST_CANARY_2", "WEIR_NOT_THERE"};
  ASSERT_TRUE(spawner.forget(names));
  forget_variables(names);
  auto output = spawner.spawn_piped(shell("env; cat /proc/$PPID/environ"));
  ASSERT_TRUE(output);
  bool inherited = drain(output->get()).find("canary") != std::string::npos;
  ASSERT_TRUE(spawner.take_exit());
  bool after = seen(spawner.pid()) || seen(::getpid()) || inherited;
  std::ofstream(out) << (before ? "seen " : "unseen ") << (after ? "remembered" : "forgotten");
}

TEST_F(SpawnerTest, SignalsAreForwarded) {
  Spawner spawner = started();
  ASSERT_EQ(::mkfifo(path("out").c_str(), 0600), 0);
  UniqueFd out(::open(path("out").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  ASSERT_TRUE(spawner.spawn(shell("exec > " + path("out") + "; " + waiting("trap 'exit 42' TERM"))));
  ASSERT_TRUE(await_text(out.get(), "ready\n"));
  ASSERT_TRUE(spawner.signal(SIGTERM));
  EXPECT_EQ(spawner.take_exit()->code, 42);
  EXPECT_TRUE(spawner.signal(SIGTERM)) << "a signal after the end is no error";
}

TEST_F(SpawnerTest, WhenWeirIsKilledTheCommandIsToldToEnd) {
  Weir weir = in_another_process([] {
    Spawner spawner = started();
    if (!spawner.spawn(shell(waiting("trap 'echo told; exit' TERM")))) return 1;
    ::pause();
    return 0;
  });
  ASSERT_TRUE(await_text(weir.output.get(), "ready\n"));
  ::kill(weir.pid, SIGKILL);
  status_of(weir.pid);
  EXPECT_EQ(drain(weir.output.get()), "told\n");
}

TEST_F(SpawnerTest, WhenTheSpawnerIsKilledWeirKnowsAndTheCommandIsToldToEnd) {
  Weir weir = in_another_process([] {
    Spawner spawner = started();
    if (!spawner.spawn(shell(waiting("trap 'echo told; exit' TERM")))) return 1;
    ::kill(spawner.pid(), SIGKILL);
    if (!readable(spawner.exit_fd(), 30'000)) return 2;
    auto exit = spawner.take_exit();
    return !exit && exit.error().code() == Code::internal ? 0 : 3;
  });
  EXPECT_EQ(status_of(weir.pid), 0);
  drain(weir.output.get());  // ends only when the command has ended
}

// --- runners

Spawner runner_of(Spawner& spawner) {
  auto runner = spawner.open_runner();
  if (!runner) {
    ADD_FAILURE() << runner.error().message();
    ::abort();
  }
  return std::move(*runner);
}

TEST_F(SpawnerTest, RunnersRunBesideCmdAndEachOther) {
  Spawner spawner = started();
  for (const char* gate : {"a", "b"}) ASSERT_EQ(::mkfifo(path(gate).c_str(), 0600), 0);
  ASSERT_TRUE(spawner.spawn(shell("read line < " + path("a") + "; exit 4")));
  Spawner first = runner_of(spawner), second = runner_of(spawner);
  auto waits = first.spawn_piped(shell("read line < " + path("b") + "; exit 5"));
  ASSERT_TRUE(waits) << waits.error().message();
  EXPECT_FALSE(first.spawn_piped(shell("exit 0"))) << "one command at a time";
  auto output = second.spawn_piped(shell("echo second; exit 6"));
  ASSERT_TRUE(output);
  EXPECT_EQ(drain(output->get()), "second\n");
  EXPECT_EQ(second.take_exit()->code, 6);
  EXPECT_FALSE(readable(spawner.exit_fd(), 0));
  EXPECT_FALSE(readable(first.exit_fd(), 0));
  std::ofstream(path("a")) << "go\n";
  EXPECT_EQ(spawner.take_exit()->code, 4);
  std::ofstream(path("b")) << "go\n";
  EXPECT_EQ(first.take_exit()->code, 5);
}

TEST_F(SpawnerTest, ARunnerThatIsLetGoKillsWhatItsCommandHasStarted) {
  Spawner spawner = started();
  for (bool waits : {true, false}) {
    Spawner runner = runner_of(spawner);
    auto output = runner.spawn_piped(
        shell("trap '' TERM HUP; setsid sleep 1000 & (sleep 1000 &); echo ready; exec sleep 1000"));
    ASSERT_TRUE(output);
    ASSERT_TRUE(await_text(output->get(), "ready\n"));
    if (waits) {
      ASSERT_TRUE(runner.end(std::chrono::seconds(30)));
    } else {
      Spawner gone = std::move(runner);
    }
    ASSERT_TRUE(readable(output->get(), waits ? 0 : 30'000)) << "all who could write to it are gone";
    EXPECT_EQ(drain(output->get()), "");
  }
}

TEST_F(SpawnerTest, ARunnerLeavesBehindWhatItIsToldTo) {
  Spawner spawner = started();
  ASSERT_EQ(::mkfifo(path("gate").c_str(), 0600), 0);
  Spawner runner = runner_of(spawner);
  auto output = runner.spawn_piped(
      shell("(read line < " + path("gate") + "; echo later) & echo $! > " + path("pid") + "; exit 0"));
  ASSERT_TRUE(output);
  EXPECT_EQ(runner.take_exit()->code, 0);
  ASSERT_TRUE(runner.leave_be());
  ASSERT_TRUE(runner.end(std::chrono::seconds(30)));
  ASSERT_EQ(::kill(std::stoi(read("pid")), 0), 0) << "it lives";
  std::ofstream(path("gate")) << "go\n";
  EXPECT_EQ(drain(output->get()), "later\n");
}

TEST_F(SpawnerTest, ARunnerThatTakesLongerIsSaidSo) {
  Spawner spawner = started();
  Spawner runner = runner_of(spawner);
  auto output = runner.spawn_piped(shell("exec sleep 1000"));
  ASSERT_TRUE(output);
  auto ended = runner.end(Duration::zero());
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code(), Code::internal);
  EXPECT_EQ(drain(output->get()), "") << "it is killed all the same";
}

TEST_F(SpawnerTest, WhenWeirIsKilledItsRunnersKill) {
  Weir weir = in_another_process([] {
    Spawner spawner = started();
    Spawner runner = runner_of(spawner);
    if (!runner.spawn(shell("trap '' TERM HUP; setsid sleep 1000 & echo ready; exec sleep 1000"))) return 1;
    ::pause();
    return 0;
  });
  ASSERT_TRUE(await_text(weir.output.get(), "ready\n"));
  ::kill(weir.pid, SIGKILL);
  status_of(weir.pid);
  ASSERT_TRUE(readable(weir.output.get(), 30'000));
  EXPECT_EQ(drain(weir.output.get()), "");
}

TEST_F(SpawnerTest, RunnersOutliveTheirSpawner) {
  std::optional<Spawner> spawner = started();
  Spawner runner = runner_of(*spawner);
  spawner.reset();
  EXPECT_EQ(run(runner, shell("exit 3")).code, 3);
}

TEST_F(SpawnerTest, RunnersLeakNothing) {
  Spawner spawner = started();
  ASSERT_EQ(run(spawner, shell("exit 0")).code, 0);
  int ours = descriptors_of(::getpid()), its = descriptors_of(spawner.pid());
  for (int i = 0; i < 5; ++i) {
    Spawner runner = runner_of(spawner), other = runner_of(spawner);
    auto output = other.spawn_piped(shell("exec ls /proc/self/fd"));
    ASSERT_TRUE(output);
    EXPECT_EQ(drain(output->get()), "0\n1\n2\n3\n") << "3 is the folder that ls reads";
    ASSERT_TRUE(other.end(std::chrono::seconds(30)));
  }
  EXPECT_EQ(run(spawner, shell("exit 0")).code, 0);
  EXPECT_EQ(descriptors_of(spawner.pid()), its);
  EXPECT_EQ(descriptors_of(::getpid()), ours);
}

TEST_F(SpawnerTest, WeirStopsAndContinuesWithItsCommand) {
  Weir weir = in_another_process([] {
    Spawner spawner = started();
    return run(spawner, shell("kill -STOP $$; echo back; exit 8")).status();
  });
  EXPECT_TRUE(WIFSTOPPED(status_of(weir.pid, WUNTRACED)));
  ::kill(-weir.pid, SIGCONT);  // what the shell's `fg` does
  EXPECT_EQ(drain(weir.output.get()), "back\n");
  EXPECT_EQ(WEXITSTATUS(status_of(weir.pid)), 8);
}

TEST_F(SpawnerTest, CtrlCAtTheTerminalReachesTheCommandAndNotUs) {
  int terminal;
  pid_t pid = ::forkpty(&terminal, nullptr, nullptr, nullptr);
  ASSERT_GE(pid, 0);
  if (pid == 0) {
    Spawner spawner = started();
    ::signal(SIGINT, SIG_IGN);
    ::_exit(run(spawner, shell(waiting("trap 'exit 7' INT"))).status());
  }
  UniqueFd owned(terminal);
  ASSERT_TRUE(await_text(terminal, "ready\r\n"));
  ASSERT_EQ(::write(terminal, "\x03", 1), 1);
  EXPECT_EQ(WEXITSTATUS(status_of(pid)), 7);
}

}  // namespace
}  // namespace weir::sandbox
