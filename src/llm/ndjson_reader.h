// NdjsonReader: one JSON text a line (application/x-ndjson, application/stream+json), in any cuts.
#pragma once

#include <string>
#include <string_view>

#include "llm/event_source.h"

namespace weir::llm {

/// Lines end in LF; white space around them is dropped and empty ones are skipped. The last line needs no
/// end.
class NdjsonReader final : public EventSource {
 public:
  explicit NdjsonReader(std::size_t max_event = kMaxEvent) : max_event_(max_event) {}

  void feed(std::string_view chunk) override { rest_ = chunk; }
  void finish() override { finished_ = true; }
  bool next(StreamEvent& event) override;

 private:
  bool take_line(std::string_view& line);
  void keep(std::string_view part);

  std::size_t max_event_;
  std::string_view rest_;
  std::string line_;  // the beginning of a line that a chunk cut
  bool cut_ = false, line_complete_ = false, finished_ = false;
};

}  // namespace weir::llm
