// Retention: what is too old or too much goes, whole files at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "base/clock.h"
#include "base/error.h"

namespace weir::store {

struct Retention {
  int days = 0;             ///< <= 0: any age may stay
  std::uint64_t bytes = 0;  ///< of all sessions of the project together; 0 = no limit
};

/// Deletes files of ended sessions last written more than `days` ago, then the oldest ones until all sessions
/// together fit into `bytes`, then folders left empty. Live sessions are left alone, though their size
/// counts, but for `spent`: files of the caller's own session that nobody will write again, which go like all
/// others. What cannot be deleted is logged. `catalog` (may be empty) learns what is left. Returns the files
/// deleted.
std::size_t apply_retention(const std::filesystem::path& data_dir, const std::filesystem::path& catalog,
                            const Retention& retention, WallNanos now,
                            std::span<const std::filesystem::path> spent = {});

/// Deletes all of a session that is not live, as far as Weir made it, and tells the catalog. Returns the
/// bytes freed; fails (io) when it is live or some of it cannot be deleted.
Result<std::uint64_t> remove_session(const std::filesystem::path& session,
                                     const std::filesystem::path& catalog);

/// When the file was last written; 0 if there is none.
WallNanos modified(const std::filesystem::path& path);
/// Bytes on disk of a database file with its log.
std::uint64_t stored_bytes(const std::filesystem::path& file);

}  // namespace weir::store
