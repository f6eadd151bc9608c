#include "cli/root_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

namespace weir::cli {
namespace {

constexpr mode_t kNewFile = 0644, kNewFolder = 0755;
constexpr std::size_t kLongest = 64 << 20;
constexpr int kDeepest = 128;  // folders; each is open while it is walked
constexpr const char* kTemporary = ".weir-bake.tmp";
constexpr std::string_view kNotFiles[] = {"proc", "sys", "dev", "run"};

std::string last_part(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string parent(const std::string& path) {
  std::size_t slash = path.rfind('/');
  return slash == path.npos ? "." : path.substr(0, slash);
}

std::string real_path(int fd) {
  char out[PATH_MAX];
  ssize_t size = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), out, sizeof out);
  return {out, static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};
using FolderPtr = std::unique_ptr<DIR, CloseFolder>;

Result<void> write_all(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail_errno(Code::io, "writing " + path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

/// The new file, in the folder where it is to be.
Result<void> write_temporary(int folder, const struct stat* old, std::string_view bytes,
                             const std::string& path) {
  ::unlinkat(folder, kTemporary, 0);  // of one that was interrupted
  UniqueFd file(
      ::openat(folder, kTemporary, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file) return fail_errno(Code::io, "writing beside " + path, errno);
  if (auto written = write_all(file.get(), bytes, path); !written) return written;
  // The owner first: a change of it may clear bits of the mode.
  bool kept = old == nullptr || ::fchown(file.get(), old->st_uid, old->st_gid) == 0;
  if (!kept || ::fchmod(file.get(), old ? old->st_mode & 07777 : kNewFile) != 0 || ::fsync(file.get()) != 0)
    return fail_errno(Code::io, "keeping mode and owner of " + path, errno);
  return {};
}

}  // namespace

Result<RootTree> RootTree::open(const std::string& folder) {
  UniqueFd root(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return fail_errno(Code::io, folder, errno);
  RootTree out(std::move(root));
  if (!out.open_inside(".", O_PATH | O_DIRECTORY) && errno == ENOSYS)
    return fail(Code::io, "this kernel cannot keep to a folder (openat2, Linux 5.6)");
  return out;
}

UniqueFd RootTree::open_inside(const std::string& path, int flags) const {
  open_how how{.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC),
               .mode = 0,
               .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
  return UniqueFd(static_cast<int>(::syscall(SYS_openat2, root_.get(), path.c_str(), &how, sizeof how)));
}

UniqueFd RootTree::folder_of(const std::string& path) const {
  return open_inside(parent(path), O_RDONLY | O_DIRECTORY);
}

Result<UniqueFd> RootTree::make_folder_of(const std::string& path) {
  std::string folder = parent(path);
  for (std::size_t end = 0; end != folder.npos;) {
    end = folder.find('/', end + 1);
    std::string part = folder.substr(0, end);
    if (has_folder(part)) continue;
    UniqueFd above = folder_of(part);
    if (!above || ::mkdirat(above.get(), last_part(part).c_str(), kNewFolder) != 0)
      return fail_errno(Code::io, "making the folder " + part, errno);
  }
  UniqueFd out = folder_of(path);
  if (!out) return fail_errno(Code::io, folder, errno);
  return out;
}

bool RootTree::has_folder(const std::string& path) const {
  return static_cast<bool>(open_inside(path, O_PATH | O_DIRECTORY));
}

Result<std::optional<std::string>> RootTree::read(const std::string& path) const {
  // Not blocking, lest a pipe be waited for.
  UniqueFd file = open_inside(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!file && (errno == ENOENT || errno == ENOTDIR)) return std::nullopt;
  struct stat found;
  if (!file || ::fstat(file.get(), &found) != 0) return fail_errno(Code::io, path, errno);
  if (!S_ISREG(found.st_mode)) return fail(Code::io, path + " is no file");
  if (static_cast<std::size_t>(found.st_size) > kLongest) return fail(Code::io, path + " is too large");
  std::string out(static_cast<std::size_t>(found.st_size), '\0');
  std::size_t at = 0;
  while (at < out.size()) {
    ssize_t got = ::read(file.get(), out.data() + at, out.size() - at);
    if (got < 0) return fail_errno(Code::io, path, errno);
    if (got == 0) break;
    at += static_cast<std::size_t>(got);
  }
  out.resize(at);
  return out;
}

// Where `path` leads, without links in it; `path` when there is nothing yet, and then found.st_nlink is 0.
Result<std::string> RootTree::place_of(const std::string& path, struct stat& found) const {
  found = {};
  UniqueFd file = open_inside(path, O_PATH);
  if (!file && errno == ENOENT) return path;
  if (!file || ::fstat(file.get(), &found) != 0) return fail_errno(Code::io, path, errno);
  if (!S_ISREG(found.st_mode)) return fail(Code::io, path + " is no file");
  std::string root = real_path(root_.get()), place = real_path(file.get());
  if (!root.ends_with('/')) root += '/';
  if (!place.starts_with(root)) return fail(Code::io, path + " cannot be found again");
  return place.substr(root.size());
}

Result<bool> RootTree::write(const std::string& path, std::string_view bytes) {
  auto before = read(path);
  if (!before) return pass(before);
  if (*before && **before == bytes) return false;
  struct stat old;
  auto place = place_of(path, old);
  if (!place) return pass(place);
  auto folder = make_folder_of(*place);
  if (!folder) return pass(folder);
  auto written = write_temporary(folder->get(), old.st_nlink > 0 ? &old : nullptr, bytes, path);
  if (written && ::renameat(folder->get(), kTemporary, folder->get(), last_part(*place).c_str()) != 0)
    written = fail_errno(Code::io, "replacing " + path, errno);
  if (written) return true;
  ::unlinkat(folder->get(), kTemporary, 0);
  return pass(written);
}

std::optional<std::string> RootTree::target_of(const std::string& path) const {
  UniqueFd folder = folder_of(path);
  char out[PATH_MAX];
  ssize_t size = ::readlinkat(folder.get(), last_part(path).c_str(), out, sizeof out);
  if (!folder || size < 0) return std::nullopt;
  return std::string(out, static_cast<std::size_t>(size));
}

Result<bool> RootTree::link(const std::string& path, const std::string& target) {
  if (target_of(path) == target) return false;
  auto folder = make_folder_of(path);
  if (!folder) return pass(folder);
  ::unlinkat(folder->get(), kTemporary, 0);
  bool done = ::symlinkat(target.c_str(), folder->get(), kTemporary) == 0 &&
              ::renameat(folder->get(), kTemporary, folder->get(), last_part(path).c_str()) == 0;
  if (!done) return fail_errno(Code::io, "the link " + path, errno);
  return true;
}

Result<bool> RootTree::remove(const std::string& path) {
  UniqueFd folder = folder_of(path);
  if (folder && ::unlinkat(folder.get(), last_part(path).c_str(), 0) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return fail_errno(Code::io, "removing " + path, errno);
}

std::vector<std::string> RootTree::names(const std::string& path) const {
  std::vector<std::string> out;
  UniqueFd fd = open_inside(path, O_RDONLY | O_DIRECTORY);
  FolderPtr folder(fd ? ::fdopendir(fd.release()) : nullptr);
  if (!folder) return out;
  while (const dirent* entry = ::readdir(folder.get())) out.emplace_back(entry->d_name);
  std::ranges::sort(out);
  return out;
}

void RootTree::walk(int parent_fd, const std::string& path, std::string_view folder, std::string_view wanted,
                    std::vector<std::string>& out) const {
  if (std::ranges::count(path, '/') >= kDeepest) return;
  UniqueFd fd(::openat(parent_fd, last_part(path).c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  FolderPtr open(fd ? ::fdopendir(fd.release()) : nullptr);
  if (!open) return;
  std::string above = path == "." ? "" : path + "/";
  while (const dirent* entry = ::readdir(open.get())) {
    std::string_view name = entry->d_name;
    if (entry->d_type == DT_REG && name == wanted && last_part(path) == folder)
      out.push_back(above + entry->d_name);
    if (entry->d_type != DT_DIR || name == "." || name == "..") continue;
    if (path == "." && std::ranges::find(kNotFiles, name) != std::end(kNotFiles)) continue;
    walk(::dirfd(open.get()), above + entry->d_name, folder, wanted, out);
  }
}

std::vector<std::string> RootTree::find(std::string_view folder, std::string_view name) const {
  std::vector<std::string> out;
  walk(root_.get(), ".", folder, name, out);
  std::ranges::sort(out);
  return out;
}

}  // namespace weir::cli
