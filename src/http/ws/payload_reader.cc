#include "http/ws/payload_reader.h"

#include <algorithm>
#include <utility>

namespace weir::http::ws {

PayloadReader::PayloadReader(Side from, const Extensions& extensions)
    : deflate_(extensions.deflate.has_value() && !extensions.unknown),
      compression_(compression_of(from, extensions)),
      rules_(from, extensions) {}

std::optional<Payload> PayloadReader::next(std::string_view& input, std::span<char> scratch) {
  if (!broken_.empty()) return std::nullopt;
  if (inflating_) return inflate(scratch);
  if (input.empty()) return std::nullopt;
  if (!in_payload_) return take_head(input);
  if (head_.control()) return take_control(input);
  return packed_ ? take_packed(input, scratch) : take_plain(input, scratch);
}

std::optional<Payload> PayloadReader::fail(std::string_view why) {
  broken_ = why;
  return std::nullopt;
}

std::optional<Payload> PayloadReader::take_head(std::string_view& input) {
  std::size_t before = input.size();
  bool whole = head_.take(input);
  Payload out{.wire = before - input.size()};
  if (!whole) return out;
  if (auto rule = rules_.take(head_); !rule.empty()) return fail(rule);
  in_payload_ = true;
  length_ = head_.length();
  taken_ = 0;
  mask_ = head_.mask();
  if (head_.control()) {
    control_size_ = 0;
  } else if (head_.opcode() != FrameHead::kContinuation) {
    packed_ = deflate_ && (head_.reserved() & FrameHead::kReserved1) != 0;
  }
  if (length_ > 0) return out;
  out.control = head_.control();
  bool fin = frame_ends();
  if (fin && packed_ && !out.control) {
    compressed_size_ = out.wire;
    last_ = inflating_ = true;
    out = {};
  } else {
    out.ends = fin;
  }
  return out;
}

// The frame's last byte was read. True when it is the last of its message, too.
bool PayloadReader::frame_ends() {
  in_payload_ = false;
  bool fin = head_.fin();
  head_.clear();
  return fin;
}

std::string_view PayloadReader::take(std::string_view& input, char* to, std::size_t most) {
  std::size_t size = std::min(input.size(), most);
  if (size > length_ - taken_) size = static_cast<std::size_t>(length_ - taken_);
  unmask(to, input.substr(0, size), mask_, taken_);
  input.remove_prefix(size);
  taken_ += size;
  return {to, size};
}

Payload PayloadReader::take_control(std::string_view& input) {
  std::string_view part = take(input, control_.data() + control_size_, control_.size() - control_size_);
  control_size_ += part.size();
  Payload out{.wire = part.size(), .control = true};
  if (taken_ < length_) return out;
  out.text = {control_.data(), control_size_};
  out.ends = frame_ends();
  return out;
}

Payload PayloadReader::take_plain(std::string_view& input, std::span<char> scratch) {
  std::string_view part = take(input, scratch.data(), scratch.size());
  Payload out{.wire = part.size(), .text = part, .plain = true};
  if (taken_ == length_) out.ends = frame_ends();
  return out;
}

std::optional<Payload> PayloadReader::take_packed(std::string_view& input, std::span<char> scratch) {
  if (!compressed_) compressed_ = std::make_unique_for_overwrite<char[]>(kPacked);
  left_ = take(input, compressed_.get(), kPacked);
  compressed_size_ = left_.size();
  inflating_ = true;
  if (taken_ == length_) last_ = frame_ends();
  return inflate(scratch);
}

std::optional<Payload> PayloadReader::inflate(std::span<char> scratch) {
  if (!inflater_) inflater_ = std::make_unique<Inflater>(compression_.window_bits, false);
  Inflater::Step step = inflater_->read(left_, scratch);
  if (step.problem != Problem::none) return fail("a message cannot be inflated");
  Payload out{.text = {scratch.data(), step.wrote}};
  if (step.wrote == scratch.size()) return out;
  if (last_ && !std::exchange(at_tail_, true)) {
    left_ = inflater_->tail();
    if (!left_.empty()) return out;
  }
  inflating_ = false;
  out.wire = std::exchange(compressed_size_, 0);
  if (!last_) return out;
  if (!inflater_->end_message()) return fail("a message cannot be inflated");
  if (!compression_.context_kept) {
    inflater_.reset();
    compressed_.reset();
  }
  last_ = at_tail_ = false;
  out.ends = true;
  return out;
}

void FrameEdges::pass(std::string_view bytes) {
  while (!bytes.empty()) {
    if (left_ == 0) {
      in_head_ = !head_.take(bytes);
      if (in_head_) return;
      left_ = head_.length();
      head_.clear();
    }
    auto size = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), left_));
    bytes.remove_prefix(size);
    left_ -= size;
  }
}

}  // namespace weir::http::ws
