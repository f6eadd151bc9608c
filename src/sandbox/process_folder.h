// ProcessFolder: what /proc says of one process (proc(5)).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"

namespace weir::sandbox {

/// What changes when a process runs another program, or another process gets its number.
struct ProcessState {
  pid_t parent = 0;
  std::uint64_t started = 0;       ///< clock ticks since boot
  std::uint64_t arguments_at = 0;  ///< where the command line lies in its memory; 0 where that is secret
  std::string command;             ///< at most 15 bytes; the process chooses it

  bool same_program(const ProcessState& other) const {
    return started == other.started && arguments_at == other.arguments_at;
  }
};

/// Holds the folder open: it stays that process's, and empty once it has ended, even when the number is used
/// again. Reads block on the kernel, some microseconds each. Of other users' processes only `state` is there.
class ProcessFolder {
 public:
  static constexpr std::size_t kMostArgumentBytes = 4096;
  static constexpr std::size_t kMostArguments = 512;
  static constexpr std::size_t kMostMapBytes = 1 << 20;

  /// `proc`: a descriptor of /proc. Nothing when there is no such process.
  static std::optional<ProcessFolder> open(int proc, pid_t pid);

  pid_t pid() const { return pid_; }
  /// Nothing when it has ended.
  std::optional<ProcessState> state() const;
  /// The effective user.
  std::optional<uid_t> uid() const;
  /// Empty when it may not be read; a file that was deleted keeps its path.
  std::string executable() const;
  /// `cut`: there was more than kMostArgumentBytes or kMostArguments.
  std::vector<std::string> arguments(bool& cut) const;

  /// What is mapped into its memory, a line each (proc_pid_maps(5)); at most kMostMapBytes of it.
  std::string maps() const;
  /// Its program, even where the path leads to another one by now; read-only.
  UniqueFd open_executable() const;

  /// The socket that a descriptor is; 0 for another kind of file, nothing when it is not open.
  std::optional<std::uint64_t> socket_at(int descriptor) const;
  /// All open descriptors, ascending; nothing when they may not be looked at.
  std::optional<std::vector<int>> descriptors() const;

 private:
  ProcessFolder(UniqueFd folder, pid_t pid) : folder_(std::move(folder)), pid_(pid) {}
  std::optional<std::string> read(const char* name, std::size_t limit) const;

  UniqueFd folder_;
  pid_t pid_;
};

/// All processes, ascending.
std::vector<pid_t> process_ids(int proc);

}  // namespace weir::sandbox
