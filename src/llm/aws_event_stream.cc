#include "llm/aws_event_stream.h"

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

namespace weir::llm {
namespace {

constexpr std::size_t kPrelude = 12, kLeast = 16, kTrailer = 4;

std::uint32_t big_endian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

std::uint32_t checksum(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      crc32_z(0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
}

std::optional<std::string_view> take(std::string_view& from, std::size_t size) {
  if (from.size() < size) return std::nullopt;
  std::string_view taken = from.substr(0, size);
  from.remove_prefix(size);
  return taken;
}

// Bytes of a header's value by its type; nothing for a type that does not exist. Blobs and strings say it.
std::optional<std::size_t> value_size(unsigned type, std::string_view& rest) {
  constexpr std::size_t kFixed[] = {0, 0, 1, 2, 4, 8};
  if (type < std::size(kFixed)) return kFixed[type];
  if (type == 8) return 8;
  if (type == 9) return 16;
  if (type > 9) return std::nullopt;
  auto length = take(rest, 2);
  if (!length) return std::nullopt;
  return static_cast<unsigned char>((*length)[0]) << 8 | static_cast<unsigned char>((*length)[1]);
}

struct Headers {
  std::string_view message_type, event_type, exception_type, error_code;
};

bool read_headers(std::string_view rest, Headers& headers) {
  while (!rest.empty()) {
    std::size_t name_size = static_cast<unsigned char>(rest[0]);
    rest.remove_prefix(1);
    auto name = take(rest, name_size);
    auto type = name ? take(rest, 1) : std::nullopt;
    if (!type) return false;
    auto size = value_size(static_cast<unsigned char>((*type)[0]), rest);
    auto value = size ? take(rest, *size) : std::nullopt;
    if (!value) return false;
    if (*name == ":message-type") headers.message_type = *value;
    if (*name == ":event-type") headers.event_type = *value;
    if (*name == ":exception-type") headers.exception_type = *value;
    if (*name == ":error-code") headers.error_code = *value;
  }
  return true;
}

}  // namespace

bool AwsEventStream::check_prelude(std::string_view prelude) {
  std::size_t total = big_endian(prelude), headers = big_endian(prelude.substr(4));
  bool right = checksum(prelude.substr(0, 8)) == big_endian(prelude.substr(8)) && total >= kLeast &&
               headers <= total - kLeast;
  if (right) return true;
  note("event stream prelude is wrong: nothing behind it is read");
  return false;
}

// Moves bytes of the chunk into frame_ until that has `size`.
void AwsEventStream::hold(std::size_t size) {
  std::size_t part = std::min(size - std::min(size, frame_.size()), rest_.size());
  frame_.append(rest_.substr(0, part));
  rest_.remove_prefix(part);
}

AwsEventStream::Taken AwsEventStream::take_frame(std::string_view& frame) {
  std::size_t skipped = std::min(skip_, rest_.size());
  rest_.remove_prefix(skipped);
  skip_ -= skipped;
  if (lost_ || skip_ > 0) return rest_ = {}, Taken::nothing;
  if (!frame_.empty() || rest_.size() < kPrelude) {
    hold(kPrelude);
    if (frame_.size() < kPrelude) return Taken::nothing;
  }
  std::string_view prelude = frame_.empty() ? rest_ : std::string_view(frame_);
  if (!check_prelude(prelude.substr(0, kPrelude))) return lost_ = true, Taken::nothing;
  std::size_t total = big_endian(prelude);
  if (total > max_event_ + kMaxHeaders) {
    note("event too large");
    skip_ = total - frame_.size();
    std::string().swap(frame_);
    return Taken::skipped;
  }
  if (!frame_.empty() || rest_.size() < total) {
    hold(total);
    frame = frame_;
    frame_complete_ = frame_.size() == total;
    return frame_complete_ ? Taken::frame : Taken::nothing;
  }
  frame = *take(rest_, total);
  return Taken::frame;
}

bool AwsEventStream::read_frame(std::string_view frame, StreamEvent& event) {
  std::size_t body = frame.size() - kTrailer;
  if (checksum(frame.substr(0, body)) != big_endian(frame.substr(body)))
    return note("event stream frame with a wrong checksum"), false;
  std::size_t headers_size = big_endian(frame.substr(4));
  Headers headers;
  if (!read_headers(frame.substr(kPrelude, headers_size), headers))
    return note("event stream headers are broken"), false;
  event = {.data = frame.substr(kPrelude + headers_size, body - kPrelude - headers_size)};
  event.exception = headers.message_type == "exception" || headers.message_type == "error";
  event.name = event.exception ? headers.exception_type.empty() ? headers.error_code : headers.exception_type
                               : headers.event_type;
  return true;
}

bool AwsEventStream::next(StreamEvent& event) {
  if (std::exchange(frame_complete_, false)) std::string().swap(frame_);
  for (std::string_view frame;;) {
    Taken taken = take_frame(frame);
    if (taken == Taken::nothing) break;
    if (taken == Taken::frame && read_frame(frame, event)) return true;
    if (std::exchange(frame_complete_, false)) std::string().swap(frame_);
  }
  if (std::exchange(finished_, false) && !lost_ && (!frame_.empty() || skip_ > 0))
    note("event stream broke off within a frame");
  return false;
}

}  // namespace weir::llm
