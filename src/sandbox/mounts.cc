#include "sandbox/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <utility>

namespace weir::sandbox {
namespace {

namespace fs = std::filesystem;

// mount_setattr(2): glibc 2.36 has the call, but its header clashes with <sys/mount.h>.
struct MountAttributes {
  std::uint64_t set = 0, clear = 0, propagation = 0, user_namespace = 0;
};

constexpr unsigned long kSafe = MS_NOSUID | MS_NODEV | MS_NOEXEC;

Result<> mounted(int result, std::string_view what, const std::string& path) {
  if (result == 0) return {};
  return fail_errno(Code::io, fmt::format("{} {}", what, path), errno);
}

Result<> set_read_only(const std::string& path, bool and_below) {
  MountAttributes attributes{.set = MOUNT_ATTR_RDONLY};
  unsigned flags = and_below ? AT_RECURSIVE : 0;
  return mounted(static_cast<int>(::syscall(SYS_mount_setattr, AT_FDCWD, path.c_str(), flags, &attributes,
                                            sizeof attributes)),
                 "making read-only:", path);
}

Result<> bind(const std::string& from, const std::string& to) {
  return mounted(::mount(from.c_str(), to.c_str(), nullptr, MS_BIND | MS_REC, nullptr), "mounting on", to);
}

Result<> empty_folder(const std::string& path, const char* options, unsigned long flags = kSafe) {
  return mounted(::mount("tmpfs", path.c_str(), "tmpfs", flags, options), "mounting an empty folder on",
                 path);
}

enum class Kind : std::uint8_t { none, folder, other };

Kind kind_of(const std::string& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return Kind::none;
  return S_ISDIR(info.st_mode) ? Kind::folder : Kind::other;
}

/// A place that stays though the folder around it is hidden.
struct Kept {
  std::string path;
  UniqueFd file;
  mode_t mode = 0;
};

std::vector<Kept> open_kept(const std::vector<std::string>& paths) {
  std::vector<Kept> out;
  for (const std::string& path : paths) {
    Kept one{.path = path, .file = UniqueFd(::open(path.c_str(), O_PATH | O_CLOEXEC))};
    struct stat info;
    if (!one.file || ::fstat(one.file.get(), &info) != 0) continue;  // nothing there: nothing to keep
    one.mode = info.st_mode;
    out.push_back(std::move(one));
  }
  return out;
}

/// Mounts what was kept where it was; the place is made again when it went with its folder.
Result<> put_back(const Kept& kept) {
  if (kind_of(kept.path) == Kind::none) {
    std::error_code error;
    fs::create_directories(fs::path(kept.path).parent_path(), error);
    if (error) return fail(Code::io, "making the folder of " + kept.path + ": " + error.message());
    if (S_ISDIR(kept.mode))
      fs::create_directory(kept.path, error);
    else
      UniqueFd(::open(kept.path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  }
  if (auto done = bind(fmt::format("/proc/self/fd/{}", kept.file.get()), kept.path); !done) return done;
  return S_ISSOCK(kept.mode) ? Result<>{} : set_read_only(kept.path, true);
}

Result<> hide(const std::string& path) {
  switch (kind_of(path)) {
    case Kind::none: return {};
    case Kind::folder: return empty_folder(path, "mode=0755,size=1m");
    case Kind::other: return bind("/dev/null", path);
  }
  std::unreachable();
}

Result<> hide_all(const Plan& plan) {
  auto kept = open_kept(plan.kept);
  for (const std::string& path : plan.hidden)
    if (auto done = hide(path); !done) return done;
  for (const Kept& one : kept)
    if (auto done = put_back(one); !done) return done;
  return {};
}

/// A mount of its own on `path`, read-only.
Result<> protect(const std::string& path) {
  if (kind_of(path) == Kind::none) return {};
  if (auto done = bind(path, path); !done) return done;
  return set_read_only(path, true);
}

/// The whole tree read-only, then places to write in.
Result<> restrict_files(const Plan& plan) {
  if (plan.files == FileAccess::open) return {};
  if (plan.files == FileAccess::project)
    if (auto done = bind(plan.project, plan.project); !done) return done;
  auto project = open_kept({plan.project});
  if (auto done = set_read_only("/", true); !done) return done;
  for (const char* folder : {"/tmp", "/var/tmp", "/dev/shm"}) {
    if (kind_of(folder) != Kind::folder) continue;
    if (auto done = empty_folder(folder, "mode=1777", MS_NOSUID | MS_NODEV); !done) return done;
  }
  if (project.empty()) return {};
  // Behind the temporary folders, since a project may live in one.
  std::error_code error;
  fs::create_directories(plan.project, error);
  if (error) return fail(Code::io, "making the project's folder again: " + error.message());
  if (auto done = bind(fmt::format("/proc/self/fd/{}", project[0].file.get()), plan.project); !done)
    return done;
  MountAttributes writable{.clear = MOUNT_ATTR_RDONLY};
  return mounted(static_cast<int>(::syscall(SYS_mount_setattr, AT_FDCWD, plan.project.c_str(), 0, &writable,
                                            sizeof writable)),
                 "making writable:", plan.project);
}

/// A /dev with nothing in it that reaches hardware. Nodes are the machine's own, mounted one by one.
Result<> small_dev() {
  std::vector<std::string> nodes;
  for (const char* name : {"null", "zero", "full", "random", "urandom", "tty"})
    nodes.push_back(std::string("/dev/") + name);
  std::vector<Kept> kept = open_kept(nodes), terminals = open_kept({"/dev/pts"});
  if (auto done = empty_folder("/dev", "mode=0755,size=1m", MS_NOSUID | MS_NOEXEC); !done) return done;
  for (const Kept& one : kept) {
    UniqueFd(::open(one.path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    if (auto done = bind(fmt::format("/proc/self/fd/{}", one.file.get()), one.path); !done) return done;
  }
  for (const Kept& one : terminals) {
    ::mkdir(one.path.c_str(), 0755);
    if (auto done = bind(fmt::format("/proc/self/fd/{}", one.file.get()), one.path); !done) return done;
  }
  constexpr std::array links = {
      std::pair{"/proc/self/fd", "/dev/fd"}, std::pair{"/proc/self/fd/0", "/dev/stdin"},
      std::pair{"/proc/self/fd/1", "/dev/stdout"}, std::pair{"/proc/self/fd/2", "/dev/stderr"},
      std::pair{"pts/ptmx", "/dev/ptmx"}};
  for (auto [target, path] : links)
    if (::symlink(target, path) != 0) return fail_errno(Code::io, std::string("making ") + path, errno);
  ::mkdir("/dev/shm", 01777);
  return empty_folder("/dev/shm", "mode=1777", MS_NOSUID | MS_NODEV);
}

/// Root owns the kernel's settings and needs no capability to write them.
Result<> close_to_root() {
  for (const char* path : {"/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs",
                           "/proc/acpi", "/proc/scsi", "/sys"})
    if (auto done = protect(path); !done) return done;
  for (const char* path :
       {"/proc/kcore", "/proc/kmsg", "/proc/keys", "/proc/latency_stats", "/proc/timer_list"})
    if (auto done = hide(path); !done) return done;
  return small_dev();
}

}  // namespace

Result<> arrange_mounts(const Plan& plan) {
  if (auto done =
          mounted(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "making private:", "/");
      !done)
    return done;
  if (auto done = mounted(::mount("proc", "/proc", "proc", kSafe, nullptr), "mounting", "/proc"); !done)
    return fail(Code::io, done.error().context() +
                              "; a container around Weir may hide parts of its own: run that with "
                              "`--security-opt systempaths=unconfined`");
  if (::access("/dev/mqueue", F_OK) == 0)
    if (auto done =
            mounted(::mount("mqueue", "/dev/mqueue", "mqueue", kSafe, nullptr), "mounting", "/dev/mqueue");
        !done)
      return done;
  if (auto done = hide_all(plan); !done) return done;
  for (const std::string& path : plan.read_only)
    if (auto done = protect(path); !done) return done;
  if (auto done = restrict_files(plan); !done) return done;
  return ::geteuid() == 0 ? close_to_root() : Result<>{};
}

}  // namespace weir::sandbox
