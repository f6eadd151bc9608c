// One field line of a head or a trailer section (RFC 9112 section 5).
#pragma once

#include <expected>
#include <string_view>

#include "base/error.h"
#include "http/fields.h"

namespace weir::http::h1 {

/// Splits "name: value", given without its line end and free of control bytes but tab (see `find_control`).
/// The views lie in `line`; white space around the value is left out. The error is a constant sentence for
/// people; it never quotes the line, which may hold a secret. Space before the colon is refused from a client
/// and removed from an upstream (RFC 9112 section 5.1).
std::expected<Fields::View, const char*> split_field_line(std::string_view line, Side side);

}  // namespace weir::http::h1
