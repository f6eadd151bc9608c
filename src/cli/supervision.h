// What goes on in Weir while it serves, for a command or for whoever comes, and at its end.
#pragma once

#include <unistd.h>

#include <chrono>
#include <functional>

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

/// Waits for the signal that asks for the end. `look` is called again and again after `every`, and with true
/// when SIGHUP asks to read the files anew.
void wait_for_stop(const Signals& signals, std::chrono::milliseconds every,
                   const std::function<void(bool asked)>& look);

/// Drains the server to its end; a signal hurries it.
void stop(app::Server& server, const Signals& signals);

}  // namespace weir::cli
