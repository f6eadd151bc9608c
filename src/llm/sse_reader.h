// SseReader: an event stream by the WHATWG rules (HTML section 9.2.6), in any cuts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "llm/event_source.h"

namespace weir::llm {

/// Lines end in LF, CR or CRLF, mixed as they like; one BOM at the start is dropped; comments count as
/// nothing. An event without a name has an empty one ("message" by the rules). Bytes are not decoded: a bad
/// UTF-8 sequence is passed on. At the end of the bytes an unfinished event is handed out, too, marked as
/// cut. An event that lies whole in a chunk is a view of it; only what a chunk's end cuts, and data of
/// several lines, is copied.
class SseReader final : public EventSource {
 public:
  explicit SseReader(std::size_t max_event = kMaxEvent) : max_event_(max_event) {}

  void feed(std::string_view chunk) override;
  void finish() override;
  bool next(StreamEvent& event) override;

  std::string_view last_event_id() const { return last_id_; }
  /// Milliseconds the server asks to wait before a new connection; -1 when it does not say.
  std::int64_t retry_ms() const { return retry_; }
  std::uint64_t comments() const { return comments_; }

 private:
  static constexpr std::size_t kMaxName = 256;    // of an event, and an id
  static constexpr std::size_t kKeep = 64 << 10;  // of a buffer, between events

  bool take_line(std::string_view& line);
  bool skip_mark();
  void field(std::string_view line);
  void add_data(std::string_view value);
  bool dispatch(StreamEvent& event);
  void clear_event();

  std::size_t max_event_;
  std::string_view chunk_;
  std::size_t at_ = 0;
  std::size_t lf_ = 0, cr_ = 0;  // the next of each at or behind at_, as far as it was looked for
  std::string line_;             // the beginning of a line that the last chunk cut
  std::size_t line_dropped_ = 0;
  std::string data_;  // the event's data, where data_view_ does not say it
  std::string_view data_view_;
  std::string name_, last_id_;
  std::int64_t retry_ = -1;
  std::uint64_t comments_ = 0;
  unsigned mark_ = 0;  // bytes of the byte order mark seen; 3: done
  bool swallow_lf_ = false;
  bool line_complete_ = false;  // line_ holds a whole line that was handed out: clear it
  bool has_data_ = false, in_view_ = false, cut_ = false, handed_out_ = false;
  bool finished_ = false;
};

}  // namespace weir::llm
