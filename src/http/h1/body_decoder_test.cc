#include "http/h1/body_decoder.h"

#include <gtest/gtest.h>

#include "http/h1/encoder.h"
#include "tests/support/splits.h"

namespace weir::http::h1 {
namespace {

using namespace std::string_literals;
using Kind = BodyLength::Kind;

constexpr BodyLength kChunked{Kind::chunked};

// "body|trailers|left over", or the name of the code. `closed`: the input ended.
std::string outcome(const std::vector<std::string_view>& parts, BodyLength length, Side side, bool closed) {
  BodyDecoder decoder(length, side);
  std::string body;
  std::string left;
  for (std::string_view part : parts) {
    while (!part.empty() && !decoder.done()) {
      auto step = decoder.step(part);
      if (!step) return std::string(info(step.error().code()).name);
      EXPECT_GT(step->consumed, 0U);
      EXPECT_TRUE(step->data.empty() ||
                  (step->data.begin() >= part.begin() && step->data.end() <= part.end()));
      body.append(step->data);
      part.remove_prefix(step->consumed);
    }
    left.append(part);
  }
  if (closed) {
    if (auto ended = decoder.end_of_input(); !ended) return std::string(info(ended.error().code()).name);
  }
  if (!decoder.done()) return "more:" + body;
  std::string out = body + "|";
  for (Fields::View field : decoder.trailers())
    out.append(field.name).append("=").append(field.value).append(";");
  return out + "|" + left;
}

void expect_outcome(const std::string& wire, const std::string& expected, BodyLength length = kChunked,
                    Side side = Side::client, bool closed = false) {
  test::for_each_split(wire, [&](const auto& parts, const std::string& how) {
    EXPECT_EQ(outcome(parts, length, side, closed), expected) << how << ": " << testing::PrintToString(wire);
  });
}

TEST(BodyDecoder, None) {
  BodyDecoder decoder({}, Side::client);
  EXPECT_TRUE(decoder.done());
  EXPECT_EQ(decoder.step("abc")->consumed, 0U);
  EXPECT_TRUE(decoder.end_of_input());
}

TEST(BodyDecoder, Fixed) {
  expect_outcome("hello", "hello||", {Kind::fixed, 5});
  expect_outcome("helloGET / HTTP/1.1", "hello||GET / HTTP/1.1", {Kind::fixed, 5});
  expect_outcome("x", "||x", {Kind::fixed, 0});
  expect_outcome("hell", "more:hell", {Kind::fixed, 5});
  expect_outcome("hell", "body_incomplete", {Kind::fixed, 5}, Side::client, true);
  expect_outcome("hell", "upstream_body_incomplete", {Kind::fixed, 5}, Side::upstream, true);
  BodyDecoder decoder({Kind::fixed, 5}, Side::upstream);
  ASSERT_TRUE(decoder.step("ab"));
  EXPECT_EQ(decoder.remaining(), 3U);
  EXPECT_NE(decoder.end_of_input().error().message().find("3 of 5 bytes are missing"), std::string::npos);
}

TEST(BodyDecoder, UntilClose) {
  expect_outcome("anything\r\n", "more:anything\r\n", {Kind::until_close}, Side::upstream);
  expect_outcome("anything\r\n", "anything\r\n||", {Kind::until_close}, Side::upstream, true);
}

TEST(BodyDecoder, Chunked) {
  expect_outcome("0\r\n\r\n", "||");
  expect_outcome("5\r\nhello\r\n0\r\n\r\n", "hello||");
  expect_outcome("5\r\nhello\r\n0\r\n\r\nGET", "hello||GET");
  expect_outcome("1\r\na\r\n00A\r\n0123456789\r\n000\r\n\r\n", "a0123456789||");
  expect_outcome("9\r\n\r\n0\r\n\r\n0\r\r\n0\r\n\r\n", "\r\n0\r\n\r\n0\r||");
  expect_outcome("5;a=b;c=\"d e\"\r\nhello\r\n0;x\r\n\r\n", "hello||");
  expect_outcome("5 \t;a\r\nhello\r\n0\r\n\r\n", "hello||");  // BWS, RFC 9112 section 7.1.1
  expect_outcome("5;a=\xFF\t\r\nhello\r\n0\r\n\r\n", "hello||");
  expect_outcome("5  \r\nhello\r\n0 \r\n\r\n", "hello||", kChunked, Side::upstream);
  expect_outcome("5\r\nhel", "more:hel");
}

TEST(BodyDecoder, Trailers) {
  expect_outcome("0\r\nA: b\r\nx-c:d\r\nA: \r\n\r\n!", "|A=b;x-c=d;A=;|!");
  expect_outcome(
      "0\r\nContent-Length: 9\r\nGrpc-Status: 0\r\nHOST: x\r\nTransfer-Encoding: chunked\r\nSet-Cookie: "
      "a\r\n\r\n",
      "|Grpc-Status=0;|");
  expect_outcome("0\r\nA : b\r\n\r\n", "|A=b;|", kChunked, Side::upstream);
}

TEST(BodyDecoder, RefusesChunked) {
  struct Row {
    const char* section;
    std::string wire;
  };
  const Row rows[] = {
      {"RFC 9112 7.1 no size", "\r\nhello\r\n0\r\n\r\n"},
      {"RFC 9112 7.1 no size before an extension", ";a=b\r\n"},
      {"RFC 9112 7.1 not hexadecimal", "g\r\n"},
      {"RFC 9112 7.1 prefix", "0x5\r\nhello\r\n0\r\n\r\n"},
      {"RFC 9112 7.1 plus", "+5\r\nhello\r\n"},
      {"RFC 9112 7.1 minus", "-5\r\nhello\r\n"},
      {"RFC 9112 7.1 space before", " 5\r\nhello\r\n"},
      {"RFC 9112 7.1 underscore", "1_0\r\n"},
      {"RFC 9112 7.1 size of 2^64 + 5", "10000000000000005\r\nhello\r\n"},
      {"RFC 9112 7.1 size of 2^63", "8000000000000000\r\n"},
      {"RFC 9112 7.1 too many zeros", "0000000000000000\r\n\r\n"},
      {"RFC 9112 2.2 bare LF after the size", "5\nhello\r\n0\r\n\r\n"},
      {"RFC 9112 2.2 bare CR after the size", "5\rhello\r\n0\r\n\r\n"},
      {"RFC 9112 2.2 bare LF after the extension", "5;a\nhello\r\n0\r\n\r\n"},
      {"RFC 9112 2.2 bare CR in the extension", "5;a\rb\r\nhello\r\n0\r\n\r\n"},
      {"RFC 9112 7.1.1 NUL in the extension", "5;a\0\r\nhello\r\n0\r\n\r\n"s},
      {"RFC 9112 7.1.1 space and no extension", "5 \r\nhello\r\n0\r\n\r\n"},
      {"RFC 9112 7.1.1 digits after space", "5 5\r\nhello\r\n0\r\n\r\n"},
      {"RFC 9112 7.1 comma", "5,5\r\nhello\r\n0\r\n\r\n"},
      {"RFC 9112 7.1 data too long", "5\r\nhello!\r\n0\r\n\r\n"},
      {"RFC 9112 7.1 data too short", "5\r\nhell\r\n0\r\n\r\n"},
      {"RFC 9112 7.1 data ends in LF", "5\r\nhello\n0\r\n\r\n"},
      {"RFC 9112 7.1 data ends in CR", "5\r\nhello\r0\r\n\r\n"},
      {"RFC 9112 7.1 last chunk ends in LF", "5\r\nhello\r\n0\n\n"},
      {"RFC 9112 7.1.2 trailer section ends in LF", "0\r\n\n"},
      {"RFC 9112 7.1.2 trailer ends in LF", "0\r\nA: b\n\r\n"},
      {"RFC 9112 7.1.2 bare CR", "0\r\nA: b\rC: d\r\n\r\n"},
      {"RFC 9112 7.1.2 CR CR", "0\r\n\r\r\n"},
      {"RFC 9112 5.2 obs-fold", "0\r\nA: b\r\n c\r\n\r\n"},
      {"RFC 9112 5.1 space before the colon", "0\r\nA : b\r\n\r\n"},
      {"RFC 9112 5 the next request in its place", "0\r\nGET / HTTP/1.1\r\n\r\n"},
      {"RFC 9110 5.1 empty name", "0\r\n: b\r\n\r\n"},
      {"RFC 9110 5.5 NUL", "0\r\nA: \0\r\n\r\n"s},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.section);
    expect_outcome(row.wire, "bad_chunk");
  }
  expect_outcome("5\r\nhello!\r\n", "upstream_bad_response", kChunked, Side::upstream);
  expect_outcome("5 5\r\n", "upstream_bad_response", kChunked, Side::upstream);
}

TEST(BodyDecoder, ChunkedMustBeComplete) {
  for (const char* wire :
       {"", "5", "5\r\nhel", "5\r\nhello", "5\r\nhello\r\n", "0\r\n", "0\r\nA: b\r\n", "0\r\n\r"}) {
    EXPECT_EQ(outcome({wire}, kChunked, Side::client, true), "body_incomplete") << wire;
    EXPECT_EQ(outcome({wire}, kChunked, Side::upstream, true), "upstream_body_incomplete") << wire;
  }
}

TEST(BodyDecoder, Limits) {
  auto whole_and_bytes = [](const std::string& wire, const std::string& expected) {
    std::vector<std::string_view> bytes;
    for (std::size_t i = 0; i < wire.size(); ++i) bytes.push_back(std::string_view(wire).substr(i, 1));
    EXPECT_EQ(outcome({wire}, kChunked, Side::client, false), expected);
    EXPECT_EQ(outcome(bytes, kChunked, Side::client, false), expected);
  };
  whole_and_bytes("1;" + std::string(4000, 'x') + "\r\na\r\n0\r\n\r\n", "a||");
  whole_and_bytes("1;" + std::string(4095, 'x') + "\r\na\r\n0\r\n\r\n", "bad_chunk");
  whole_and_bytes("1;" + std::string(5000, 'x'), "bad_chunk");
  whole_and_bytes("1" + std::string(5000, ' '), "bad_chunk");
  std::string trailers;
  for (int i = 0; i < 64; ++i) trailers += "Host: x\r\n";
  whole_and_bytes("0\r\n" + trailers + "\r\n", "||");
  whole_and_bytes("0\r\n" + trailers + "A: b\r\n\r\n", "bad_chunk");
  whole_and_bytes("0\r\nA: " + std::string(16 * 1024, 'x'), "bad_chunk");
  whole_and_bytes("0\r\nHost: " + std::string(9000, 'x') + "\r\nHost: " + std::string(9000, 'x') + "\r\n\r\n",
                  "bad_chunk");
}

TEST(BodyDecoder, ReadsWhatTheEncoderWrites) {
  std::string wire;
  std::array<char, 20> buffer;
  std::string body;
  for (std::size_t size : {1UZ, 9UZ, 16UZ, 255UZ}) {
    std::string data(size, static_cast<char>('a' + size % 26));
    wire.append(chunk_line(buffer, size)).append(data).append("\r\n");
    body.append(data);
  }
  Fields trailers;
  trailers.add("X-Sum", "1");
  append_last_chunk(wire, trailers);
  expect_outcome(wire, body + "|X-Sum=1;|");
}

}  // namespace
}  // namespace weir::http::h1
