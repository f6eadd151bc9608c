// Coding: one content coding while it is undone. The library behind each is seen by its own file alone.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace weir::http::content {

class Coding {
 public:
  virtual ~Coding() = default;

  struct Step {
    std::size_t consumed = 0;
    std::size_t produced = 0;
    bool good = true;  ///< false: the data is not of this coding from here on; do not call again
  };
  /// Decodes from the front of `in` into `out` (never empty). What did not fit is held back: when `out` came
  /// back full, call again, with an empty `in` if nothing is left. Otherwise `in` was used up, or (at the end
  /// of a part) `consumed` is more than 0.
  virtual Step step(std::string_view in, std::span<char> out) = 0;

  /// True while the coding has begun and not ended: an end of the input here cuts it short.
  bool inside() const { return inside_; }
  /// True when bytes came behind the end that do not belong to the coding. They were left out.
  bool garbage() const { return garbage_; }

 protected:
  Step leave_out(std::string_view in) {
    garbage_ = garbage_ || !in.empty();
    return {.consumed = in.size()};
  }

  bool inside_ = false;
  bool garbage_ = false;
};

/// Several members in a row are one body (RFC 1952 section 2.2).
std::unique_ptr<Coding> make_gzip();
/// With the zlib wrapper (RFC 1950), or bare, as some senders have it (RFC 9110 section 8.4.1.2).
std::unique_ptr<Coding> make_deflate();
/// RFC 7932: windows of at most 16 MiB, no large-window extension.
std::unique_ptr<Coding> make_brotli();
/// RFC 8878 with windows of at most 8 MiB (RFC 9659); several frames in a row are one body, skippable ones
/// give nothing.
std::unique_ptr<Coding> make_zstd();

}  // namespace weir::http::content
