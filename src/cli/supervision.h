// What goes on in Weir while a command runs under it, and at its end.
#pragma once

#include <unistd.h>

#include "app/server.h"
#include "base/log.h"
#include "cli/live_filter.h"
#include "cli/signals.h"
#include "sandbox/spawner.h"

namespace weir::cli {

/// While it lives, Weir's own log goes to its files alone: it must not mix with CMD's output.
class QuietLog {
 public:
  QuietLog() { log::set_output(-1); }
  QuietLog(const QuietLog&) = delete;
  ~QuietLog() { log::set_output(STDERR_FILENO); }
};

/// Waits for CMD's end; passes signals on and follows the filter's files meanwhile. `filter` is null where
/// CMD could change them, and where there is none.
Result<sandbox::Exit> wait_for(sandbox::Spawner& spawner, const Signals& signals, LiveFilter* filter);

/// Drains the server to its end; a signal hurries it.
void stop(app::Server& server, const Signals& signals);

}  // namespace weir::cli
