// Unix sockets that only their own user may use.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>

#include "base/error.h"
#include "base/fd.h"

namespace weir::control {

/// Who else may get into the folder of a socket. `shared`: others may as long as they cannot take its place
/// (such as /tmp, which is sticky).
enum class Folder : std::uint8_t { ours_alone, shared };

/// A listening, non-blocking stream socket at `path`, mode 0600. Its folder must exist; `ours_alone`: be
/// ours, and let nobody else in (0700). A socket that nobody serves any more is replaced; anything else that
/// stands there, a symbolic link above all, is an error and is left alone. Paths may be longer than a socket
/// address.
Result<UniqueFd> listen_unix(const std::filesystem::path& path, Folder folder = Folder::ours_alone);

/// Connects, blocking. not_found when nobody serves there; an error when the server is another user's.
Result<UniqueFd> connect_unix(const std::filesystem::path& path);

/// Who is at the other end (SO_PEERCRED); the user nobody has (uid_t)-1 when that cannot be known.
uid_t peer_uid(int socket);

}  // namespace weir::control
