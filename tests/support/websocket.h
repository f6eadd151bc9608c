// What tests of WebSockets share: frames, compressed payloads, and what a Reader makes of them in words.
#pragma once

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>
#include <string_view>
#include <vector>

#include "http/ws/reader.h"
#include "tests/support/splits.h"

namespace weir::http::ws {

inline constexpr Mask kTestMask = {'\x37', '\xfa', '\x21', '\x3d'};
inline constexpr unsigned kFin = 0x80;
inline constexpr unsigned kRsv1 = 0x40;

/// The first byte and the length in its shortest form; `top`: the mask bit or 0.
inline std::string frame_head(unsigned first, std::uint64_t size, unsigned top) {
  std::string head(1, static_cast<char>(first));
  int bytes = size < 126 ? 0 : size <= 0xFFFF ? 2 : 8;
  head += static_cast<char>(top | (bytes == 0 ? size : bytes == 2 ? 126 : 127));
  while (bytes-- > 0) head += static_cast<char>(size >> (8 * bytes));
  return head;
}
inline std::string from_server(unsigned first, std::string_view payload) {
  return frame_head(first, payload.size(), 0).append(payload);
}
inline std::string from_client(unsigned first, std::string_view payload) {
  std::string out = frame_head(first, payload.size(), 0x80).append(kTestMask.data(), kTestMask.size());
  for (std::size_t i = 0; i < payload.size(); ++i) out += static_cast<char>(payload[i] ^ kTestMask[i % 4]);
  return out;
}

/// A peer that compresses.
class Deflater {
 public:
  explicit Deflater(int window_bits = 15, bool context_kept = true) : context_kept_(context_kept) {
    deflateInit2(&stream_, 6, Z_DEFLATED, -window_bits, 8, Z_DEFAULT_STRATEGY);
  }
  ~Deflater() { deflateEnd(&stream_); }
  Deflater(const Deflater&) = delete;

  /// The payload of a message (RFC 7692 section 7.2.1).
  std::string message(std::string_view text) {
    std::string out = run(text, Z_SYNC_FLUSH);
    out.resize(out.size() - 4);
    if (!context_kept_) deflateReset(&stream_);
    return out;
  }
  /// The same, ended by a final block and the byte that then follows (section 7.2.3.4).
  std::string final_message(std::string_view text) {
    std::string out = run(text, Z_FINISH) + '\0';
    deflateReset(&stream_);
    return out;
  }

 private:
  std::string run(std::string_view text, int flush) {
    std::string out(deflateBound(&stream_, text.size()) + 64, '\0');
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream_.avail_in = static_cast<uInt>(text.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out.size());
    deflate(&stream_, flush);
    out.resize(out.size() - stream_.avail_out);
    return out;
  }

  z_stream stream_{};
  bool context_kept_;
};

/// "text(5)hello", "close(2)1000:", with "+" for truncated and "!problem".
inline std::string in_words(const Message& message) {
  std::string out(name(message.opcode));
  out += "(" + std::to_string(message.size) + ")";
  if (message.close_code != 0) out += std::to_string(message.close_code) + ":";
  out += message.bytes;
  if (message.truncated) out += "+";
  if (message.problem != Problem::none) out.append("!").append(name(message.problem));
  return out;
}

/// All messages, each on a line, then "broken: rule" if it came to that.
inline std::string all_messages(Reader& reader, const std::vector<std::string_view>& parts) {
  std::string out;
  for (std::string_view part : parts) {
    while (auto message = reader.next(part)) out += in_words(*message) + "\n";
    EXPECT_TRUE(part.empty());
  }
  if (auto rest = reader.finish()) out += in_words(*rest) + "\n";
  if (!reader.broken().empty()) out.append("broken: ").append(reader.broken()).append("\n");
  return out;
}

inline void expect_messages(Side from, const Extensions& extensions, std::size_t limit,
                            const std::string& wire, const std::string& expected) {
  test::for_each_split(wire, [&](const auto& parts, const std::string& how) {
    Reader reader(from, extensions, limit);
    EXPECT_EQ(all_messages(reader, parts), expected) << how << ": " << ::testing::PrintToString(wire);
  });
}

}  // namespace weir::http::ws
