// A socket address holds 107 bytes, and a name in it is looked up anew. Both ends therefore go through
// /proc/self/fd: the folder is opened once, judged as what was opened, and used as that.
#include "control/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace weir::control {
namespace {

namespace fs = std::filesystem;

constexpr int kBacklog = 4096;

Failure cannot_listen(const fs::path& path, std::string_view why) {
  return fail(Code::io, fmt::format("cannot listen on {}: {}", path.string(), why));
}

// Whether somebody serves there is not to be known from every failure.
Failure cannot_connect(const fs::path& path, int error) {
  bool nobody = error == ENOENT || error == ENOTDIR || error == ECONNREFUSED;
  return fail_errno(nobody ? Code::not_found : Code::io,
                    (nobody ? "nobody listens on " : "cannot connect to ") + path.string(), error);
}

sockaddr_un address_in(int folder, const std::string& name) {
  sockaddr_un out{};
  out.sun_family = AF_UNIX;
  std::string path = fmt::format("/proc/self/fd/{}/{}", folder, name);
  path.copy(out.sun_path, sizeof out.sun_path - 1);
  return out;
}

const sockaddr* generic(const sockaddr_un& address) { return reinterpret_cast<const sockaddr*>(&address); }

UniqueFd new_socket(int flags) { return UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0)); }

// Whoever may write into a folder can put something else in the place of what is ours there, but for the
// sticky bit.
bool others_may_replace(const struct stat& folder) {
  return (folder.st_mode & 0022) != 0 && (folder.st_mode & S_ISVTX) == 0;
}

Result<UniqueFd> open_folder(const fs::path& path, Folder kind) {
  fs::path folder = path.has_parent_path() ? path.parent_path() : ".";
  int follow = kind == Folder::shared ? 0 : O_NOFOLLOW;
  UniqueFd fd(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC | follow));
  if (!fd) return fail_errno(Code::io, "cannot listen on " + path.string() + ": its folder", errno);
  struct stat found;
  if (::fstat(fd.get(), &found) != 0)
    return fail_errno(Code::io, "cannot listen on " + path.string() + ": its folder", errno);
  if (kind == Folder::shared) {
    if (others_may_replace(found))
      return cannot_listen(path, "others may write into its folder, and could put a socket of theirs there");
    return fd;
  }
  if (found.st_uid != ::geteuid()) return cannot_listen(path, "its folder is another user's");
  if ((found.st_mode & 0077) != 0) return cannot_listen(path, "its folder lets other users in; make it 0700");
  return fd;
}

/// Makes room for a new socket.
Result<> clear_place(int folder, const std::string& name, const fs::path& path) {
  struct stat found;
  if (::fstatat(folder, name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return {};
    return fail_errno(Code::io, "cannot listen on " + path.string(), errno);
  }
  if (!S_ISSOCK(found.st_mode))
    return cannot_listen(path, "something that is no socket stands there; remove it");
  sockaddr_un address = address_in(folder, name);
  UniqueFd probe = new_socket(SOCK_NONBLOCK);
  if (::connect(probe.get(), generic(address), sizeof address) == 0 || errno != ECONNREFUSED)
    return cannot_listen(path, "another process serves it");
  if (::unlinkat(folder, name.c_str(), 0) != 0)
    return fail_errno(Code::io, "cannot replace " + path.string(), errno);
  return {};
}

}  // namespace

Result<UniqueFd> listen_unix(const fs::path& path, Folder kind) {
  auto folder = open_folder(path, kind);
  if (!folder) return pass(folder);
  std::string name = path.filename().string();
  if (auto clear = clear_place(folder->get(), name, path); !clear) return pass(clear);
  UniqueFd socket = new_socket(SOCK_NONBLOCK);
  sockaddr_un address = address_in(folder->get(), name);
  // The mode of the socket becomes that of the file: so there is no moment at which it is another.
  if (!socket || ::fchmod(socket.get(), 0600) != 0 ||
      ::bind(socket.get(), generic(address), sizeof address) != 0 || ::listen(socket.get(), kBacklog) != 0)
    return fail_errno(Code::io, "cannot listen on " + path.string(), errno);
  return socket;
}

Result<UniqueFd> connect_unix(const fs::path& path) {
  fs::path folder = path.has_parent_path() ? path.parent_path() : ".";
  UniqueFd fd(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return cannot_connect(path, errno);
  UniqueFd socket = new_socket(0);
  sockaddr_un address = address_in(fd.get(), path.filename().string());
  if (!socket || ::connect(socket.get(), generic(address), sizeof address) != 0)
    return cannot_connect(path, errno);
  if (peer_uid(socket.get()) != ::geteuid())
    return fail(Code::io, path.string() + " is served by another user; it is not used");
  return socket;
}

uid_t peer_uid(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return static_cast<uid_t>(-1);
  return peer.uid;
}

}  // namespace weir::control
