// LogSource: --from, for verbs that read JSON Lines in place of the store.
#pragma once

#include <string>

#include "cli/place.h"
#include "store/jsonl_query.h"
#include "store/query.h"

namespace weir::cli {

struct LogSource {
  std::string from;           ///< empty = the store
  bool bodies = false;        ///< they will be asked for
  store::JsonlDamage damage;  ///< of the latest pass over `from`
};

/// Adds --from; after add_place_flags, whose --data and --all it excludes. `source` outlives `app`.
void add_from_flag(CLI::App& app, LogSource& source);

/// The recordings of `place`, or the log that `source` names, which outlives the query.
Result<std::unique_ptr<store::Query>> open_recordings(const Place& place, LogSource& source,
                                                      const store::Filter& filter);
/// Reports what open_recordings said. Returns the status to exit with.
int report_no_recordings(const Place& place, const LogSource& source, const Error& error);
/// Tells on standard error what of the log could not be read, if anything.
void report_damage(const store::JsonlDamage& damage, const std::string& path);

}  // namespace weir::cli
