// RFC 6455 and RFC 7692, section by section: what passes a proxy that looks on. Whatever Weir makes of the
// bytes, they pass as they are; the record says what was in them and where they broke a rule. Each row goes
// through the whole program, over loopback and into the store, as one piece and byte by byte.
#include <fmt/format.h>

#include "store/query.h"
#include "tests/conformance/table.h"
#include "tests/conformance/websocket_opening.h"

namespace weir::testing {
namespace {

using namespace std::string_literals;
using http::ws::Deflater;
using http::ws::from_client;
using http::ws::from_server;

// First bytes of frames that do not end their message.
constexpr unsigned kMore = 0x00;
constexpr unsigned kLast = 0x80;
constexpr unsigned kTextBegins = 0x01;
constexpr unsigned kBinaryBegins = 0x02;
constexpr unsigned kRsv1 = 0x40;

/// What the client sends through an open WebSocket, then what the origin does, and the record of it: a line
/// for each message, ">" from the client, "<" from the origin.
struct Talk {
  const char* section;
  const char* what;
  std::string client;
  std::string origin;
  std::string recorded;
  const char* marks = "";
  const char* extensions = "";  ///< what the origin agrees to
  const char* asked = "websocket";
};

constexpr const char* kMalformed = "websocket_malformed";

std::string told(const flow::Message& message) {
  return fmt::format("{} {}{}\n", message.from_client ? ">" : "<", in_words(message.content),
                     message.content.compressed ? " compressed" : "");
}

class Record {
 public:
  explicit Record(std::uint64_t limit) { play.settings().capture.body_bytes = limit; }

  /// `talk` has taken place, and this is its account.
  void add(const flow::Flow& flow, const Talk& talk) { told_.emplace_back(flow.id, talk); }
  void add(const Talk& talk) {
    SCOPED_TRACE(fmt::format("section {}: {}", talk.section, talk.what));
    constexpr std::size_t kShort = 200;
    run(talk, std::string::npos);
    if (talk.client.size() + talk.origin.size() <= kShort) run(talk, 1);
  }

  /// After the last: what the store has.
  void check() {
    play.ends();
    if (play.broken()) return;
    auto query = store::Query::open({.project_dirs = {play.settings().data_dir}, .session = {}}, {});
    ASSERT_TRUE(query) << query.error().message();
    for (const auto& [flow, talk] : told_) {
      SCOPED_TRACE(fmt::format("section {}: {}", talk.section, talk.what));
      EXPECT_EQ(messages_of(**query, flow), talk.recorded);
    }
  }

  Playbook play{make_server_stage()};

 private:
  void run(const Talk& talk, std::size_t piece) {
    Peer& client = play.client();
    client.sends(
        get(fmt::format("Connection: Upgrade\r\nUpgrade: {}\r\nSec-WebSocket-Key: {}\r\n"
                        "Sec-WebSocket-Version: 13\r\n",
                        talk.asked, kKey)));
    Peer& origin = play.upstream();
    head_of(origin);
    std::string agreed = consent(kKey, talk.extensions);
    origin.sends(agreed);
    client.expects(agreed);
    pass(client, origin, talk.client, piece);
    pass(origin, client, talk.origin, piece);
    client.half_closes();
    origin.expects_end();
    origin.closes();
    client.expects_end();
    client.closes();
    flow::Flow flow = play.records({.status = 101, .marks = talk.marks});
    EXPECT_EQ(flow.request_body.size, talk.client.size());
    EXPECT_EQ(flow.response_body.size, talk.origin.size());
    add(flow, talk);
  }

  static void pass(Peer& from, Peer& to, std::string_view bytes, std::size_t piece) {
    while (!bytes.empty()) {
      std::string_view part = bytes.substr(0, piece);
      bytes.remove_prefix(part.size());
      from.sends(part);
      to.expects(part);
    }
  }

  static std::string messages_of(store::Query& query, flow::FlowId flow) {
    auto row = query.find(std::to_string(flow));
    if (!row) return row.error().message();
    std::string out;
    for (std::uint32_t last = 0;;) {
      auto page = query.messages_of(*row, last, 100);
      if (!page) return page.error().message();
      if (page->empty()) return out;
      for (const flow::Message& message : *page) {
        if (message.number != ++last) out += fmt::format("({})\n", last = message.number);
        out += told(message);
      }
    }
  }

  std::vector<std::pair<flow::FlowId, Talk>> told_;
};

void run(const std::vector<Talk>& talks, std::uint64_t limit = 1000) {
  Record record(limit);
  for (const Talk& talk : talks) record.add(talk);
  record.check();
}

/// A handshake over HTTP/1.1; fields are whole lines.
struct Handshake {
  const char* section;
  const char* what;
  std::string sent;
  std::string seen;
  std::string answered;
  std::string got;
};

// What proves anything is for the two ends to judge.
Handshake passes(const char* section, const char* what, const std::string& fields,
                 const std::string& answered) {
  const std::string upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
  return {section, what, fields + upgrade, fields + upgrade, answered, answered};
}

void run(const std::vector<Handshake>& rows) {
  Playbook play(make_memory_stage());
  for (const Handshake& row : rows) {
    SCOPED_TRACE(fmt::format("section {}: {}", row.section, row.what));
    Peer& client = play.client();
    client.sends(get(row.sent));
    Peer& origin = play.upstream();
    origin.expects(get_seen(row.seen));
    origin.sends(row.answered + "\r\n");
    client.expects(row.got + "\r\n");
    client.half_closes();
    if (row.answered.starts_with("HTTP/1.1 101")) origin.expects_end();
    origin.closes();
    client.expects_end();
    play.records({.error = Code::none});
  }
}

TEST(Rfc6455, Section4_Handshakes) {
  const std::string key = fmt::format("Sec-WebSocket-Key: {}\r\n", kKey);
  const std::string changes = "HTTP/1.1 101 Switching Protocols\r\n";
  const std::string named = changes + "Upgrade: websocket\r\nConnection: Upgrade\r\n";
  run(std::vector<Handshake>{
      passes("4.1", "every field, as it is",
             key + "Sec-WebSocket-Version: 13\r\nOrigin: http://b.test\r\nSec-WebSocket-Protocol: a, b\r\n"
                   "sec-websocket-extensions: permessage-deflate; client_max_window_bits\r\n"
                   "Sec-WebSocket-Extensions: x-odd\r\nCookie: c=d\r\n",
             named + "Sec-WebSocket-Protocol: b\r\nSec-WebSocket-Extensions: x-odd\r\nSet-Cookie: e=f\r\n"),
      passes("4.1", "no key, no version, no Accept", "", named),
      passes("4.1", "a key that is none", "Sec-WebSocket-Key: short\r\n", named),
      passes("4.1", "an Accept to another key", key, named + "Sec-WebSocket-Accept: AAAA\r\n"),
      passes("4.1", "a 101 in other words", key,
             "HTTP/1.1 101 Web Socket Protocol Handshake\r\nupgrade: WebSocket\r\n"
             "connection: keep-alive, upgrade\r\n"),
      passes("4.1", "a protocol and an extension that nobody offered", key,
             named + "Sec-WebSocket-Protocol: z\r\nSec-WebSocket-Extensions: z\r\n"),
      {"4.1", "Connection names more", "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n" + key,
       key + "Connection: Upgrade\r\nUpgrade: websocket\r\n", named, named},
      passes("4.4", "an older version", key + "Sec-WebSocket-Version: 8\r\n",
             "HTTP/1.1 400 Bad Request\r\nSec-WebSocket-Version: 13, 8, 7\r\nContent-Length: 0\r\n"),
      {"4.2.2", "426 says what is required", key + "Connection: Upgrade\r\nUpgrade: websocket\r\n",
       key + "Connection: Upgrade\r\nUpgrade: websocket\r\n",
       "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\nUpgrade: websocket\r\n"
       "Connection: Upgrade, close\r\n",
       "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\nConnection: Upgrade\r\n"
       "Upgrade: websocket\r\n"},
  });
}

std::string close(std::uint16_t code, std::string_view reason = "") {
  return h2::number(code, 2).append(reason);
}

TEST(Rfc6455, Section5_1_to_5_3_Frames) {
  const std::string big(0x10000, 'y');
  run(std::vector<Talk>{
      {"5.1", "a client that does not mask", from_server(kText, "a"), from_server(kText, "b"), "< text(1)b\n",
       kMalformed},
      {"5.1", "a server that masks", from_client(kText, "a"), from_client(kText, "b"), "> text(1)a\n",
       kMalformed},
      {"5.2", "each reserved bit, and what follows is not read", from_client(kText | 0x40, "a"),
       from_server(kText, "a") + from_server(kText | 0x20, "b") + from_server(kText, "c"), "< text(1)a\n",
       kMalformed},
      {"5.2", "on a control frame", from_client(kPing | 0x10, ""), from_server(kPong | 0x40, ""), "",
       kMalformed},
      {"5.2", "opcodes 3 and 11 are reserved", from_client(0x83, "a"), from_server(0x8B, ""), "", kMalformed},
      {"5.2", "opcodes 7 and 15 are reserved", from_client(0x87, "a"), from_server(0x8F, ""), "", kMalformed},
      {"5.2", "a length of 16 bits that fits into 7", "", "\x81\x7e\x00\x02hi"s, "", kMalformed},
      {"5.2", "a length of 64 bits that fits into 16", "", "\x82\x7f\0\0\0\0\0\0\0\x02hi"s, "", kMalformed},
      {"5.2", "a length whose highest bit is set", "\x82\xff\x80\0\0\0\0\0\0\0abcd"s, from_server(kText, "a"),
       "< text(1)a\n", kMalformed},
      {"5.2", "a length of which nearly nothing comes", "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0ab"s,
       from_server(kText, "a"), "< text(1)a\n> binary(2)ab!incomplete\n"},
      {"5.2", "lengths of 7, 16 and 64 bits",
       from_client(kBinary, "") + from_client(kText, std::string(126, 'x')), from_server(kBinary, big),
       "> binary(0)\n> text(126)" + std::string(126, 'x') + "\n< binary(65536)" + big.substr(0, 1000) +
           "+\n"},
      {"4.1", "one of several protocols that were asked for", from_client(kText, "a"),
       from_server(kText, "b"), "> text(1)a\n< text(1)b\n", "", "", "x-chat, websocket"},
      {"5.3", "a mask of zeros, and another for each frame", "\x81\x82\0\0\0\0hi\x81\x82\x01\x02\x03\x04ik"s,
       "", "> text(2)hi\n> text(2)hi\n"},
  });
}

TEST(Rfc6455, Section5_4_and_5_5_FragmentsAndControlFrames) {
  const std::string longest(125, 'p');
  run(std::vector<Talk>{
      {"5.4", "fragments with control frames in between",
       from_client(kTextBegins, "one ") + from_client(kPing, "1") + from_client(kMore, "two ") +
           from_client(kMore, "") + from_client(kPong, "") + from_client(kLast, "three"),
       from_server(kBinaryBegins, "") + from_server(kPong, "1") + from_server(kLast, ""),
       "> ping(1)1\n> pong(0)\n> text(13)one two three\n< pong(1)1\n< binary(0)\n"},
      {"5.4", "both directions fragment on their own", from_client(kTextBegins, "a"),
       from_server(kTextBegins, "b") + from_server(kLast, "c"), "< text(2)bc\n> text(1)a!incomplete\n"},
      {"5.4", "a message inside another", from_client(kTextBegins, "a") + from_client(kText, "b"), "",
       "> text(1)a!incomplete\n", kMalformed},
      {"5.4", "a continuation of nothing", from_client(kLast, "a"), from_server(kMore, "a"), "", kMalformed},
      {"5.4", "a close within a message", from_client(kTextBegins, "a") + from_client(kClose, close(1001)),
       "", "> close(2)1001:\n> text(1)a!incomplete\n"},
      {"5.5", "control frames of 125 bytes", from_client(kPing, longest), from_server(kPong, longest),
       "> ping(125)" + longest + "\n< pong(125)" + longest + "\n"},
      {"5.5", "control frames of 126 bytes", from_client(kPing, longest + "p"),
       from_server(kClose, close(1000, longest)), "", kMalformed},
      {"5.5", "a control frame in fragments", from_client(0x09, "a"), from_server(0x08, ""), "", kMalformed},
      {"5.5.1", "data behind a close", from_client(kClose, "") + from_client(kText, "a"),
       from_server(kClose, "") + from_server(kPong, "") + from_server(kBinary, ""),
       "> close(0)\n< close(0)\n< pong(0)\n", kMalformed},
      {"5.5.2", "pings and pongs of any bytes", from_client(kPing, "\xff\0"s), from_server(kPong, "\xff\0"s),
       "> ping(2)\xff\0\n< pong(2)\xff\0\n"s},
      {"5.6", "a text that splits a character over fragments",
       from_client(kTextBegins, "\xe2\x82") + from_client(kLast, "\xac"), "", "> text(3)\xe2\x82\xac\n"},
      {"5.8", "extension data that nobody agreed on", from_client(kText | 0x70, "a"), "", "", kMalformed},
  });
}

TEST(Rfc6455, Section7_4_CloseCodesThatMayBeSent) {
  std::vector<Talk> talks;
  for (std::uint16_t code : {1000, 1001, 1002, 1003, 1007, 1011, 3000, 4999})
    talks.push_back({"7.4", "the code", from_client(kClose, close(code, "why")),
                     from_server(kClose, close(code)),
                     fmt::format("> close(5){0}:why\n< close(2){0}:\n", code)});
  talks.push_back({"7.1.5", "two closes of one side",
                   from_client(kClose, close(1000)) + from_client(kClose, close(1001)), "",
                   "> close(2)1000:\n> close(2)1001:\n"});
  run(talks);
}

TEST(Rfc6455, Section7_4_CloseCodesThatMayNot) {
  std::vector<Talk> talks;
  for (std::uint16_t code : {1, 999, 1004, 1005, 1006, 1015, 5000, 65535})
    talks.push_back({"7.4", "the code", from_client(kClose, close(code, "why")),
                     from_server(kClose, close(code)),
                     fmt::format("> close(5){0}:why!bad_close\n< close(2){0}:!bad_close\n", code)});
  talks.push_back({"5.5.1", "half a code", from_client(kClose, "\x03"), from_server(kClose, "\0"s),
                   "> close(1)\x03!bad_close\n< close(1)\0!bad_close\n"s});
  talks.push_back({"5.5.1", "a reason that is no UTF-8", from_client(kClose, close(1000, "\xff")),
                   from_server(kClose, close(1000, "\xc3")),
                   "> close(3)1000:\xff!invalid_utf8\n< close(3)1000:\xc3!invalid_utf8\n"});
  run(talks);
}

TEST(Rfc6455, Section8_1_Texts) {
  std::vector<Talk> talks;
  for (const std::string& bad : {"\xff"s, "\xc0\xaf"s, "\xed\xa0\x80"s, "\xf4\x90\x80\x80"s, "\xe2\x82"s})
    talks.push_back(
        {"8.1", "what is no UTF-8", from_client(kText, "a" + bad), from_server(kBinary, bad),
         fmt::format("> text({0})a{1}!invalid_utf8\n< binary({2}){1}\n", bad.size() + 1, bad, bad.size())});
  talks.push_back({"8.1", "any character", from_client(kText, "\0\xf0\x9f\x98\x80"s),
                   from_server(kText, "\xef\xbb\xbf\xef\xbf\xbf"),
                   "> text(5)\0\xf0\x9f\x98\x80\n< text(6)\xef\xbb\xbf\xef\xbf\xbf\n"s});
  run(talks);
}

TEST(Rfc6455, Section10_4_WhatIsKeptOfAMessage) {
  const std::string four = "abcd";
  run(
      std::vector<Talk>{
          {"10.4", "just the limit", from_client(kText, four), from_server(kBinary, four),
           "> text(4)abcd\n< binary(4)abcd\n"},
          {"10.4", "more than the limit", from_client(kText, four + "e"), from_server(kBinary, four + "e"),
           "> text(5)abcd+\n< binary(5)abcd+\n"},
          {"10.4", "more in fragments", from_client(kTextBegins, "abc") + from_client(kLast, "def"),
           from_server(kText, "next"), "> text(6)abcd+\n< text(4)next\n"},
          {"10.4", "a limit inside a character", from_client(kText, "abc\xe2\x82\xac"), "",
           "> text(6)abc\xe2+\n"},
          {"10.4", "control frames are kept whole", from_client(kPing, "12345678"),
           from_server(kClose, close(1000, "goodbye")), "> ping(8)12345678\n< close(9)1000:goodbye\n"},
          {"10.4", "what is inflated counts", "", from_server(kText | kRsv1, Deflater().message("abcdefgh")),
           "< text(10)abcd+ compressed\n", "", "Sec-WebSocket-Extensions: permessage-deflate\r\n"},
      },
      4);
}

constexpr const char* kDeflate = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
constexpr const char* kAlone =
    "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
    "client_no_context_takeover\r\n";

TEST(Rfc7692, CompressedMessages) {
  const std::string text = "the same words again and again, the same words";
  auto in_words = [](char from, const std::string& wire, const std::string& bytes, const char* note = "") {
    return fmt::format("{} text({}){}{} compressed\n", from, wire.size(), bytes, note);
  };
  Deflater keeps;
  const std::string first = keeps.message(text), second = keeps.message(text);
  const std::string alone = Deflater().message(text);
  ASSERT_LT(second.size(), first.size()) << "it refers to the first";
  run(std::vector<Talk>{
      {"7.2", "with context takeover", from_client(kText | kRsv1, first) + from_client(kText | kRsv1, second),
       from_server(kText | kRsv1, first),
       in_words('>', first, text) + in_words('>', second, text) + in_words('<', first, text), "", kDeflate},
      {"7.1.1", "without", from_client(kText | kRsv1, alone) + from_client(kText | kRsv1, alone),
       from_server(kText | kRsv1, alone),
       in_words('>', alone, text) + in_words('>', alone, text) + in_words('<', alone, text), "", kAlone},
      {"7.1.1", "a context that was not to be kept",
       from_client(kText | kRsv1, first) + from_client(kText | kRsv1, second), from_server(kText, "plain"),
       in_words('>', first, text) + in_words('>', second, "t", "+!bad_compression") + "< text(5)plain\n", "",
       kAlone},
      {"6", "fragments, of which the first alone is marked, with a ping in between",
       from_client(kTextBegins | kRsv1, first.substr(0, 5)) + from_client(kPing, "") +
           from_client(kMore, first.substr(5, 5)) + from_client(kLast, first.substr(10)),
       "", "> ping(0)\n" + in_words('>', first, text), "", kDeflate},
      {"6", "a mark on a later fragment",
       from_client(kTextBegins | kRsv1, first.substr(0, 5)) + from_client(kLast | kRsv1, first.substr(5)), "",
       in_words('>', first.substr(0, 5), text.substr(0, 4), "!incomplete"), kMalformed, kDeflate},
      {"6", "compressed and plain ones mix",
       from_client(kText | kRsv1, first) + from_client(kText, "plain") + from_client(kText | kRsv1, second),
       "", in_words('>', first, text) + "> text(5)plain\n" + in_words('>', second, text), "", kDeflate},
      {"6", "one that cannot be inflated spoils those behind it",
       from_client(kText | kRsv1, "\xff\xff\xff") + from_client(kText | kRsv1, first),
       from_server(kText | kRsv1, first),
       in_words('>', "abc", "", "+!bad_compression") + in_words('>', first, first, "!not_inflated") +
           in_words('<', first, text),
       "", kDeflate},
      {"5", "an answer that nobody may accept leaves messages as they came",
       from_client(kBinary | kRsv1, "ab"), from_server(kBinary, "cd"),
       "> binary(2)ab!unknown_extension\n< binary(2)cd!unknown_extension\n", "",
       "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99\r\n"},
      {"5", "so does an extension that is not known", from_client(kBinary | 0x30, "ab"), "",
       "> binary(2)ab!unknown_extension\n", "", "Sec-WebSocket-Extensions: x-odd, permessage-deflate\r\n"},
  });
}

TEST(Rfc7692, ABombCostsNothing) {
  Deflater sender;
  const std::string bomb = sender.message(std::string(40 << 20, '\0')), next = sender.message("after");
  run(
      std::vector<Talk>{
          {"8", "a bomb", "",
           from_server(kBinary | kRsv1, bomb) + from_server(kText | kRsv1, next) + from_server(kText, "bare"),
           fmt::format("< binary({}){}+!compression_bomb compressed\n< text({}){}!not_inflated compressed\n"
                       "< text(4)bare\n",
                       bomb.size(), std::string(4, '\0'), next.size(), next.substr(0, 4) + "+"),
           "", kDeflate}},
      4);
}

// So that a socket that is open for weeks cannot fill the store.
TEST(Rfc6455, WhatIsKeptOfAllMessagesOfAFlow) {
  constexpr std::size_t kMessage = 1 << 20;
  constexpr int kKept = 32;
  const std::string text(kMessage, 'x');
  const std::string wire = from_server(kText | kRsv1, Deflater().message(text));
  Talk talk{"10.4", "32 MiB", "", "", "", "messages_truncated", kAlone};
  for (int i = 0; i < kKept + 3; ++i) talk.origin += wire;
  talk.origin += from_server(kClose, close(1000));
  for (int i = 0; i < kKept; ++i)
    talk.recorded += fmt::format("< text({}){} compressed\n", Deflater().message(text).size(), text);
  talk.recorded += fmt::format("({})\n< close(2)1000:\n", kKept + 4);
  run(std::vector<Talk>{talk}, kMessage);
}

TEST(Rfc6455, FramesOverHttp2AreReadTheSame) {
  Record record(1000);
  Deflater deflater;
  Talk talk{"5", "DATA frames of one byte", "", "", "", "", kDeflate};
  talk.client = from_client(kTextBegins | kRsv1, deflater.message("hello")) + from_client(kPing, "?") +
                from_client(kLast, "") + from_client(kClose, close(1000));
  talk.origin = from_server(kBinary, "\xff") + from_server(kClose, close(1005));
  talk.recorded =
      "> ping(1)?\n> text(7)hello compressed\n> close(2)1000:\n< binary(1)\xff\n< close(2)1005:!bad_close\n";
  H2Peer client(record.play, record.play.client());
  client.greets();
  client.headers(1, extended(), false);
  Peer& origin = record.play.upstream();
  origin.sends(consent(key_in(head_of(origin)), kDeflate));
  client.expects_headers(1, {{":status", "200"}, {"sec-websocket-extensions", "permessage-deflate"}});
  for (char c : talk.client) client.data(1, {&c, 1});
  origin.expects(talk.client);
  origin.sends(talk.origin);
  client.expects_data(1, talk.origin);
  client.data(1, "", true);
  origin.expects_end();
  origin.closes();
  client.expects_data(1, "", true);
  record.add(record.play.records({.status = 101, .marks = ""}), talk);
  client.closes();
  record.check();
}

}  // namespace
}  // namespace weir::testing
