// Capabilities of threads (capabilities(7)).
#pragma once

#include <cstdint>

#include "base/error.h"

namespace weir::sandbox {

constexpr std::uint64_t capability_bit(int number) { return std::uint64_t{1} << number; }

/// What the calling thread may use now.
std::uint64_t effective_capabilities();

/// Of what the calling thread has, it may use these from now on; the others it can take up again.
Result<> use_capabilities(std::uint64_t wanted);

/// The calling thread, and all it will start, gives up all it has but `kept`, which it needs not have: the
/// bounding set where that is allowed (to ordinary users it is not), the ambient and inheritable sets whole.
Result<> keep_capabilities(std::uint64_t kept);

}  // namespace weir::sandbox
