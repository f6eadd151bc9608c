// Finding the next interesting byte of a JSON text, 16 at a time.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace weir::llm {

#if defined(__SSE2__)
template <char... kWanted>
inline const char* find_any_of(const char* at, const char* end) {
  for (; end - at >= 16; at += 16) {
    __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    __m128i hits = _mm_setzero_si128();
    ((hits = _mm_or_si128(hits, _mm_cmpeq_epi8(block, _mm_set1_epi8(kWanted)))), ...);
    if (int mask = _mm_movemask_epi8(hits)) return at + std::countr_zero(static_cast<unsigned>(mask));
  }
  while (at != end && !((*at == kWanted) || ...)) ++at;
  return at;
}
#else
template <char... kWanted>
inline const char* find_any_of(const char* at, const char* end) {
  constexpr std::uint64_t kOnes = 0x0101010101010101, kHighs = kOnes << 7;
  for (; end - at >= 8; at += 8) {
    std::uint64_t block;
    std::memcpy(&block, at, sizeof block);
    std::uint64_t hits = 0;
    (
        [&] {
          std::uint64_t zero = block ^ (kOnes * static_cast<unsigned char>(kWanted));
          hits |= (zero - kOnes) & ~zero & kHighs;
        }(),
        ...);
    if (hits) break;
  }
  while (at != end && !((*at == kWanted) || ...)) ++at;
  return at;
}
#endif

}  // namespace weir::llm
