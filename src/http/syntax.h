// Byte classes of HTTP text (RFC 9110 section 5), quick enough for the hot path.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace weir::http {

/// tchar of RFC 9110 section 5.6.2: what methods and field names are made of.
inline constexpr std::array<bool, 256> kTokenBytes = [] {
  std::array<bool, 256> table{};
  for (char c = '0'; c <= '9'; ++c) table[static_cast<unsigned char>(c)] = true;
  for (char c = 'a'; c <= 'z'; ++c) table[static_cast<unsigned char>(c)] = true;
  for (char c = 'A'; c <= 'Z'; ++c) table[static_cast<unsigned char>(c)] = true;
  for (char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<unsigned char>(c)] = true;
  return table;
}();

constexpr bool is_token_byte(char c) { return kTokenBytes[static_cast<unsigned char>(c)]; }

constexpr bool is_token(std::string_view text) {
  for (char c : text)
    if (!is_token_byte(c)) return false;
  return !text.empty();
}

/// Control bytes that no field value or start line may hold: all below space but tab, and DEL.
constexpr bool is_control(char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F; }

/// Position of the first control byte at or after `from`; `text.size()` when there is none. Line ends are
/// control bytes, so in well-formed text this is also the way to the end of the line.
inline std::size_t find_control(std::string_view text, std::size_t from = 0) {
  // Eight bytes a step. A borrow can only raise false alarms above the lowest true one, and only the lowest
  // is used.
  constexpr std::uint64_t kOnes = ~std::uint64_t{0} / 255;
  constexpr std::uint64_t kHighs = kOnes * 0x80;
  while (from + 8 <= text.size()) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + from, 8);
    if constexpr (std::endian::native == std::endian::big) word = std::byteswap(word);
    std::uint64_t no_del = word ^ (kOnes * 0x7F);
    std::uint64_t alarms = (((word - kOnes * 0x20) & ~word) | ((no_del - kOnes) & ~no_del)) & kHighs;
    if (alarms == 0) {
      from += 8;
      continue;
    }
    from += static_cast<std::size_t>(std::countr_zero(alarms)) / 8;
    if (text[from] != '\t') return from;
    ++from;
  }
  while (from < text.size() && !is_control(text[from])) ++from;
  return from;
}

}  // namespace weir::http
