#include "sandbox/process_candidates.h"

#include <algorithm>
#include <utility>

#include "sandbox/process_folder.h"

namespace weir::sandbox {
namespace {

constexpr std::size_t kDeepest = 256;

}  // namespace

ProcessCandidates::ProcessCandidates(int proc, const std::vector<pid_t>& roots, std::vector<uid_t> users)
    : proc_(proc),
      users_(std::move(users)),
      pids_(process_ids(proc)),
      given_(pids_.size()),
      at_(pids_.size()),
      rank_(roots.empty() ? Rank::same_user : Rank::below_root) {
  for (pid_t root : roots) below_[root] = true;
}

pid_t ProcessCandidates::next() {
  while (true) {
    while (at_ > 0) {
      --at_;
      if (given_[at_] || !is_next(pids_[at_])) continue;
      given_[at_] = true;
      return pids_[at_];
    }
    if (rank_ == Rank::other) return 0;
    rank_ = rank_ == Rank::below_root ? Rank::same_user : Rank::other;
    at_ = pids_.size();
  }
}

bool ProcessCandidates::is_next(pid_t pid) {
  if (rank_ == Rank::other) return true;
  if (rank_ == Rank::below_root) return below(pid);
  auto folder = ProcessFolder::open(proc_, pid);
  auto uid = folder ? folder->uid() : std::nullopt;
  return uid && std::ranges::find(users_, *uid) != users_.end();
}

// Up the parents to a root, or to one of which it is known.
bool ProcessCandidates::below(pid_t pid) {
  std::vector<pid_t> way;
  bool found = false;
  while (pid > 0 && way.size() < kDeepest) {
    if (auto known = below_.find(pid); known != below_.end()) {
      found = known->second;
      break;
    }
    way.push_back(pid);
    auto folder = ProcessFolder::open(proc_, pid);
    auto state = folder ? folder->state() : std::nullopt;
    pid = state ? state->parent : 0;
  }
  for (pid_t each : way) below_[each] = found;
  return found;
}

}  // namespace weir::sandbox
