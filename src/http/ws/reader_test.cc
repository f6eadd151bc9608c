#include "http/ws/reader.h"

#include "tests/support/websocket.h"

namespace weir::http::ws {
namespace {

using namespace std::string_literals;

constexpr unsigned kText = kFin | 1, kBinary = kFin | 2, kClose = kFin | 8, kPing = kFin | 9;

TEST(WebSocketReader, ManyMessagesInOnePart) {
  std::string wire = from_server(kText, "one") + from_server(kPing, "") + from_server(kText, "two");
  Reader reader(Side::upstream, {}, 100);
  EXPECT_EQ(all_messages(reader, {wire}), "text(3)one\nping(0)\ntext(3)two\n");
}

TEST(WebSocketReader, ATextKeptInPartMayEndInsideACharacter) {
  expect_messages(Side::client, {}, 4, from_client(kText, "abc\xe2\x82\xac"), "text(6)abc\xe2+\n");
  expect_messages(Side::client, {}, 3, from_client(1, "ab") + from_client(kFin, "cd"), "text(4)abc+\n");
  expect_messages(Side::client, {}, 4, from_client(kText, "abcd"), "text(4)abcd\n");
  expect_messages(Side::client, {}, 0, from_client(kText, "abcd") + from_client(kText, ""),
                  "text(4)+\ntext(0)\n");
}

TEST(WebSocketReader, ControlFramesAreKeptWhole) {
  expect_messages(Side::upstream, {}, 0,
                  from_server(kPing, "data") + from_server(kClose,
                                                           "\x03\xe8"
                                                           "bye"),
                  "ping(4)data\nclose(5)1000:bye\n");
}

TEST(WebSocketReader, WhatDidNotEndIsIncomplete) {
  expect_messages(Side::upstream, {}, 100, from_server(1, "Hel"), "text(3)Hel!incomplete\n");
  expect_messages(Side::upstream, {}, 100, from_server(kText, "Hello").substr(0, 5),
                  "text(3)Hel!incomplete\n");
  expect_messages(Side::upstream, {}, 100, from_server(kText, "Hello").substr(0, 1), "");
  expect_messages(Side::upstream, {}, 100, from_server(1, "a") + from_server(kPing, "abc").substr(0, 3),
                  "text(1)a!incomplete\n");
}

TEST(WebSocketReader, NothingIsReadAfterABrokenRule) {
  Reader reader(Side::upstream, {}, 100);
  EXPECT_EQ(all_messages(reader, {from_server(kText, "a"), from_server(3, ""), from_server(kText, "b")}),
            "text(1)a\nbroken: an opcode is reserved\n");
}

TEST(WebSocketReader, MemoryFollowsWhatCameNotWhatWasAnnounced) {
  Reader reader(Side::upstream, {}, 1 << 30);
  std::string wire = "\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"s + "abc";
  std::string_view input(wire);
  EXPECT_FALSE(reader.next(input));
  EXPECT_EQ(reader.held(), 3u);
  Message rest = reader.finish().value();
  EXPECT_LT(rest.bytes.capacity(), 100u);
  EXPECT_EQ(in_words(rest), "binary(3)abc!incomplete");
}

TEST(WebSocketReader, OnlyCountingKeepsNothingButTheClose) {
  std::string wire = from_client(1, "a") + from_client(kPing, "b") + from_client(kFin, "c") +
                     from_client(kBinary, "d") +
                     from_client(kClose,
                                 "\x03\xe8"
                                 "end");
  test::for_each_split(wire, [](const auto& parts, const std::string& how) {
    Reader reader(Side::client, {}, 100);
    reader.count_only();
    EXPECT_EQ(all_messages(reader, parts), "close(5)1000:end\n") << how;
    EXPECT_EQ(reader.counted(), 3u) << how;
  });
  Reader reader(Side::client, {}, 100);
  std::string_view input = std::string_view(wire).substr(0, 7);
  EXPECT_FALSE(reader.next(input));
  EXPECT_EQ(reader.held(), 1u);
  reader.count_only();
  EXPECT_EQ(reader.held(), 0u);
  EXPECT_FALSE(reader.finish());
  EXPECT_EQ(reader.counted(), 1u);
}

TEST(WebSocketReader, LettingGoTruncatesOneMessage) {
  Reader reader(Side::upstream, {}, 100);
  std::string first = from_server(1, "abc"), rest = from_server(kFin, "def") + from_server(kText, "next");
  std::string_view input = first;
  EXPECT_FALSE(reader.next(input));
  reader.let_go();
  EXPECT_EQ(reader.held(), 0u);
  EXPECT_EQ(all_messages(reader, {rest}), "text(6)+\ntext(4)next\n");
}

TEST(WebSocketReader, AnUnknownExtensionLeavesMessagesAsTheyCame) {
  const Extensions unknown{.unknown = true};
  expect_messages(Side::upstream, unknown, 100,
                  from_server(kText | 0x70, "a\xff") + from_server(kPing | 0x20, "p"),
                  "text(2)a\xff!unknown_extension\nping(1)p\n");
  expect_messages(Side::upstream, {DeflateParameters{}, true}, 100, from_server(kText | kRsv1, "ab"),
                  "text(2)ab!unknown_extension\n");
}

TEST(WebSocketReader, UnmasksFromEveryOffset) {
  std::string payload;
  for (int i = 0; i < 64; ++i) payload += static_cast<char>('0' + i);
  for (std::size_t size = 0; size < payload.size(); ++size)
    expect_messages(Side::client, {}, 100, from_client(kText, payload.substr(0, size)),
                    "text(" + std::to_string(size) + ")" + payload.substr(0, size) + "\n");
}

}  // namespace
}  // namespace weir::http::ws
