#include "app/status_socket.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "config/paths.h"
#include "control/unix_socket.h"

namespace weir::app {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".sock";

}  // namespace

Result<std::string> status_dir() {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  if (runtime != nullptr && *runtime == '/') return std::string(runtime) + "/weir";
  auto root = config::data_root();
  if (!root) return root;
  return *root + "/relays";
}

std::vector<fs::path> status_sockets(const std::string& folder, std::string_view kind) {
  std::string prefix = fmt::format("{}-", kind);
  std::vector<fs::path> out;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::string name = entry->path().filename().native();
    if (name.starts_with(prefix) && name.ends_with(kSuffix)) out.push_back(entry->path());
  }
  std::ranges::sort(out);
  return out;
}

Result<StatusSocket> open_status_socket(const std::string& folder, std::string_view kind) {
  if (auto made = config::make_private_dirs(folder); !made) return pass(made);
  for (const fs::path& path : status_sockets(folder, kind))
    if (auto served = control::connect_unix(path); !served && served.error().code() == Code::not_found)
      ::unlink(path.c_str());
  fs::path path = fs::path(folder) / fmt::format("{}-{}{}", kind, ::getpid(), kSuffix);
  auto fd = control::listen_unix(path);
  if (!fd) return pass(fd);
  return StatusSocket{std::move(path), std::move(*fd)};
}

bool may_ask_status(int socket) {
  uid_t peer = control::peer_uid(socket);
  return peer == ::geteuid() || peer == 0;
}

}  // namespace weir::app
