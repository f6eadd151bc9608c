// content::Decoder: undoes the codings of a Content-Encoding value while the body comes (RFC 9110
// section 8.4).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace weir::http::content {

/// How the decoding of a body stands. The last four are final; of several codings, the one that was undone
/// first and did not end well tells.
enum class Ending : std::uint8_t {
  open,       ///< more may come
  whole,      ///< the codings ended with the body, or there was no byte at all
  truncated,  ///< the body ended before a coding did; what had come is decoded
  corrupt,    ///< the data of a coding breaks off; what came before is decoded
  limit,      ///< a coding gave more than the limit; the rest was left
};

/// Copies that are looked at are decoded; the traffic itself never is. Every split of the input gives the
/// same text, but for how near it comes to where the data is corrupt. Bounds: `limit` bytes out of each
/// coding, 16 KiB of buffer for each and the window of its format: 32 KiB of gzip and deflate, at most 8 MiB
/// of zstd and 16 MiB of br; work is linear in the bytes in and out.
///
///   decoder.feed(part);
///   for (auto text = decoder.next(); !text.empty(); text = decoder.next()) use(text);
///   ...
///   decoder.end();
class Decoder {
 public:
  /// Codings: gzip (x-gzip), deflate, br, zstd, identity, in any case; the last of the list is undone first.
  /// Fails (not_found) for one that is unknown and for more than four.
  static Result<Decoder> make(std::string_view coding_list, std::uint64_t limit);
  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;
  ~Decoder();

  /// The next bytes of the body; they must stay until next() has given nothing.
  void feed(std::string_view bytes) { input_ = bytes; }
  /// The next part of the text, valid until the next call; empty when all that was fed is decoded.
  std::string_view next();
  /// The body has ended. To be called once next() has given nothing.
  void end() { ended_ = true; }

  Ending ending() const;
  /// Bytes came behind the end of a coding that do not belong to it; they were left out.
  bool trailing_garbage() const;

 private:
  struct Stage;
  explicit Decoder(std::uint64_t limit);
  std::string_view pull(std::size_t stages);
  std::string_view give_identity();

  std::uint64_t limit_;
  std::vector<Stage> stages_;  // in the order in which they are undone
  std::string_view input_;
  std::uint64_t identity_bytes_ = 0;  // given, where there is no coding
  bool ended_ = false;
};

struct Decoded {
  std::string text;
  Ending ending = Ending::open;
  bool trailing_garbage = false;
};
/// The same for a whole body at once. Also fails (io) when the data is corrupt from its first byte on, so
/// that there is no text at all.
Result<Decoded> decode(std::string_view coding_list, std::string_view bytes, std::uint64_t limit);

}  // namespace weir::http::content
