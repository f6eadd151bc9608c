#include "relay/chunk.h"

#include <algorithm>
#include <cstring>

namespace weir::relay {
namespace {

constexpr std::uint8_t kBinary = 2, kText = 1, kClose = 8, kPing = 9, kPong = 10;
constexpr std::uint64_t kMostControl = 125;
constexpr unsigned kMostVarintBits = 63;  // ten bytes, the last of one bit
// Besides its data a message has a few bytes; fields of others are passed over, within reason.
constexpr std::uint64_t kMostMessage = kMostChunk + 4096;
constexpr std::uint8_t kTag = 0x0A;  // field 1, length-delimited

// Protobuf wire types.
constexpr std::uint64_t kVarint = 0, kFixed64 = 1, kDelimited = 2, kFixed32 = 5;

std::size_t put_frame_head(char* out, std::uint8_t opcode, std::uint64_t length, const http::ws::Mask* mask) {
  char* at = out;
  *at++ = static_cast<char>(0x80 | opcode);
  char bit = mask ? static_cast<char>(0x80) : '\0';
  std::size_t more = length < 126 ? 0 : length <= 0xFFFF ? 2 : 8;
  *at++ = static_cast<char>(bit | static_cast<char>(more == 0 ? length : more == 2 ? 126 : 127));
  for (std::size_t i = more; i-- > 0;) *at++ = static_cast<char>(length >> (8 * i));
  if (mask) at = std::ranges::copy(*mask, at).out;
  return static_cast<std::size_t>(at - out);
}

std::size_t put_varint(char* out, std::uint64_t value) {
  char* at = out;
  for (; value >= 0x80; value >>= 7) *at++ = static_cast<char>(value | 0x80);
  *at++ = static_cast<char>(value);
  return static_cast<std::size_t>(at - out);
}

}  // namespace

ChunkReader::Step ChunkReader::next(std::span<char>& input) {
  while (broken_.empty()) {
    if (in_payload_) {
      Step step = head_.control() ? take_control(input) : take_payload(input);
      if (step.event != Event::none) return step;
      if (in_payload_ && broken_.empty()) return {};  // there is more to come of it
      continue;
    }
    if (closed_ && !input.empty() && !fail("bytes after a close frame")) break;
    std::string_view view(input.data(), input.size());
    bool whole = head_.take(view);
    input = input.last(view.size());
    if (!whole) return {};
    if (!begin_frame()) break;
  }
  return {Event::broken, {}};
}

bool ChunkReader::begin_frame() {
  if (head_.reserved() != 0) return fail("a frame with an extension nobody agreed on");
  if (head_.masked() != masked_) return fail(masked_ ? "a frame without a mask" : "a frame with a mask");
  length_ = head_.length();
  if (!head_.shortest()) return fail("a frame whose length is longer than it needs to be");
  mask_ = head_.mask();
  taken_ = 0;
  in_payload_ = true;
  std::uint8_t opcode = head_.opcode();
  if (head_.control()) {
    if (opcode > kPong) return fail("a frame of an unknown kind");
    if (!head_.fin() || length_ > kMostControl) return fail("a control frame that is none");
    control_.clear();
    return true;
  }
  if (opcode == http::ws::FrameHead::kContinuation) {
    if (!message_) return fail("a continuation of nothing");
  } else {
    if (message_) return fail("a message within a message");
    if (opcode != kBinary && opcode != kText) return fail("a frame of an unknown kind");
    message_ = true;
    text_ = opcode == kText;
    message_size_ = 0;
    expect_ = Expect::tag;
    varint_ = varint_bits_ = 0;
    had_data_ = false;
  }
  message_size_ += std::min(length_, kMostMessage + 1);
  if (message_size_ > kMostMessage && !text_) return fail("a chunk of more than 512 KiB");
  return true;
}

ChunkReader::Step ChunkReader::take_control(std::span<char>& input) {
  std::size_t size = std::min<std::uint64_t>(length_ - taken_, input.size());
  http::ws::unmask(input.data(), {input.data(), size}, mask_, taken_);
  control_.append(input.data(), size);
  input = input.subspan(size);
  taken_ += size;
  if (taken_ < length_) return {};
  in_payload_ = false;
  std::uint8_t opcode = head_.opcode();
  head_.clear();
  if (opcode == kPing) return {Event::ping, control_};
  if (opcode != kClose) return {};
  closed_ = true;
  return {Event::close, control_};
}

ChunkReader::Step ChunkReader::take_payload(std::span<char>& input) {
  std::size_t here = std::min<std::uint64_t>(length_ - taken_, input.size());
  auto advance = [&](std::size_t size) {
    input = input.subspan(size);
    taken_ += size;
    here -= size;
  };
  while (here > 0 && broken_.empty()) {
    if (text_) {
      advance(here);
    } else if (expect_ == Expect::data || expect_ == Expect::skip) {
      std::size_t size = std::min<std::uint64_t>(field_left_, here);
      bool data = expect_ == Expect::data;
      char* at = input.data();
      if (data && masked_) http::ws::unmask(at, {at, size}, mask_, taken_);
      field_left_ -= size;
      if (field_left_ == 0) expect_ = Expect::tag;
      advance(size);
      if (data) {
        if (taken_ == length_ && !end_frame()) break;
        return {Event::data, {at, size}};
      }
    } else {
      char byte = *input.data();
      http::ws::unmask(&byte, {input.data(), 1}, mask_, taken_);
      advance(1);
      if (!take_byte(static_cast<std::uint8_t>(byte))) break;
    }
  }
  if (broken_.empty() && taken_ == length_) end_frame();
  return broken_.empty() ? Step{} : Step{Event::broken, {}};
}

bool ChunkReader::take_byte(std::uint8_t byte) {
  if (varint_bits_ > kMostVarintBits || (varint_bits_ == kMostVarintBits && byte > 1))
    return fail("a chunk with a number that is too long");
  varint_ |= static_cast<std::uint64_t>(byte & 0x7F) << varint_bits_;
  varint_bits_ += 7;
  if (byte & 0x80) return true;
  std::uint64_t value = std::exchange(varint_, 0);
  varint_bits_ = 0;
  switch (expect_) {
    case Expect::tag: return begin_field(value);
    case Expect::length:
      field_left_ = value;
      if (value > kMostMessage) return fail("a chunk of more than 512 KiB");
      if (field_is_data_ && value > kMostChunk) return fail("a chunk of more than 512 KiB");
      expect_ = value == 0 ? Expect::tag : field_is_data_ ? Expect::data : Expect::skip;
      return true;
    default: expect_ = Expect::tag; return true;
  }
}

bool ChunkReader::begin_field(std::uint64_t tag) {
  if (tag >> 3 == 0 || tag >> 32 != 0) return fail("a chunk with a field that cannot be");
  switch (tag & 7) {
    case kVarint: expect_ = Expect::varint; return true;
    case kFixed64:
    case kFixed32:
      expect_ = Expect::skip;
      field_left_ = (tag & 7) == kFixed64 ? 8 : 4;
      return true;
    case kDelimited:
      field_is_data_ = tag == kTag;
      // The last one would count, and the first has gone on by then.
      if (field_is_data_ && std::exchange(had_data_, true)) return fail("a chunk with two fields of data");
      expect_ = Expect::length;
      return true;
    default: return fail("a chunk with a field that cannot be");
  }
}

bool ChunkReader::end_frame() {
  in_payload_ = false;
  bool fin = head_.fin();
  head_.clear();
  if (!fin) return true;
  message_ = false;
  if (!text_ && (expect_ != Expect::tag || varint_bits_ != 0))
    return fail("a chunk that ends in the midst of a field");
  return true;
}

void append_chunk(std::string& out, std::string_view data, const http::ws::Mask* mask) {
  append_chunk(out, {&data, 1}, mask);
}

void append_chunk(std::string& out, std::span<const std::string_view> pieces, const http::ws::Mask* mask) {
  std::size_t size = 0;
  for (std::string_view piece : pieces) size += piece.size();
  char field[1 + 3];
  std::size_t head = 0;
  if (size > 0) {
    field[0] = static_cast<char>(kTag);
    head = 1 + put_varint(field + 1, size);
  }
  std::size_t before = out.size();
  out.resize_and_overwrite(before + kMostChunkHead + size, [&](char* text, std::size_t) {
    char* at = text + before;
    at += put_frame_head(at, kBinary, head + size, mask);
    std::size_t done = 0;
    auto put = [&](std::string_view bytes) {
      if (mask)
        http::ws::unmask(at + done, bytes, *mask, done);
      else if (!bytes.empty())
        std::memcpy(at + done, bytes.data(), bytes.size());
      done += bytes.size();
    };
    put({field, head});
    for (std::string_view piece : pieces) put(piece);
    return static_cast<std::size_t>(at + done - text);
  });
}

void append_control(std::string& out, std::uint8_t opcode, std::string_view payload,
                    const http::ws::Mask* mask) {
  payload = payload.substr(0, kMostControl);
  char head[14];
  out.append(head, put_frame_head(head, opcode, payload.size(), mask));
  std::size_t at = out.size();
  out += payload;
  if (mask) http::ws::unmask(out.data() + at, payload, *mask, 0);
}

}  // namespace weir::relay
