// The keeper and the init of a sandbox: the processes between the spawner and CMD.
//
//   spawner ── keeper ── init (process 1 of the sandbox) ── CMD and all it starts
//
// The keeper enters the new namespaces, and stays outside of the process namespace to pass on what the init
// cannot do from within: stop and continue Weir along with CMD. The init arranges network and files, gives
// everything up, proves that it has, and then serves Weir as a spawner of its own. When Weir, the spawner or
// the keeper dies, the init does, and the kernel ends all that runs inside with it.
#pragma once

#include "base/fd.h"
#include "sandbox/launch.h"
#include "sandbox/plan.h"

namespace weir::sandbox {

/// In a fork of the spawner: becomes the keeper of a sandbox as `plan` has it. What goes wrong is told to
/// Weir over `socket` (MessageKind::sandbox_failed). `weir` is a pidfd of Weir.
[[noreturn]] void run_keeper(const Plan& plan, UniqueFd socket, UniqueFd weir,
                             const SignalState& signals_for_commands);

}  // namespace weir::sandbox
