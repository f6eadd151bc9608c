#include "llm/sse_reader.h"

#include <algorithm>

#include "base/ascii.h"

namespace weir::llm {
namespace {

constexpr std::string_view kMark = "\xEF\xBB\xBF";
constexpr std::size_t kLongestPrefix = 16;  // of a line that has data: "data: "

std::size_t find_from(std::string_view text, char c, std::size_t at) {
  return std::min(text.find(c, at), text.size());
}

}  // namespace

void SseReader::feed(std::string_view chunk) {
  chunk_ = chunk;
  at_ = lf_ = cr_ = 0;
  if (!chunk.empty()) lf_ = find_from(chunk, '\n', 0), cr_ = find_from(chunk, '\r', 0);
}

void SseReader::finish() {
  feed({});
  finished_ = true;
}

// Drops the byte order mark, which may come a byte at a time; what only began like one is put back.
bool SseReader::skip_mark() {
  while (mark_ < kMark.size()) {
    if (at_ == chunk_.size()) return false;
    if (chunk_[at_] == kMark[mark_]) {
      ++mark_, ++at_;
    } else {
      line_.assign(kMark.substr(0, mark_));
      mark_ = kMark.size();
    }
  }
  return true;
}

bool SseReader::take_line(std::string_view& line) {
  if (std::exchange(line_complete_, false)) {
    line_.clear();
    line_dropped_ = 0;
    if (line_.capacity() > kKeep) std::string().swap(line_);
  }
  if (!skip_mark() || at_ == chunk_.size()) return false;
  if (std::exchange(swallow_lf_, false) && chunk_[at_] == '\n' && ++at_ == chunk_.size()) return false;
  if (lf_ < at_) lf_ = find_from(chunk_, '\n', at_);
  if (cr_ < at_) cr_ = find_from(chunk_, '\r', at_);
  std::size_t end = std::min(lf_, cr_);
  line = chunk_.substr(at_, end - at_);
  bool whole = end < chunk_.size();
  if (!whole || !line_.empty()) {
    std::size_t most = std::max(max_event_, kMaxName) + kLongestPrefix;
    std::size_t room = most - std::min(line_.size(), most);
    line_.append(line.substr(0, room));
    if (line.size() > room) line_dropped_ += line.size() - room;
    line = line_;
    line_complete_ = whole;
  }
  at_ = end;
  if (!whole) return false;
  if (chunk_[at_++] == '\r') {
    if (at_ == chunk_.size())
      swallow_lf_ = true;
    else if (chunk_[at_] == '\n')
      ++at_;
  }
  return true;
}

void SseReader::add_data(std::string_view value) {
  if (!has_data_) {
    has_data_ = true;
    if (value.size() > max_event_ || line_dropped_ > 0) value = value.substr(0, max_event_), cut_ = true;
    if (value.data() >= line_.data() && value.data() <= line_.data() + line_.size()) {
      std::size_t offset = static_cast<std::size_t>(value.data() - line_.data()), size = value.size();
      data_.swap(line_);
      data_.erase(0, offset);
      data_.resize(size);
    } else {
      data_view_ = value;
      in_view_ = true;
    }
    return;
  }
  if (std::exchange(in_view_, false)) data_.assign(data_view_);
  std::size_t room = max_event_ - std::min(max_event_, data_.size());
  if (room > 0) data_ += '\n', --room;
  data_.append(value.substr(0, room));
  if (value.size() > room || line_dropped_ > 0) cut_ = true;
}

void SseReader::field(std::string_view line) {
  if (line.front() == ':') return void(++comments_);
  std::size_t colon = std::min(line.find(':'), line.size());
  std::string_view name = line.substr(0, colon);
  std::string_view value = line.substr(std::min(colon + 1, line.size()));
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "data") return add_data(value);
  if (name == "event") {
    name_.assign(value.substr(0, kMaxName));
  } else if (name == "id") {
    if (value.find('\0') == std::string_view::npos) last_id_.assign(value.substr(0, kMaxName));
  } else if (name == "retry") {
    if (auto milliseconds = parse_decimal(value); milliseconds && *milliseconds <= INT64_MAX)
      retry_ = static_cast<std::int64_t>(*milliseconds);
  }
}

void SseReader::clear_event() {
  name_.clear();
  data_.clear();
  if (data_.capacity() > kKeep) std::string().swap(data_);
  has_data_ = in_view_ = cut_ = handed_out_ = false;
}

bool SseReader::dispatch(StreamEvent& event) {
  if (!has_data_) return name_.clear(), false;
  if (cut_) note("event too large");
  event = {.name = name_, .data = in_view_ ? data_view_ : std::string_view(data_), .cut = cut_};
  return handed_out_ = true;
}

bool SseReader::next(StreamEvent& event) {
  if (handed_out_) clear_event();
  for (std::string_view line; take_line(line);) {
    if (!line.empty())
      field(line);
    else if (dispatch(event))
      return true;
  }
  if (std::exchange(in_view_, false)) data_.assign(data_view_);
  if (!std::exchange(finished_, false)) return false;
  if (!line_.empty()) {
    std::string last = std::move(line_);
    line_.clear();
    field(last);
    if (std::exchange(in_view_, false)) data_.assign(data_view_);
  }
  if (!dispatch(event)) return false;
  return event.cut = true;
}

}  // namespace weir::llm
