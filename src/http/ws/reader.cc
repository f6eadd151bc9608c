#include "http/ws/reader.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"

namespace weir::http::ws {
namespace {

// RFC 6455 section 7.4: what may stand in a close frame. Codes that are not registered yet may.
bool may_be_sent(std::uint16_t code) {
  return code >= 1000 && code < 5000 && code != 1004 && code != 1005 && code != 1006 && code != 1015;
}

// Section 5.5.1: a code in two bytes, then a reason.
void read_close(Message& close) {
  if (close.bytes.empty()) return;
  if (close.bytes.size() == 1) {
    close.problem = Problem::bad_close;
    return;
  }
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(close.bytes[i]); };
  close.close_code = static_cast<std::uint16_t>(byte(0) << 8 | byte(1));
  close.bytes.erase(0, 2);
  if (!may_be_sent(close.close_code)) {
    close.problem = Problem::bad_close;
  } else if (!is_utf8(close.bytes)) {
    close.problem = Problem::invalid_utf8;
  }
}

}  // namespace

Reader::Reader(Side from, const Extensions& extensions, std::size_t limit)
    : deflate_(extensions.deflate.has_value()),
      rules_(from, extensions),
      assembly_(compression_of(from, extensions), extensions.unknown, limit) {}

std::optional<Message> Reader::next(std::string_view& input) {
  while (!input.empty() && broken_.empty()) {
    if (!in_payload_ && (!head_.take(input) || !begin_frame())) continue;
    take_payload(input);
    if (taken_ < length_) continue;
    if (auto message = end_frame()) return message;
  }
  input = {};
  return std::nullopt;
}

bool Reader::begin_frame() {
  broken_ = rules_.take(head_);
  if (!broken_.empty()) return false;
  in_payload_ = true;
  length_ = head_.length();
  taken_ = 0;
  mask_ = head_.mask();
  auto opcode = static_cast<Opcode>(head_.opcode());
  if (head_.control()) {
    control_ = {.opcode = opcode, .size = length_};
  } else if (!assembly_.under_way()) {
    assembly_.begin(opcode, deflate_ && (head_.reserved() & FrameHead::kReserved1) != 0);
  }
  return true;
}

void Reader::take_payload(std::string_view& input) {
  auto size = static_cast<std::size_t>(std::min<std::uint64_t>(input.size(), length_ - taken_));
  std::string_view part = input.substr(0, size);
  input.remove_prefix(size);
  if (!head_.control()) {
    assembly_.take(part, mask_, taken_);
  } else if (!only_counting_ || control_.opcode == Opcode::close) {
    std::size_t before = control_.bytes.size();
    control_.bytes.append(part);
    unmask(control_.bytes.data() + before, part, mask_, taken_);
  }
  taken_ += size;
}

std::optional<Message> Reader::end_frame() {
  in_payload_ = false;
  bool control = head_.control();
  bool ends_message = head_.fin();
  head_.clear();
  if (control && control_.opcode == Opcode::close) return end_control();
  if (!ends_message) return std::nullopt;
  std::optional<Message> ended = control ? end_control() : assembly_.end(true);
  if (!only_counting_) return ended;
  ++counted_;
  return std::nullopt;
}

Message Reader::end_control() {
  if (control_.opcode == Opcode::close) read_close(control_);
  return std::exchange(control_, {});
}

std::optional<Message> Reader::finish() {
  if (!assembly_.under_way()) return std::nullopt;
  Message message = assembly_.end(false);
  if (!only_counting_) return message;
  ++counted_;
  return std::nullopt;
}

void Reader::count_only() {
  only_counting_ = true;
  assembly_.keep_nothing();
}

}  // namespace weir::http::ws
