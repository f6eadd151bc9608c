#include "http/content/decoder.h"

#include <gtest/gtest.h>

#include "tests/support/codings.h"
#include "tests/support/splits.h"

namespace weir::http::content {
namespace {

using namespace test;
using namespace std::string_literals;

constexpr std::uint64_t kLimit = 1 << 20;

// Texts repeat a little, as real ones do, and have no end that looks like their beginning.
std::string sample(std::size_t size) {
  std::string out;
  for (std::uint64_t i = 1; out.size() < size; ++i)
    out += "line " + std::to_string(i * 2654435761 % 99991) + "\n";
  out.resize(size);
  return out;
}

struct Outcome {
  std::string text;
  Ending ending = Ending::open;
  bool garbage = false;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

std::string_view name(Ending ending) {
  constexpr std::string_view kNames[] = {"open", "whole", "truncated", "corrupt", "limit"};
  return kNames[static_cast<std::size_t>(ending)];
}

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  out << name(outcome.ending) << (outcome.garbage ? " with garbage, " : ", ") << outcome.text.size()
      << " bytes";
  return out << ": \"" << outcome.text.substr(0, 60) << "\"";
}

Outcome decoded(std::string_view codings, const std::vector<std::string_view>& parts,
                std::uint64_t limit = kLimit) {
  auto decoder = Decoder::make(codings, limit).value();
  Outcome out;
  for (std::string_view part : parts) {
    decoder.feed(part);
    for (auto text = decoder.next(); !text.empty(); text = decoder.next()) {
      EXPECT_LE(text.size(), std::max(part.size(), std::size_t{16 * 1024}));
      out.text.append(text);
    }
  }
  decoder.end();
  EXPECT_TRUE(decoder.next().empty());
  out.ending = decoder.ending();
  out.garbage = decoder.trailing_garbage();
  return out;
}

struct Row {
  const char* what;
  const char* codings;
  std::string bytes;
  Outcome outcome;
};

void expect(const std::vector<Row>& rows) {
  for (const Row& row : rows)
    test::for_each_split(row.bytes, [&](const auto& parts, const std::string& how) {
      EXPECT_EQ(decoded(row.codings, parts), row.outcome) << row.what << ", " << how;
    });
}

const std::string kText = "Weir sees every request, and every response to every request.\n";

TEST(ContentDecoder, UndoesEachCoding) {
  const Outcome whole{kText, Ending::whole};
  expect({
      {"none", "", kText, whole},
      {"identity", "Identity", kText, whole},
      {"gzip", "gzip", gzip(kText), whole},
      {"x-gzip in another case", "X-GZip", gzip(kText), whole},
      {"deflate", "deflate", zlib(kText), whole},
      {"deflate at each level of its header", "deflate", deflated(kText, 15, 1), whole},
      {"deflate with a small window", "deflate", deflated(kText, 9), whole},
      {"deflate without wrapper", "deflate", raw_deflate(kText), whole},
      {"deflate without wrapper, stored", "deflate", deflated(kText, -15, 0), whole},
      {"br", "br", brotli(kText), whole},
      {"zstd", "zstd", zstd(kText), whole},
  });
}

TEST(ContentDecoder, GivesLongTexts) {
  const std::string text = sample(300'000);
  const Outcome whole{text, Ending::whole};
  EXPECT_EQ(decoded("", {text}), whole);
  EXPECT_EQ(decoded("gzip", {gzip(text)}), whole);
  EXPECT_EQ(decoded("deflate", {zlib(text)}), whole);
  EXPECT_EQ(decoded("deflate", {raw_deflate(text)}), whole);
  EXPECT_EQ(decoded("br", {brotli(text)}), whole);
  EXPECT_EQ(decoded("zstd", {zstd(text)}), whole);
}

TEST(ContentDecoder, GivesWhatItHasBeforeMoreComes) {
  // An event stream: each flushed part is readable at once.
  z_stream stream{};
  ASSERT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  auto decoder = Decoder::make("gzip", kLimit).value();
  for (std::string event : {"data: 1\n\n", "data: 2\n\n", "data: 3\n\n"}) {
    std::string out(256, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(event.data());
    stream.avail_in = static_cast<uInt>(event.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    ASSERT_EQ(deflate(&stream, Z_SYNC_FLUSH), Z_OK);
    decoder.feed(std::string_view(out).substr(0, out.size() - stream.avail_out));
    EXPECT_EQ(decoder.next(), event);
    EXPECT_EQ(decoder.next(), "");
    EXPECT_EQ(decoder.ending(), Ending::open);
  }
  deflateEnd(&stream);
}

TEST(ContentDecoder, UndoesTheLastCodingFirst) {
  const Outcome whole{kText, Ending::whole};
  expect({
      {"two", "gzip, zstd", zstd(gzip(kText)), whole},
      {"the same twice", "gzip,gzip", gzip(gzip(kText)), whole},
      {"four", "deflate, br, gzip, zstd", zstd(gzip(brotli(raw_deflate(kText)))), whole},
      {"identity counts for nothing", "identity, gzip, identity, br, identity", brotli(gzip(kText)), whole},
      {"empty elements", ", ,gzip,", gzip(kText), whole},
  });
}

TEST(ContentDecoder, MembersAndFramesInARowAreOneBody) {
  expect({
      {"gzip", "gzip", gzip("a ") + gzip("") + gzip("b"), {"a b", Ending::whole}},
      {"zstd", "zstd", zstd("a ") + zstd("") + zstd("b"), {"a b", Ending::whole}},
      {"skippable frames",
       "zstd",
       skippable_frame("first") + zstd("a ") + skippable_frame("", '\x5F') + zstd("b") +
           skippable_frame("last"),
       {"a b", Ending::whole}},
      {"a skippable frame alone", "zstd", skippable_frame("nothing"), {"", Ending::whole}},
  });
}

TEST(ContentDecoder, LeavesGarbageBehindTheEndOut) {
  expect({
      {"padding", "gzip", gzip("a") + std::string(8, '\0'), {"a", Ending::whole, true}},
      {"text behind gzip", "gzip", gzip("a") + "\r\nGET /", {"a", Ending::whole, true}},
      {"half the magic number", "gzip", gzip("a") + "\x1f\x1f", {"a", Ending::whole, true}},
      {"no member after garbage", "gzip", gzip("a") + "x" + gzip("b"), {"a", Ending::whole, true}},
      {"behind zlib", "deflate", zlib("a") + "xyz", {"a", Ending::whole, true}},
      {"behind bare deflate", "deflate", raw_deflate("a") + "xyz", {"a", Ending::whole, true}},
      {"behind the smallest deflate", "deflate", "\x03"s + "\0xyz"s, {"", Ending::whole, true}},
      {"behind br", "br", brotli("a") + "xyz", {"a", Ending::whole, true}},
      {"behind zstd", "zstd", zstd("a") + "\x28\xB5\x2Fxyz", {"a", Ending::whole, true}},
      {"in the midst of two", "gzip, br", brotli(gzip("a") + "x"), {"a", Ending::whole, true}},
  });
}

TEST(ContentDecoder, NothingIsNothing) {
  for (const char* coding : {"", "gzip", "deflate", "br", "zstd", "gzip, br"})
    EXPECT_EQ(decoded(coding, {""}), (Outcome{"", Ending::whole})) << coding;
}

TEST(ContentDecoder, InputCutShortGivesWhatCouldBeDecoded) {
  const std::string text = sample(1000);
  const std::pair<const char*, std::string> bodies[] = {{"gzip", gzip(text)},
                                                        {"deflate", zlib(text)},
                                                        {"deflate", raw_deflate(text)},
                                                        {"br", brotli(text)},
                                                        {"zstd", zstd(text)},
                                                        {"gzip", gzip("") + gzip(text)},
                                                        {"zstd", zstd("") + zstd(text)},
                                                        {"gzip, zstd", zstd(gzip(text))}};
  for (const auto& [coding, body] : bodies) {
    std::size_t most = 0;
    for (std::size_t size = 1; size < body.size(); ++size) {
      Outcome cut = decoded(coding, {std::string_view(body).substr(0, size)});
      EXPECT_TRUE(text.starts_with(cut.text)) << coding << " at " << size;
      bool between = (body.starts_with(gzip("")) && size == gzip("").size()) ||
                     (body.starts_with(zstd("")) && size == zstd("").size());
      EXPECT_EQ(cut.ending, between ? Ending::whole : Ending::truncated) << coding << " at " << size;
      EXPECT_GE(cut.text.size(), most) << coding << " at " << size;
      most = cut.text.size();
    }
    EXPECT_GT(most, text.size() / 2) << coding;
  }
}

TEST(ContentDecoder, DataThatBreaksOffGivesWhatCameBefore) {
  const std::string text = sample(20'000);
  for (auto [coding, body] : {std::pair{"gzip", gzip(text)}, {"deflate", zlib(text)}, {"zstd", zstd(text)}}) {
    body[body.size() - 2] ^= '\x55';  // the checksum
    EXPECT_EQ(decoded(coding, {body}), (Outcome{text, Ending::corrupt})) << coding;
  }
  std::string half = brotli(text);
  half.replace(half.size() / 2, 100, 100, '\x5A');
  EXPECT_EQ(decoded("br", {half}).ending, Ending::corrupt);
  EXPECT_GT(decoded("br", {half}).text.size(), text.size() / 3);
  std::string broken = gzip("good start ") + "\x1f\x8b\x08 and then no more";
  EXPECT_TRUE(decoded("gzip", {broken}).text.starts_with("good start "));
  EXPECT_EQ(decoded("gzip", {broken}).ending, Ending::corrupt);
  // What follows corrupt data is not looked at.
  std::string later = gzip("more");
  EXPECT_EQ(decoded("gzip", {"no gzip", later, later}), (Outcome{"", Ending::corrupt}));
}

TEST(ContentDecoder, DataOfAnotherKindIsCorrupt) {
  expect({
      {"no gzip", "gzip", "not gzip at all", {"", Ending::corrupt}},
      {"zlib as gzip", "gzip", zlib(kText), {"", Ending::corrupt}},
      {"gzip of another method", "gzip", "\x1f\x8b\x07 and so on", {"", Ending::corrupt}},
      {"no deflate", "deflate", "\xff\xff\xff", {"", Ending::corrupt}},
      {"gzip as deflate", "deflate", gzip(kText), {"", Ending::corrupt}},
      {"zlib with a dictionary", "deflate", "\x78\xbb\x01\x02\x03\x04\x05", {"", Ending::corrupt}},
      {"no br", "br", "\xff\xff\xff\xff", {"", Ending::corrupt}},
      {"no zstd", "zstd", "not zstd at all", {"", Ending::corrupt}},
      {"the second of two", "gzip, br", brotli("no gzip"), {"", Ending::corrupt}},
  });
}

TEST(ContentDecoder, WindowsAreBounded) {
  const std::string text = sample(100'000);
  EXPECT_EQ(decoded("zstd", {zstd(text, 23)}), (Outcome{text, Ending::whole}));
  EXPECT_EQ(decoded("zstd", {zstd(text, 24)}), (Outcome{"", Ending::corrupt}));
  EXPECT_EQ(decoded("br", {brotli(text, 24)}), (Outcome{text, Ending::whole}));
  EXPECT_EQ(decoded("br", {brotli(text, 25)}), (Outcome{"", Ending::corrupt}));
  // zstd from before RFC 8878 (version 0.7), which libzstd may read with windows of its own.
  EXPECT_EQ(decoded("zstd", {"\x27\xB5\x2F\xFD\x60\x50\xC0\0\0"s}), (Outcome{"", Ending::corrupt}));
}

TEST(ContentDecoder, TheLimitIsExact) {
  for (auto [coding, body] : {std::pair{"", "12345"s},
                              {"gzip", gzip("12345")},
                              {"deflate", raw_deflate("12345")},
                              {"br", brotli("12345")},
                              {"zstd", zstd("12345")}}) {
    EXPECT_EQ(decoded(coding, {body}, 6), (Outcome{"12345", Ending::whole})) << coding;
    EXPECT_EQ(decoded(coding, {body}, 5), (Outcome{"12345", Ending::whole})) << coding;
    EXPECT_EQ(decoded(coding, {body}, 4), (Outcome{"1234", Ending::limit})) << coding;
    EXPECT_EQ(decoded(coding, {body}, 0), (Outcome{"", Ending::limit})) << coding;
  }
}

TEST(ContentDecoder, TheLimitHoldsForEachCoding) {
  // What lies between two codings is over the limit, though the text would not be.
  const std::string inner = gzip("text") + std::string(5000, '\0');
  EXPECT_EQ(decoded("gzip, br", {brotli(inner)}, 1000), (Outcome{"text", Ending::limit, true}));
}

// 10 MB that want to be 10 GB.
TEST(ContentDecoder, ABombCostsItsLimitAndNoMore) {
  const std::string zeros(64 << 20, '\0');
  auto repeated = [](const std::string& part, std::size_t size) {
    std::string out;
    while (out.size() < size) out += part;
    return out;
  };
  const std::pair<const char*, std::string> bombs[] = {
      {"gzip", repeated(gzip(zeros), 10'000'000)},
      {"deflate", zlib(zeros)},
      {"br", brotli(zeros)},
      {"zstd", repeated(zstd(zeros), 1'000'000)},
      {"gzip, gzip", gzip(repeated(gzip(zeros), 10'000'000))},
      {"gzip, zstd, br", brotli(zstd(repeated(gzip(zeros), 10'000'000)))}};
  for (const auto& [coding, bomb] : bombs) {
    Outcome outcome = decoded(coding, {bomb});
    EXPECT_EQ(outcome.ending, Ending::limit) << coding;
    EXPECT_LE(outcome.text.size(), kLimit) << coding;
    std::vector<std::string_view> parts;
    for (std::size_t at = 0; at < bomb.size(); at += 1000)
      parts.push_back(std::string_view(bomb).substr(at, 1000));
    EXPECT_EQ(decoded(coding, parts), outcome) << coding << " in parts";
  }
}

TEST(ContentDecoder, EndlessNothingIsRead) {
  for (auto [coding, part] : {std::pair{"gzip", gzip("")},
                              {"zstd", zstd("")},
                              {"zstd", skippable_frame("")},
                              {"zstd", zstd("", 23)}}) {
    std::string many;
    while (many.size() < 200'000) many += part;
    EXPECT_EQ(decoded(coding, {many}), (Outcome{"", Ending::whole})) << coding;
  }
}

TEST(ContentDecoder, UnknownCodingsAreNamed) {
  auto decoder = Decoder::make("gzip, compress", kLimit);
  ASSERT_FALSE(decoder);
  EXPECT_EQ(decoder.error().code(), Code::not_found);
  EXPECT_NE(decoder.error().context().find("compress"), std::string::npos);
  EXPECT_EQ(Decoder::make("gzip,gzip,gzip,gzip,gzip", kLimit).error().code(), Code::not_found);
  EXPECT_EQ(Decoder::make("gzip;q=1", kLimit).error().code(), Code::not_found);
}

TEST(ContentDecoder, MovesWithWhatItHolds) {
  const std::string body = gzip(kText);
  auto decoder = Decoder::make("gzip", kLimit).value();
  decoder.feed(std::string_view(body).substr(0, 30));
  std::string text(decoder.next());
  Decoder moved = std::move(decoder);
  moved.feed(std::string_view(body).substr(30));
  for (auto part = moved.next(); !part.empty(); part = moved.next()) text.append(part);
  EXPECT_EQ(text, kText);
}

TEST(ContentDecode, DecodesAWholeBody) {
  auto whole = decode("gzip", gzip(kText), kLimit);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->text, kText);
  EXPECT_EQ(whole->ending, Ending::whole);
  EXPECT_FALSE(whole->trailing_garbage);
  auto cut = decode("gzip", gzip(kText) + "x", 10);
  EXPECT_EQ(cut->text, kText.substr(0, 10));
  EXPECT_EQ(cut->ending, Ending::limit);
  EXPECT_EQ(decode("gzip", "no gzip", kLimit).error().code(), Code::io);
  EXPECT_EQ(decode("compress", "x", kLimit).error().code(), Code::not_found);
  EXPECT_EQ(decode("gzip", "", kLimit)->text, "");
}

}  // namespace
}  // namespace weir::http::content
