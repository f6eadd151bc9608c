#include "http/ws/frame.h"

#include <algorithm>
#include <cstring>

namespace weir::http::ws {

bool FrameHead::take(std::string_view& input) {
  while (true) {
    std::size_t needed = have_ < 2 ? 2 : size();
    if (have_ >= 2 && have_ == needed) return true;
    if (input.empty()) return false;
    std::size_t taken = std::min(needed - have_, input.size());
    std::memcpy(bytes_.data() + have_, input.data(), taken);
    have_ += static_cast<std::uint8_t>(taken);
    input.remove_prefix(taken);
  }
}

std::size_t FrameHead::length_bytes() const {
  std::uint8_t first = byte(1) & 0x7F;
  return first == 127 ? 8 : first == 126 ? 2 : 0;
}

std::uint64_t FrameHead::length() const {
  std::size_t count = length_bytes();
  if (count == 0) return byte(1) & 0x7F;
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < count; ++i) length = length << 8 | byte(2 + i);
  return length;
}

bool FrameHead::shortest() const {
  std::size_t count = length_bytes();
  return count == 0 || length() > (count == 2 ? 125u : 0xFFFFu);
}

Mask FrameHead::mask() const {
  Mask mask{};
  if (masked()) std::memcpy(mask.data(), bytes_.data() + 2 + length_bytes(), mask.size());
  return mask;
}

void unmask(char* out, std::string_view in, Mask mask, std::uint64_t at) {
  std::rotate(mask.begin(), mask.begin() + at % mask.size(), mask.end());
  std::array<char, 8> twice;
  std::ranges::copy(mask, std::ranges::copy(mask, twice.begin()).out);
  std::uint64_t key;
  std::memcpy(&key, twice.data(), sizeof key);
  std::size_t i = 0;
  for (; i + 8 <= in.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, in.data() + i, sizeof word);
    word ^= key;
    std::memcpy(out + i, &word, sizeof word);
  }
  for (; i < in.size(); ++i) out[i] = static_cast<char>(in[i] ^ mask[i % mask.size()]);
}

}  // namespace weir::http::ws
