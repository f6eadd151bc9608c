#include "store/body_text.h"

#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <ranges>
#include <vector>

#include "base/ascii.h"

namespace weir::store {
namespace {

constexpr std::size_t kMaxCodings = 4;
constexpr std::size_t kPiece = 32 * 1024;
constexpr int kWindowLog = 23;  // RFC 9659: the zstd content coding uses windows of at most 8 MiB

/// Decoded bytes up to a limit.
class Bounded {
 public:
  explicit Bounded(std::size_t max) : max_(max) {}

  bool full() const { return text_.size() == max_; }
  bool empty() const { return text_.empty(); }
  void append(const char* bytes, std::size_t size) {
    text_.append(bytes, std::min(size, max_ - text_.size()));
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
  std::size_t max_;
};

Failure corrupt(std::string_view coding) {
  return fail(Code::io, std::string(coding) + ": the body cannot be decoded");
}

struct Inflater {
  z_stream stream{};
  bool ready;

  /// As inflateInit2: 15 + 16 gzip, 15 zlib, -15 raw.
  explicit Inflater(int window_bits) : ready(inflateInit2(&stream, window_bits) == Z_OK) {}
  ~Inflater() {
    if (ready) inflateEnd(&stream);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
};

// False when the data is not of this coding from its first byte on.
bool inflate_into(Bounded& out, std::string_view bytes, int window_bits) {
  Inflater inflater(window_bits);
  if (!inflater.ready) return false;
  z_stream& stream = inflater.stream;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::array<char, kPiece> piece;
  while (!out.full()) {
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = piece.size();
    int status = inflate(&stream, Z_NO_FLUSH);
    out.append(piece.data(), piece.size() - stream.avail_out);
    // The next gzip member follows at once; what is no member is padding.
    if (status == Z_STREAM_END && window_bits > 15 && stream.avail_in > 0 && inflateReset(&stream) == Z_OK)
      continue;
    if (status == Z_STREAM_END || status == Z_BUF_ERROR) return true;
    if (status != Z_OK) return !out.empty() || stream.total_out > 0;
    if (stream.avail_in == 0 && stream.avail_out > 0) return true;
  }
  return true;
}

bool decode_deflate(Bounded& out, std::string_view bytes) {
  // RFC 9110 section 8.4.1.2: some senders leave the zlib wrapper out.
  return inflate_into(out, bytes, 15) || inflate_into(out, bytes, -15);
}

bool decode_brotli(Bounded& out, std::string_view bytes) {
  std::unique_ptr<BrotliDecoderState, decltype(&BrotliDecoderDestroyInstance)> state(
      BrotliDecoderCreateInstance(nullptr, nullptr, nullptr), &BrotliDecoderDestroyInstance);
  if (!state) return false;
  const auto* in = reinterpret_cast<const std::uint8_t*>(bytes.data());
  std::size_t in_size = bytes.size();
  std::array<char, kPiece> piece;
  while (!out.full()) {
    auto* next = reinterpret_cast<std::uint8_t*>(piece.data());
    std::size_t room = piece.size();
    BrotliDecoderResult status =
        BrotliDecoderDecompressStream(state.get(), &in_size, &in, &room, &next, nullptr);
    out.append(piece.data(), piece.size() - room);
    if (status == BROTLI_DECODER_RESULT_ERROR) return !out.empty();
    if (status != BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT) return true;
  }
  return true;
}

bool decode_zstd(Bounded& out, std::string_view bytes) {
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(), &ZSTD_freeDCtx);
  if (!context) return false;
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, kWindowLog);
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  std::array<char, kPiece> piece;
  while (!out.full()) {
    ZSTD_outBuffer piece_out{piece.data(), piece.size(), 0};
    std::size_t status = ZSTD_decompressStream(context.get(), &piece_out, &in);
    out.append(piece.data(), piece_out.pos);
    if (ZSTD_isError(status)) return !out.empty();
    if (in.pos == in.size && piece_out.pos < piece_out.size) return true;
  }
  return true;
}

Result<std::string> decode_one(std::string_view coding, std::string_view bytes, std::size_t max) {
  Bounded out(max);
  bool good;
  if (iequals(coding, "gzip") || iequals(coding, "x-gzip")) {
    good = inflate_into(out, bytes, 15 + 16);
  } else if (iequals(coding, "deflate")) {
    good = decode_deflate(out, bytes);
  } else if (iequals(coding, "br")) {
    good = decode_brotli(out, bytes);
  } else if (iequals(coding, "zstd")) {
    good = decode_zstd(out, bytes);
  } else {
    return fail(Code::not_found, "content coding \"" + std::string(coding) + "\"");
  }
  if (!good) return corrupt(coding);
  return out.take();
}

}  // namespace

Result<std::string> decode_content(std::string_view coding_list, std::string_view bytes, std::size_t max) {
  std::vector<std::string_view> codings;
  for_each_element(coding_list, [&](std::string_view coding) {
    if (!iequals(coding, "identity")) codings.push_back(coding);
  });
  if (codings.size() > kMaxCodings) return fail(Code::not_found, "a body of more than four content codings");
  std::string text(bytes.substr(0, codings.empty() ? max : bytes.size()));
  for (std::string_view coding : codings | std::views::reverse) {
    auto decoded = decode_one(coding, text, max);
    if (!decoded) return decoded;
    text = std::move(*decoded);
  }
  return text;
}

}  // namespace weir::store
