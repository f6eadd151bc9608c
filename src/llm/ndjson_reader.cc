#include "llm/ndjson_reader.h"

#include <algorithm>
#include <utility>

namespace weir::llm {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  return text.substr(0, text.find_last_not_of(kSpace) + 1);
}

}  // namespace

void NdjsonReader::keep(std::string_view part) {
  std::size_t room = max_event_ - line_.size();
  line_.append(part.substr(0, room));
  cut_ = cut_ || part.size() > room;
}

bool NdjsonReader::take_line(std::string_view& line) {
  if (std::exchange(line_complete_, false)) {
    std::string().swap(line_);
    cut_ = false;
  }
  std::size_t end = rest_.find('\n');
  bool whole = end != std::string_view::npos;
  if (!whole && !std::exchange(finished_, false)) {
    keep(rest_);
    rest_ = {};
    return false;
  }
  line = rest_.substr(0, end);
  if (!line_.empty()) keep(line), line = line_;
  if (line.size() > max_event_) line = line.substr(0, max_event_), cut_ = true;
  line_complete_ = true;
  rest_.remove_prefix(whole ? end + 1 : rest_.size());
  return whole || !line.empty();
}

bool NdjsonReader::next(StreamEvent& event) {
  for (std::string_view line; take_line(line);) {
    std::string_view text = trimmed(line);
    if (text.empty()) continue;
    if (cut_) note("event too large");
    event = {.data = text, .cut = cut_};
    return true;
  }
  return false;
}

}  // namespace weir::llm
