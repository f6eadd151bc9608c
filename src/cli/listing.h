// What `weir logs` prints: the rows of a query in the chosen format, or followed live.
#pragma once

#include <functional>
#include <memory>

#include "cli/logs_options.h"
#include "cli/output.h"
#include "store/query.h"

namespace weir::cli {

/// Opens the query anew each time: a table over all rows reads them twice, once for its widths.
using OpenQuery = std::function<Result<std::unique_ptr<store::Query>>()>;
/// Waits until it is time to look again; false when it is time to end.
using Pause = std::function<bool()>;

/// Prints the rows that match as table, compact lines, JSON or statistics. Memory is bounded by the newest
/// `options.count()` rows; 0 (all) holds none. Ends early, without error, when the reader of `out` goes away.
/// Returns how many rows there were; a table of none is not printed.
Result<std::size_t> print_rows(const OpenQuery& open, const LogsOptions& options, Output& out);

/// Prints the newest rows, then every flow as it closes: compact lines, or one JSON object a line. Flushes
/// after each round. Ends when `pause` says so or the reader of `out` goes away.
Result<> follow_rows(store::Query& query, const LogsOptions& options, Output& out, const Pause& pause);

}  // namespace weir::cli
