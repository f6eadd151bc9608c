// Chunk lines are read byte by byte by a small machine, so a wrong byte is refused when it comes and nothing
// of them is stored; data is handed out as it lies in the input. Only trailer lines are gathered.
#include "http/h1/body_decoder.h"

#include <algorithm>

#include "base/ascii.h"
#include "http/h1/field_line.h"
#include "http/syntax.h"
#include "http/trailers.h"

namespace weir::http::h1 {
namespace {

constexpr std::size_t kMaxChunkLine = 4 * 1024;
constexpr std::size_t kMaxTrailerBytes = 16 * 1024;
constexpr std::size_t kMaxTrailerLines = 64;
// 15 digits end at 2^60: no sum with a size can overflow, and no reader with 64-bit sizes sees another
// number.
constexpr std::size_t kMaxSizeDigits = 15;

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  char letter = to_lower(c);
  return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

}  // namespace

BodyDecoder::BodyDecoder(BodyLength length, Side side) : length_(length), side_(side), state_(State::data) {
  using Kind = BodyLength::Kind;
  remaining_ = length.kind == Kind::fixed ? length.bytes : 0;
  if (length.kind == Kind::chunked) state_ = State::size;
  if (length.kind == Kind::none || (length.kind == Kind::fixed && length.bytes == 0)) state_ = State::done;
}

Failure BodyDecoder::malformed(const char* what) const {
  return fail(side_ == Side::client ? Code::bad_chunk : Code::upstream_bad_response, what);
}

Result<BodyDecoder::Step> BodyDecoder::step(std::string_view input) {
  std::size_t at = 0;
  while (at < input.size() && state_ != State::data && state_ != State::done) {
    std::string_view rest = input.substr(at);
    if (state_ == State::extension || state_ == State::trailer) {
      auto taken = state_ == State::trailer ? take_trailer(rest) : take_extension(rest);
      if (!taken) return pass(taken);
      at += *taken;
    } else {
      if (auto taken = take_framing_byte(rest.front()); !taken) return pass(taken);
      ++at;
    }
  }
  if (state_ != State::data) return Step{at, {}};
  Step data = take_data(input.substr(at));
  data.consumed += at;
  return data;
}

BodyDecoder::Step BodyDecoder::take_data(std::string_view input) {
  if (length_.kind == BodyLength::Kind::until_close) return {input.size(), input};
  std::string_view data =
      input.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, input.size())));
  remaining_ -= data.size();
  if (remaining_ == 0) state_ = length_.kind == BodyLength::Kind::chunked ? State::chunk_cr : State::done;
  return {data.size(), data};
}

Result<void> BodyDecoder::take_framing_byte(char c) {
  switch (state_) {
    case State::size:
    case State::space: return take_size_byte(c);
    case State::size_lf: return c == '\n' ? end_size_line() : malformed("a bare CR in a chunk line");
    case State::trailer_lf:
      return c == '\n' ? end_trailer_line() : malformed("a bare CR in the trailer section");
    case State::chunk_cr:
      if (c != '\r') return malformed("a chunk is longer than its size says (RFC 9112 section 7.1)");
      state_ = State::chunk_lf;
      return {};
    default:  // chunk_lf
      if (c != '\n') return malformed("a chunk does not end in CRLF (RFC 9112 section 7.1)");
      state_ = State::size;
      return {};
  }
}

// The size and the white space that may come before an extension (RFC 9112 section 7.1.1).
Result<void> BodyDecoder::take_size_byte(char c) {
  if (auto counted = count_line_bytes(1); !counted) return counted;
  if (int digit = hex_value(c); digit >= 0 && state_ == State::size) {
    if (++digits_ > kMaxSizeDigits) return malformed("a chunk size has too many digits");
    remaining_ = remaining_ * 16 + static_cast<std::uint64_t>(digit);
    return {};
  }
  // Old servers pad the size with spaces; that is harmless in what Weir writes anew, but nobody needs it in
  // requests.
  bool may_end = state_ == State::size || side_ == Side::upstream;
  if (digits_ == 0) return malformed("a chunk size is missing or not hexadecimal (RFC 9112 section 7.1)");
  if (c == ';') {
    state_ = State::extension;
  } else if (c == ' ' || c == '\t') {
    state_ = State::space;
  } else if (c == '\r' && may_end) {
    state_ = State::size_lf;
  } else {
    return malformed(
        "a chunk size is followed by something else than CRLF or an extension (RFC 9112 section 7.1)");
  }
  return {};
}

// Extensions have no meaning that could be passed on; they are only kept from hiding a line end.
Result<std::size_t> BodyDecoder::take_extension(std::string_view input) {
  std::size_t end = find_control(input);
  if (auto counted = count_line_bytes(end); !counted) return pass(counted);
  if (end == input.size()) return end;
  if (input[end] != '\r')
    return malformed("a bare LF or a control byte in a chunk extension (RFC 9112 section 7.1.1)");
  state_ = State::size_lf;
  return end + 1;
}

Result<void> BodyDecoder::count_line_bytes(std::size_t count) {
  line_bytes_ += count;
  if (line_bytes_ > kMaxChunkLine) return malformed("a chunk line is over 4 KiB");
  return {};
}

Result<void> BodyDecoder::end_size_line() {
  state_ = remaining_ == 0 ? State::trailer : State::data;
  digits_ = 0;
  line_bytes_ = 0;
  return {};
}

Result<std::size_t> BodyDecoder::take_trailer(std::string_view input) {
  std::size_t end = find_control(input);
  line_bytes_ += end;
  if (line_bytes_ > kMaxTrailerBytes) return malformed("the trailer section is over 16 KiB");
  line_.append(input.substr(0, end));
  if (end == input.size()) return end;
  if (input[end] != '\r')
    return malformed("a bare LF or a control byte in the trailer section (RFC 9112 section 7.1.2)");
  state_ = State::trailer_lf;
  return end + 1;
}

Result<void> BodyDecoder::end_trailer_line() {
  state_ = line_.empty() ? State::done : State::trailer;
  if (line_.empty()) return {};
  if (++trailer_lines_ > kMaxTrailerLines) return malformed("over 64 trailer fields");
  auto field = split_field_line(line_, side_);
  if (!field) return malformed(field.error());
  if (may_trail(field->name)) trailers_.add(field->name, field->value);
  line_.clear();
  return {};
}

Result<void> BodyDecoder::end_of_input() {
  if (length_.kind == BodyLength::Kind::until_close) state_ = State::done;
  if (done()) return {};
  Code code = side_ == Side::client ? Code::body_incomplete : Code::upstream_body_incomplete;
  if (length_.kind == BodyLength::Kind::fixed)
    return fail(code,
                std::to_string(remaining_) + " of " + std::to_string(length_.bytes) + " bytes are missing");
  return fail(code, "the connection ended before the last chunk (RFC 9112 section 8)");
}

}  // namespace weir::http::h1
