#include "sandbox/exposure.h"

#include <algorithm>
#include <filesystem>

namespace weir::sandbox {
namespace {

namespace fs = std::filesystem;

std::string_view value_of(std::span<const std::string> environment, std::string_view name) {
  for (std::string_view entry : environment)
    if (entry.starts_with(name) && entry.substr(name.size()).starts_with('='))
      return entry.substr(name.size() + 1);
  return {};
}

/// "unix:path=/a/b,guid=...;unix:..." (D-Bus) and "unix:///a/b" (Docker): the first path in it.
std::string_view path_in(std::string_view address) {
  std::size_t start = address.find('/');
  if (start == std::string_view::npos) return {};
  if (address.substr(start).starts_with("///")) start += 2;
  address.remove_prefix(start);
  return address.substr(0, address.find_first_of(",;"));
}

bool is_below(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && path.substr(folder.size()).starts_with('/');
}

/// A service that is started again makes a new socket, on which nothing is mounted: where it has a folder of
/// its own in /run, that is hidden whole.
std::string with_service_folder(std::string_view socket) {
  for (std::string_view top : {"/run/", "/var/run/"}) {
    std::size_t end = socket.find('/', top.size());
    if (socket.starts_with(top) && end != socket.npos) return std::string(socket.substr(0, end));
  }
  return std::string(socket);
}

}  // namespace

std::vector<std::string> service_folders(std::span<const std::string> environment, unsigned uid) {
  std::string user = std::to_string(uid);
  std::vector<std::string> out = {"/run/user/" + user,
                                  "/tmp/tmux-" + user,
                                  "/tmp/.X11-unix",
                                  "/tmp/.ICE-unix",
                                  "/run/screen",
                                  "/run/dbus",
                                  "/run/systemd",
                                  "/run/docker",
                                  "/run/docker.sock",
                                  "/run/podman",
                                  "/run/containerd",
                                  "/run/crio",
                                  "/run/snapd",
                                  "/run/libvirt",
                                  "/run/nscd",
                                  "/run/avahi-daemon",
                                  "/run/pcscd",
                                  "/run/lxd",
                                  "/run/incus",
                                  "/var/lib/lxd/unix.socket",
                                  "/var/lib/incus/unix.socket"};
  auto add = [&](std::string_view path) {
    if (path.starts_with('/')) out.emplace_back(path);
  };
  add(value_of(environment, "XDG_RUNTIME_DIR"));
  for (std::string_view name :
       {"SSH_AUTH_SOCK", "GPG_AGENT_INFO", "VSCODE_IPC_HOOK_CLI", "VSCODE_GIT_IPC_HANDLE"})
    add(value_of(environment, name).substr(0, value_of(environment, name).find(':')));
  for (std::string_view name : {"DBUS_SESSION_BUS_ADDRESS", "DBUS_SYSTEM_BUS_ADDRESS", "DOCKER_HOST",
                                "CONTAINER_HOST", "SESSION_MANAGER", "WAYLAND_SOCKET"})
    if (value_of(environment, name).contains("unix")) add(path_in(value_of(environment, name)));
  if (auto folder = value_of(environment, "TMUX_TMPDIR"); !folder.empty())
    add(std::string(folder) + "/tmux-" + user);
  std::string_view tmux = value_of(environment, "TMUX");
  add(tmux.substr(0, tmux.find(',')));
  return out;
}

// "Num RefCount Protocol Flags Type St Inode Path": the path is what follows the seventh field, spaces and
// all.
std::vector<std::string> bound_sockets(std::string_view text) {
  constexpr int kFieldsBefore = 7;
  std::vector<std::string> out;
  while (!text.empty()) {
    std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    for (int field = 0; field < kFieldsBefore; ++field) {
      line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
      line.remove_prefix(std::min(line.find(' '), line.size()));
    }
    if (line.starts_with(" /")) out.push_back(with_service_folder(line.substr(1)));
  }
  return out;
}

std::vector<std::string> outermost(std::vector<std::string> paths) {
  std::vector<std::string> real;
  for (const std::string& path : paths) {
    std::error_code error;
    fs::path found = fs::canonical(path, error);
    if (!error && found != "/") real.push_back(found.native());
  }
  std::ranges::sort(real);
  std::vector<std::string> out;
  // Sorted, a folder comes before what is below it, if not right before.
  for (std::string& path : real) {
    auto covers = [&](const std::string& folder) { return path == folder || is_below(path, folder); };
    if (std::ranges::none_of(out, covers)) out.push_back(std::move(path));
  }
  return out;
}

}  // namespace weir::sandbox
