// `weir doctor --self PID`: is a Weir that runs as closed to others as it should be?
#pragma once

#include <sys/types.h>

namespace weir::cli {

/// Looks at the process from outside and prints a row for each protection (docs/hardening.md). kExitOk: all
/// are in force. kExitError: something is missing, or there is no such process.
int examine_process(pid_t pid);

}  // namespace weir::cli
