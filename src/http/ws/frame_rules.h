// FrameRules: which frames may come after one another in one direction.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "http/ws/frame.h"
#include "http/ws/handshake.h"

namespace weir::http::ws {

/// RFC 6455 section 5 and RFC 7692 section 6. An endpoint fails the connection at the first that breaks one.
class FrameRules {
 public:
  FrameRules(Side from, const Extensions& extensions)
      : from_(from), deflate_(extensions.deflate.has_value()), unknown_extension_(extensions.unknown) {}

  /// The next frame's head. Empty, or the rule that it breaks; ask no more then.
  std::string_view take(const FrameHead& head);

 private:
  std::string_view broken_by(const FrameHead& head) const;
  std::string_view broken_by_data(const FrameHead& head) const;
  std::uint8_t allowed_reserved(const FrameHead& head) const;

  const Side from_;
  const bool deflate_;
  const bool unknown_extension_;
  bool under_way_ = false;  // a message, whose last frame has not begun
  bool closed_ = false;     // a close frame came
};

}  // namespace weir::http::ws
