// The sessions of projects, as `weir sessions` lists and prunes them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "store/catalog.h"

namespace weir::store {

/// `crashed`: its process died, and nobody has completed its files yet. `adopted`: it died, and another
/// session completed them.
enum class SessionFate : std::uint8_t { live, ended, crashed, adopted };
std::string_view name(SessionFate fate);

struct SessionAccount {
  /// Counted from the files; `ended`, `pid`, `version` and `clean` as the catalog has them. Of a session that
  /// it does not know, `ended` is when its files were last written. 0 while live.
  SessionRecord record;
  std::filesystem::path directory;
  SessionFate fate = SessionFate::ended;
  bool damaged = false;  ///< a file of it cannot be read; told in the log
};

/// Every session of these data folders, oldest first. Opens each file to count its flows. A catalog that
/// cannot be read (or none: empty) is logged, and costs what only it knows.
std::vector<SessionAccount> session_accounts(std::span<const std::filesystem::path> data_dirs,
                                             const std::filesystem::path& catalog);

struct PruneLimits {
  std::optional<WallNanos> older_than = {};  ///< sessions that ended before go
  std::optional<std::size_t> keep =
      {};  ///< so many of the newest stay, live ones counted, whatever else holds
  std::optional<std::uint64_t> bytes = {};  ///< the oldest go until all together need no more
};

/// Those of `accounts`, which are oldest first, that go: for their age, for the size, or, with `keep` alone,
/// all but the newest. Never a live one.
std::vector<const SessionAccount*> to_prune(std::span<const SessionAccount> accounts,
                                            const PruneLimits& limits);

}  // namespace weir::store
