// Spellings: ways in which one text is written inside another, and back.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "flow/find.h"

namespace weir::flow {

/// percent: "%2f" (RFC 3986 section 2.1). json: "\n", "\/", "\u00e9", surrogate pairs as one character
/// (RFC 8259 section 7), and "\x2f" and "\'" of JavaScript.
enum class Spelling : std::uint8_t { percent, json };

/// `text` with every escape undone, once; nothing when it has none. What only looks like one stays. An escape
/// that the end of the text cuts short is left out.
std::optional<std::string> unescaped(std::string_view text, Spelling spelling);

/// Where an escape that the end of the text cuts short begins; the size of `text` when there is none.
std::size_t cut_escape(std::string_view text, Spelling spelling);

/// Which bytes matter where an escape is undone.
struct WantedBytes {
  std::bitset<256> bytes;  ///< of what is looked for in the undone text, and letters and digits
  bool backslash = false;  ///< what is looked for has one of its own
  bool percent = false;    ///< the same of '%'
};
/// False when no escape in `text` stands for a byte that is wanted, or for one that begins another escape
/// which might: then what is looked for is in unescaped(text), and in what undoing that gives, only where it
/// is in `text` itself.
bool undoing_matters(std::string_view text, Spelling spelling, const WantedBytes& wanted);

/// Turns finds in unescaped(text) into finds in `text`, escapes always whole. `finds` must be merged, and
/// stay in order.
void carry_back(std::string_view text, Spelling spelling, std::span<Find> finds);

}  // namespace weir::flow
