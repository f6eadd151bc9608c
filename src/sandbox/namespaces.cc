#include "sandbox/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "base/fd.h"

namespace weir::sandbox {
namespace {

Result<> write_file(const char* path, std::string_view text) {
  UniqueFd file(::open(path, O_WRONLY | O_CLOEXEC));
  if (!file) return fail_errno(Code::io, std::string("opening ") + path, errno);
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return fail_errno(Code::io, std::string("writing ") + path, errno);
  return {};
}

std::string first_line(const char* path) {
  UniqueFd file(::open(path, O_RDONLY | O_CLOEXEC));
  char bytes[64];
  ssize_t size = file ? ::read(file.get(), bytes, sizeof bytes) : 0;
  std::string_view text(bytes, static_cast<std::size_t>(size > 0 ? size : 0));
  return std::string(text.substr(0, text.find('\n')));
}

/// Why this machine refuses user namespaces, and what mends it.
std::string refusal(int error) {
  if (first_line("/proc/sys/kernel/unprivileged_userns_clone") == "0")
    return "this machine keeps user namespaces for root: as root, `sysctl -w "
           "kernel.unprivileged_userns_clone=1`";
  if (first_line("/proc/sys/user/max_user_namespaces") == "0")
    return "this machine allows no user namespace: as root, `sysctl -w user.max_user_namespaces=10000`";
  if (first_line("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1")
    return "AppArmor keeps user namespaces from programs without a profile: as root, `sysctl -w "
           "kernel.apparmor_restrict_unprivileged_userns=0`, or give weir a profile with `userns,`";
  if (error == ENOSPC || error == EUSERS)
    return "too many user namespaces are in use (user.max_user_namespaces)";
  return "a container around Weir may forbid it: run that with `--security-opt seccomp=unconfined`, or run "
         "Weir "
         "as root outside";
}

Result<> map_ids(uid_t user, gid_t group) {
  // A group map may be written only by who has given up changing groups (user_namespaces(7)).
  if (auto done = write_file("/proc/self/setgroups", "deny"); !done) return done;
  if (auto done = write_file("/proc/self/uid_map", fmt::format("{0} {0} 1\n", user)); !done) return done;
  return write_file("/proc/self/gid_map", fmt::format("{0} {0} 1\n", group));
}

}  // namespace

Result<> enter_namespaces() {
  constexpr int kAll = CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC;
  uid_t user = ::geteuid();
  gid_t group = ::getegid();
  if (user == 0 && ::unshare(kAll) == 0) return {};
  if (::unshare(CLONE_NEWUSER | kAll) != 0) {
    int error = errno;
    auto failed = fail_errno(Code::io, "a user namespace", error);
    return fail(Code::io, failed.error().context() + "; " + refusal(error));
  }
  return map_ids(user, group);
}

}  // namespace weir::sandbox
