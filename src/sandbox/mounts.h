// The file system as a sandbox sees it.
#pragma once

#include <sys/types.h>

#include "sandbox/plan.h"

namespace weir::sandbox {

/// In a new mount namespace, as process 1 of a new process namespace: a /proc of that namespace's own,
/// System V and POSIX message folders of its own, hidden and read-only places as planned. For root, whom
/// ownership alone lets write the kernel's settings and the disks' devices, those are closed, too.
/// Nothing of it is seen outside. Needs CAP_SYS_ADMIN.
Result<> arrange_mounts(const Plan& plan);

}  // namespace weir::sandbox
