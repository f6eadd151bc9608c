// Descendants: the end of all that a process has started.
#pragma once

namespace weir::sandbox {

/// Kills (SIGKILL) all that descends from this process, which has one thread and is a subreaper
/// (PR_SET_CHILD_SUBREAPER), and reaps it. What may not be killed, since it has become another user's, stays.
void kill_descendants();

}  // namespace weir::sandbox
