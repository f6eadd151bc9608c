// The life of the spawner process itself, after the fork.
#pragma once

#include "base/fd.h"
#include "sandbox/launch.h"

namespace weir::sandbox {

/// Serves Weir until `socket` closes, then ends the process. `weir` is a pidfd of Weir, which is stopped and
/// continued along with CMD. Closes every other descriptor but the standard three.
[[noreturn]] void serve_as_spawner(UniqueFd socket, UniqueFd weir, const SignalState& signals_for_commands);

}  // namespace weir::sandbox
