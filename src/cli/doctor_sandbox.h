// The rows of `weir doctor` about sandboxes: whether one can be made here, tried for real.
#pragma once

#include "cli/doctor_report.h"
#include "sandbox/spawner.h"

namespace weir::cli {

/// `run` needs none, so what is missing is a note.
void check_sandboxes(Report& report, sandbox::Spawner& spawner);

}  // namespace weir::cli
