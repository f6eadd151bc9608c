// Words for people: recorded bytes, durations, sizes and times as one reads them in a terminal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace weir::flow {

/// `text` on one line, safe to print whatever it holds: control characters (C0, DEL, C1), bytes that are not
/// UTF-8, and the invisible code points that break or reorder a line are escaped ("\n", "\x1b", "\u{202e}"),
/// so nothing recorded can drive a terminal or forge a line.
std::string printable(std::string_view text);
/// The same for a text of many lines: line feeds and tabs stay, CR LF becomes a line feed.
std::string printable_lines(std::string_view text);
/// True when a person would call it text: valid UTF-8 (a sequence cut at the end is forgiven) without control
/// characters other than white space.
bool is_text(std::string_view bytes);

/// Columns a terminal needs for printable `text`: East Asian wide characters and emoji take two, combining
/// marks none.
std::size_t display_width(std::string_view text);
/// `text` in at most `width` columns: whole, or its beginning and "...". A character is never cut in two.
std::string fitted(std::string_view text, std::size_t width);

/// "<1ms", "89ms", "1.2s", "2m05s", "1h02m"; "-" for a negative duration. Rounded down.
std::string duration_text(std::int64_t microseconds);
/// "512 B", "1.5 KiB", "2.0 GiB". Rounded down.
std::string size_text(std::uint64_t bytes);

/// "2024-01-15T10:30:05.123Z".
std::string rfc3339(WallNanos time);
/// "10:30:05" and "2024-01-15 10:30:05" in the local time zone.
std::string local_time(WallNanos time);
std::string local_date_time(WallNanos time);

}  // namespace weir::flow
