// Spellings of targets: what the client wrote and what a pattern says, brought to one form.
#pragma once

#include <string>
#include <string_view>

namespace weir::policy {

/// Percent-encoding in one spelling (RFC 3986 section 6.2.2): unreserved characters bare, other escapes in
/// upper case, a stray '%', controls, spaces, '#' and bytes above 0x7E escaped. Every other byte as it is, so
/// that glob characters in a pattern survive.
std::string canonical_escapes(std::string_view text);

/// True for most targets that canonical_target leaves as they are: a cheap look that saves a copy.
bool is_plainly_canonical(std::string_view target);

/// Where the query begins, '?' included; the size when there is none.
inline std::size_t path_length(std::string_view target) {
  std::size_t mark = target.find('?');
  return mark == std::string_view::npos ? target.size() : mark;
}

}  // namespace weir::policy
