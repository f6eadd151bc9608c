// Files that must never be seen half written.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"

namespace weir::tls {

/// The whole file. Fails (io) when it cannot be read or is longer than `limit` bytes; with errno ENOENT the
/// code is not_found.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit);
/// Replaces `path` with `bytes`: temporary file beside it, fsync, rename, fsync of the folder.
Result<void> write_atomically(const std::filesystem::path& path, std::string_view bytes, mode_t mode);
/// Opens or creates `path` (0600) and waits for an exclusive flock on it, which closing gives back.
Result<UniqueFd> lock_file(const std::filesystem::path& path);

}  // namespace weir::tls
