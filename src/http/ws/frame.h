// FrameHead: what stands before the payload of a frame (RFC 6455 section 5.2).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace weir::http::ws {

/// XORed over the payload, again from its first byte after each fourth.
using Mask = std::array<char, 4>;

/// Gathers a frame head from any split of bytes and reads it. Judges nothing.
class FrameHead {
 public:
  /// Takes bytes off the front of `input`; true once the head is whole. Bytes of the payload are never taken.
  bool take(std::string_view& input);
  /// For the next frame.
  void clear() { have_ = 0; }

  // Valid once the head is whole.
  bool fin() const { return (byte(0) & 0x80) != 0; }
  std::uint8_t reserved() const { return byte(0) & 0x70; }  ///< kReserved1 and its two fellows
  std::uint8_t opcode() const { return byte(0) & 0x0F; }
  bool control() const { return (byte(0) & 0x08) != 0; }
  bool masked() const { return (byte(1) & 0x80) != 0; }
  std::uint64_t length() const;
  /// False when fewer bytes would have held the length.
  bool shortest() const;
  Mask mask() const;

  static constexpr std::uint8_t kReserved1 = 0x40;
  static constexpr std::uint8_t kContinuation = 0;

 private:
  std::uint8_t byte(std::size_t i) const { return static_cast<std::uint8_t>(bytes_[i]); }
  std::size_t length_bytes() const;  ///< after the first two
  std::size_t size() const { return 2 + length_bytes() + (masked() ? 4 : 0); }

  std::array<char, 14> bytes_{};
  std::uint8_t have_ = 0;
};

/// Writes `in` XORed to `out`; `at` is how far into the payload `in` begins. `out` may be where `in` is.
void unmask(char* out, std::string_view in, Mask mask, std::uint64_t at);

}  // namespace weir::http::ws
