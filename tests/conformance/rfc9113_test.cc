// RFC 9113: HTTP/2, section by section, as a server towards clients and as a client towards origins. Where
// the RFC leaves a choice (a stream error may be told as one of the connection), the row says what Weir does.
#include "tests/conformance/h2_table.h"
#include "tests/walk/dialogue.h"

namespace weir::testing {
namespace {

using namespace std::string_literals;
using h2::data;
using h2::frame;
using h2::headers;
using h2::number;

const std::string kBlock = h2::block(head());
const std::string kOpen = ask(head({}, "POST"), false);
const std::string kBig(16'385, 'x');

h2::Headers without(const std::string& name) {
  h2::Headers out = head();
  std::erase_if(out, [&](const auto& field) { return field.first == name; });
  return out;
}
h2::Headers changed(const std::string& name, const std::string& value) {
  h2::Headers out = head();
  for (auto& field : out)
    if (field.first == name) field.second = value;
  return out;
}
h2::Headers before(const h2::Headers& first, h2::Headers rest = head()) {
  rest.insert(rest.begin(), first.begin(), first.end());
  return rest;
}

class Preface : public TimedDialogue {};

TEST_F(Preface, section_3_4_another_first_frame_than_settings) {
  Peer& wire = play.client();
  H2Peer client(play, wire);
  client.sends(std::string(h2::kPreface) + ask());
  client.expects_goaway(kProtocolError);
  client.expects_end();
  client.closes();
  play.records({.error = Code::bad_request});
}

TEST_F(Preface, section_3_4_a_preface_that_goes_wrong) {
  Peer& wire = play.client();
  wire.sends("PRI * HTTP/2.0\r\n\r\nSX\r\n\r\n" + h2::settings({}));
  wire.reads_all();
  play.no_upstream();
  play.records({.error = Code::unsupported_version});
}

TEST_F(Preface, section_3_4_byte_by_byte) {
  H2Peer client(play, play.client());
  for (char c : std::string(h2::kPreface) + h2::settings({}) + ask()) client.pushes({&c, 1});
  auto& upstream = play.upstream();
  upstream.expects("GET /row HTTP/1.1\r\nHost: {origin}\r\n\r\n");
  upstream.sends("HTTP/1.1 204 No Content\r\n\r\n");
  client.expects_headers(1, {{":status", "204"}}, true);
  play.records({.status = 204});
}

TEST_F(Preface, section_3_4_an_origin_that_speaks_something_else) {
  H2Peer client(play, play.tunnel());
  client.greets();
  client.headers(1, request("GET", "/", {}, "{tunnel}"));
  auto& upstream = play.upstream();
  upstream.sends("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(client.expects_answer(1).head.status, 502);
  upstream.reads_all();
  play.records({.status = 502, .error = Code::upstream_bad_response});
}

TEST_F(Preface, section_6_5_settings_are_acknowledged) {
  H2Peer client(play, play.client());
  client.greets();
  client.sends(h2::settings({{h2::kInitialWindow, 1}}) + h2::settings({{0x7777, 1}}) + h2::settings({}));
  client.window(0);
  EXPECT_EQ(client.acks(), 4u);
  EXPECT_EQ(client.setting(h2::kConnectProtocol), 1u);
  EXPECT_FALSE(client.setting(h2::kEnablePush)) << "a server must not send it but as 0";
}

TEST_F(Preface, section_6_7_a_ping_is_answered) {
  H2Peer client(play, play.client());
  client.greets();
  client.sends(h2::ping("abcdefgh") + h2::frame(h2::kPing, h2::kAck, 0, "12345678"));
  client.window(0);
  EXPECT_EQ(client.pongs(), 1u);
}

TEST_F(Preface, section_6_8_a_client_that_says_goodbye_is_still_answered) {
  H2Peer client(play, play.client());
  client.greets();
  client.sends(ask() + h2::goaway(0, 0));
  auto& upstream = play.upstream();
  upstream.expects("GET /row HTTP/1.1\r\nHost: {origin}\r\n\r\n");
  upstream.sends("HTTP/1.1 204 No Content\r\n\r\n");
  client.expects_headers(1, {{":status", "204"}}, true);
  client.expects_end();
  play.records({.status = 204});
}

TEST_F(Preface, section_6_9_2_a_window_may_become_negative) {
  H2Peer client(play, play.client());
  client.greets({{h2::kInitialWindow, 10}});
  client.sends(ask());
  auto& upstream = play.upstream();
  upstream.expects("GET /row HTTP/1.1\r\nHost: {origin}\r\n\r\n");
  upstream.sends("HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n0123456789abcdefghij0123456789");
  client.expects_headers(1, {{":status", "200"}, {"content-length", "30"}});
  client.expects_data(1, "0123456789");
  client.sends(h2::settings({{h2::kInitialWindow, 3}}));  // -7
  client.sends(h2::window_update(1, 6));
  client.expects_silence();
  client.sends(h2::window_update(1, 6));
  client.expects_data(1, "abcde");
  client.sends(h2::settings({{h2::kInitialWindow, 100}}));
  client.expects_data(1, "fghij0123456789", true);
  play.records({.status = 200});
}

TEST(Rfc9113, Section4_Frames) {
  run(std::vector<ClientRow>{
      {"4.1", "an unknown type is ignored", frame(0x77, 0xFF, 0, "abc") + frame(0x78, 0, 5, ""), Ends::fine},
      {"4.1", "the reserved bit is ignored",
       frame(h2::kHeaders, 5, 0x80000001, kBlock) + frame(h2::kPing, 0, 0x80000000, "12345678"), Ends::fine,
       0, false},
      {"4.1", "unknown flags are ignored", frame(h2::kHeaders, 0x5 | 0xC0, 1, kBlock), Ends::fine, 0, false},
      {"4.2", "DATA over the limit", kOpen + frame(h2::kData, 0, 1, kBig), Ends::goaway, kFrameSizeError,
       false},
      {"4.2", "HEADERS over the limit", frame(h2::kHeaders, 5, 1, kBig), Ends::goaway, kFrameSizeError},
      {"4.2", "SETTINGS over the limit", frame(h2::kSettings, 0, 0, kBig + "xxxxx"), Ends::goaway,
       kFrameSizeError},
      {"4.2", "an unknown type over the limit", frame(0x77, 0, 0, kBig), Ends::goaway, kFrameSizeError},
      {"4.2", "DATA of just the limit", kOpen + frame(h2::kData, 1, 1, kBig.substr(1)), Ends::fine, 0, false},
      {"4.3", "a block that is not HPACK", frame(h2::kHeaders, 5, 1, "\xFF\xFF\xFF\xFF\xFF"), Ends::goaway,
       kCompressionError},
      {"4.3", "an index that is not in the tables", frame(h2::kHeaders, 5, 1, "\xC0"), Ends::goaway,
       kCompressionError},
      {"4.3", "a table larger than was allowed", frame(h2::kHeaders, 5, 1, "\x3F\xE2\x1F" + kBlock),
       Ends::goaway, kCompressionError},
      {"4.3", "a table's size behind the first field", frame(h2::kHeaders, 5, 1, kBlock + "\x20"),
       Ends::goaway, kCompressionError},
      {"4.3", "a block that ends within a field",
       frame(h2::kHeaders, 5, 1, kBlock.substr(0, kBlock.size() - 1)), Ends::goaway, kCompressionError},
      {"4.3", "another frame within a block", frame(h2::kHeaders, 1, 1, kBlock) + h2::ping(), Ends::goaway,
       kProtocolError},
      {"4.3", "a frame of another stream within a block",
       frame(h2::kHeaders, 1, 1, kBlock) + headers(3, head()), Ends::goaway, kProtocolError},
      {"4.3", "a frame of an unknown type within a block",
       frame(h2::kHeaders, 1, 1, kBlock) + frame(0x77, 0, 1, "x"), Ends::goaway, kProtocolError},
  });
}

TEST(Rfc9113, Section5_Streams) {
  std::string many;
  for (std::uint32_t id = 1; id < 2 * 130; id += 2) many += headers(id, head({}, "POST"), false);
  run(std::vector<ClientRow>{
      {"5.1", "DATA on an idle stream", data(1, "x"), Ends::goaway, kProtocolError},
      {"5.1", "RST_STREAM on an idle stream", h2::rst_stream(1, 8), Ends::goaway, kProtocolError},
      {"5.1", "WINDOW_UPDATE on an idle stream", h2::window_update(1, 1), Ends::goaway, kProtocolError},
      {"5.1", "CONTINUATION on an idle stream", frame(h2::kContinuation, 4, 1, kBlock), Ends::goaway,
       kProtocolError},
      {"5.1", "PRIORITY on an idle stream", h2::priority(7, 0), Ends::fine},
      {"5.1", "DATA behind the end of a stream", ask() + data(1, "x"), Ends::goaway, kStreamClosed, false},
      {"5.1", "HEADERS behind the end of a stream", ask() + ask(), Ends::goaway, kStreamClosed, false},
      {"5.1", "what was on its way behind RST_STREAM is ignored",
       kOpen + h2::rst_stream(1, 8) + data(1, "x") + ask(), Ends::fine, 0, false},
      {"5.1", "RST_STREAM, PRIORITY and WINDOW_UPDATE behind RST_STREAM",
       kOpen + h2::rst_stream(1, 8) + h2::rst_stream(1, 8) + h2::window_update(1, 5) + h2::priority(1, 0),
       Ends::fine, 0, false},
      {"5.1.1", "a stream with an even number", headers(2, head()), Ends::goaway, kProtocolError},
      {"5.1.1", "a number lower than the last is a stream that is over",
       headers(5, head()) + headers(3, head()), Ends::fine, 0, false},
      {"5.1.1", "numbers may be left out", headers(5, head()) + headers(4'001, head()), Ends::fine, 0, false},
      {"5.1.2", "more streams than were allowed", many, Ends::goaway, kProtocolError, false},
      {"5.3", "PRIORITY of a stream on itself means nothing any more", h2::priority(7, 7), Ends::fine},
      {"5.3", "but in HEADERS it is still an error",
       frame(h2::kHeaders, 0x25, 1, number(1, 4) + "\x10" + kBlock), Ends::goaway, kProtocolError},
      {"5.4.2", "RST_STREAM is not answered by another", kOpen + h2::rst_stream(1, 2), Ends::fine, 0, false},
      {"5.5", "unknown settings mean nothing", h2::settings({{0x7777, 0xFFFFFFFF}}), Ends::fine},
  });
}

TEST(Rfc9113, Section6_1_to_6_4_Data_Headers_Priority_Reset) {
  run(std::vector<ClientRow>{
      {"6.1", "DATA on stream 0", data(0, "x"), Ends::goaway, kProtocolError},
      {"6.1", "padding longer than the frame",
       kOpen + frame(h2::kData, h2::kPadded, 1,
                     "\x05"
                     "abcd"),
       Ends::goaway, kProtocolError, false},
      {"6.1", "padding without its length", kOpen + frame(h2::kData, h2::kPadded, 1, ""), Ends::goaway,
       kProtocolError, false},
      {"6.1", "padding", kOpen + frame(h2::kData, 9, 1, h2::padded("x", 250)), Ends::fine, 0, false},
      {"6.2", "HEADERS on stream 0", headers(0, head()), Ends::goaway, kProtocolError},
      {"6.2", "padding longer than the frame", frame(h2::kHeaders, 0xD, 1, "\xFA" + kBlock), Ends::goaway,
       kProtocolError},
      {"6.2", "padding", frame(h2::kHeaders, 0xD, 1, h2::padded(kBlock, 9)), Ends::fine, 0, false},
      {"6.2", "a block shorter than its priority", frame(h2::kHeaders, 0x25, 1, "abc"), Ends::goaway,
       kFrameSizeError},
      {"6.3", "PRIORITY on stream 0 is ignored like all others", h2::priority(0, 1), Ends::fine},
      {"6.3", "PRIORITY of another size", frame(h2::kPriority, 0, 1, "abcd"), Ends::goaway, kFrameSizeError},
      {"6.4", "RST_STREAM on stream 0", h2::rst_stream(0, 8), Ends::goaway, kProtocolError},
      {"6.4", "RST_STREAM of another size", kOpen + frame(h2::kRstStream, 0, 1, "abc"), Ends::goaway,
       kFrameSizeError, false},
      {"6.4", "RST_STREAM with an unknown code", kOpen + h2::rst_stream(1, 0xFFFF), Ends::fine, 0, false},
  });
}

TEST(Rfc9113, Section6_5_to_6_8_Settings_Push_Ping_Goaway) {
  auto set = [](std::uint16_t id, std::uint32_t value) { return h2::settings({{id, value}}); };
  run(std::vector<ClientRow>{
      {"6.5", "SETTINGS on a stream", frame(h2::kSettings, 0, 1, ""), Ends::goaway, kProtocolError},
      {"6.5", "an acknowledgement with something in it", frame(h2::kSettings, 1, 0, "123456"), Ends::goaway,
       kFrameSizeError},
      {"6.5", "a size that is no multiple of 6", frame(h2::kSettings, 0, 0, "12345"), Ends::goaway,
       kFrameSizeError},
      {"6.5", "an acknowledgement nobody waits for", h2::settings_ack(), Ends::goaway, kProtocolError},
      {"6.5.2", "a push that is neither on nor off", set(h2::kEnablePush, 2), Ends::goaway, kProtocolError},
      {"6.5.2", "a window over 2^31 - 1", set(h2::kInitialWindow, 0x80000000), Ends::goaway,
       kFlowControlError},
      {"6.5.2", "the largest window", set(h2::kInitialWindow, 0x7FFFFFFF), Ends::fine},
      {"6.5.2", "frames of less than 16,384 bytes", set(h2::kMaxFrameSize, 16'383), Ends::goaway,
       kProtocolError},
      {"6.5.2", "frames of more than 2^24 - 1 bytes", set(h2::kMaxFrameSize, 1 << 24), Ends::goaway,
       kProtocolError},
      {"6.5.2", "no table for HPACK", set(h2::kHeaderTableSize, 0), Ends::fine},
      {"6.5.2", "a large table for HPACK", set(h2::kHeaderTableSize, 0xFFFFFFFF), Ends::fine},
      {"6.5.2", "no streams at all, which are the server's", set(h2::kMaxStreams, 0), Ends::fine},
      {"6.5.3", "settings twice over", set(h2::kInitialWindow, 1) + h2::settings({{4, 2}, {4, 65'535}}),
       Ends::fine},
      {"6.6", "PUSH_PROMISE by a client", frame(h2::kPushPromise, 4, 1, number(2, 4) + kBlock), Ends::goaway,
       kProtocolError},
      {"6.7", "PING on a stream", frame(h2::kPing, 0, 1, "12345678"), Ends::goaway, kProtocolError},
      {"6.7", "PING of another size", frame(h2::kPing, 0, 0, "1234567"), Ends::goaway, kFrameSizeError},
      {"6.7", "an answer to no PING", frame(h2::kPing, 1, 0, "12345678"), Ends::fine},
      {"6.8", "GOAWAY on a stream", frame(h2::kGoaway, 0, 1, number(0, 8)), Ends::goaway, kProtocolError},
      {"6.8", "GOAWAY of another size", frame(h2::kGoaway, 0, 0, "1234567"), Ends::goaway, kFrameSizeError},
  });
}

TEST(Rfc9113, Section6_9_and_6_10_Windows_Continuation) {
  std::string over_the_window;  // of the stream
  for (std::size_t sent = 0; sent <= 1024 * 1024; sent += 16'384) over_the_window += data(1, kBig.substr(1));
  run(std::vector<ClientRow>{
      {"6.9", "an increment of 0", h2::window_update(0, 0), Ends::goaway, kProtocolError},
      {"6.9", "an increment of 0 of a stream", kOpen + h2::window_update(1, 0), Ends::goaway, kProtocolError,
       false},
      {"6.9", "WINDOW_UPDATE of another size", frame(h2::kWindowUpdate, 0, 0, "123"), Ends::goaway,
       kFrameSizeError},
      {"6.9.1", "a window over 2^31 - 1", h2::window_update(0, 0x7FFFFFFF), Ends::goaway, kFlowControlError},
      {"6.9.1", "a stream's window over 2^31 - 1", kOpen + h2::window_update(1, 0x7FFFFFFF), Ends::reset,
       kFlowControlError, false},
      {"6.9.1", "more than the window", kOpen + over_the_window, Ends::reset, kFlowControlError, false},
      {"6.9.2", "settings that make a window too large",
       kOpen + h2::window_update(1, 0x7FFF0000) + h2::settings({{h2::kInitialWindow, 0x7FFFFFFF}}),
       Ends::reset, kFlowControlError, false},
      {"6.10", "a head in several parts",
       frame(h2::kHeaders, 1, 1, kBlock.substr(0, 7)) + frame(h2::kContinuation, 0, 1, kBlock.substr(7, 1)) +
           frame(h2::kContinuation, 4, 1, kBlock.substr(8)),
       Ends::fine, 0, false},
      {"6.10", "CONTINUATION behind a head",
       ask(head({}, "POST"), false) + frame(h2::kContinuation, 4, 1, ""), Ends::goaway, kProtocolError,
       false},
      {"6.10", "CONTINUATION of another stream",
       frame(h2::kHeaders, 1, 1, kBlock) + frame(h2::kContinuation, 4, 3, kBlock), Ends::goaway,
       kProtocolError},
      {"6.10", "CONTINUATION on stream 0", frame(h2::kContinuation, 4, 0, ""), Ends::goaway, kProtocolError},
      {"6.10", "CONTINUATION behind DATA", kOpen + data(1, "x") + frame(h2::kContinuation, 4, 1, ""),
       Ends::goaway, kProtocolError, false},
  });
}

TEST(Rfc9113, Section8_1_Framing) {
  auto post = [](const char* length) { return ask(head({{"content-length", length}}, "POST"), false); };
  run(std::vector<ClientRow>{
      {"8.1", "trailers that do not end the stream", kOpen + headers(1, {{"x", "y"}}, false), Ends::reset,
       kProtocolError, false},
      {"8.1", "pseudo-fields in trailers", kOpen + headers(1, {{":path", "/"}}), Ends::reset, kProtocolError,
       false},
      {"8.1", "DATA behind trailers", kOpen + headers(1, {{"x", "y"}}) + data(1, "x"), Ends::goaway,
       kStreamClosed, false},
      {"8.1.1", "less than content-length", post("5") + data(1, "abc", true), Ends::reset, kProtocolError,
       false},
      {"8.1.1", "more than content-length", post("2") + data(1, "abc", true), Ends::reset, kProtocolError,
       false},
      {"8.1.1", "more, and without an end", post("2") + data(1, "abc"), Ends::reset, kProtocolError, false},
      {"8.1.1", "a length, and the end", ask(head({{"content-length", "5"}}, "POST")), Ends::reset,
       kProtocolError},
      {"8.1.1", "two lengths", ask(head({{"content-length", "5"}, {"content-length", "5"}}, "POST"), false),
       Ends::reset, kProtocolError},
      {"8.1.1", "a length that is none", post("five"), Ends::reset, kProtocolError},
      {"8.1.1", "a length with a sign", post("+5"), Ends::reset, kProtocolError},
      {"8.1.1", "an empty length", post(""), Ends::reset, kProtocolError},
      {"8.1.1", "less than content-length, and trailers",
       post("5") + data(1, "abc") + headers(1, {{"x", "y"}}), Ends::reset, kProtocolError, false},
  });
}

TEST(Rfc9113, Section8_2_Fields) {
  auto field = [](const std::string& name, const std::string& value) { return ask(head({{name, value}})); };
  run(std::vector<ClientRow>{
      {"8.2", "an upper-case name", field("X-One", "1"), Ends::reset, kProtocolError},
      {"8.2.1", "an empty name", field("", "1"), Ends::reset, kProtocolError},
      {"8.2.1", "a space in a name", field("x one", "1"), Ends::reset, kProtocolError},
      {"8.2.1", "a colon in a name", field("x:one", "1"), Ends::reset, kProtocolError},
      {"8.2.1", "CR LF in a name", field("x\r\ny", "1"), Ends::reset, kProtocolError},
      {"8.2.1", "NUL in a name", field("x\0"s, "1"), Ends::reset, kProtocolError},
      {"8.2.1", "DEL in a name", field("x\x7F", "1"), Ends::reset, kProtocolError},
      {"8.2.1", "a byte above ASCII in a name", field("x\xC3\xA9", "1"), Ends::reset, kProtocolError},
      {"8.2.1", "CR in a value", field("x", "a\rb"), Ends::reset, kProtocolError},
      {"8.2.1", "LF in a value", field("x", "a\nb"), Ends::reset, kProtocolError},
      {"8.2.1", "NUL in a value", field("x", "a\0b"s), Ends::reset, kProtocolError},
      {"8.2.1", "a space before a value", field("x", " a"), Ends::reset, kProtocolError},
      {"8.2.1", "a tab behind a value", field("x", "a\t"), Ends::reset, kProtocolError},
      {"8.2.1", "a byte above ASCII in a value passes", field("x", "a\xC3\xA9"), Ends::fine, 0, false},
      {"8.2.1", "an empty value passes", field("x", ""), Ends::fine, 0, false},
      {"8.2.2", "Connection", field("connection", "close"), Ends::reset, kProtocolError},
      {"8.2.2", "Keep-Alive", field("keep-alive", "5"), Ends::reset, kProtocolError},
      {"8.2.2", "Proxy-Connection", field("proxy-connection", "close"), Ends::reset, kProtocolError},
      {"8.2.2", "Transfer-Encoding", field("transfer-encoding", "chunked"), Ends::reset, kProtocolError},
      {"8.2.2", "Upgrade", field("upgrade", "websocket"), Ends::reset, kProtocolError},
      {"8.2.2", "TE but trailers", field("te", "gzip"), Ends::reset, kProtocolError},
      {"8.2.2", "TE with more than trailers", field("te", "trailers, gzip"), Ends::reset, kProtocolError},
      {"8.2.2", "TE of trailers passes", field("te", "trailers"), Ends::fine, 0, false},
      {"8.2.3", "cookies in crumbs", ask(head({{"cookie", "a=1"}, {"cookie", "b=2"}})), Ends::fine, 0, false},
      {"8.2.1", "NUL in a trailer", kOpen + headers(1, {{"x", "a\0b"s}}), Ends::reset, kProtocolError, false},
      {"8.2.2", "Transfer-Encoding in a trailer", kOpen + headers(1, {{"transfer-encoding", "chunked"}}),
       Ends::reset, kProtocolError, false},
  });
}

TEST(Rfc9113, Section8_3_PseudoFields) {
  auto with = [](const std::string& name, const std::string& value) { return ask(changed(name, value)); };
  run(std::vector<ClientRow>{
      {"8.3", "behind a field", ask(before({{"x", "y"}})), Ends::reset, kProtocolError},
      {"8.3", "an unknown one", ask(before({{":else", "y"}})), Ends::reset, kProtocolError},
      {"8.3", "that of responses", ask(before({{":status", "200"}})), Ends::reset, kProtocolError},
      {"8.3", "two methods", ask(before({{":method", "GET"}})), Ends::reset, kProtocolError},
      {"8.3", "two paths", ask(before({{":path", "/"}})), Ends::reset, kProtocolError},
      {"8.3", "two schemes", ask(before({{":scheme", "http"}})), Ends::reset, kProtocolError},
      {"8.3", "two authorities", ask(before({{":authority", "a.test"}})), Ends::reset, kProtocolError},
      {"8.3.1", "no method", ask(without(":method")), Ends::reset, kProtocolError},
      {"8.3.1", "no scheme", ask(without(":scheme")), Ends::reset, kProtocolError},
      {"8.3.1", "no path", ask(without(":path")), Ends::reset, kProtocolError},
      {"8.3.1", "neither authority nor Host", ask(without(":authority")), Ends::reset, kProtocolError},
      {"8.3.1", "an empty path", with(":path", ""), Ends::reset, kProtocolError},
      {"8.3.1", "a path without /", with(":path", "row"), Ends::reset, kProtocolError},
      {"8.3.1", "* without OPTIONS", with(":path", "*"), Ends::reset, kProtocolError},
      {"8.3.1", "a URL in the path", with(":path", "http://a.test/"), Ends::reset, kProtocolError},
      {"8.3.1", "a space in the path", with(":path", "/a b"), Ends::reset, kProtocolError},
      {"8.3.1", "a fragment in the path", with(":path", "/a#b"), Ends::refused, 400},
      {"8.3.1", "an empty method", with(":method", ""), Ends::reset, kProtocolError},
      {"8.3.1", "a method that is no token", with(":method", "G T"), Ends::reset, kProtocolError},
      {"8.3.1", "another scheme", with(":scheme", "ftp"), Ends::refused, 400},
      {"8.3.1", "user information", with(":authority", "me@a.test"), Ends::refused, 400},
      {"8.3.1", "an authority that is none", with(":authority", "a.test:port"), Ends::refused, 400},
      {"8.3.1", "an empty authority", with(":authority", ""), Ends::reset, kProtocolError},
      {"8.3.1", "Host in place of the authority", ask([] {
         h2::Headers out = without(":authority");
         out.emplace_back("host", "a.test");
         return out;
       }()),
       Ends::fine, 0, false},
      {"8.3.1", "Host says the same", ask(head({{"host", "A.test:80"}})), Ends::fine, 0, false},
      {"8.3.1", "Host says something else", ask(head({{"host", "else.test"}})), Ends::refused, 400},
      {"8.3.1", "two Hosts", ask(head({{"host", "a.test"}, {"host", "a.test"}})), Ends::reset,
       kProtocolError},
  });
}

TEST(Rfc9113, Section8_5_Connect) {
  run(std::vector<ClientRow>{
      {"8.5", "with a scheme",
       ask({{":method", "CONNECT"}, {":scheme", "http"}, {":authority", "a.test:80"}}, false), Ends::reset,
       kProtocolError},
      {"8.5", "with a path",
       ask({{":method", "CONNECT"}, {":path", "/"}, {":authority", "a.test:80"}}, false), Ends::reset,
       kProtocolError},
      {"8.5", "without authority", ask({{":method", "CONNECT"}}, false), Ends::reset, kProtocolError},
      {"8.5", "without port", ask({{":method", "CONNECT"}, {":authority", "a.test"}}, false), Ends::refused,
       400},
      {"8.5", "user information", ask({{":method", "CONNECT"}, {":authority", "me@a.test:80"}}, false),
       Ends::refused, 400},
  });
}

const std::string k204 = headers(1, {{":status", "204"}});
std::string answer(const h2::Headers& fields, bool end = true) {
  h2::Headers all = {{":status", "200"}};
  all.insert(all.end(), fields.begin(), fields.end());
  return headers(1, all, end);
}

TEST(Rfc9113, Origins) {
  run(std::vector<OriginRow>{
      {"4.1", "an unknown type is ignored", frame(0x77, 0, 0, "abc") + k204, Ends::fine},
      {"4.2", "a frame over the limit", frame(h2::kHeaders, 5, 1, kBig), Ends::goaway, kFrameSizeError},
      {"4.3", "a block that is not HPACK", frame(h2::kHeaders, 5, 1, "\xFF\xFF\xFF\xFF\xFF"), Ends::goaway,
       kCompressionError},
      {"5.1", "DATA on an idle stream", data(3, "x"), Ends::goaway, kProtocolError},
      {"5.1", "HEADERS on an idle stream", headers(3, {{":status", "204"}}), Ends::goaway, kProtocolError},
      {"5.1.1", "HEADERS on a stream of its own", headers(2, {{":status", "204"}}), Ends::goaway,
       kProtocolError},
      {"6.5", "SETTINGS on a stream", frame(h2::kSettings, 0, 1, ""), Ends::goaway, kProtocolError},
      {"6.5.2", "a push that is on", h2::settings({{h2::kEnablePush, 1}}), Ends::goaway, kProtocolError},
      {"6.6", "a push that was forbidden",
       frame(h2::kPushPromise, 4, 1, number(2, 4) + h2::block(request("GET", "/pushed", {}, "a.test:443"))),
       Ends::goaway, kProtocolError},
      {"6.7", "PING of another size", frame(h2::kPing, 0, 0, "1"), Ends::goaway, kFrameSizeError},
      {"6.9", "an increment of 0", h2::window_update(0, 0), Ends::goaway, kProtocolError},
      {"6.9.1", "a window over 2^31 - 1", h2::window_update(0, 0x7FFFFFFF), Ends::goaway, kFlowControlError},
      {"8.1", "DATA without a head", data(1, "x"), Ends::goaway, kProtocolError},
      {"8.1", "a 100 that ends the stream", headers(1, {{":status", "100"}}), Ends::reset, kProtocolError},
      {"8.1.1", "less than content-length at once", answer({{"content-length", "5"}}), Ends::reset,
       kProtocolError},
      {"8.1.1", "two lengths", answer({{"content-length", "0"}, {"content-length", "0"}}), Ends::reset,
       kProtocolError},
      {"8.1.1", "a 204 with content",
       headers(1, {{":status", "204"}, {"content-length", "3"}}, false) + data(1, "abc", true), Ends::reset,
       kProtocolError},
      {"8.2", "an upper-case name", answer({{"X-One", "1"}}), Ends::reset, kProtocolError},
      {"8.2.1", "CR in a value", answer({{"x", "a\rb"}}), Ends::reset, kProtocolError},
      {"8.2.1", "NUL in a value", answer({{"x", "a\0b"s}}), Ends::reset, kProtocolError},
      {"8.2.2", "Connection", answer({{"connection", "close"}}), Ends::reset, kProtocolError},
      {"8.2.2", "Transfer-Encoding", answer({{"transfer-encoding", "chunked"}}), Ends::reset, kProtocolError},
      {"8.3", "a request's pseudo-field", answer({{":path", "/"}}), Ends::reset, kProtocolError},
      {"8.3.2", "no status", headers(1, {{"x", "y"}}), Ends::reset, kProtocolError},
      {"8.3.2", "two statuses", answer({{":status", "200"}}), Ends::reset, kProtocolError},
      {"8.3.2", "a status of two digits", headers(1, {{":status", "20"}}), Ends::reset, kProtocolError},
      {"8.3.2", "a status that is no number", headers(1, {{":status", "2x0"}}), Ends::reset, kProtocolError},
      {"8.3.2", "a status below 100", headers(1, {{":status", "099"}}, false), Ends::reset, kCancel},
      {"8.6", "101", headers(1, {{":status", "101"}}, false), Ends::reset, kProtocolError},
  });
}

}  // namespace
}  // namespace weir::testing
