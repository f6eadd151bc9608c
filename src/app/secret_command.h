// Runs the command that prints a secret, by way of a spawner, since a hardened process starts none itself.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/secret_bytes.h"
#include "sandbox/spawner.h"

namespace weir::app {

/// What `command` prints on its standard output, without white space at its ends. Blocks until it ends, at
/// most `time` and until `stop` is readable (negative: nothing stops it); then it is killed with all that it
/// has started. What it has left running when it ended lives on. `runner`: Spawner::open_runner.
/// credential_failed for one that cannot be started, fails, prints nothing or more than 64 KiB: names the
/// command and never what it printed.
Result<SecretBytes> run_secret_command(sandbox::Spawner runner, const std::vector<std::string>& command,
                                       Duration time = std::chrono::seconds(60), int stop = -1);

}  // namespace weir::app
