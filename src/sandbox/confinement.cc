#include "sandbox/confinement.h"

#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <linux/securebits.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <initializer_list>

#include "base/fd.h"

namespace weir::sandbox {
namespace {

constexpr int kHighestCapability = 63;

Result<> clear_capabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct none[2] = {};
  if (::syscall(SYS_capset, &header, none) != 0) return fail_errno(Code::io, "giving up capabilities", errno);
  return {};
}

Result<> empty_bounding_set() {
  for (int capability = 0; capability <= kHighestCapability; ++capability) {
    int held = ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0);
    if (held < 0) return {};  // this kernel knows no more
    if (held == 1 && ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0)
      return fail_errno(Code::io, fmt::format("giving up capability {} for good", capability), errno);
  }
  return {};
}

/// A filter in the making.
class Filter {
 public:
  Filter() : context_(seccomp_init(SCMP_ACT_ALLOW)) {}
  Filter(const Filter&) = delete;
  ~Filter() {
    if (context_ != nullptr) seccomp_release(context_);
  }

  void refuse(int error, int call) { add(error, call, {}); }
  /// Where the argument compares; system calls this kernel does not know are no matter.
  void refuse_where(int error, int call, std::initializer_list<scmp_arg_cmp> arguments) {
    add(error, call, arguments);
  }
  Result<> load() {
    if (context_ == nullptr) return fail(Code::internal, "no memory for the system call filter");
    // Calls by another ABI would not be looked at by the rules above.
    if (failure_ == 0) failure_ = seccomp_attr_set(context_, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
    if (failure_ == 0) failure_ = seccomp_attr_set(context_, SCMP_FLTATR_CTL_NNP, 0);
    if (failure_ == 0) failure_ = seccomp_attr_set(context_, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (failure_ == 0) failure_ = seccomp_load(context_);
    if (failure_ == 0) return {};
    return fail_errno(Code::io, "installing the system call filter", -failure_);
  }

 private:
  void add(int error, int call, std::initializer_list<scmp_arg_cmp> arguments) {
    if (context_ == nullptr || failure_ != 0) return;
    failure_ = seccomp_rule_add_array(context_, SCMP_ACT_ERRNO(error), call,
                                      static_cast<unsigned>(arguments.size()), arguments.begin());
  }

  scmp_filter_ctx context_;
  int failure_ = 0;
};

scmp_arg_cmp is(unsigned argument, std::uint64_t value) { return {argument, SCMP_CMP_EQ, value, 0}; }
scmp_arg_cmp above(unsigned argument, std::uint64_t value) { return {argument, SCMP_CMP_GT, value, 0}; }
scmp_arg_cmp is_not(unsigned argument, std::uint64_t value) { return {argument, SCMP_CMP_NE, value, 0}; }
scmp_arg_cmp has_bit(unsigned argument, std::uint64_t bit) {
  return {argument, SCMP_CMP_MASKED_EQ, bit, bit};
}
/// Of the lower 32 bits, which are all that an ioctl number has.
scmp_arg_cmp is_number(unsigned argument, std::uint32_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, 0xffff'ffff, value};
}

// Families are an int, the kernel's look at the register's lower half; a filter sees the whole of it. Any
// upper bit makes it greater than every family that is let through.
void refuse_families(Filter& filter) {
  for (int call : {SCMP_SYS(socket), SCMP_SYS(socketpair)}) {
    for (int family = 0; family <= AF_NETLINK; ++family) {
      bool allowed = family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK;
      if (!allowed) filter.refuse_where(EAFNOSUPPORT, call, {is(0, static_cast<std::uint64_t>(family))});
    }
    filter.refuse_where(EAFNOSUPPORT, call, {above(0, AF_NETLINK)});
  }
  filter.refuse_where(EAFNOSUPPORT, SCMP_SYS(socket), {is(0, AF_NETLINK), is_not(2, NETLINK_ROUTE)});
}

void refuse_namespaces(Filter& filter) {
  filter.refuse_where(EPERM, SCMP_SYS(unshare), {has_bit(0, CLONE_NEWUSER)});
  filter.refuse_where(EPERM, SCMP_SYS(clone), {has_bit(0, CLONE_NEWUSER)});
  // Its flags lie in memory, where no filter sees them; every caller knows how to go on with clone.
  filter.refuse(ENOSYS, SCMP_SYS(clone3));
  filter.refuse(EPERM, SCMP_SYS(setns));
}

Result<std::string> own_status() {
  UniqueFd file(::open("/proc/self/status", O_RDONLY | O_CLOEXEC));
  if (!file) return fail_errno(Code::io, "reading /proc/self/status", errno);
  std::string text(16 << 10, '\0');
  ssize_t size = ::read(file.get(), text.data(), text.size());
  if (size < 0) return fail_errno(Code::io, "reading /proc/self/status", errno);
  text.resize(static_cast<std::size_t>(size));
  return text;
}

}  // namespace

Result<> drop_privileges() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail_errno(Code::io, "no_new_privs", errno);
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
    return fail_errno(Code::io, "clearing the ambient capabilities", errno);
  if (auto done = empty_bounding_set(); !done) return done;
  return clear_capabilities();
}

Result<> filter_system_calls() {
  Filter filter;
  refuse_families(filter);
  refuse_namespaces(filter);
  for (int call :
       {SCMP_SYS(bpf), SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(keyctl), SCMP_SYS(userfaultfd),
        SCMP_SYS(perf_event_open), SCMP_SYS(pidfd_getfd), SCMP_SYS(process_vm_readv),
        SCMP_SYS(process_vm_writev), SCMP_SYS(open_by_handle_at), SCMP_SYS(kexec_load),
        SCMP_SYS(kexec_file_load), SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module)})
    filter.refuse(EPERM, call);
  for (int call : {SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register)})
    filter.refuse(ENOSYS, call);
  for (std::uint32_t number : {TIOCSTI, TIOCLINUX})
    filter.refuse_where(EPERM, SCMP_SYS(ioctl), {is_number(1, number)});
  return filter.load();
}

Result<> verify_confinement() {
  auto status = own_status();
  if (!status) return pass(status);
  for (const char* line :
       {"CapInh:\t0000000000000000\n", "CapPrm:\t0000000000000000\n", "CapEff:\t0000000000000000\n",
        "CapBnd:\t0000000000000000\n", "CapAmb:\t0000000000000000\n", "NoNewPrivs:\t1\n", "Seccomp:\t2\n"})
    if (!status->contains(line))
      return fail(Code::internal,
                  fmt::format("the sandbox still has privileges: no line \"{}\" in its status",
                              std::string_view(line).substr(0, std::string_view(line).size() - 1)));
  for (int family : {AF_VSOCK, AF_PACKET, AF_ALG})
    if (UniqueFd socket(::socket(family, SOCK_DGRAM, 0)); socket)
      return fail(Code::internal, fmt::format("the sandbox can open sockets of family {}", family));
  if (::unshare(CLONE_NEWUSER) == 0) return fail(Code::internal, "the sandbox can make user namespaces");
  return {};
}

}  // namespace weir::sandbox
