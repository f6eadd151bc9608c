// The life of the spawner process itself, after the fork.
#pragma once

#include <initializer_list>

#include "base/fd.h"
#include "sandbox/launch.h"

namespace weir::sandbox {

/// How Weir is stopped and continued along with CMD.
class JobControl {
 public:
  /// By a pidfd of Weir.
  static JobControl of(UniqueFd weir) { return {std::move(weir), true}; }
  /// From inside a process namespace, where no signal leaves: by the keeper, which reads signal numbers.
  static JobControl through_keeper(UniqueFd pipe) { return {std::move(pipe), false}; }

  void signal_weir(int signo) const;
  int fd() const { return fd_.get(); }

 private:
  JobControl(UniqueFd fd, bool direct) : fd_(std::move(fd)), direct_(direct) {}
  UniqueFd fd_;
  bool direct_;
};

/// Serves Weir until `socket` closes, then ends the process. Closes every other descriptor but the standard
/// three. `side`, where there is one, takes requests for sockets; `kept` is held open, no more.
[[noreturn]] void serve_as_spawner(UniqueFd socket, JobControl job_control,
                                   const SignalState& signals_for_commands, UniqueFd side = {},
                                   UniqueFd kept = {});

/// Serves Weir like that in a fork of the spawner, as a runner (sandbox/spawner.h), and kills at the end what
/// its command has started.
[[noreturn]] void serve_as_runner(UniqueFd socket, JobControl job_control,
                                  const SignalState& signals_for_commands);

/// Closes every descriptor but the standard three and `kept`, of which negative ones are none.
void close_all_but(std::initializer_list<int> kept);

}  // namespace weir::sandbox
