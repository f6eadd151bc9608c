// UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace weir {

/// Length of the valid UTF-8 sequence at the start of `text`, which is not empty; 0 if there is none.
constexpr std::size_t utf8_length(std::string_view text) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  auto tail = [&](std::size_t i) { return i < text.size() && (byte(i) & 0xC0) == 0x80; };
  unsigned char b = byte(0);
  if (b < 0x80) return 1;
  if (b >= 0xC2 && b <= 0xDF) return tail(1) ? 2 : 0;
  if (b >= 0xE0 && b <= 0xEF) {
    if (!tail(1) || !tail(2)) return 0;
    if (b == 0xE0 && byte(1) < 0xA0) return 0;
    if (b == 0xED && byte(1) > 0x9F) return 0;
    return 3;
  }
  if (b >= 0xF0 && b <= 0xF4) {
    if (!tail(1) || !tail(2) || !tail(3)) return 0;
    if (b == 0xF0 && byte(1) < 0x90) return 0;
    if (b == 0xF4 && byte(1) > 0x8F) return 0;
    return 4;
  }
  return 0;
}

/// Length of the valid UTF-8 at the start of `text`.
inline std::size_t utf8_prefix(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    std::uint64_t word = 0;
    if (at + sizeof word <= text.size()) std::memcpy(&word, text.data() + at, sizeof word);
    bool ascii = at + sizeof word <= text.size() && (word & 0x8080808080808080) == 0;
    std::size_t length = ascii ? sizeof word : utf8_length(text.substr(at));
    if (length == 0) break;
    at += length;
  }
  return at;
}

/// True when all of `text` is UTF-8; `cut`: its last character may be incomplete.
inline bool is_utf8(std::string_view text, bool cut = false) {
  std::string_view rest = text.substr(utf8_prefix(text));
  return rest.empty() || (cut && rest.size() < 4 && static_cast<unsigned char>(rest[0]) >= 0xC2);
}

/// The code point of one valid sequence, as long as utf8_length() says.
constexpr char32_t utf8_code_point(std::string_view sequence) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(sequence[i]); };
  if (sequence.size() == 1) return byte(0);
  char32_t value = byte(0) & (0xFFu >> (sequence.size() + 1));
  for (std::size_t i = 1; i < sequence.size(); ++i) value = value << 6 | (byte(i) & 0x3Fu);
  return value;
}

}  // namespace weir
