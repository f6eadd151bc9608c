// Sieve: looks through a text that comes in parts, and says how much of it may go on.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "broker/guard.h"

namespace weir::broker {

/// Of one text after another. What may be the beginning of something is held back until it is known to be
/// none; before a find, no more than kMayPass bytes of it were let go.
class Sieve {
 public:
  /// So few bytes are the beginning of something every few messages: who waits for an answer before he says
  /// more would wait for ever.
  static constexpr std::size_t kMayPass = 3;

  struct Look {
    std::string_view
        text;  ///< what was held back or is looked at once more, and the part; until the next look
    std::size_t passed = 0;        ///< so many of its bytes were let go before
    std::size_t held = 0;          ///< so many of its last bytes are held back
    std::optional<Guarded> found;  ///< what may not go on: nor may anything from text[passed] on
  };
  /// `last`: the text ends with this part. Then nothing is held back.
  Look look(const Guard& guard, const Allowed& allowed, std::string_view part, bool last);
  /// Nothing has begun: the next look may be another guard's.
  bool at_rest() const { return kept_.empty(); }
  /// Of the text so far, at its end.
  std::size_t held() const { return held_; }

 private:
  std::string kept_;      // what may be the beginning of something
  std::size_t held_ = 0;  // so many bytes of it are held back
  std::string joined_;    // the last look's text, where it was in pieces
};

}  // namespace weir::broker
