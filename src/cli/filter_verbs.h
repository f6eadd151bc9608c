// The verbs below `weir filter`, each in a file of its own.
#pragma once

namespace CLI {
class App;
}

namespace weir::cli {

/// As those of cli/verbs.h; `filter` is the verb `weir filter`.
void add_filter_generate(CLI::App& filter, int& exit_code);
void add_filter_show(CLI::App& filter, int& exit_code);

}  // namespace weir::cli
