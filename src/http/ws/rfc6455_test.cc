// What RFC 6455 asks of frames, one row a rule, each cut at every place. Where an endpoint must fail the
// connection, the record ends with the reason; the bytes themselves pass all the same.
#include "tests/support/websocket.h"

namespace weir::http::ws {
namespace {

using namespace std::string_literals;

constexpr unsigned kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10;

struct Row {
  const char* section;
  const char* rule;
  Side from;
  std::string wire;
  std::string expected;
};

class Rfc6455 : public testing::TestWithParam<Row> {};

TEST_P(Rfc6455, Rule) {
  const Row& row = GetParam();
  SCOPED_TRACE(std::string(row.section) + ": " + row.rule);
  expect_messages(row.from, {}, 1000, row.wire, row.expected);
}

std::vector<Row> rows() {
  const Side client = Side::client, server = Side::upstream;
  std::string long_text(126, 'x'), longer(0x10000, 'y');
  return {
      {"5.1", "a server refuses frames that are not masked", client, from_server(kFin | kText, "a"),
       "broken: a frame of the client is not masked\n"},
      {"5.1", "a client refuses frames that are masked", server, from_client(kFin | kText, "a"),
       "broken: a frame of the server is masked\n"},
      {"5.2", "reserved bits are 0: RSV1", server, from_server(kFin | 0x40 | kText, "a"),
       "broken: a reserved bit is set\n"},
      {"5.2", "reserved bits are 0: RSV2", server, from_server(kFin | 0x20 | kText, "a"),
       "broken: a reserved bit is set\n"},
      {"5.2", "reserved bits are 0: RSV3", client, from_client(kFin | 0x10 | kPing, "a"),
       "broken: a reserved bit is set\n"},
      {"5.2", "opcodes 3 to 7 are reserved", server,
       from_server(kFin | 3, "a") + from_server(kFin | kText, "b"), "broken: an opcode is reserved\n"},
      {"5.2", "opcodes 3 to 7 are reserved", server, from_server(kFin | 7, ""),
       "broken: an opcode is reserved\n"},
      {"5.2", "opcodes 11 to 15 are reserved", client, from_client(kFin | 11, ""),
       "broken: an opcode is reserved\n"},
      {"5.2", "opcodes 11 to 15 are reserved", server, from_server(kFin | 15, ""),
       "broken: an opcode is reserved\n"},
      {"5.2", "a length of 125 is one byte", server, from_server(kFin | kText, std::string(125, 'x')),
       "text(125)" + std::string(125, 'x') + "\n"},
      {"5.2", "126 stands for two bytes of length", client, from_client(kFin | kText, long_text),
       "text(126)" + long_text + "\n"},
      {"5.2", "the shortest form is used: two bytes", server, "\x81\x7e\x00\x7d"s + std::string(125, 'x'),
       "broken: a length is not in its shortest form\n"},
      {"5.2", "the shortest form is used: eight bytes", server,
       "\x81\x7f\x00\x00\x00\x00\x00\x00\xff\xff"s + std::string(9, 'x'),
       "broken: a length is not in its shortest form\n"},
      {"5.2", "the highest bit of eight bytes is 0", server, "\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00"s,
       "broken: the highest bit of a length is set\n"},
      {"5.2", "a payload may be empty", client, from_client(kFin | kBinary, ""), "binary(0)\n"},
      {"5.3", "each frame has a mask of its own", client,
       from_client(kText, "Hel") + "\x80\x82\x01\x02\x03\x04\x6d\x6d"s, "text(5)Hello\n"},
      {"5.4", "a message may come in fragments", server,
       from_server(kText, "Hel") + from_server(0, "l") + from_server(kFin, "o"), "text(5)Hello\n"},
      {"5.4", "fragments may be empty", client,
       from_client(kBinary, "") + from_client(0, "a") + from_client(kFin, ""), "binary(1)a\n"},
      {"5.4", "control frames may come between fragments", client,
       from_client(kText, "Hel") + from_client(kFin | kPing, "?") + from_client(kFin, "lo"),
       "ping(1)?\ntext(5)Hello\n"},
      {"5.4", "control frames are not fragmented", server, from_server(kPing, "a"),
       "broken: a control frame is fragmented\n"},
      {"5.4", "fragments of messages are not interleaved", server,
       from_server(kText, "a") + from_server(kFin | kText, "b"),
       "text(1)a!incomplete\nbroken: a message begins inside another\n"},
      {"5.4", "a continuation follows a beginning", client,
       from_client(kFin | kText, "a") + from_client(kFin, "b"),
       "text(1)a\nbroken: a continuation continues nothing\n"},
      {"5.5", "control frames hold 125 bytes", server, from_server(kFin | kPong, std::string(125, 'p')),
       "pong(125)" + std::string(125, 'p') + "\n"},
      {"5.5", "control frames hold no more", server, from_server(kFin | kPing, std::string(126, 'p')),
       "broken: a control frame is longer than 125 bytes\n"},
      {"5.5.1", "a close frame may be empty", client, from_client(kFin | kClose, ""), "close(0)\n"},
      {"5.5.1", "a close frame has a code and a reason", server,
       from_server(kFin | kClose,
                   "\x03\xe9"
                   "bye"),
       "close(5)1001:bye\n"},
      {"5.5.1", "a code has two bytes", server, from_server(kFin | kClose, "\x03"),
       "close(1)\x03!bad_close\n"},
      {"5.5.1", "a reason is UTF-8", server, from_server(kFin | kClose, "\x03\xe8\xff"),
       "close(3)1000:\xff!invalid_utf8\n"},
      {"5.5.1", "no data follows a close frame", client,
       from_client(kFin | kClose, "") + from_client(kFin | kText, "a"),
       "close(0)\nbroken: a data frame follows a close frame\n"},
      {"5.5.2", "a ping may carry data", client, from_client(kFin | kPing, "data"), "ping(4)data\n"},
      {"5.5.3", "a pong may come unasked, also after a close", server,
       from_server(kFin | kClose, "") + from_server(kFin | kPong, ""), "close(0)\npong(0)\n"},
      {"5.6", "a text may split a character over frames", server,
       from_server(kText, "\xe2\x82") + from_server(kFin, "\xac"), "text(3)\xe2\x82\xac\n"},
      {"5.7", "the examples of the standard: a text", server, "\x81\x05\x48\x65\x6c\x6c\x6f"s,
       "text(5)Hello\n"},
      {"5.7", "the examples of the standard: masked", client, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"s,
       "text(5)Hello\n"},
      {"7.4.1", "1004 is never sent", server, from_server(kFin | kClose, "\x03\xec"),
       "close(2)1004:!bad_close\n"},
      {"7.4.1", "1005 is never sent", server, from_server(kFin | kClose, "\x03\xed"),
       "close(2)1005:!bad_close\n"},
      {"7.4.1", "1006 is never sent", server, from_server(kFin | kClose, "\x03\xee"),
       "close(2)1006:!bad_close\n"},
      {"7.4.1", "1015 is never sent", server, from_server(kFin | kClose, "\x03\xf7"),
       "close(2)1015:!bad_close\n"},
      {"7.4.2", "codes below 1000 are not used", client, from_client(kFin | kClose, "\x03\xe7"),
       "close(2)999:!bad_close\n"},
      {"7.4.2", "4999 is the last code", client, from_client(kFin | kClose, "\x13\x87"), "close(2)4999:\n"},
      {"7.4.2", "there is none above", client, from_client(kFin | kClose, "\x13\x88"),
       "close(2)5000:!bad_close\n"},
      {"8.1", "a text is UTF-8", client, from_client(kFin | kText, "a\xff"), "text(2)a\xff!invalid_utf8\n"},
      {"8.1", "surrogates are no UTF-8", server, from_server(kFin | kText, "\xed\xa0\x80"),
       "text(3)\xed\xa0\x80!invalid_utf8\n"},
      {"8.1", "a binary message need not be", server, from_server(kFin | kBinary, "\xff"), "binary(1)\xff\n"},
  };
}

INSTANTIATE_TEST_SUITE_P(Frames, Rfc6455, testing::ValuesIn(rows()));

// Too long to be cut at every place.
TEST(Rfc6455Length, EightBytes) {
  std::string payload(0x10000, 'y');
  std::string wire = from_client(kFin | kBinary, payload);
  Reader reader(Side::client, {}, payload.size());
  std::string_view input(wire);
  EXPECT_EQ(all_messages(reader, {input.substr(0, 7), input.substr(7, 30'000), input.substr(30'007)}),
            "binary(65536)" + payload + "\n");
}

}  // namespace
}  // namespace weir::http::ws
