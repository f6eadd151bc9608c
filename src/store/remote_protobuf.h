// ProtobufWriter and ProtobufReader: the few forms of the Protocol Buffers wire format that sending needs.
#pragma once

#include <cstdint>
#include <optional>
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

/// Fields of a message that may come from anybody, one after the other.
class ProtobufReader {
 public:
  struct Field {
    std::uint64_t number = 0;
    std::uint64_t value = 0;  ///< of a varint
    std::string_view bytes;   ///< of a text or message
  };

  explicit ProtobufReader(std::string_view message) : rest_(message) {}

  /// Nothing at the end, and from the first byte on that is none of this format.
  std::optional<Field> next() {
    auto tag = varint();
    if (!tag) return std::nullopt;
    Field out{.number = *tag >> 3};
    std::optional<std::uint64_t> size;
    switch (*tag & 7) {
      case 0:
        size = varint();
        out.value = size.value_or(0);
        return size ? std::optional(out) : std::nullopt;
      case 1: size = 8; break;
      case 2: size = varint(); break;
      case 5: size = 4; break;
      default: break;
    }
    if (!size || *size > rest_.size()) return std::nullopt;
    out.bytes = rest_.substr(0, *size);
    rest_.remove_prefix(*size);
    return out;
  }

 private:
  std::optional<std::uint64_t> varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }

  std::string_view rest_;
};

}  // namespace weir::store
