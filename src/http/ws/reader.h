// Reader: the messages of one direction of a WebSocket out of its bytes, for the record.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "http/ws/assembly.h"
#include "http/ws/frame.h"
#include "http/ws/frame_rules.h"
#include "http/ws/handshake.h"
#include "http/ws/message.h"

namespace weir::http::ws {

/// Looks on while the bytes pass elsewhere: whatever it makes of them, they are not its business. One thread.
///
/// Memory: what is kept of the message under way, which grows with the bytes that came and never with a
/// length that was announced, up to `limit`; and from the first compressed message on the state to inflate
/// it, about 10 KiB and the window of up to 32 KiB. Where no context is taken over that state goes with its
/// message.
class Reader {
 public:
  /// `from`: whose bytes they are, client or upstream. `limit`: how many bytes of a message are kept; control
  /// frames (at most 125 bytes) are kept whole.
  Reader(Side from, const Extensions& extensions, std::size_t limit);

  /// Takes bytes off the front of `input` as far as the end of the next message or control frame and yields
  /// it; nothing once `input` is used up. Call it until then.
  std::optional<Message> next(std::string_view& input);
  /// The bytes have ended: what there is of a message that did not, marked as incomplete. Ask once.
  std::optional<Message> finish();

  /// From now on messages, pings and pongs are only counted, at no cost in memory; close frames still come.
  /// Of a message under way nothing is kept. Not to be undone.
  void count_only();
  /// Frees the bytes kept of the message under way and keeps no more of it; it will come truncated.
  void let_go() { assembly_.let_go(); }
  /// Bytes kept of the message under way, for an owner that watches over many readers.
  std::size_t held() const { return assembly_.held(); }
  /// How many messages and control frames were only counted.
  std::uint64_t counted() const { return counted_; }
  /// Empty, or which rule the bytes broke. What follows is ignored: nobody can tell where a frame begins.
  std::string_view broken() const { return broken_; }

 private:
  bool begin_frame();
  void take_payload(std::string_view& input);
  std::optional<Message> end_frame();
  Message end_control();

  const bool deflate_;
  bool only_counting_ = false;
  bool in_payload_ = false;  // the head is whole
  FrameHead head_;
  FrameRules rules_;
  Mask mask_{};
  std::uint64_t length_ = 0;  // of the frame's payload
  std::uint64_t taken_ = 0;   // of the frame's payload
  Assembly assembly_;
  Message control_;  // may come between the frames of a message
  std::uint64_t counted_ = 0;
  std::string_view broken_;
};

}  // namespace weir::http::ws
