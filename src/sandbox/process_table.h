// ProcessTable: which process holds a socket, and what that process is.
//
// The kernel names the socket of a connection by its inode only; who holds it stands in /proc/PID/fd, one
// link a descriptor. To read them all for each connection would cost a busy client's every descriptor a
// thousand times a second. So the table remembers the processes that sockets were found in, and looks there
// first, at the few descriptors where a new socket can be: those that were sockets of ours before, the lowest
// that were free, and those above the highest. Only what is not found so is looked for in whole processes,
// one after the other, so that whoever asks next need not wait for that.
//
// What is remembered is never an answer by itself: a descriptor is read again before it counts, through a
// folder that stays that of the same process. What was read of a process holds as long as its start time and
// the place of its command line stay the same, so until it runs another program.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/process.h"
#include "sandbox/process_candidates.h"
#include "sandbox/process_folder.h"

namespace weir::sandbox {

/// A socket that is looked for.
struct WantedSocket {
  std::uint64_t inode = 0;  ///< not 0
  uid_t uid = 0;            ///< who opened it: a hint
  pid_t root = 0;           ///< it is likely that of this process or one below; 0: any
};

/// One thread. Blocks on /proc.
class ProcessTable {
 public:
  static constexpr std::size_t kMostProcesses = 64;  ///< remembered, a descriptor of ours each

  /// `proc`: where it is mounted. Fails when it is not.
  static Result<ProcessTable> open(const std::string& proc = "/proc");
  ProcessTable(ProcessTable&&) noexcept;
  ~ProcessTable();

  void want(const WantedSocket& socket);
  void forget(std::uint64_t inode);
  bool wants_any() const { return !left_.empty(); }

  /// Looks where sockets were found before: at a few descriptors of the latest of these processes, or at
  /// more.
  enum class Reach : std::uint8_t { few, more };
  void look_near(Reach reach);
  /// Looks at all descriptors of one more process. The newest come first, each time that something is wanted
  /// anew; every other time it is the turn of all processes in their order, those with many descriptors and
  /// Weir itself last.
  void look_further();

  /// What was found since the last call, by inode. Of several that hold the same socket it is the one that
  /// the others inherited it from.
  std::vector<std::pair<std::uint64_t, std::shared_ptr<const Process>>> take_found();
  /// What no process has had since the last call, all of them having been looked at.
  std::vector<std::uint64_t> take_missed();

  /// The record with the TLS libraries of the program: those it has loaded by now or, where these are none,
  /// those in its executable, of which the findings of the latest kMostExecutables are remembered. The very
  /// same record where nothing was found.
  std::shared_ptr<const Process> inspect(std::shared_ptr<const Process> process);
  static constexpr std::size_t kMostExecutables = 256;

  /// Links of descriptors read so far.
  std::uint64_t reads() const { return reads_; }

 private:
  struct Known;
  struct Sighting {
    std::uint64_t inode;
    int descriptor;
  };
  using Sightings = std::vector<Sighting>;
  using ExecutableId = std::array<std::uint64_t, 5>;  // device, inode, size, and when it was changed
  struct Left {
    WantedSocket wanted;
    bool throughout = false;  // since all processes were begun with
  };
  explicit ProcessTable(UniqueFd proc);

  ProcessCandidates candidates() const;
  bool look_at_newest();
  void look_at_next();
  void end_pass();

  Sightings probe(Known& known, Reach reach);
  void probe_above(Known& known, Sightings& seen);
  bool look_at(Known& known, int descriptor, Sightings& seen);
  Sightings read_all(Known& known, const std::vector<int>& descriptors);
  void look_into(pid_t pid);
  bool is_large(pid_t pid) const;
  std::list<Known>::iterator remember(ProcessFolder folder);

  bool inherited(const ProcessState& state, const Sighting& sighting);
  std::size_t leave_inherited(const ProcessState& state, Sightings& seen);
  void give(std::list<Known>::iterator known, const ProcessState& state, const Sightings& seen);
  std::shared_ptr<const Process> describe(const ProcessFolder& folder, const ProcessState& state) const;
  std::vector<Process::Ancestor> ancestors(const ProcessState& state) const;
  std::optional<ProcessFolder> folder_of(const Process& process) const;
  std::vector<Process::TlsLibrary> built_in(int file, const std::string& name);

  UniqueFd proc_;
  WallNanos booted_;
  pid_t self_;
  std::list<Known> known_;  // the latest found first
  std::unordered_map<std::uint64_t, Left> left_;
  std::vector<std::pair<std::uint64_t, std::shared_ptr<const Process>>> found_;
  std::vector<std::uint64_t> missed_;

  std::optional<ProcessCandidates> newest_, all_;
  std::vector<pid_t> last_;  // of all_: those that were put off
  std::size_t newest_left_ = 0;
  bool others_turn_ = false;
  std::uint64_t reads_ = 0;
  std::map<ExecutableId, std::vector<Process::TlsLibrary>> built_in_;
};

}  // namespace weir::sandbox
