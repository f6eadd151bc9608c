// ProtobufWriter: the few forms of the Protocol Buffers wire format that sending needs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::store {

/// Appends fields to `out`. Texts must be valid UTF-8.
class ProtobufWriter {
 public:
  explicit ProtobufWriter(std::string& out) : out_(out) {}

  void varint(std::uint32_t field, std::uint64_t value) {
    tag(field, kVarint);
    number(value);
  }
  void fixed64(std::uint32_t field, std::uint64_t value) {
    tag(field, kFixed64);
    for (int shift = 0; shift < 64; shift += 8) out_ += static_cast<char>(value >> shift);
  }
  void text(std::uint32_t field, std::string_view value) {
    tag(field, kBytes);
    number(value.size());
    out_ += value;
  }
  /// `write(ProtobufWriter&)` writes the fields of the message.
  template <typename Write>
  void message(std::uint32_t field, Write&& write) {
    std::string inner;
    ProtobufWriter writer(inner);
    write(writer);
    text(field, inner);
  }

 private:
  static constexpr std::uint32_t kVarint = 0, kFixed64 = 1, kBytes = 2;

  void tag(std::uint32_t field, std::uint32_t type) { number(field << 3 | type); }
  void number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_ += static_cast<char>(value | 0x80);
    out_ += static_cast<char>(value);
  }

  std::string& out_;
};

}  // namespace weir::store
