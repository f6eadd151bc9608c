// Undoes content codings of captured bodies, for display. Never used on the way of the traffic itself.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"

namespace weir::store {

/// `bytes` with the codings of a Content-Encoding value undone, the last first (RFC 9110 section 8.4): gzip,
/// deflate (with or without the zlib wrapper), br, zstd, identity; several gzip members and zstd frames in a
/// row are one body. Input that ends early or breaks off gives what could be decoded. At most `max` bytes
/// come out of each coding, the rest is left: a bomb costs `max` and no more. Fails (not_found) for a coding
/// that is unknown or a list of more than four, and (io) when not a byte could be decoded.
Result<std::string> decode_content(std::string_view coding_list, std::string_view bytes, std::size_t max);

}  // namespace weir::store
