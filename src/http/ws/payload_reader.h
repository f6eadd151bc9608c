// PayloadReader: what one direction of a WebSocket says, as its bytes come, and which bytes say it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/error.h"
#include "http/ws/frame.h"
#include "http/ws/frame_rules.h"
#include "http/ws/handshake.h"
#include "http/ws/inflater.h"

namespace weir::http::ws {

/// A step through the bytes.
struct Payload {
  std::size_t wire = 0;   ///< so many bytes were read
  std::string_view text;  ///< what they say, unmasked and inflated; good until the next step
  bool plain = false;     ///< the last text.size() of these bytes are `text`, one for one
  bool control = false;   ///< of the payload of a control frame: all its text comes with the last byte
  bool ends = false;      ///< the message, or the control frame, ends here
};

/// For one who must know before the bytes go on; messages are never held whole. One thread. Memory: that of
/// an Inflater from the first compressed message on, or during each where no context is taken over.
///
/// Of a message that is not compressed as agreed, or whose frames break a rule, nobody can tell what the
/// other side will make: that is the end.
class PayloadReader {
 public:
  PayloadReader(Side from, const Extensions& extensions);

  /// The next step off the front of `input`; nothing when there is none, or broken(). Texts lie in `scratch`.
  /// One step reads little, but what it says may be a thousand times as long, and comes in several, the bytes
  /// with the last of them.
  std::optional<Payload> next(std::string_view& input, std::span<char> scratch);
  /// Empty, or why these bytes cannot be read; what was read before is told.
  std::string_view broken() const { return broken_; }

 private:
  static constexpr std::size_t kLongestControl = 125;
  static constexpr std::size_t kPacked = 2048;

  std::optional<Payload> take_head(std::string_view& input);
  Payload take_control(std::string_view& input);
  Payload take_plain(std::string_view& input, std::span<char> scratch);
  std::optional<Payload> take_packed(std::string_view& input, std::span<char> scratch);
  std::optional<Payload> inflate(std::span<char> scratch);
  std::string_view take(std::string_view& input, char* to, std::size_t most);
  bool frame_ends();
  std::optional<Payload> fail(std::string_view why);

  const bool deflate_;
  const Compression compression_;
  FrameRules rules_;
  FrameHead head_;
  bool in_payload_ = false;  // the head is whole
  bool packed_ = false;      // the message under way is compressed
  bool inflating_ = false;   // what was read has more to say
  bool last_ = false;        // of the message: its last byte was read
  bool at_tail_ = false;     // and what its sender left out is being inflated
  Mask mask_{};
  std::uint64_t length_ = 0;  // of the frame's payload
  std::uint64_t taken_ = 0;   // of the frame's payload
  std::array<char, kLongestControl> control_;
  std::size_t control_size_ = 0;
  std::unique_ptr<char[]> compressed_;  // with inflater_
  std::string_view left_;               // of compressed_, or of the tail
  std::size_t compressed_size_ = 0;     // the bytes of the wire not told of yet
  std::unique_ptr<Inflater> inflater_;
  std::string_view broken_;
};

/// Whether a direction stands between two frames. Its bytes must be good.
class FrameEdges {
 public:
  void pass(std::string_view bytes);
  bool between() const { return left_ == 0 && !in_head_; }

 private:
  FrameHead head_;
  bool in_head_ = false;
  std::uint64_t left_ = 0;  // of a payload
};

}  // namespace weir::http::ws
