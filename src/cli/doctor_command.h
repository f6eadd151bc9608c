// `weir doctor -- CMD`: does what CMD starts trust Weir?
#pragma once

#include <string>
#include <vector>

#include "config/settings.h"
#include "sandbox/spawner.h"

namespace weir::cli {

/// Runs CMD in a sandbox, with the variables that `weir run` sets, against an origin in this process that
/// answers as every host, and prints who trusted the certificates; nothing leaves. `settings`: complete, of
/// which the CA and the hosts that are (not) intercepted count. `settings_file`: as
/// RunSandbox::open has it. `scratch`: a folder for it.
///
/// kExitOk: all was trusted. kExitError: something was not, or there was no TLS at all. kExitNoSandbox, or as
/// for `run` where CMD could not be started.
int examine_command(sandbox::Spawner& spawner, const config::Settings& settings,
                    const std::string& settings_file, const std::string& scratch,
                    const std::vector<std::string>& command);

}  // namespace weir::cli
