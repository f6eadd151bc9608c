// The catalog as a file: how everything in it is reached. For who keeps tables there.
#pragma once

#include <filesystem>
#include <optional>

#include "store/sqlite.h"

namespace weir::store {

inline constexpr int kCatalogBusyMs = 500;          ///< how long to wait for others
inline constexpr std::int64_t kCatalogVersion = 2;  ///< 2: with the ledger

/// The catalog within a write transaction, made and brought up to date if need be; the caller commits. An
/// unfinished transaction ends with the connection.
Result<Database> begin_catalog(const std::filesystem::path& path, int busy_ms = kCatalogBusyMs);
/// For reading. Nothing when there is none, or none of version `since` or later.
Result<std::optional<Database>> read_catalog(const std::filesystem::path& path, std::int64_t since);

}  // namespace weir::store
