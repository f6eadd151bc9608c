// permessage-deflate (RFC 7692): the examples of the standard, peers of each kind, and payloads made to hurt.
#include <random>

#include "tests/support/websocket.h"

namespace weir::http::ws {
namespace {

using namespace std::string_literals;

constexpr unsigned kText = kFin | kRsv1 | 1, kBinary = kFin | kRsv1 | 2;
constexpr unsigned kPlainText = kFin | 1;
constexpr std::size_t kLimit = 1000;

const Extensions kDeflate{DeflateParameters{}};
const Extensions kNoTakeover{DeflateParameters{true, true, 15, 15}};

void expect_deflated(const std::string& wire, const std::string& expected,
                     const Extensions& extensions = kDeflate, std::size_t limit = kLimit) {
  expect_messages(Side::upstream, extensions, limit, wire, expected);
}

// Section 7.2.3.
TEST(Rfc7692, Examples) {
  const std::string hello = "\xf2\x48\xcd\xc9\xc9\x07\x00"s;
  expect_deflated(from_server(kText, hello), "text(7)Hello\n");
  expect_deflated(from_server(kRsv1 | 1, hello.substr(0, 3)) + from_server(kFin, hello.substr(3)),
                  "text(7)Hello\n");
  expect_deflated(from_server(kText, hello) + from_server(kText, "\xf2\x00\x11\x00\x00"s),
                  "text(7)Hello\ntext(5)Hello\n");  // by reference to the first
  expect_deflated(from_server(kText, "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"s), "text(11)Hello\n");
  expect_deflated(from_server(kText, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"s), "text(8)Hello\n");
  expect_deflated(from_server(kText, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"s),
                  "text(13)Hello\n");
  expect_deflated(from_server(kText, "\x00"s), "text(1)\n");
  expect_messages(Side::client, kDeflate, kLimit, from_client(kText, hello), "text(7)Hello\n");
}

TEST(Rfc7692, FramesThatMayNotBeCompressed) {
  expect_deflated(from_server(kFin | kRsv1 | 9, ""), "broken: a reserved bit is set\n");
  expect_deflated(from_server(kRsv1 | 1, "") + from_server(kFin | kRsv1, ""),
                  "text(0)!incomplete\nbroken: a reserved bit is set\n");
  expect_deflated(from_server(kFin | 0x20 | 1, ""), "broken: a reserved bit is set\n");
}

TEST(Rfc7692, CompressedAndPlainMessagesMix) {
  Deflater peer;
  std::string wire = from_server(kText, peer.message("one, one")) + from_server(kPlainText, "plain") +
                     from_server(kText, "") + from_server(kText, peer.message("one, one, one"));
  Reader reader(Side::upstream, kDeflate, kLimit);
  std::vector<std::string> seen;
  std::string_view input = wire;
  while (auto message = reader.next(input)) {
    seen.push_back(message->bytes);
    EXPECT_EQ(message->compressed, seen.size() != 2);
    EXPECT_EQ(message->problem, Problem::none);
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"one, one", "plain", "", "one, one, one"}));
}

TEST(Rfc7692, PeersOfEveryKind) {
  std::mt19937 random(7692);
  for (int bits = 9; bits <= 15; ++bits) {
    for (bool context_kept : {true, false}) {
      Deflater peer(bits, context_kept);
      Extensions extensions{DeflateParameters{!context_kept, !context_kept, bits, bits}};
      Reader reader(Side::upstream, extensions, 20'000);
      for (int i = 0; i < 12; ++i) {
        std::string text;
        for (std::size_t words = random() % 6000; words > 0; --words)
          text.append("word").append(std::to_string(random() % 500)).append(" ");
        bool final = context_kept && i % 7 == 3;
        std::string wire = from_server(kText, final ? peer.final_message(text) : peer.message(text));
        std::string_view rest = wire;
        std::optional<Message> message;
        while (!rest.empty() && !message) {
          std::string_view part = rest.substr(0, 1 + random() % 5000);
          rest.remove_prefix(part.size());
          message = reader.next(part);
        }
        ASSERT_TRUE(message);
        EXPECT_EQ(message->problem, Problem::none);
        ASSERT_TRUE(text.starts_with(message->bytes)) << bits << " bits, message " << i;
        EXPECT_EQ(message->truncated, text.size() > message->bytes.size());
        EXPECT_EQ(message->bytes.size(), std::min<std::size_t>(text.size(), 20'000));
      }
    }
  }
}

// RFC 7692 section 7.2.3.4: a window outlives the stream that a final block ends.
TEST(Rfc7692, AFinalBlockKeepsTheWindow) {
  const std::string hello = "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"s;
  expect_deflated(from_server(kText, hello) + from_server(kText, "\xf2\x00\x11\x00\x00"s),
                  "text(8)Hello\ntext(5)Hello\n");
  // Several in one message, and one without the byte that should follow it.
  expect_deflated(from_server(kText, "\xf3\x48\xcd\xc9\xc9\x07\x00\xf3\x48\xcd\xc9\xc9\x07\x00"s),
                  "text(14)HelloHello\n");
}

TEST(Rfc7692, PastTheLimitTheContextGoesOn) {
  Deflater peer;
  std::string wire =
      from_server(kText, peer.message("abcdefgh-ijklmnop")) + from_server(kText, peer.message("ijklmnop"));
  expect_deflated(wire, "text(19)abcd+\ntext(" + std::to_string(wire.size() - 2 - 19 - 2) + ")ijkl+\n",
                  kDeflate, 4);
}

TEST(Rfc7692, ExactlyTheLimitIsNotTruncated) {
  for (const Extensions& extensions : {kDeflate, kNoTakeover}) {
    Deflater peer(15, extensions == kDeflate);
    std::string payload = peer.message("abcd");
    expect_deflated(from_server(kText, payload), "text(" + std::to_string(payload.size()) + ")abcd\n",
                    extensions, 4);
  }
}

TEST(Rfc7692, LettingGoKeepsTheContext) {
  Deflater peer;
  std::string first = from_server(kText, peer.message("abcdefgh")),
              second = from_server(kText, peer.message("abcdefgh"));
  Reader reader(Side::upstream, kDeflate, kLimit);
  std::string_view part = std::string_view(first).substr(0, 6);
  EXPECT_FALSE(reader.next(part));
  reader.let_go();
  part = std::string_view(first).substr(6);
  EXPECT_EQ(in_words(reader.next(part).value()), "text(10)+");
  part = second;
  EXPECT_EQ(reader.next(part).value().bytes, "abcdefgh");
}

TEST(Rfc7692, WhatCannotBeInflatedEndsInflating) {
  std::string bad = from_server(kText, "\xff\xff"s);  // a block of the reserved kind
  expect_deflated(bad + from_server(kText, "raw") + from_server(kPlainText, "plain"),
                  "text(2)+!bad_compression\ntext(3)raw!not_inflated\ntext(5)plain\n");
}

TEST(Rfc7692, WithoutTakeoverEachMessageStandsAlone) {
  Deflater peer(15, false);
  std::string good = peer.message("Hello");
  expect_deflated(from_server(kText, "\xff\xff"s) + from_server(kText, good),
                  "text(2)+!bad_compression\ntext(7)Hello\n", kNoTakeover);
  expect_deflated(from_server(kText, good) + from_server(kText, "\xf2\x00\x11\x00\x00"s),
                  "text(7)Hello\ntext(5)H+!bad_compression\n", kNoTakeover);  // refers to what is forgotten
}

TEST(Rfc7692, AMessageMustEndWhereABlockDoes) {
  Deflater peer;
  std::string cut = peer.message("Hello, hello, hello, hello");
  cut.pop_back();
  cut.pop_back();
  Reader reader(Side::upstream, kDeflate, kLimit);
  std::string wire = from_server(kText, cut);
  std::string_view input = wire;
  EXPECT_EQ(reader.next(input).value().problem, Problem::bad_compression);
}

TEST(Rfc7692, AnInterruptedMessageIsInflatedAsFarAsItCame) {
  Deflater peer;
  std::string wire = from_server(kText, peer.message(std::string(300, 'a') + "end"));
  Reader reader(Side::upstream, kDeflate, kLimit);
  std::string_view input = std::string_view(wire).substr(0, wire.size() - 1);
  EXPECT_FALSE(reader.next(input));
  Message rest = reader.finish().value();
  EXPECT_EQ(rest.problem, Problem::incomplete);
  EXPECT_TRUE(rest.bytes.starts_with("aaaa")) << rest.bytes;
}

TEST(Rfc7692, ABombIsGivenUp) {
  Deflater peer;
  std::string bomb = peer.message(std::string(40 << 20, '\0'));
  ASSERT_LT(bomb.size(), 100'000u);
  std::string wire = from_server(kBinary, bomb) + from_server(kText, "later");
  Reader reader(Side::upstream, kDeflate, kLimit);
  std::string_view input = wire;
  Message first = reader.next(input).value();
  EXPECT_EQ(first.problem, Problem::compression_bomb);
  EXPECT_EQ(first.bytes, std::string(kLimit, '\0'));
  EXPECT_EQ(first.size, bomb.size());
  EXPECT_EQ(in_words(reader.next(input).value()), "text(5)later!not_inflated");
}

TEST(Rfc7692, ManySmallBombsAreOneBomb) {
  Deflater peer;
  Reader reader(Side::upstream, kDeflate, kLimit);
  Problem problem = Problem::none;
  int messages = 0;
  for (; problem == Problem::none && messages < 100; ++messages) {
    std::string wire = from_server(kBinary, peer.message(std::string(1 << 20, '\0')));
    std::string_view input = wire;
    problem = reader.next(input).value().problem;
  }
  EXPECT_EQ(problem, Problem::compression_bomb);
  EXPECT_LT(messages, 20);
}

TEST(Rfc7692, WithoutTakeoverNothingIsInflatedPastTheLimit) {
  Deflater peer(15, false);
  std::string bomb = peer.message(std::string(40 << 20, '\0'));
  std::string wire = from_server(kBinary, bomb) + from_server(kText, peer.message("Hello"));
  Reader reader(Side::upstream, kNoTakeover, kLimit);
  std::string_view input = wire;
  Message first = reader.next(input).value();
  EXPECT_EQ(first.problem, Problem::none);
  EXPECT_TRUE(first.truncated);
  EXPECT_EQ(in_words(reader.next(input).value()), "text(7)Hello");
}

// Whether a fault past the limit is found must not rest on how the bytes are cut: it is not looked for.
TEST(Rfc7692, WithoutTakeoverFaultsPastTheLimitAreNotLookedFor) {
  expect_deflated(from_server(kText,
                              "\x00\x08\x00\xf7\xff"
                              "abcdefgh"
                              "\xff\xff"s),
                  "text(15)abcd+\n", kNoTakeover, 4);
}

TEST(Rfc7692, ALargeMessageThatIsNoBombPasses) {
  std::mt19937 random(1);
  std::string text;
  for (int i = 0; i < 4000; ++i) text.append("{\"n\": ").append(std::to_string(random())).append("}\n");
  while (text.size() <= Inflater::kFreeBytes) text.append(text);
  Deflater peer;
  Reader reader(Side::upstream, kDeflate, kLimit);
  for (std::string_view each : {std::string_view(text), std::string_view("after")}) {
    std::string wire = from_server(kText, peer.message(each));
    std::string_view input = wire;
    Message message = reader.next(input).value();
    EXPECT_EQ(message.problem, Problem::none);
    EXPECT_EQ(message.bytes, each.substr(0, kLimit));
  }
}

TEST(Rfc7692, OnlyCountingInflatesNothing) {
  Deflater peer;
  std::string wire = from_server(kBinary, peer.message(std::string(1000, 'a')));
  Reader reader(Side::upstream, kDeflate, kLimit);
  reader.count_only();
  std::string_view input = wire;
  EXPECT_FALSE(reader.next(input));
  EXPECT_EQ(reader.counted(), 1u);
}

}  // namespace
}  // namespace weir::http::ws
