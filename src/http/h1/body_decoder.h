// BodyDecoder: the bytes of one HTTP/1 body out of the bytes of the wire. Zero copy; any split of input.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "http/fields.h"
#include "http/h1/framing.h"

namespace weir::http::h1 {

class BodyDecoder {
 public:
  /// `side` decides the error codes: client gives bad_chunk / body_incomplete, upstream gives
  /// upstream_bad_response / upstream_body_incomplete.
  BodyDecoder(BodyLength length, Side side);

  struct Step {
    std::size_t consumed = 0;  ///< bytes of `input` used up; the rest is offered again
    std::string_view data;     ///< body bytes, a view into `input`; may be empty while framing is read
  };
  /// Takes framing and then at most one run of data from `input`. Progress is certain: with a non-empty input
  /// and not done(), consumed > 0. Bytes after the end of the body are never consumed. After an error the
  /// decoder is of no further use. Chunk extensions are dropped; a chunk line is at most 4 KiB, the trailer
  /// section at most 16 KiB and 64 fields.
  Result<Step> step(std::string_view input);
  /// The connection ended. An error unless the body had ended or runs until close.
  Result<void> end_of_input();

  bool done() const { return state_ == State::done; }
  /// Bytes of a fixed body still to come; 0 for other kinds.
  std::uint64_t remaining() const { return length_.kind == BodyLength::Kind::fixed ? remaining_ : 0; }
  /// Valid once done(). Forbidden trailer names (RFC 9110 section 6.5.1) have been left out.
  const Fields& trailers() const { return trailers_; }

 private:
  // The chunked states are in the order of the grammar of RFC 9112 section 7.1.
  enum class State : std::uint8_t {
    data,
    size,
    space,
    extension,
    size_lf,
    chunk_cr,
    chunk_lf,
    trailer,
    trailer_lf,
    done
  };

  Step take_data(std::string_view input);
  Result<void> take_framing_byte(char c);
  Result<void> take_size_byte(char c);
  Result<std::size_t> take_extension(std::string_view input);
  Result<std::size_t> take_trailer(std::string_view input);
  Result<void> count_line_bytes(std::size_t count);
  Result<void> end_size_line();
  Result<void> end_trailer_line();
  Failure malformed(const char* what) const;

  BodyLength length_;
  Side side_;
  State state_;
  std::uint64_t remaining_ = 0;  // of the fixed body or of the chunk
  std::size_t digits_ = 0;       // of the chunk size so far
  std::size_t line_bytes_ = 0;   // of the chunk line, or of the whole trailer section, so far
  std::size_t trailer_lines_ = 0;
  std::string line_;  // the trailer line so far
  Fields trailers_;
};

}  // namespace weir::http::h1
