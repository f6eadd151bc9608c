#include "sandbox/descendants.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include "sandbox/process_folder.h"
#include "sandbox/spawner_wire.h"

namespace weir::sandbox {
namespace {

std::vector<pid_t> children(int proc) {
  std::vector<pid_t> out;
  for (pid_t pid : process_ids(proc)) {
    auto folder = ProcessFolder::open(proc, pid);
    auto state = folder ? folder->state() : std::nullopt;
    if (state && state->parent == ::getpid()) out.push_back(pid);
  }
  return out;
}

}  // namespace

// /proc/PID/task/PID/children would say it at once, but not every kernel has it. Numbers of children cannot
// have gone to others: nobody else reaps them.
void kill_descendants() {
  UniqueFd proc(::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (;;) {
    std::vector<pid_t> killed;
    for (pid_t child : children(proc.get()))
      if (::kill(child, SIGKILL) == 0) killed.push_back(child);
    for (pid_t child : killed) uninterrupted([&] { return ::waitpid(child, nullptr, 0); });
    bool reaped = !killed.empty();
    while (::waitpid(-1, nullptr, WNOHANG) > 0) reaped = true;
    // With each that has ended, its own children became ours, perhaps behind the back of this round.
    if (!reaped) return;
  }
}

}  // namespace weir::sandbox
