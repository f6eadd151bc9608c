// Launching CMD, inside the spawner: fork, a clean slate, exec.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <array>
#include <string>

#include "sandbox/spawner_wire.h"

namespace weir::sandbox {

/// How signals were when Weir was started, for CMD to start with the same: what nohup or a shell's '&' made
/// ignored stays ignored.
class SignalState {
 public:
  /// The state of this process now.
  static SignalState current();
  /// In the spawner: what is for CMD (terminal signals, SIGTERM, SIGHUP) is ignored; SIGCHLD is blocked, to
  /// be read from a signalfd.
  static void shield_spawner();
  /// In the forked child: puts this state back. Handlers become the default, as exec would make them.
  void restore() const;

 private:
  /// Every signal whose disposition shield_spawner changes.
  static constexpr std::array kChanged = {SIGINT,  SIGQUIT, SIGTSTP, SIGTTIN,
                                          SIGTTOU, SIGTERM, SIGHUP,  SIGCHLD};
  sigset_t mask_{};
  std::array<bool, kChanged.size()> ignored_{};
};

struct Launched {
  pid_t pid = -1;  ///< -1 when it failed
  int status = 0;  ///< on failure: 127, 126 or 125, as of `exit_status`
  std::string why;
};

/// Starts `command` and waits until its exec has succeeded or failed. A failed child is reaped. `output`,
/// unless negative, is its standard output.
Launched launch(const PackedCommand& command, const SignalState& signals, int output = -1);

}  // namespace weir::sandbox
