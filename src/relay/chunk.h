// Chunks: how the bytes of a tunnel go through a WebSocket between a relay and its gateway: each binary
// message is a protobuf `message Chunk { bytes data = 1; }`, an empty one keeps the connection alive
// (docs/formats/relay.md).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "http/ws/frame.h"

namespace weir::relay {

/// Of one chunk's data.
inline constexpr std::size_t kMostChunk = 512 << 10;
/// What may stand before it: head of the frame, tag and length of the field.
inline constexpr std::size_t kMostChunkHead = 14 + 1 + 3;

/// Reads one direction's frames, whatever pieces they come in, without keeping any of them. What breaks the
/// rules ends it: to drop a message, as one that looks on would, is to lose bytes in the midst of a stream.
class ChunkReader {
 public:
  /// `masked`: the bytes come from the WebSocket's client (RFC 6455 section 5.1).
  explicit ChunkReader(bool masked) : masked_(masked) {}

  enum class Event : std::uint8_t {
    none,   ///< the input is used up
    data,   ///< `data` is bytes of the tunnel
    ping,   ///< to be answered with `data`
    close,  ///< no more will come; `data` is the code and reason as they were sent
    broken  ///< see broken()
  };
  struct Step {
    Event event = Event::none;
    std::string_view data;  ///< within the input, moved to the front of what was read of it
  };
  /// Takes bytes off the front of `input`, whose bytes are overwritten. Call it until it has none.
  Step next(std::span<char>& input);
  std::string_view broken() const { return broken_; }
  /// True when every message that began has ended.
  bool at_rest() const { return !in_payload_ && !message_; }

 private:
  enum class Expect : std::uint8_t { tag, varint, length, fixed, data, skip };

  bool begin_frame();
  Step take_payload(std::span<char>& input);
  Step take_control(std::span<char>& input);
  bool end_frame();
  bool take_byte(std::uint8_t byte);
  bool begin_field(std::uint64_t tag);
  bool fail(std::string_view why) { return broken_ = why, false; }

  const bool masked_;
  bool in_payload_ = false, message_ = false, text_ = false, closed_ = false, had_data_ = false;
  http::ws::FrameHead head_;
  http::ws::Mask mask_{};
  std::uint64_t length_ = 0, taken_ = 0;  // of the frame's payload
  std::uint64_t message_size_ = 0;
  Expect expect_ = Expect::tag;
  std::uint64_t varint_ = 0;
  unsigned varint_bits_ = 0;
  std::uint64_t field_left_ = 0;
  bool field_is_data_ = false;
  std::string control_;
  std::string_view broken_;
};

/// The frame of one chunk with `data`, at most kMostChunk bytes, appended to `out`; masked where `mask` is
/// not null.
void append_chunk(std::string& out, std::string_view data, const http::ws::Mask* mask);
/// The same of data in pieces. With a mask none of it is ever in `out` as it was.
void append_chunk(std::string& out, std::span<const std::string_view> pieces, const http::ws::Mask* mask);
/// A control frame: 8 close, 9 ping, 10 pong; at most 125 bytes.
void append_control(std::string& out, std::uint8_t opcode, std::string_view payload,
                    const http::ws::Mask* mask);

}  // namespace weir::relay
