// Frames of Amazon's event stream, as Bedrock sends them.
#pragma once

#include <zlib.h>

#include <string>
#include <string_view>

#include "base/hash.h"

namespace weir::testing {

inline std::string big_endian(std::size_t value, int bytes) {
  std::string out;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xFF);
  return out;
}

inline std::string aws_crc(std::string_view bytes) {
  return big_endian(crc32_z(0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()), 4);
}

/// A field of type "string".
inline std::string aws_header(std::string_view name, std::string_view value) {
  return big_endian(name.size(), 1) + std::string(name) + '\7' + big_endian(value.size(), 2) +
         std::string(value);
}

/// `kind`: "event" or "exception".
inline std::string aws_frame(std::string_view kind, std::string_view type, std::string_view payload) {
  std::string headers = aws_header(":message-type", kind) +
                        aws_header(kind == "exception" ? ":exception-type" : ":event-type", type) +
                        aws_header(":content-type", "application/json");
  std::string out = big_endian(headers.size() + payload.size() + 16, 4) + big_endian(headers.size(), 4);
  out += aws_crc(out);
  out += headers;
  out += payload;
  return out + aws_crc(out);
}

/// A frame that carries what a model itself said.
inline std::string aws_chunk(std::string_view inner) {
  return aws_frame("event", "chunk", R"({"bytes":")" + base64(inner) + R"(","p":"abcdefgh"})");
}

}  // namespace weir::testing
