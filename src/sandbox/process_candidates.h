// ProcessCandidates: the processes of a machine by how likely they are to be asked for.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace weir::sandbox {

/// Those below a root first, then those of the users, then the rest; of each the newest first. They are
/// looked at as late as can be, since mostly the first one is it.
class ProcessCandidates {
 public:
  /// `proc`: a descriptor of /proc; outlives this.
  ProcessCandidates(int proc, const std::vector<pid_t>& roots, std::vector<uid_t> users);

  /// Each process once; 0 when there is none left.
  pid_t next();

 private:
  enum class Rank : std::uint8_t { below_root, same_user, other };
  bool is_next(pid_t pid);
  bool below(pid_t pid);

  int proc_;
  std::vector<uid_t> users_;
  std::vector<pid_t> pids_;
  std::vector<bool> given_;
  std::size_t at_;
  Rank rank_ = Rank::below_root;
  std::unordered_map<pid_t, bool> below_;  // what is known: the roots, and who was looked at
};

}  // namespace weir::sandbox
