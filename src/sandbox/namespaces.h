// Entering new namespaces.
#pragma once

#include "base/error.h"

namespace weir::sandbox {

/// Moves this single-threaded process into new network, mount and IPC namespaces, and its next child into a
/// new process namespace. An ordinary user gets them inside a user namespace of its own, in which it stays
/// who it is and has every capability; root needs that only in a container. The error says what to change on
/// this machine.
Result<> enter_namespaces();

}  // namespace weir::sandbox
