// Place: which recordings `logs` and `show` look at.
#pragma once

#include <string>

#include "store/query.h"

namespace CLI {
class App;
}

namespace weir::cli {

struct Place {
  std::string data;     ///< --data: a project's data folder; empty = that of the working directory's project
  std::string session;  ///< --session
  bool all = false;     ///< --all: every project of this user
};

/// Adds --data, --session and --all; `place` outlives `app`.
void add_place_flags(CLI::App& app, Place& place);

/// The folders to look in: --data, or every project's, or that of the nearest ancestor of the working
/// directory that has recordings.
Result<store::Scope> scope_of(const Place& place);

/// Reports that there is nothing to show: a not_found in its own words, any other error by report(). Returns
/// the status to exit with.
int report_missing(const Error& error);
/// report_missing() of what scope_of or store::Query::open said, with an example of how to get something
/// recorded.
int report_no_recordings(const Place& place, const Error& error);

}  // namespace weir::cli
