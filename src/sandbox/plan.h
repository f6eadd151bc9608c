// Plan: what a sandbox is to be like, decided by Weir, carried out by the sandbox's init.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace weir::sandbox {

/// What CMD may change of the file system.
enum class FileAccess : std::uint8_t {
  open,       ///< what its user may
  read_only,  ///< nothing but temporary folders of its own
  project,    ///< these and the project's folder
};

/// The network of `--net pasta`, in place of one whose every connection is redirected (sandbox/pasta.h).
struct PastaPlan {
  std::vector<std::string> command;  ///< pasta_command()
  // Of Sandbox::open.
  std::uint16_t port = 0;    ///< where Weir's proxy listens on this machine's loopback
  std::uint16_t closed = 0;  ///< where it listens, too, and must not be reached
  std::string token;         ///< shown by the connection that proves the way
};

struct Plan {
  std::uint32_t listeners = 1;  ///< proxy listeners, one for each thread of Weir
  std::optional<PastaPlan> pasta;
  std::vector<std::uint16_t> host_ports;  ///< of this machine's loopback that CMD may reach by their number
  std::vector<std::string> hidden;        ///< folders that look empty and files that look like /dev/null
  std::vector<std::string> kept;  ///< files and sockets in hidden folders that stay, files to be read only
  std::vector<std::string> read_only;  ///< files and folders; what does not exist is left out
  /// Files that stand in the place of others: "from", "to"; left out where there is no other.
  std::vector<std::pair<std::string, std::string>> replaced;
  FileAccess files = FileAccess::open;
  std::string project;  ///< FileAccess::project
};

/// As a memory file. bad_config when a path holds a NUL byte or is not absolute.
Result<UniqueFd> pack(const Plan& plan);
Result<Plan> unpack_plan(int file);

}  // namespace weir::sandbox
