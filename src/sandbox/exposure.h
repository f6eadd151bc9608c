// Exposure: what of this machine a sandboxed command could talk to by its path, were it not hidden.
//
// Sockets with a path are not of the network: no network namespace keeps them out. A session bus starts
// programs outside, a container engine mounts the disk, a resolver's socket asks names of the world.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::sandbox {

/// The folders in which services put such sockets, and those that variables of `environment` ("NAME=value")
/// name; also those that do not exist. For the user `uid`.
std::vector<std::string> service_folders(std::span<const std::string> environment, unsigned uid);

/// Every socket with an absolute path that is bound now, from the text of /proc/net/unix; of those in a
/// folder of /run, the folder.
std::vector<std::string> bound_sockets(std::string_view proc_net_unix);

/// `paths`, resolved (symbolic links), without those that do not exist, doubles, and what lies in another one
/// of them.
std::vector<std::string> outermost(std::vector<std::string> paths);

}  // namespace weir::sandbox
