#include "sandbox/serving_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <span>

#include "sandbox/sanitized.h"

namespace weir::sandbox {
namespace {

// By numbers: libseccomp gives a name that this machine does not have a negative one, and leaves it out.
constexpr int kBoth[] = {
    // memory
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(mincore),
    SCMP_SYS(msync),
    SCMP_SYS(mlock),
    SCMP_SYS(mlock2),
    SCMP_SYS(munlock),
    SCMP_SYS(membarrier),
    SCMP_SYS(get_mempolicy),
    // threads and time
    SCMP_SYS(futex),
    SCMP_SYS(futex_waitv),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(get_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(set_tid_address),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_getparam),
    SCMP_SYS(sched_getscheduler),
    SCMP_SYS(sched_get_priority_max),
    SCMP_SYS(sched_get_priority_min),
    SCMP_SYS(getpriority),
    SCMP_SYS(getcpu),
    SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(times),
    // who and what it is
    SCMP_SYS(gettid),
    SCMP_SYS(getpid),
    SCMP_SYS(getppid),
    SCMP_SYS(getpgrp),
    SCMP_SYS(getpgid),
    SCMP_SYS(getsid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(getresuid),
    SCMP_SYS(getresgid),
    SCMP_SYS(getgroups),
    SCMP_SYS(capget),
    SCMP_SYS(getrusage),
    SCMP_SYS(getrlimit),
    SCMP_SYS(sysinfo),
    SCMP_SYS(uname),
    SCMP_SYS(getrandom),
    // signals to itself
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigtimedwait),
    SCMP_SYS(rt_sigsuspend),
    SCMP_SYS(rt_sigpending),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(pause),
    // reading
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(pread64),
    SCMP_SYS(preadv),
    SCMP_SYS(preadv2),
    SCMP_SYS(lseek),
    SCMP_SYS(close),
    SCMP_SYS(close_range),
    SCMP_SYS(fcntl),
    SCMP_SYS(dup),
    SCMP_SYS(dup2),
    SCMP_SYS(dup3),
    SCMP_SYS(stat),
    SCMP_SYS(lstat),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(statx),
    SCMP_SYS(statfs),
    SCMP_SYS(fstatfs),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(getcwd),
    SCMP_SYS(getdents),
    SCMP_SYS(getdents64),
    SCMP_SYS(fadvise64),
    // what wakes and is woken; the finder's questions to the kernel go over a socket that is open
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(select),
    SCMP_SYS(pselect6),
    SCMP_SYS(sendto),
    SCMP_SYS(recvfrom),
    SCMP_SYS(sendmsg),
    SCMP_SYS(recvmsg),
    SCMP_SYS(getsockopt),
};

constexpr int kServing[] = {
    // files
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(pwrite64),
    SCMP_SYS(pwritev),
    SCMP_SYS(pwritev2),
    SCMP_SYS(fsync),
    SCMP_SYS(fdatasync),
    SCMP_SYS(sync_file_range),
    SCMP_SYS(ftruncate),
    SCMP_SYS(truncate),
    SCMP_SYS(fallocate),
    SCMP_SYS(flock),
    SCMP_SYS(copy_file_range),
    SCMP_SYS(sendfile),
    SCMP_SYS(splice),
    SCMP_SYS(mkdir),
    SCMP_SYS(mkdirat),
    SCMP_SYS(rmdir),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    SCMP_SYS(link),
    SCMP_SYS(linkat),
    SCMP_SYS(symlink),
    SCMP_SYS(symlinkat),
    SCMP_SYS(chmod),
    SCMP_SYS(fchmod),
    SCMP_SYS(fchmodat),
    SCMP_SYS(fchown),
    SCMP_SYS(utimensat),
    SCMP_SYS(umask),
    SCMP_SYS(inotify_init1),
    SCMP_SYS(inotify_add_watch),
    SCMP_SYS(inotify_rm_watch),
    SCMP_SYS(memfd_create),
    SCMP_SYS(memfd_secret),
    // connections
    SCMP_SYS(bind),
    SCMP_SYS(listen),
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(connect),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(setsockopt),
    SCMP_SYS(shutdown),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(recvmmsg),
    // waiting
    SCMP_SYS(epoll_create),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2),
    SCMP_SYS(eventfd),
    SCMP_SYS(eventfd2),
    SCMP_SYS(pipe),
    SCMP_SYS(pipe2),
    SCMP_SYS(timerfd_create),
    SCMP_SYS(timerfd_settime),
    SCMP_SYS(timerfd_gettime),
    SCMP_SYS(signalfd4),
    SCMP_SYS(wait4),
    SCMP_SYS(waitid),
    SCMP_SYS(setpriority),
};

// What nothing that serves has any use for, and an intruder all the more.
constexpr int kDeadly[] = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(process_madvise),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(kcmp),
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(bpf),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(move_mount),
    SCMP_SYS(open_tree),
    SCMP_SYS(fsopen),
    SCMP_SYS(fsmount),
    SCMP_SYS(fspick),
    SCMP_SYS(mount_setattr),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(setuid),
    SCMP_SYS(setresuid),
    SCMP_SYS(setreuid),
    SCMP_SYS(setgid),
    SCMP_SYS(setresgid),
    SCMP_SYS(setregid),
    SCMP_SYS(setgroups),
    SCMP_SYS(capset),
};

// LeakSanitizer stops the threads by tracing them from a process beside them; reports run a symbolizer.
constexpr int kSanitizers[] = {
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(personality),
    SCMP_SYS(clone),
    SCMP_SYS(vfork),
    SCMP_SYS(fork),
    SCMP_SYS(execve),
    SCMP_SYS(prctl),
    SCMP_SYS(kill),
    SCMP_SYS(tgkill),
    SCMP_SYS(tkill),
    SCMP_SYS(wait4),
    SCMP_SYS(prlimit64),
    SCMP_SYS(setrlimit),
    SCMP_SYS(arch_prctl),
    SCMP_SYS(pipe2),
    SCMP_SYS(openat),
    SCMP_SYS(open),
    SCMP_SYS(sched_setaffinity),
};

// ioctl numbers have 32 bits, whatever else is in the register.
scmp_arg_cmp is_number(unsigned argument, std::uint32_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, 0xffff'ffff, value};
}
scmp_arg_cmp is(unsigned argument, std::uint64_t value) { return {argument, SCMP_CMP_EQ, value, 0}; }
scmp_arg_cmp of_bits(unsigned argument, std::uint64_t mask, std::uint64_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}

bool contains(std::span<const int> list, int call) {
  for (int one : list)
    if (one == call) return true;
  return false;
}

class Filter {
 public:
  Filter() : context_(seccomp_init(SCMP_ACT_TRAP)) {}
  Filter(const Filter&) = delete;
  ~Filter() {
    if (context_ != nullptr) seccomp_release(context_);
  }

  void allow(std::span<const int> calls) {
    for (int call : calls) add(SCMP_ACT_ALLOW, call, {});
  }
  /// Where all arguments compare.
  void allow_where(int call, std::initializer_list<scmp_arg_cmp> arguments) {
    // One rule without arguments is weightier than any with: libseccomp refuses the latter as contradictions.
    if (kSanitized && contains(kSanitizers, call)) return;
    add(SCMP_ACT_ALLOW, call, arguments);
  }
  void fail_with(int error, int call) { add(SCMP_ACT_ERRNO(static_cast<std::uint32_t>(error)), call, {}); }
  void end_with(std::span<const int> calls) {
    for (int call : calls)
      if (!kSanitized || !contains(kSanitizers, call)) add(SCMP_ACT_KILL_PROCESS, call, {});
  }
  Result<> load() {
    if (context_ == nullptr) return fail(Code::internal, "no memory for the system call filter");
    if (failure_ == 0) failure_ = seccomp_attr_set(context_, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (failure_ == 0) failure_ = seccomp_attr_set(context_, SCMP_FLTATR_CTL_NNP, 0);
    if (failure_ == 0) failure_ = seccomp_attr_set(context_, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (failure_ == 0) failure_ = seccomp_load(context_);
    if (failure_ == 0) return {};
    return fail_errno(Code::io, "installing the list of system calls", -failure_);
  }

 private:
  void add(std::uint32_t action, int call, std::initializer_list<scmp_arg_cmp> arguments) {
    if (context_ == nullptr || failure_ != 0 || call == __NR_SCMP_ERROR) return;
    int failure = seccomp_rule_add_array(context_, action, call, static_cast<unsigned>(arguments.size()),
                                         arguments.begin());
    if (failure != 0 && failure != -EEXIST) failure_ = failure;
  }

  scmp_filter_ctx context_;
  int failure_ = 0;
};

// Code is loaded from files, by mapping them; nothing is made executable that was written here.
void allow_memory(Filter& filter) {
  constexpr std::uint64_t kWrite = PROT_WRITE, kRun = PROT_EXEC;
  filter.allow_where(SCMP_SYS(mmap), {of_bits(2, kRun, 0)});
  filter.allow_where(SCMP_SYS(mmap), {of_bits(2, kRun | kWrite, kRun)});
  filter.allow_where(SCMP_SYS(mprotect), {of_bits(2, kRun, 0)});
}

void allow_of_itself(Filter& filter) {
  auto own = static_cast<std::uint32_t>(::getpid());
  for (int call : {SCMP_SYS(kill), SCMP_SYS(tgkill)}) filter.allow_where(call, {is_number(0, own)});
  filter.allow_where(SCMP_SYS(kill), {is_number(1, 0)});  // is it there?
  for (std::uint32_t pid : {0U, own}) filter.allow_where(SCMP_SYS(prlimit64), {is_number(0, pid), is(2, 0)});
  // Its flags lie in memory, where no filter sees them; glibc goes on with clone.
  filter.fail_with(ENOSYS, SCMP_SYS(clone3));
  filter.allow_where(SCMP_SYS(clone), {of_bits(0, CLONE_THREAD | CLONE_NEWUSER, CLONE_THREAD)});
  for (int option : {PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, PR_GET_NO_NEW_PRIVS, PR_CAPBSET_READ,
                     PR_GET_SECCOMP, PR_SET_VMA})
    filter.allow_where(SCMP_SYS(prctl), {is_number(0, static_cast<std::uint32_t>(option))});
  filter.allow_where(SCMP_SYS(prctl), {is_number(0, PR_SET_DUMPABLE), is(1, 0)});
}

void allow_devices(Filter& filter) {
  for (std::uint32_t number : {std::uint32_t{FIONREAD}, std::uint32_t{FIONBIO}, std::uint32_t{FIOCLEX},
                               std::uint32_t{TCGETS}, std::uint32_t{TIOCGWINSZ}, std::uint32_t{TIOCGPGRP},
                               std::uint32_t{SIOCGIFNAME}, std::uint32_t{SIOCGIFINDEX}})
    filter.allow_where(SCMP_SYS(ioctl), {is_number(1, number)});
}

void allow_families(Filter& filter) {
  for (std::uint64_t family : {AF_UNIX, AF_INET, AF_INET6})
    filter.allow_where(SCMP_SYS(socket), {is(0, family)});
  for (std::uint64_t protocol : {NETLINK_ROUTE, NETLINK_SOCK_DIAG})
    filter.allow_where(SCMP_SYS(socket), {is(0, AF_NETLINK), is(2, protocol)});
  filter.allow_where(SCMP_SYS(socketpair), {is(0, AF_UNIX)});
}

void allow_reading(Filter& filter) {
  constexpr std::uint64_t kWriting = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND;
  filter.allow_where(SCMP_SYS(open), {of_bits(1, kWriting, O_RDONLY)});
  filter.allow_where(SCMP_SYS(openat), {of_bits(2, kWriting, O_RDONLY)});
}

// -- what is said of a call that was refused

constexpr std::size_t kCalls = 512;
std::array<std::atomic_flag, kCalls> said;

void give_up_call(ucontext_t& context) {
#if defined(__x86_64__)
  context.uc_mcontext.gregs[REG_RAX] = -EPERM;
#elif defined(__aarch64__)
  context.uc_mcontext.regs[0] = static_cast<unsigned long long>(-EPERM);
#else
#error "where does this machine keep what a system call returns?"
#endif
}

// May interrupt anything: it calls nothing that is not async-signal-safe.
void on_refused(int, siginfo_t* info, void* context) {
  int before = errno;
  give_up_call(*static_cast<ucontext_t*>(context));
  auto call = static_cast<std::size_t>(info->si_syscall);
  if (call < kCalls && !said[call].test_and_set()) {
    char line[] =
        "weir: system call ... is not on the list of those that serving takes; refused (docs/hardening.md)\n";
    char* digits = std::strstr(line, "...");
    digits[0] = static_cast<char>('0' + call / 100);
    digits[1] = static_cast<char>('0' + call / 10 % 10);
    digits[2] = static_cast<char>('0' + call % 10);
    if (::write(STDERR_FILENO, line, sizeof line - 1) < 0) errno = before;  // nobody to tell
  }
  errno = before;
}

Result<> hear_refusals() {
  struct sigaction action{};
  action.sa_sigaction = on_refused;
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  if (::sigaction(SIGSYS, &action, nullptr) == 0) return {};
  return fail_errno(Code::io, "a handler for refused system calls", errno);
}

}  // namespace

Result<> allow_only(CallList list) {
  if (auto done = hear_refusals(); !done) return done;
  Filter filter;
  filter.end_with(kDeadly);
  if (kSanitized) filter.allow(kSanitizers);
  filter.allow(kBoth);
  allow_memory(filter);
  allow_of_itself(filter);
  if (list == CallList::looking) {
    allow_reading(filter);
    return filter.load();
  }
  filter.allow(kServing);
  allow_devices(filter);
  allow_families(filter);
  return filter.load();
}

}  // namespace weir::sandbox
