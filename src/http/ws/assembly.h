// Assembly: the data message under way in one direction, kept up to a limit and inflated.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "http/ws/frame.h"
#include "http/ws/handshake.h"
#include "http/ws/inflater.h"
#include "http/ws/message.h"

namespace weir::http::ws {

class Assembly {
 public:
  /// Keeps `limit` bytes of a message. `unknown_extension`: what the bytes mean is open.
  Assembly(Compression compression, bool unknown_extension, std::size_t limit)
      : compression_(compression), unknown_extension_(unknown_extension), limit_(limit) {}

  void begin(Opcode opcode, bool compressed);
  /// A part of a frame's payload, which begins `at` bytes into it.
  void take(std::string_view part, Mask mask, std::uint64_t at);
  /// `complete`: the last frame has ended.
  Message end(bool complete);
  bool under_way() const { return under_way_; }

  /// Frees what was kept of the message under way and keeps no more of it.
  void let_go();
  /// The same for this and all messages to come, which are not inflated either.
  void keep_nothing();
  std::size_t held() const { return message_.bytes.size(); }

 private:
  bool inflating() const { return message_.compressed && message_.problem == Problem::none; }
  /// Past the limit only later messages could still need what follows.
  bool past_need() const { return message_.truncated && !compression_.context_kept; }
  void keep(std::string_view part, Mask mask = {}, std::uint64_t at = 0);
  void take_compressed(std::string_view part, Mask mask, std::uint64_t at);
  void inflate(std::string_view part);
  void end_inflating(bool complete);
  void give_up(Problem problem);

  const Compression compression_;
  const bool unknown_extension_;
  std::size_t limit_;
  bool under_way_ = false;
  bool lost_context_ = false;  // later compressed messages can no longer be inflated
  std::size_t room_ = 0;       // what may still be kept of the message under way
  Message message_;
  std::unique_ptr<Inflater> inflater_;  // from the first compressed byte on
};

}  // namespace weir::http::ws
