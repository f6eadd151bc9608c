// Frames of HTTP/2 as text, written by the letter of RFC 9113 and RFC 7541 and by nothing else: what is not
// valid can be written as well as what is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::testing::h2 {

inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

enum Type : std::uint8_t {
  kData,
  kHeaders,
  kPriority,
  kRstStream,
  kSettings,
  kPushPromise,
  kPing,
  kGoaway,
  kWindowUpdate,
  kContinuation
};

inline constexpr std::uint8_t kEndStream = 0x1;
inline constexpr std::uint8_t kAck = 0x1;
inline constexpr std::uint8_t kEndHeaders = 0x4;
inline constexpr std::uint8_t kPadded = 0x8;
inline constexpr std::uint8_t kPrioritised = 0x20;

// RFC 9113 section 6.5.2 and RFC 8441 section 3.
inline constexpr std::uint16_t kHeaderTableSize = 1;
inline constexpr std::uint16_t kEnablePush = 2;
inline constexpr std::uint16_t kMaxStreams = 3;
inline constexpr std::uint16_t kInitialWindow = 4;
inline constexpr std::uint16_t kMaxFrameSize = 5;
inline constexpr std::uint16_t kConnectProtocol = 8;

/// Pseudo-fields are named like all others.
using Headers = std::vector<std::pair<std::string, std::string>>;
using Settings = std::vector<std::pair<std::uint16_t, std::uint32_t>>;

inline std::string number(std::uint64_t value, int bytes) {
  std::string out;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
  return out;
}

/// RFC 7541 section 5.2, without Huffman code.
inline std::string hpack_text(std::string_view text) {
  std::string out;
  std::size_t rest = text.size();
  if (rest < 127) {
    out += static_cast<char>(rest);
  } else {
    out += '\x7f';
    for (rest -= 127; rest >= 128; rest /= 128) out += static_cast<char>(rest % 128 + 128);
    out += static_cast<char>(rest);
  }
  return out.append(text);
}

/// Literals that are not indexed (section 6.2.2): no block depends on another.
inline std::string block(const Headers& headers) {
  std::string out;
  for (const auto& [name, value] : headers)
    out.append(1, '\0').append(hpack_text(name)).append(hpack_text(value));
  return out;
}

inline std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                         std::string_view payload = {}) {
  std::string out = number(payload.size(), 3);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  return out.append(number(stream, 4)).append(payload);
}

inline std::string headers(std::uint32_t stream, const Headers& headers, bool end = true) {
  return frame(kHeaders, kEndHeaders | (end ? kEndStream : 0), stream, block(headers));
}
inline std::string data(std::uint32_t stream, std::string_view text, bool end = false) {
  return frame(kData, end ? kEndStream : 0, stream, text);
}
/// `padding` bytes behind `text`, and the one that says so before it.
inline std::string padded(std::string_view text, std::uint8_t padding) {
  return number(padding, 1).append(text).append(padding, '\0');
}
inline std::string settings(const Settings& values) {
  std::string out;
  for (auto [name, value] : values) out.append(number(name, 2)).append(number(value, 4));
  return frame(kSettings, 0, 0, out);
}
inline std::string settings_ack() { return frame(kSettings, kAck, 0); }
inline std::string rst_stream(std::uint32_t stream, std::uint32_t code) {
  return frame(kRstStream, 0, stream, number(code, 4));
}
inline std::string ping(std::string_view eight = "12345678") { return frame(kPing, 0, 0, eight); }
inline std::string goaway(std::uint32_t last, std::uint32_t code) {
  return frame(kGoaway, 0, 0, number(last, 4) + number(code, 4));
}
inline std::string window_update(std::uint32_t stream, std::uint32_t increment) {
  return frame(kWindowUpdate, 0, stream, number(increment, 4));
}
inline std::string priority(std::uint32_t stream, std::uint32_t depends_on) {
  return frame(kPriority, 0, stream, number(depends_on, 4) + '\x10');
}

}  // namespace weir::testing::h2
