// Asks processes of this user how they fare, at their status sockets.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace weir::cli {

/// What each process of this kind (app/status_socket.h) that answers says: JSON documents. One that answers
/// what is none is complained of on standard error.
Result<std::vector<std::string>> ask_statuses(std::string_view kind);

}  // namespace weir::cli
