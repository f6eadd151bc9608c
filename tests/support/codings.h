// Texts in each content coding.
#pragma once

#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#include <stdexcept>
#include <string>
#include <string_view>

namespace weir::test {

inline void require(bool holds) {
  if (!holds) throw std::runtime_error("a compressor failed");
}

/// As deflateInit2: 15 + 16 gzip, 15 zlib, -15 bare deflate.
inline std::string deflated(std::string_view text, int window_bits, int level = 9) {
  z_stream stream{};
  require(deflateInit2(&stream, level, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  require(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

inline std::string gzip(std::string_view text) { return deflated(text, 15 + 16); }
inline std::string zlib(std::string_view text) { return deflated(text, 15); }
inline std::string raw_deflate(std::string_view text) { return deflated(text, -15); }

/// `window_log` over 24 is the large-window extension.
inline std::string brotli(std::string_view text, std::uint32_t window_log = 22) {
  auto* state = BrotliEncoderCreateInstance(nullptr, nullptr, nullptr);
  if (window_log > 24) BrotliEncoderSetParameter(state, BROTLI_PARAM_LARGE_WINDOW, 1);
  BrotliEncoderSetParameter(state, BROTLI_PARAM_LGWIN, window_log);
  BrotliEncoderSetParameter(state, BROTLI_PARAM_QUALITY, 5);
  std::string out(text.size() + text.size() / 2 + 1024, '\0');
  std::size_t in_left = text.size();
  std::size_t out_left = out.size();
  const auto* in = reinterpret_cast<const std::uint8_t*>(text.data());
  auto* to = reinterpret_cast<std::uint8_t*>(out.data());
  BROTLI_BOOL done =
      BrotliEncoderCompressStream(state, BROTLI_OPERATION_FINISH, &in_left, &in, &out_left, &to, nullptr);
  require(done && BrotliEncoderIsFinished(state));
  BrotliEncoderDestroyInstance(state);
  out.resize(out.size() - out_left);
  return out;
}

/// One frame with a checksum, whose size is not told ahead.
inline std::string zstd(std::string_view text, int window_log = 20) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  std::string out(ZSTD_compressBound(text.size()) + 64, '\0');
  ZSTD_inBuffer in{text.data(), text.size(), 0};
  ZSTD_outBuffer to{out.data(), out.size(), 0};
  require(!ZSTD_isError(ZSTD_compressStream2(context, &to, &in, ZSTD_e_flush)));
  require(ZSTD_compressStream2(context, &to, &in, ZSTD_e_end) == 0);
  ZSTD_freeCCtx(context);
  out.resize(to.pos);
  return out;
}

/// RFC 8878 section 3.1.2.
inline std::string skippable_frame(std::string_view data, char kind = '\x50') {
  std::string out{kind, '\x2A', '\x4D', '\x18'};
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(data.size() >> shift);
  return out.append(data);
}

}  // namespace weir::test
