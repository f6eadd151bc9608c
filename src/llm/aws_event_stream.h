// AwsEventStream: the binary framing of application/vnd.amazon.eventstream, in any cuts.
#pragma once

#include <string>
#include <string_view>

#include "llm/event_source.h"

namespace weir::llm {

/// A frame is: total length, length of headers, CRC-32 of those two, headers, payload, CRC-32 of all before.
/// An event is named by its `:event-type`, an exception by `:exception-type` or `:error-code`. A frame whose
/// own CRC is wrong is left out; after a prelude that cannot be right nothing is read any more. A frame above
/// the limit is left out, too. All three are said by trouble().
class AwsEventStream final : public EventSource {
 public:
  static constexpr std::size_t kMaxHeaders = 128 << 10;

  explicit AwsEventStream(std::size_t max_event = kMaxEvent) : max_event_(max_event) {}

  void feed(std::string_view chunk) override { rest_ = chunk; }
  void finish() override { finished_ = true; }
  bool next(StreamEvent& event) override;

 private:
  enum class Taken : unsigned char { frame, nothing, skipped };

  Taken take_frame(std::string_view& frame);
  bool check_prelude(std::string_view prelude);
  bool read_frame(std::string_view frame, StreamEvent& event);
  void hold(std::size_t size);

  std::size_t max_event_;
  std::string_view rest_;
  std::string frame_;     // the beginning of a frame that a chunk cut
  std::size_t skip_ = 0;  // bytes of a frame that is too large
  bool frame_complete_ = false, lost_ = false, finished_ = false;
};

}  // namespace weir::llm
