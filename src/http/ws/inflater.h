// Inflater: undoes permessage-deflate for one direction (RFC 7692 section 7.2.2).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "http/ws/message.h"

struct z_stream_s;

namespace weir::http::ws {

/// Holds about 10 KiB and a window as large as agreed. After a Problem it is of no further use.
///
/// What a `bounded` one may cost is bounded by what came over the wire: all messages together may inflate to
/// kFreeBytes and kRatio times their compressed size, far above what real traffic reaches over time, and
/// what goes beyond is a compression_bomb.
class Inflater {
 public:
  static constexpr std::uint64_t kFreeBytes = 16ULL << 20;
  static constexpr std::uint64_t kRatio = 64;

  explicit Inflater(int window_bits, bool bounded = true);
  ~Inflater();

  struct Step {
    std::size_t wrote = 0;  ///< also before a problem was found
    Problem problem = Problem::none;
  };
  /// Inflates from the front of `input` into `output`, and writes less than there is room for only once
  /// `input` is used up or a problem is found.
  Step read(std::string_view& input, std::span<char> output);
  /// What to read after the last byte of a message: the bytes that its sender left out.
  std::string_view tail() const;
  /// After the tail: false when the message did not end where one may.
  bool end_message();

 private:
  struct End {
    void operator()(z_stream_s* stream) const;
  };
  std::unique_ptr<z_stream_s, End> stream_;
  const bool bounded_;
  std::uint64_t in_ = 0;
  std::uint64_t out_ = 0;
  bool fresh_ = true;  // nothing was read since the message, or a DEFLATE stream in it, began
};

}  // namespace weir::http::ws
