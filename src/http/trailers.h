// Fields behind the content (RFC 9110 section 6.5).
#pragma once

#include <string_view>

namespace weir::http {

/// False for fields that frame, route, modify, authenticate or describe the content (RFC 9110 section 6.5.1):
/// whoever merges trailers into the head would be deceived. They are left out of what is received.
bool may_trail(std::string_view name);

}  // namespace weir::http
