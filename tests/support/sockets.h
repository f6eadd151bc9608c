// Raw sockets for tests.
#pragma once

#include <cstdint>

#include "base/fd.h"

namespace weir::testing {

/// A non-blocking connection to 127.0.0.1:port; throws when it is refused.
UniqueFd connect_to(std::uint16_t port);
/// Closing `fd` sends RST.
void reset_on_close(int fd);

}  // namespace weir::testing
