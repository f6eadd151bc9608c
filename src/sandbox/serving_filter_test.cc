#include "sandbox/serving_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/fd.h"
#include "sandbox/capabilities.h"
#include "sandbox/landlock.h"
#include "sandbox/sanitized.h"

namespace weir::sandbox {
namespace {

namespace fs = std::filesystem;

constexpr int kNotConfined = 254;

/// What `inside` answers in a child that `confine` was called in; or minus the signal that ended it. Both are
/// called in a process of their own that has no other thread.
template <typename Confine, typename Inside>
int in_child(Confine confine, Inside inside) {
  pid_t child = ::fork();
  if (child == 0) {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !confine()) ::_exit(kNotConfined);
    ::_exit(inside());
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

template <typename Inside>
int serving(Inside inside) {
  return in_child([] { return allow_only(CallList::serving).has_value(); }, inside);
}

template <typename Inside>
int looking(Inside inside) {
  return in_child([] { return allow_only(CallList::looking).has_value(); }, inside);
}

int error_of(long result) { return result < 0 ? errno : 0; }

TEST(ServingFilter, WhatServingTakesWorks) {
  EXPECT_EQ(serving([] {
              int seen = 0;
              std::thread([&] { seen = 1; }).join();
              UniqueFd made(::memfd_create("test", MFD_CLOEXEC));
              UniqueFd tcp(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
              UniqueFd netlink(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
              return seen == 1 && made && tcp && netlink && ::write(made.get(), "x", 1) == 1 ? 0 : 1;
            }),
            0);
}

TEST(ServingFilter, WhatOnlyAnIntruderDoesEndsTheProcess) {
  for (long call :
       {SYS_keyctl, SYS_bpf, SYS_mount, SYS_init_module, SYS_userfaultfd, SYS_io_uring_setup,
        SYS_perf_event_open, SYS_unshare, SYS_setns, SYS_pidfd_getfd, SYS_process_vm_writev, SYS_setuid})
    EXPECT_EQ(serving([call] { return error_of(::syscall(call, 0, 0, 0, 0, 0)); }), -SIGSYS) << call;
  if (kSanitized) return;
  for (long call : {SYS_execve, SYS_ptrace, SYS_process_vm_readv})
    EXPECT_EQ(serving([call] { return error_of(::syscall(call, 0, 0, 0, 0, 0)); }), -SIGSYS) << call;
}

TEST(ServingFilter, WhatIsNotOnTheListIsRefused) {
  EXPECT_EQ(serving([] { return error_of(::syscall(SYS_swapoff, "/nowhere")); }), EPERM);
  EXPECT_EQ(serving([] { return error_of(::socket(AF_VSOCK, SOCK_STREAM, 0)); }), EPERM);
  EXPECT_EQ(serving([] { return error_of(::socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER)); }), EPERM);
  EXPECT_EQ(serving([] {
              return ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
                            -1, 0) == MAP_FAILED
                         ? errno
                         : 0;
            }),
            EPERM);
  if (kSanitized) return;
  EXPECT_EQ(serving([] { return error_of(::fork()); }), EPERM);
  EXPECT_EQ(serving([] { return error_of(::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)); }), EPERM);
  EXPECT_EQ(serving([] { return error_of(::kill(::getppid(), SIGCONT)); }), EPERM);
}

// Each call once, however often it is made.
TEST(ServingFilter, ARefusalIsToldOnce) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  UniqueFd read(ends[0]), write(ends[1]);
  EXPECT_EQ(serving([&] {
              ::dup2(write.get(), STDERR_FILENO);
              for (int i = 0; i < 3; ++i) ::syscall(SYS_swapoff, "/nowhere");
              return 0;
            }),
            0);
  write.reset();
  std::string said(4096, '\0');
  said.resize(static_cast<std::size_t>(std::max<ssize_t>(::read(read.get(), said.data(), said.size()), 0)));
  std::string number = std::to_string(SYS_swapoff);
  EXPECT_EQ(said, "weir: system call " + number +
                      " is not on the list of those that serving takes; refused (docs/hardening.md)\n");
}

TEST(LookingFilter, ReadsAndDoesNothingElse) {
  EXPECT_EQ(looking([] {
              UniqueFd file(::open("/proc/self/status", O_RDONLY | O_CLOEXEC));
              char byte;
              return ::read(file.get(), &byte, 1) == 1 ? 0 : 1;
            }),
            0);
  EXPECT_EQ(looking([] { return error_of(::socket(AF_INET, SOCK_STREAM, 0)); }), EPERM);
  EXPECT_EQ(looking([] { return error_of(::mkdir("/nowhere/at/all", 0700)); }), EPERM);
  EXPECT_EQ(looking([] { return error_of(::unlink("/nowhere/at/all")); }), EPERM);
  if (kSanitized) return;
  EXPECT_EQ(looking([] { return error_of(::open("/dev/null", O_WRONLY)); }), EPERM);
  EXPECT_EQ(looking([] { return error_of(::open("/nowhere/at/all", O_RDONLY | O_CREAT, 0600)); }), EPERM);
}

class Landlock : public testing::Test {
 protected:
  void SetUp() override {
    if (landlock_version() == 0) GTEST_SKIP() << "this kernel has no Landlock";
    std::string made = (fs::temp_directory_path() / "weir-landlock-XXXXXX").string();
    ASSERT_NE(::mkdtemp(made.data()), nullptr);
    folder = made;
    for (const char* name : {"mine", "theirs", "sockets"}) fs::create_directory(folder / name);
    for (const char* name : {"mine/file", "theirs/file", "sockets/file"})
      std::ofstream(folder / name) << "text";
  }
  void TearDown() override { fs::remove_all(folder); }

  template <typename Inside>
  int restricted(Inside inside) {
    return in_child(
        [&] {
          auto done = restrict_writes({.writable = {folder / "mine", folder / "not there", "/dev/null"},
                                       .removable_from = {folder / "sockets"}});
          return done.has_value() && *done > 0;
        },
        inside);
  }
  int error_opening(const char* name, int flags) {
    return restricted([&] { return error_of(::open((folder / name).c_str(), flags, 0600)); });
  }

  fs::path folder;
};

TEST_F(Landlock, FilesOfItsOwn) {
  EXPECT_EQ(error_opening("mine/file", O_WRONLY | O_TRUNC), 0);
  EXPECT_EQ(error_opening("mine/another", O_WRONLY | O_CREAT), 0);
  EXPECT_EQ(restricted([&] {
              return error_of(::rename((folder / "mine/file").c_str(), (folder / "mine/new").c_str()));
            }),
            0);
  EXPECT_EQ(restricted([] { return error_of(::open("/dev/null", O_WRONLY)); }), 0);
}

TEST_F(Landlock, OthersMayBeReadAndNothingElse) {
  EXPECT_EQ(error_opening("theirs/file", O_RDONLY), 0);
  for (int flags : {O_WRONLY, O_RDWR | O_TRUNC}) EXPECT_EQ(error_opening("theirs/file", flags), EACCES);
  EXPECT_EQ(error_opening("theirs/another", O_WRONLY | O_CREAT), EACCES);
  EXPECT_EQ(restricted([&] { return error_of(::unlink((folder / "theirs/file").c_str())); }), EACCES);
  EXPECT_EQ(restricted([&] { return error_of(::mkdir((folder / "theirs/more").c_str(), 0700)); }), EACCES);
  EXPECT_NE(restricted([&] {
              return error_of(::rename((folder / "theirs/file").c_str(), (folder / "mine/new").c_str()));
            }),
            0);
}

TEST_F(Landlock, SocketsMayBeTakenAway) {
  EXPECT_EQ(error_opening("sockets/file", O_WRONLY), EACCES);
  EXPECT_EQ(restricted([&] { return error_of(::unlink((folder / "sockets/file").c_str())); }), 0);
}

TEST_F(Landlock, NoProgramAndNoPort) {
  if (!kSanitized)
    EXPECT_EQ(restricted([] {
                const char* words[] = {"/bin/true", nullptr};
                return error_of(::execv(words[0], const_cast<char**>(words)));
              }),
              EACCES);
  if (landlock_version() < 4) return;
  EXPECT_EQ(restricted([] {
              UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
              sockaddr place{.sa_family = AF_INET, .sa_data = {}};
              return error_of(::bind(socket.get(), &place, sizeof place));
            }),
            EACCES);
}

TEST(Capabilities, AreGivenUpForGood) {
  std::uint64_t before = effective_capabilities();
  EXPECT_EQ(in_child([] { return keep_capabilities(0).has_value(); },
                     [] {
                       if (effective_capabilities() != 0) return 1;
                       if (!use_capabilities(~0ULL)) return 2;
                       return effective_capabilities() == 0 ? 0 : 3;
                     }),
            0);
  EXPECT_EQ(in_child([] { return use_capabilities(0).has_value(); },
                     [before] {
                       if (effective_capabilities() != 0) return 1;
                       return use_capabilities(~0ULL) && effective_capabilities() == before ? 0 : 2;
                     }),
            0);
}

}  // namespace
}  // namespace weir::sandbox
