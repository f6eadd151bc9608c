// The file system as a sandbox sees it.
#pragma once

#include <sys/types.h>

#include "sandbox/plan.h"

namespace weir::sandbox {

/// In a new mount namespace, as process 1 of a new process namespace: a /proc of that namespace's own, a
/// small /dev with pseudoterminals and shared memory of its own, a /run without sockets, a /sys that is read
/// only, hidden and read-only places as planned. For root, whom ownership alone lets write the kernel's
/// settings, those are closed, too. Nothing of it is seen outside. Needs CAP_SYS_ADMIN.
///
/// The terminal of standard input, output or error stays where it was as long as what is returned is open.
Result<UniqueFd> arrange_mounts(const Plan& plan);

}  // namespace weir::sandbox
