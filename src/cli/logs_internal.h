// `weir logs internal`: a part of the verb `logs`.
#pragma once

namespace CLI {
class App;
}

namespace weir::cli {

/// Adds the subcommand to `logs` and returns it; as in cli/verbs.h.
CLI::App* add_logs_internal(CLI::App& logs, int& exit_code);

}  // namespace weir::cli
