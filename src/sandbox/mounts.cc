#include "sandbox/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
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

/// A place of the machine, held while the tree around it changes.
struct Held {
  std::string path;
  UniqueFd file;
  mode_t mode = 0;

  std::string source() const { return fmt::format("/proc/self/fd/{}", file.get()); }
};

/// Those of `paths` that there are.
std::vector<Held> hold(const std::vector<std::string>& paths) {
  std::vector<Held> out;
  for (const std::string& path : paths) {
    Held one{.path = path, .file = UniqueFd(::open(path.c_str(), O_PATH | O_CLOEXEC))};
    struct stat info;
    if (!one.file || ::fstat(one.file.get(), &info) != 0) continue;
    one.mode = info.st_mode;
    out.push_back(std::move(one));
  }
  return out;
}

/// Mounts what is held where it was; the place is made again when it went with its folder.
Result<> put_back(const Held& held) {
  if (kind_of(held.path) == Kind::none) {
    std::error_code error;
    fs::create_directories(fs::path(held.path).parent_path(), error);
    if (!error && S_ISDIR(held.mode)) fs::create_directory(held.path, error);
    if (error) return fail(Code::io, "making " + held.path + " again: " + error.message());
    if (!S_ISDIR(held.mode)) UniqueFd(::open(held.path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  }
  return bind(held.source(), held.path);
}

Result<> hide(const std::string& path) {
  switch (kind_of(path)) {
    case Kind::none: return {};
    case Kind::folder: return empty_folder(path, "mode=0755,size=1m");
    case Kind::other: return bind("/dev/null", path);
  }
  std::unreachable();
}

Result<> hide_all(const Plan& plan, const std::vector<Held>& kept) {
  for (const std::string& path : plan.hidden)
    if (auto done = hide(path); !done) return done;
  for (const Held& one : kept) {
    if (auto done = put_back(one); !done) return done;
    if (S_ISSOCK(one.mode)) continue;
    if (auto done = set_read_only(one.path, true); !done) return done;
  }
  return {};
}

/// What plan.replaced puts elsewhere, each with the place where it is to stand.
std::vector<Held> hold_replacements(const Plan& plan) {
  std::vector<Held> out;
  for (const auto& [from, to] : plan.replaced) {
    std::vector<Held> file = hold({from});
    if (file.empty() || kind_of(to) == Kind::none) continue;
    file.front().path = to;
    out.push_back(std::move(file.front()));
  }
  return out;
}

/// Last, since the place may be in a folder that is hidden.
Result<> replace_all(const std::vector<Held>& files) {
  for (const Held& one : files) {
    if (auto done = put_back(one); !done) return done;
    if (auto done = set_read_only(one.path, false); !done) return done;
  }
  return {};
}

/// A mount of its own on `path`, read-only.
Result<> protect(const std::string& path) {
  if (kind_of(path) == Kind::none) return {};
  if (auto done = bind(path, path); !done) return done;
  return set_read_only(path, true);
}

constexpr const char* kTemporaryFolders[] = {"/tmp", "/var/tmp"};

/// Empty ones of the sandbox's own.
Result<> own_temporary_folders() {
  for (const char* folder : kTemporaryFolders) {
    if (kind_of(folder) != Kind::folder) continue;
    if (auto done = empty_folder(folder, "mode=1777", MS_NOSUID | MS_NODEV); !done) return done;
  }
  return {};
}

/// A /run with what is in it now, but for sockets: a service that is started again makes a new one, on which
/// nothing is mounted.
Result<> own_run() {
  std::vector<std::string> places;
  std::vector<std::pair<fs::path, fs::path>> links;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator("/run", error)) {
    fs::file_type type = entry.symlink_status(error).type();
    if (type == fs::file_type::symlink)
      links.emplace_back(fs::read_symlink(entry.path(), error), entry.path());
    else if (type == fs::file_type::directory || type == fs::file_type::regular)
      places.push_back(entry.path());
  }
  if (kind_of("/run") != Kind::folder) return {};
  std::vector<Held> kept = hold(places);
  if (auto done = empty_folder("/run", "mode=0755,size=16m", MS_NOSUID | MS_NODEV); !done) return done;
  for (const Held& one : kept)
    if (auto done = put_back(one); !done) return done;
  for (const auto& [target, path] : links)
    if (::symlink(target.c_str(), path.c_str()) != 0)
      return fail_errno(Code::io, "making " + path.native(), errno);
  return {};
}

Result<> make_writable(const std::string& path) {
  MountAttributes attributes{.clear = MOUNT_ATTR_RDONLY};
  return mounted(static_cast<int>(
                     ::syscall(SYS_mount_setattr, AT_FDCWD, path.c_str(), 0, &attributes, sizeof attributes)),
                 "making writable:", path);
}

/// The whole tree read-only but for the temporary folders and the project.
Result<> close_files(const std::vector<Held>& project) {
  if (auto done = set_read_only("/", true); !done) return done;
  for (const char* folder : kTemporaryFolders) {
    if (kind_of(folder) != Kind::folder) continue;
    if (auto done = make_writable(folder); !done) return done;
  }
  for (const Held& one : project)
    if (auto done = make_writable(one.path); !done) return done;
  return {};
}

/// CMD's terminal, where it has one of its standard three.
std::string own_terminal() {
  char name[64];
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::ttyname_r(fd, name, sizeof name) == 0) return name;
  return {};
}

/// Pseudoterminals of the sandbox's own: whoever opens another of the user's reads what is typed there.
/// `kept`, the user's, stands where it was, and CMD finds its name; it stands there as long as what is
/// returned is open.
Result<UniqueFd> own_pseudoterminals(const std::vector<Held>& kept) {
  if (::mkdir("/dev/pts", 0755) != 0) return fail_errno(Code::io, "making /dev/pts", errno);
  if (auto done = mounted(::mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
                                  "newinstance,ptmxmode=0666,mode=0620"),
                          "mounting", "/dev/pts");
      !done)
    return pass(done);
  if (::symlink("pts/ptmx", "/dev/ptmx") != 0) return fail_errno(Code::io, "making /dev/ptmx", errno);
  if (kept.empty() || !kept.front().path.starts_with("/dev/pts/")) return UniqueFd();
  // The lowest free number is given: take them until it is the one.
  std::vector<UniqueFd> lower;
  while (kind_of(kept.front().path) == Kind::none) {
    lower.emplace_back(::open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!lower.back()) return fail_errno(Code::io, "a pseudoterminal of the sandbox", errno);
  }
  if (lower.empty()) return fail(Code::internal, "the terminal's place is taken");
  if (auto done = put_back(kept.front()); !done) return pass(done);
  return std::move(lower.back());
}

/// What computes; nothing of it leads out.
bool is_processor(std::string_view name) {
  return name == "dri" || name == "kfd" || name == "kvm" || name.starts_with("nvidia");
}

/// A /dev with nothing in it that reaches disks, networks, keyboards or other terminals. Nodes are the
/// machine's own, mounted one by one. What is returned belongs to the terminal, see above.
Result<UniqueFd> small_dev() {
  std::vector<std::string> places;
  for (const char* name : {"null", "zero", "full", "random", "urandom", "tty"})
    places.push_back(std::string("/dev/") + name);
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator("/dev", error))
    if (is_processor(entry.path().filename().native())) places.push_back(entry.path());
  std::string name = own_terminal();
  std::vector<Held> kept = hold(places), terminal = hold({name});
  if (auto done = empty_folder("/dev", "mode=0755,size=1m", MS_NOSUID | MS_NOEXEC); !done) return pass(done);
  for (const Held& one : kept)
    if (auto done = put_back(one); !done) return pass(done);
  auto held = own_pseudoterminals(terminal);
  if (!held) return held;
  if (!name.empty() && !name.starts_with("/dev/pts/"))
    for (const Held& one : terminal)
      if (auto done = put_back(one); !done) return pass(done);
  constexpr std::array links = {
      std::pair{"/proc/self/fd", "/dev/fd"}, std::pair{"/proc/self/fd/0", "/dev/stdin"},
      std::pair{"/proc/self/fd/1", "/dev/stdout"}, std::pair{"/proc/self/fd/2", "/dev/stderr"}};
  for (auto [target, path] : links)
    if (::symlink(target, path) != 0) return fail_errno(Code::io, std::string("making ") + path, errno);
  if (::mkdir("/dev/shm", 01777) != 0) return fail_errno(Code::io, "making /dev/shm", errno);
  if (auto done = empty_folder("/dev/shm", "mode=1777", MS_NOSUID | MS_NODEV); !done) return pass(done);
  return held;
}

/// Root owns the kernel's settings and needs no capability to write them.
Result<> close_to_root() {
  for (const char* path :
       {"/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs", "/proc/acpi", "/proc/scsi"})
    if (auto done = protect(path); !done) return done;
  for (const char* path :
       {"/proc/kcore", "/proc/kmsg", "/proc/keys", "/proc/latency_stats", "/proc/timer_list"})
    if (auto done = hide(path); !done) return done;
  return {};
}

/// Folders and files, in the order in which one may stand in another.
Result<> arrange_files(const Plan& plan) {
  std::vector<Held> kept = hold(plan.kept), replacements = hold_replacements(plan), project;
  if (plan.files == FileAccess::project) project = hold({plan.project});
  bool closed = plan.files != FileAccess::open;
  if (closed)
    if (auto done = own_temporary_folders(); !done) return done;
  if (auto done = own_run(); !done) return done;
  // It may live in a temporary folder, and what is hidden in it.
  for (const Held& one : project)
    if (auto done = put_back(one); !done) return done;
  if (auto done = hide_all(plan, kept); !done) return done;
  if (auto done = replace_all(replacements); !done) return done;
  for (const std::string& path : plan.read_only)
    if (auto done = protect(path); !done) return done;
  if (closed)
    if (auto done = close_files(project); !done) return done;
  // Whose cgroups a user's are, his processes outside can be stopped and killed by.
  if (auto done = protect("/sys"); !done) return done;
  return ::geteuid() == 0 ? close_to_root() : Result<>();
}

}  // namespace

Result<UniqueFd> arrange_mounts(const Plan& plan) {
  if (auto done =
          mounted(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "making private:", "/");
      !done)
    return pass(done);
  if (auto done = mounted(::mount("proc", "/proc", "proc", kSafe, nullptr), "mounting", "/proc"); !done)
    return fail(Code::io, done.error().context() +
                              "; a container around Weir may hide parts of its own: run that with "
                              "`--security-opt systempaths=unconfined`");
  std::error_code error;
  fs::path here = fs::current_path(error);
  if (auto done = arrange_files(plan); !done) return pass(done);
  auto terminal = small_dev();
  if (!terminal) return terminal;
  // The folder we stand in is that of the tree as it was, which is no longer there.
  if (!error && ::chdir(here.c_str()) == 0) return terminal;
  if (auto done = mounted(::chdir("/"), "going to", "/"); !done) return pass(done);
  return terminal;
}

}  // namespace weir::sandbox
