// Captured bodies as a person reads them.
#pragma once

#include <string>
#include <string_view>

#include "store/query.h"

namespace weir::cli {

enum class Part : std::uint8_t { request, response };

/// Characters of a body shown in a table or a line.
inline constexpr std::size_t kPreviewWidth = 80;

/// The captured bytes as they came over the wire; empty when none were kept.
Result<std::string> wire_body(store::Query& query, const store::Row& row, Part part);

/// `bytes` with the content codings of the message undone, at most `max` of them; a body that cannot be
/// decoded stays as it is.
std::string decoded_body(const store::Row& row, Part part, std::string bytes, std::size_t max);

/// One line of at most kPreviewWidth columns: the beginning of a text, or what else it is ("(binary, 1.2
/// KiB)"). Empty when there was no body.
Result<std::string> body_preview(store::Query& query, const store::Row& row, Part part);

/// JSON laid out over lines, two spaces a level. Works on tokens, not values: numbers and strings keep their
/// spelling, and JSON that was cut short is laid out as far as it goes. At most 64 levels are indented.
std::string laid_out_json(std::string_view json);

/// A body for a terminal: JSON laid out, other text as it is, both safe to print; for anything else one line
/// that says what it is. Ends in a line feed.
std::string readable_body(const store::Row& row, Part part, std::string_view bytes);

}  // namespace weir::cli
