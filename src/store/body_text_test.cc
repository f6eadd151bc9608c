#include "store/body_text.h"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

namespace weir::store {
namespace {

constexpr std::size_t kMax = 1 << 20;

std::string compressed(std::string_view text, int window_bits) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string gzip(std::string_view text) { return compressed(text, 15 + 16); }

std::string zstd(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

// "Weir sees every request.\n" as a brotli stream of one uncompressed meta-block.
constexpr std::string_view kBrotli = "\x0b\x0c\x80Weir sees every request.\n\x03";

TEST(DecodeContentTest, EachCoding) {
  const std::string text = "Weir sees every request.\n";
  EXPECT_EQ(decode_content("", text, kMax), text);
  EXPECT_EQ(decode_content("identity", text, kMax), text);
  EXPECT_EQ(decode_content("gzip", gzip(text), kMax), text);
  EXPECT_EQ(decode_content("X-GZip", gzip(text), kMax), text);
  EXPECT_EQ(decode_content("deflate", compressed(text, 15), kMax), text);
  EXPECT_EQ(decode_content("deflate", compressed(text, -15), kMax), text);
  EXPECT_EQ(decode_content("br", kBrotli, kMax), text);
  EXPECT_EQ(decode_content("zstd", zstd(text), kMax), text);
}

TEST(DecodeContentTest, SeveralCodingsAreUndoneLastFirst) {
  EXPECT_EQ(decode_content("gzip, zstd", zstd(gzip("both")), kMax), "both");
  EXPECT_EQ(decode_content("identity , gzip", gzip("one"), kMax), "one");
}

TEST(DecodeContentTest, MembersAndFramesInARowAreOneBody) {
  EXPECT_EQ(decode_content("gzip", gzip("a ") + gzip("") + gzip("b"), kMax), "a b");
  EXPECT_EQ(decode_content("zstd", zstd("a ") + zstd("") + zstd("b"), kMax), "a b");
  EXPECT_EQ(decode_content("gzip", gzip("a") + std::string(8, '\0'), kMax), "a");
}

TEST(DecodeContentTest, InputCutShortGivesWhatCouldBeDecoded) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += std::to_string(i * 7919);
  const std::pair<const char*, std::string> codings[] = {
      {"gzip", gzip(text)}, {"deflate", compressed(text, 15)}, {"zstd", zstd(text)}};
  for (const auto& [coding, whole] : codings) {
    auto half = decode_content(coding, std::string_view(whole).substr(0, whole.size() / 2), kMax);
    ASSERT_TRUE(half) << coding;
    EXPECT_TRUE(text.starts_with(*half)) << coding;
    EXPECT_LT(half->size(), text.size()) << coding;
    if (std::string_view(coding) != "zstd") EXPECT_GT(half->size(), text.size() / 4) << coding;
  }
  EXPECT_EQ(decode_content("br", kBrotli.substr(0, 20), kMax).value_or("?").substr(0, 4), "Weir");
  EXPECT_EQ(decode_content("gzip", "", kMax), "");
}

TEST(DecodeContentTest, DataThatBreaksOffGivesWhatCameBefore) {
  std::string text(200'000, 'x');
  std::string broken = gzip("good start ") + "\x1f\x8b\x08 and then no more";
  EXPECT_TRUE(decode_content("gzip", broken, kMax).value_or("?").starts_with("good start "));
  EXPECT_EQ(decode_content("gzip", "not gzip at all", kMax).error().code(), Code::io);
  EXPECT_EQ(decode_content("br", "\xff\xff\xff\xff", kMax).error().code(), Code::io);
  EXPECT_EQ(decode_content("zstd", "not zstd at all", kMax).error().code(), Code::io);
  EXPECT_EQ(decode_content("deflate", "\xff\xff\xff", kMax).error().code(), Code::io);
}

TEST(DecodeContentTest, ABombCostsTheLimitAndNoMore) {
  std::string bomb(64 << 20, '\0');
  EXPECT_EQ(decode_content("gzip", gzip(bomb), 1000)->size(), 1000u);
  EXPECT_EQ(decode_content("zstd", zstd(bomb), 1000)->size(), 1000u);
  EXPECT_EQ(decode_content("", bomb, 1000)->size(), 1000u);
  EXPECT_LE(decode_content("gzip, gzip", gzip(gzip(bomb)), 1 << 20)->size(), 1u << 20);
}

TEST(DecodeContentTest, UnknownCodingsAreNamed) {
  auto decoded = decode_content("compress", "x", kMax);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code(), Code::not_found);
  EXPECT_NE(decoded.error().context().find("compress"), std::string::npos);
  EXPECT_EQ(decode_content("gzip,gzip,gzip,gzip,gzip", "x", kMax).error().code(), Code::not_found);
}

}  // namespace
}  // namespace weir::store
