// HTTP/1 encoder: head values and body runs -> bytes, appended to the caller's buffer.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "http/h1/framing.h"
#include "http/message.h"

namespace weir::http::h1 {

/// Start line in origin-form (or absolute-form, towards an upstream proxy), fields in order and case, empty
/// line. CONNECT is written in authority-form. Always says HTTP/1.1. Fields must have been made safe by
/// parsing or by `valid_field`; asserts in debug builds.
void append_request_head(std::string& out, const RequestHead& head, bool absolute_form = false);
/// Status line (with the standard phrase if `reason` is empty), fields, empty line. Always says HTTP/1.1.
void append_response_head(std::string& out, const ResponseHead& head);

/// "1a2b\r\n" for a chunk of `size` bytes (> 0); the caller writes the data and "\r\n" after it.
std::string_view chunk_line(std::array<char, 20>& buffer, std::size_t size);
/// "0\r\n", trailers, "\r\n".
void append_last_chunk(std::string& out, const Fields& trailers);

/// True when a field may be written: token name, no control bytes or line ends in the value.
bool valid_field(std::string_view name, std::string_view value);

}  // namespace weir::http::h1
