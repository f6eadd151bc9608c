// Status sockets: Unix sockets at which processes of this user say how they fare to who connects.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace weir::app {

/// What a socket is about: the first part of its name.
inline constexpr std::string_view kRelayStatus = "relay", kGatewayStatus = "gateway";

/// Where they are: $XDG_RUNTIME_DIR/weir, else relays in the data root.
Result<std::string> status_dir();
/// Those of one kind that may be served, by name: "relay-1234.sock".
std::vector<std::filesystem::path> status_sockets(const std::string& folder, std::string_view kind);

struct StatusSocket {
  std::filesystem::path path;
  UniqueFd fd;
};
/// This process's own, mode 0600. The folder is made (0700) where it is missing; sockets of this kind whose
/// processes were killed are removed.
Result<StatusSocket> open_status_socket(const std::string& folder, std::string_view kind);
/// Whether who has connected may be told: ourselves, and root.
bool may_ask_status(int socket);

}  // namespace weir::app
