// Whether two JSON texts say the same, however they are spelled.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::llm {

/// A hash of what the text says: neither white space nor escapes nor the order of members count; numbers
/// are equal by value. Nothing says `{}`. Unset for what is no JSON. Of this program alone: not to be
/// stored.
std::optional<std::uint64_t> json_fingerprint(std::string_view json);

}  // namespace weir::llm
