// The verbs of the command line: one declaration a verb, defined in cli/<verb>.cc. The only files that
// include CLI11 are those (it costs seconds of compile time); this header forward declares it.
#pragma once

#include "base/error.h"

namespace CLI {
class App;
}

namespace weir::cli {

/// Exit statuses of every verb but `run`, which ends with its command's own.
inline constexpr int kExitOk = 0;
inline constexpr int kExitError = 1;       ///< the work failed, or nothing was recorded
inline constexpr int kExitUsage = 2;       ///< the command line is wrong
inline constexpr int kExitNoSandbox = 78;  ///< no sandbox could be made (EX_CONFIG of sysexits.h)
inline constexpr int kExitNoRelay = 78;    ///< no relay could be made, and one is required

/// Each adds its subcommand to `app`. The subcommand's callback does the verb's work, on the main thread and
/// before any other thread was started, and leaves the exit status in `exit_code`, which outlives `app`.
void add_serve(CLI::App& app, int& exit_code);
void add_run(CLI::App& app, int& exit_code);
void add_logs(CLI::App& app, int& exit_code);
void add_show(CLI::App& app, int& exit_code);
void add_sessions(CLI::App& app, int& exit_code);
void add_ca(CLI::App& app, int& exit_code);
void add_config(CLI::App& app, int& exit_code);
void add_trust(CLI::App& app, int& exit_code);
void add_filter(CLI::App& app, int& exit_code);
void add_policy(CLI::App& app, int& exit_code);
void add_monitor(CLI::App& app, int& exit_code);
void add_ask(CLI::App& app, int& exit_code);
void add_doctor(CLI::App& app, int& exit_code);
void add_ai(CLI::App& app, int& exit_code);
void add_prices(CLI::App& app, int& exit_code);
void add_credentials(CLI::App& app, int& exit_code);
void add_relay(CLI::App& app, int& exit_code);
void add_gateway(CLI::App& app, int& exit_code);

/// Stands for the first "--" of `run`'s arguments while CLI11 reads them: it would give what follows a plain
/// "--" to the wrong verb. To CLI11 this is the first word that is no flag, where `run` stops reading.
inline constexpr const char* kCommandMark = "\x01--";

/// Writes "weir: <message>" and, where the code has one, the mend to standard error, escaped for terminals.
/// Returns the status to exit with: kExitUsage for bad_config, else kExitError.
int report(const Error& error);

}  // namespace weir::cli
