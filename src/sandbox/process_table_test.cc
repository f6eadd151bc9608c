// The table on a /proc of the test's own: folders and links as the kernel would show them.
#include "sandbox/process_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace weir::sandbox {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

struct Made {
  pid_t parent = 1;
  std::string command = "tool";
  std::uint64_t started = 1000;
  std::uint64_t arguments_at = 77;
  std::string executable = "/usr/bin/tool";
  std::string arguments = {"tool\0-x\0", 8};
};

class ProcessTableTest : public ::testing::Test {
 protected:
  ProcessTableTest() {
    std::string pattern = (fs::temp_directory_path() / "weir-proc-XXXXXX").string();
    proc_ = ::mkdtemp(pattern.data());
    table_.emplace(std::move(*ProcessTable::open(proc_.string())));
  }
  ~ProcessTableTest() override { fs::remove_all(proc_); }

  fs::path folder(pid_t pid) const { return proc_ / std::to_string(pid); }
  void make(pid_t pid, const Made& made = {}) const {
    fs::create_directories(folder(pid) / "fd");
    say(pid, made);
    fs::create_symlink(made.executable, folder(pid) / "exe");
    std::ofstream(folder(pid) / "cmdline") << made.arguments;
  }
  void say(pid_t pid, const Made& made) const {
    std::ofstream stat(folder(pid) / "stat");
    stat << pid << " (" << made.command << ") S " << made.parent;
    for (int field = 5; field <= 52; ++field)
      stat << " " << (field == 22 ? made.started : field == 48 ? made.arguments_at : 0);
    stat << "\n";
  }
  void end(pid_t pid) const { fs::remove_all(folder(pid)); }
  void open(pid_t pid, int descriptor, std::uint64_t inode) const {
    fs::path link = folder(pid) / "fd" / std::to_string(descriptor);
    fs::remove(link);
    fs::create_symlink(inode == 0 ? "/dev/null" : "socket:[" + std::to_string(inode) + "]", link);
  }
  void close(pid_t pid, int descriptor) const { fs::remove(folder(pid) / "fd" / std::to_string(descriptor)); }

  static WantedSocket wanted(std::uint64_t inode, pid_t root = 0) { return {inode, ::geteuid(), root}; }
  std::shared_ptr<const Process> taken(std::uint64_t inode) {
    std::shared_ptr<const Process> out;
    for (auto& [found, process] : table_->take_found())
      if (found == inode) out = process;
    return out;
  }
  bool found(std::uint64_t inode) { return taken(inode) != nullptr; }
  std::shared_ptr<const Process> near(std::uint64_t inode) {
    table_->want(wanted(inode));
    table_->look_near(ProcessTable::Reach::more);
    table_->forget(inode);
    return taken(inode);
  }
  std::shared_ptr<const Process> everywhere(std::uint64_t inode, pid_t root = 0) {
    table_->want(wanted(inode, root));
    while (table_->wants_any()) table_->look_further();
    return taken(inode);
  }
  std::uint64_t reads_of(const std::function<void()>& work) {
    std::uint64_t before = table_->reads();
    work();
    return table_->reads() - before;
  }
  static pid_t pid_of(const std::shared_ptr<const Process>& process) { return process ? process->pid : 0; }

  fs::path proc_;
  std::optional<ProcessTable> table_;
};

TEST_F(ProcessTableTest, TellsWhatTheProcessIs) {
  make(1, {.parent = 0, .command = "init", .started = 1, .executable = "/sbin/init"});
  make(20, {.command = "sh", .executable = "/bin/sh"});
  make(30, {.parent = 20,
            .command = "a) R 99 (b",
            .executable = "/opt/my tool (deleted)",
            .arguments = std::string("tool\0\0two words\n\x1b[2J\0", 22)});
  open(30, 3, 0);
  open(30, 4, 501);
  auto process = everywhere(501);
  ASSERT_TRUE(process);
  EXPECT_EQ(process->pid, 30);
  EXPECT_EQ(process->name, "my tool");
  EXPECT_EQ(process->executable, "/opt/my tool");
  EXPECT_THAT(process->arguments, ElementsAre("tool", "", "two words\n\x1b[2J"));
  EXPECT_FALSE(process->arguments_cut);
  EXPECT_THAT(process->parents, ElementsAre(Process::Ancestor{20, "sh"}, Process::Ancestor{1, "init"}));
  EXPECT_EQ(process->unknown, "");
  EXPECT_FALSE(everywhere(502));
}

TEST_F(ProcessTableTest, NamesAProcessWhoseExecutableIsSecretAsTheKernelDoes) {
  make(30, {.command = "a) R 99 (b", .executable = "x"});
  fs::remove(folder(30) / "exe");
  open(30, 3, 501);
  auto process = everywhere(501);
  ASSERT_TRUE(process);
  EXPECT_EQ(process->name, "a) R 99 (b");
  EXPECT_EQ(process->executable, "");
}

TEST_F(ProcessTableTest, CutsALongCommandLine) {
  make(30, {.arguments = std::string(4000, 'a') + '\0' + std::string(4000, 'b') + '\0'});
  open(30, 3, 501);
  make(31, {.arguments = [] {
         std::string many;
         for (int i = 0; i < 600; ++i) many.append("x\0", 2);
         return many;
       }()});
  open(31, 3, 502);
  auto process = everywhere(501);
  ASSERT_TRUE(process);
  EXPECT_THAT(process->arguments, ElementsAre(std::string(4000, 'a'), std::string(95, 'b')));
  EXPECT_TRUE(process->arguments_cut);
  process = everywhere(502);
  ASSERT_TRUE(process);
  EXPECT_EQ(process->arguments.size(), 512u);
  EXPECT_TRUE(process->arguments_cut);
}

TEST_F(ProcessTableTest, AChainOfParentsIsBoundedAndEndsWhereANumberWasUsedAgain) {
  for (pid_t pid = 100; pid < 130; ++pid)
    make(pid, {.parent = pid - 1, .started = static_cast<std::uint64_t>(pid)});
  open(129, 3, 501);
  auto process = everywhere(501);
  ASSERT_TRUE(process);
  ASSERT_EQ(process->parents.size(), 16u);
  EXPECT_EQ(process->parents[0].pid, 128);
  EXPECT_EQ(process->parents[15].pid, 113);
  say(110, {.parent = 109, .started = 9999});
  open(112, 3, 502);
  process = everywhere(502);
  ASSERT_TRUE(process);
  EXPECT_EQ(process->parents.size(), 1u) << "111; the present 110 began after it";
}

TEST_F(ProcessTableTest, TheNewestBelowTheRootComesFirst) {
  make(1, {.parent = 0});
  make(50, {.parent = 1});
  make(60, {.parent = 50});
  make(61, {.parent = 60});
  make(70, {.parent = 1});
  for (pid_t pid : {50, 60, 61, 70}) open(pid, pid, 501);
  EXPECT_EQ(pid_of(everywhere(501)), 70);
  EXPECT_EQ(pid_of(everywhere(501, 50)), 61);
  EXPECT_EQ(pid_of(everywhere(501, 70)), 70);
}

TEST_F(ProcessTableTest, AnInheritedSocketIsThatOfWhoMadeIt) {
  make(1, {.parent = 0});
  make(50, {.parent = 1});
  make(60, {.parent = 50});
  make(70, {.parent = 60});
  for (pid_t pid : {50, 60, 70}) open(pid, 3, 501);
  EXPECT_EQ(pid_of(everywhere(501)), 50);
  open(70, 4, 502);
  EXPECT_EQ(pid_of(everywhere(502)), 70);
  for (pid_t pid : {50, 60, 70}) open(pid, 5, 503);
  EXPECT_EQ(pid_of(near(503)), 50);
  close(50, 3);
  EXPECT_EQ(pid_of(everywhere(501)), 60) << "who made it has let it go";
}

TEST_F(ProcessTableTest, MostlyTheFirstProcessLookedAtIsIt) {
  for (pid_t pid = 2; pid < 60; ++pid) {
    make(pid);
    for (int descriptor = 0; descriptor < 5; ++descriptor) open(pid, descriptor, 10'000 + pid);
  }
  open(59, 5, 501);
  EXPECT_LE(reads_of([&] { EXPECT_EQ(pid_of(everywhere(501)), 59); }), 10u);
  make(200);
  open(200, 3, 502);
  EXPECT_LE(reads_of([&] { EXPECT_EQ(pid_of(everywhere(502)), 200); }), 2u);
}

TEST_F(ProcessTableTest, ABusyClientsDescriptorsAreReadOnce) {
  constexpr int kOpen = 800;
  make(30);
  for (int descriptor = 0; descriptor < kOpen; ++descriptor) open(30, descriptor, 0);
  open(30, kOpen, 1);
  EXPECT_GE(reads_of([&] { EXPECT_EQ(pid_of(everywhere(1)), 30); }), 800u);
  std::uint64_t reads = reads_of([&] {
    // One more each time, as a client that keeps all its connections...
    for (int i = 1; i <= 200; ++i) {
      open(30, kOpen + i, 1000u + static_cast<unsigned>(i));
      EXPECT_EQ(pid_of(near(1000u + static_cast<unsigned>(i))), 30) << i;
    }
    // ... and always the same, as one that closes them.
    open(30, kOpen / 2, 2000);
    EXPECT_EQ(pid_of(everywhere(2000)), 30);
    for (unsigned i = 1; i <= 200; ++i) {
      open(30, kOpen / 2, 2000 + i);
      EXPECT_EQ(pid_of(near(2000 + i)), 30) << i;
    }
  });
  EXPECT_LT(reads, 800u + 20'000u) << "and fifty for each";
}

TEST_F(ProcessTableTest, GapsAmongTheDescriptorsAreLookedAt) {
  make(30);
  for (int descriptor : {0, 1, 2, 5, 6, 9, 12}) open(30, descriptor, 0);
  open(30, 13, 501);
  ASSERT_TRUE(everywhere(501));
  for (int descriptor : {3, 4, 7, 8, 10, 14, 16}) {
    open(30, descriptor, 600u + static_cast<unsigned>(descriptor));
    EXPECT_TRUE(near(600u + static_cast<unsigned>(descriptor))) << descriptor;
  }
  open(30, 15, 700);
  EXPECT_TRUE(near(700)) << "passed over on the way to 16";
}

TEST_F(ProcessTableTest, SocketsSeenOnTheWayAreRememberedAndReadAgain) {
  make(30);
  for (int descriptor = 0; descriptor < 200; ++descriptor)
    open(30, descriptor, 1000u + static_cast<unsigned>(descriptor));
  ASSERT_TRUE(everywhere(1000));
  EXPECT_LE(reads_of([&] { EXPECT_TRUE(near(1100)); }), 2u);
  close(30, 150);
  EXPECT_FALSE(near(1150)) << "what is remembered is no answer";
  open(30, 151, 9999);
  EXPECT_FALSE(near(1151));
}

// Of a client that opens many at once, the wanted ones come one by one.
TEST_F(ProcessTableTest, WhatWasPassedByAboveTheKnownIsRemembered) {
  make(50);
  open(50, 3, 333);
  ASSERT_TRUE(everywhere(333));
  for (int i = 0; i < 500; ++i) open(50, 4 + i, 4000 + static_cast<std::uint64_t>(i));
  ASSERT_TRUE(near(4499));
  for (std::uint64_t inode : {4000, 4200, 4400}) EXPECT_TRUE(near(inode)) << inode;
}

TEST_F(ProcessTableTest, AnotherProcessWithTheSameNumberIsAnother) {
  make(30);
  open(30, 3, 501);
  auto first = everywhere(501);
  ASSERT_TRUE(first);
  end(30);
  make(30, {.command = "other", .started = 2000, .executable = "/usr/bin/other"});
  open(30, 3, 501);
  EXPECT_FALSE(near(501)) << "nobody has found it in this process";
  auto second = everywhere(501);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->name, "other");
  EXPECT_GT(second->started, first->started);
}

TEST_F(ProcessTableTest, WhatWasReadHoldsUntilAnotherProgramRuns) {
  make(30);
  open(30, 3, 501);
  auto first = everywhere(501);
  open(30, 4, 502);
  EXPECT_EQ(near(502), first) << "the same record";
  say(30, {.arguments_at = 78});
  std::ofstream(folder(30) / "cmdline") << std::string("other\0", 6);
  open(30, 5, 503);
  auto second = near(503);
  ASSERT_TRUE(second);
  EXPECT_THAT(second->arguments, ElementsAre("other"));
  EXPECT_THAT(first->arguments, ElementsAre("tool", "-x"));
}

TEST_F(ProcessTableTest, AProgramMetWhileItIsStartedIsReadAgain) {
  make(30, {.arguments = ""});
  open(30, 3, 501);
  EXPECT_THAT(everywhere(501)->arguments, ElementsAre());
  std::ofstream(folder(30) / "cmdline") << std::string("tool\0-x\0", 8);
  open(30, 4, 502);
  EXPECT_THAT(near(502)->arguments, ElementsAre("tool", "-x"));
}

TEST_F(ProcessTableTest, AProcessThatHasEndedIsForgotten) {
  make(30);
  open(30, 3, 501);
  ASSERT_TRUE(everywhere(501));
  end(30);
  EXPECT_EQ(reads_of([&] { EXPECT_FALSE(near(501)); }), 0u);
  EXPECT_FALSE(everywhere(501));
}

TEST_F(ProcessTableTest, OneSearchServesAllThatIsWanted) {
  for (pid_t pid = 30; pid < 50; ++pid) {
    make(pid);
    open(pid, 3, 500u + static_cast<unsigned>(pid));
    open(pid, 4, 600u + static_cast<unsigned>(pid));
  }
  for (unsigned pid = 30; pid < 50; ++pid) {
    table_->want(wanted(500 + pid));
    table_->want(wanted(600 + pid));
  }
  table_->want(wanted(7));
  std::uint64_t reads = reads_of([&] {
    while (table_->wants_any()) table_->look_further();
  });
  EXPECT_LE(reads, 2u * 40 + 2u * 40) << "the newest may be looked at twice, and whether it was inherited";
  auto found = table_->take_found();
  EXPECT_EQ(found.size(), 40u);
  for (auto& [inode, process] : found) EXPECT_EQ(process->pid, static_cast<pid_t>(inode % 100));
  EXPECT_THAT(table_->take_missed(), ElementsAre(7u));
  EXPECT_THAT(table_->take_missed(), ElementsAre());
}

TEST_F(ProcessTableTest, WhoComesLaterIsLookedForAtOnceAndAtLengthToo) {
  for (pid_t pid = 2; pid < 60; ++pid) make(pid);
  open(2, 3, 501);
  table_->want(wanted(501));
  table_->want(wanted(7));
  for (int i = 0; i < 10; ++i) table_->look_further();
  make(100);
  open(100, 3, 502);
  table_->want(wanted(502));
  table_->look_further();
  EXPECT_EQ(pid_of(taken(502)), 100);
  // Others come all the time, and yet the oldest process has its turn.
  int looks = 0;
  for (std::uint64_t inode = 9000; inode < 9200 && !found(501); ++inode, ++looks) {
    table_->want(wanted(inode));
    table_->look_further();
    table_->look_further();
    table_->look_further();
    table_->look_further();
    table_->look_further();
    table_->look_further();
    table_->forget(inode);
  }
  EXPECT_LT(looks, 100);
}

TEST_F(ProcessTableTest, RemembersABoundedNumberOfProcesses) {
  for (pid_t pid = 2; pid < 100; ++pid) {
    make(pid);
    open(pid, 3, 1000u + static_cast<unsigned>(pid));
    EXPECT_TRUE(everywhere(1000u + static_cast<unsigned>(pid)));
  }
  std::size_t open_folders = 0;
  for (const auto& each : fs::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    open_folders += fs::read_symlink(each.path(), error).string().starts_with(proc_.string() + "/");
  }
  EXPECT_LE(open_folders, ProcessTable::kMostProcesses + 1);
  EXPECT_TRUE(near(1099));
}

TEST(ProcessTableOpenTest, SaysThatThereIsNoProc) {
  auto table = ProcessTable::open("/nowhere/proc");
  ASSERT_FALSE(table);
  EXPECT_THAT(table.error().context(), ::testing::HasSubstr("/nowhere/proc"));
}

}  // namespace
}  // namespace weir::sandbox
