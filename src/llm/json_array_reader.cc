#include "llm/json_array_reader.h"

#include <utility>

#include "llm/json_scan.h"

namespace weir::llm {

void JsonArrayReader::keep(std::string_view part) {
  std::size_t room = max_event_ - element_.size();
  element_.append(part.substr(0, room));
  cut_ = cut_ || part.size() > room;
}

// To behind the closing quote; false at the end of the chunk.
bool JsonArrayReader::in_string() {
  const char* end = chunk_.data() + chunk_.size();
  while (at_ < chunk_.size()) {
    if (std::exchange(escape_, false)) {
      ++at_;
      continue;
    }
    const char* hit = find_any_of<'"', '\\'>(chunk_.data() + at_, end);
    at_ = static_cast<std::size_t>(hit - chunk_.data());
    if (hit == end) return false;
    ++at_;
    if (*hit == '"') return string_ = false, true;
    escape_ = true;
  }
  return false;
}

// True when the bracket, the last byte before at_, ends an element.
bool JsonArrayReader::bracket(char c) {
  if (c == '{' || c == '[') {
    bool outermost = depth_ == 0 && c == '[';
    ++depth_;
    if (element_depth_ > 0)
      ++element_depth_;
    else if (!outermost)
      element_depth_ = 1, start_ = at_ - 1;
    return false;
  }
  if (depth_ == 0) return note("bracket that was not opened"), false;
  --depth_;
  return element_depth_ > 0 && --element_depth_ == 0;
}

bool JsonArrayReader::to_element_end() {
  const char* end = chunk_.data() + chunk_.size();
  while (at_ < chunk_.size()) {
    if (string_) {
      if (!in_string()) return false;
      continue;
    }
    const char* hit = find_any_of<'"', '{', '}', '[', ']'>(chunk_.data() + at_, end);
    at_ = static_cast<std::size_t>(hit - chunk_.data());
    if (hit == end) return false;
    ++at_;
    if (*hit == '"')
      string_ = true;
    else if (bracket(*hit))
      return true;
  }
  return false;
}

bool JsonArrayReader::next(StreamEvent& event) {
  if (std::exchange(handed_out_, false)) {
    std::string().swap(element_);
    cut_ = false;
  }
  bool whole = to_element_end();
  bool broken_off = !whole && std::exchange(finished_, false) && element_depth_ > 0;
  std::string_view part = chunk_.substr(start_, at_ - start_);
  if (!whole && !broken_off) {
    if (element_depth_ > 0) keep(part);
    chunk_ = {}, at_ = start_ = 0;
    return false;
  }
  if (part.size() > max_event_) part = part.substr(0, max_event_), cut_ = true;
  if (!element_.empty()) keep(part), part = element_;
  if (cut_) note("event too large");
  event = {.data = part, .cut = cut_ || broken_off};
  if (broken_off) element_depth_ = 0;
  return handed_out_ = true;
}

}  // namespace weir::llm
