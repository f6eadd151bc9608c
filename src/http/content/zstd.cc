#include <zstd.h>

#include <algorithm>

#include "http/content/coding.h"

namespace weir::http::content {
namespace {

constexpr int kWindowLog = 23;  // RFC 9659: 8 MiB
constexpr std::size_t kMagicSize = 4;
constexpr std::size_t kFirst = kMagicSize + 1;  // tells how long the frame's header is

// Whether the byte at `at` of a frame can be of the magic number of RFC 8878 section 3.1.1 or of a skippable
// frame (3.1.2). The library may also know the formats from before the RFC, whose windows it does not bound.
bool is_magic_byte(std::size_t at, char byte, bool skippable) {
  constexpr std::string_view kFrame = "\x28\xB5\x2F\xFD";
  constexpr std::string_view kSkippable = "\x50\x2A\x4D\x18";
  if (!skippable) return byte == kFrame[at];
  return at == 0 ? (byte & '\xF0') == kSkippable[0] : byte == kSkippable[at];
}

class Zstd final : public Coding {
 public:
  Zstd() {
    if (context_ && ZSTD_isError(ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kWindowLog)))
      context_.reset();
  }

  Step step(std::string_view in, std::span<char> out) override {
    if (garbage_) return leave_out(in);
    if (!context_) return {.good = false};
    if (!is_frame(in)) {
      if (!later_) return {.good = false};
      inside_ = false;
      return leave_out(in);
    }
    // No more than the decoder asks for, which is a block: at an error it forgets what the same call gave.
    ZSTD_inBuffer from{in.data(), std::min(in.size(), wanted_), 0};
    ZSTD_outBuffer to{out.data(), out.size(), 0};
    std::size_t status = ZSTD_decompressStream(context_.get(), &to, &from);
    bool ended = status == 0;
    wanted_ = ended ? kFirst : status;
    magic_ = ended ? 0 : std::min(kMagicSize, magic_ + from.pos);
    inside_ = !ended && magic_ > 0;
    later_ = later_ || ended;
    return {from.pos, to.pos, !ZSTD_isError(status)};
  }

 private:
  // Looks at those bytes of `in` that are of the frame's magic number.
  bool is_frame(std::string_view in) {
    for (std::size_t i = 0; magic_ + i < kMagicSize && i < in.size(); ++i) {
      if (magic_ + i == 0) skippable_ = is_magic_byte(0, in[0], true);
      if (!is_magic_byte(magic_ + i, in[i], skippable_)) return false;
    }
    return true;
  }

  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context_{ZSTD_createDCtx(), &ZSTD_freeDCtx};
  std::size_t magic_ = 0;  // bytes of this frame's magic number that have come
  std::size_t wanted_ = kFirst;
  bool skippable_ = false;
  bool later_ = false;  // a frame has ended
};

}  // namespace

std::unique_ptr<Coding> make_zstd() { return std::make_unique<Zstd>(); }

}  // namespace weir::http::content
