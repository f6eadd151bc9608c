// AwsChunkSigner: signs a body of content coding aws-chunked again, chunk by chunk, as it passes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "broker/sigv4_key.h"

namespace weir::broker {

/// Of each chunk, and of the trailer, only the signature is replaced, so that the length of the body stays.
/// A chunk is held until it is there as a whole, since its signature goes before it. For one thread.
class AwsChunkSigner {
 public:
  static constexpr std::size_t kMostChunk = 16 << 20;
  static constexpr std::size_t kMostTrailer = 16 << 10;

  /// `seed` as sign_again gave it; `trailer`: the body ends in a signed trailer.
  AwsChunkSigner(AwsSeed seed, bool trailer) : seed_(std::move(seed)), trailer_(trailer) {}

  /// Takes all of `bytes`, cut anywhere, and appends to `out` what may be sent on. Errors (bad_chunk) are
  /// final: what is in `out` then is not to be sent.
  Result<> feed(std::string_view bytes, std::string& out);
  /// The body is whole.
  bool finished() const { return at_ == At::end; }
  /// What to make of the end of the bytes: body_incomplete where the body is not whole.
  Result<> end() const;

 private:
  enum class At : std::uint8_t { size_line, data, after_data, trailer, last_line, end, broken };

  Result<> take_data(std::string_view& bytes, std::string& out);
  Result<> take_line(std::string_view& bytes, std::string& out);
  Result<> line(std::string_view text, std::string& out);
  Result<> size_line(std::string_view text, std::string& out);
  Result<> trailer_line(std::string_view text, std::string& out);
  void sign_chunk(std::string_view data, std::string& out);
  std::string sign_trailer();
  Failure broken(std::string why);

  AwsSeed seed_;
  bool trailer_;
  At at_ = At::size_line;
  std::string line_;       // what is there of a line
  std::string size_text_;  // of the chunk, as it is spelled
  std::size_t size_ = 0;
  std::string held_;                                           // what is there of a chunk
  std::vector<std::pair<std::string, std::string>> trailers_;  // canonical
  std::size_t trailer_bytes_ = 0;
  std::uint64_t offset_ = 0;  // in the body, for errors
};

}  // namespace weir::broker
