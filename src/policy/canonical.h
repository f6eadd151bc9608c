// Spellings of targets: what the client wrote and what a pattern says, brought to one form.
#pragma once

#include <string>
#include <string_view>

namespace weir::policy {

/// Percent-encoding in one spelling (RFC 3986 section 6.2.2): unreserved characters bare, other escapes in
/// upper case, a stray '%', controls, spaces, '#' and bytes above 0x7E escaped. Every other byte as it is, so
/// that glob characters in a pattern survive.
std::string canonical_escapes(std::string_view text);

/// True for most targets that canonical_target leaves as they are and that every server reads alike: a cheap
/// look that saves a copy.
bool is_plainly_canonical(std::string_view target);

/// A path, its escapes canonical, without dot segments and empty ones. Empty ones go first, as in servers
/// that merge slashes: "/a//../b" is "/b".
std::string resolve_segments(std::string_view path);

/// The mark of "%2F", which a pattern may spell to say that it is meant.
inline constexpr std::string_view kEncodedSlash = "an encoded slash";

/// What makes the path of a target readable in two ways, for people: "an encoded slash"; "" when nothing
/// does. The client's own bytes are what is forwarded, so a rule must not let pass what the origin may take
/// for a path outside of it. `target` is as received: once dot segments are resolved, some marks are gone
/// ("/v1/..%2f/../x" is "/v1/x").
///
/// Marks: dot segments, also with parameters or spaces ("..;x", ".%20", "..."), which many frameworks route
/// as they are and others resolve; encoded slashes and backslashes of both kinds; escapes that are encoded
/// themselves ("%252e", "%u002e"); controls; encodings of ASCII that are too long (%C0%AF); two slashes at
/// the start, which some take for a host; '#'. Parameters, stray '%' and empty segments elsewhere are none:
/// however a server reads them, the path stays below the same folders.
std::string_view ambiguity(std::string_view target);
inline bool is_ambiguous(std::string_view target) { return !ambiguity(target).empty(); }

/// Where the query begins, '?' included; the size when there is none.
inline std::size_t path_length(std::string_view target) {
  std::size_t mark = target.find('?');
  return mark == std::string_view::npos ? target.size() : mark;
}

/// "/a%2Fb" -> "/a/b"; escapes must be canonical.
std::string with_slashes(std::string_view text);
/// 0 to 15; -1 of what is no hexadecimal digit.
int hex_value(char c);

}  // namespace weir::policy
