// The differential smuggling table of HTTP/2 towards origins of HTTP/1.1: each row is sent through the whole
// proxy with a marker request behind it, and what origins get is read by a strict reader that shares nothing
// with Weir's codecs. A row is refused, and no byte of it leaves; or its body is cut, and no origin has a
// whole request; or each origin has exactly what was asked.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <set>

#include "tests/conformance/h2_table.h"
#include "tests/conformance/strict_reader.h"

namespace weir::testing {
namespace {

using namespace std::string_literals;
using h2::data;
using h2::headers;

enum class Fate { refused, cut, passes };

/// `seen`: what origins have got, as "METHOD target body"; of a row that is cut, what they may have got when
/// the fault came later than a whole body.
struct Framing {
  const char* what;
  std::string frames;
  Fate fate;
  std::string seen = {};
};
using Framings = std::vector<Framing>;

const std::string kInner = "GET /admin HTTP/1.1\r\nHost: a.test\r\n\r\n";
const std::string kGet = "GET /row";

Framing refused(const char* what, std::string frames) { return {what, std::move(frames), Fate::refused}; }
Framing cut(const char* what, std::string frames, std::string seen = {}) {
  return {what, std::move(frames), Fate::cut, std::move(seen)};
}
Framing passes(const char* what, std::string frames, std::string seen = kGet) {
  return {what, std::move(frames), Fate::passes, std::move(seen)};
}

std::string field(const std::string& name, const std::string& value) { return ask(head({{name, value}})); }
// A pseudo-field with another value.
std::string with(const std::string& name, const std::string& value, const h2::Headers& fields = {}) {
  h2::Headers all = head(fields);
  for (auto& each : all)
    if (each.first == name) each.second = value;
  return ask(all);
}
std::string no_authority(const h2::Headers& fields) {
  h2::Headers all = head(fields);
  std::erase_if(all, [](const auto& each) { return each.first == ":authority"; });
  return ask(all);
}
std::string open(const h2::Headers& fields = {}) { return ask(head(fields, "POST"), false); }
std::string sized(const std::string& length, const std::string& body) {
  return open({{"content-length", length}}) + data(1, body, true);
}
std::string trailed(const std::string& name, const std::string& value) {
  return open() + data(1, "abc") + headers(1, {{name, value}});
}
std::string extended(const std::string& protocol, const h2::Headers& fields = {}, bool end = false) {
  h2::Headers all = {{":method", "CONNECT"},
                     {":protocol", protocol},
                     {":scheme", "http"},
                     {":authority", "a.test"},
                     {":path", "/row"}};
  all.insert(all.end(), fields.begin(), fields.end());
  return ask(all, end);
}

Framings names() {
  return {
      refused("CR LF and a field in a name", field("x\r\ninjected: y\r\nz", "1")),
      refused("a whole request in a name", field("x: y\r\n\r\n" + kInner, "1")),
      refused("a colon in a name", field("x: y", "1")),
      refused("a colon at the end of a name", field("content-length:", "5")),
      refused("a space before a name", field(" host", "else.test")),
      refused("a space behind a name", field("transfer-encoding ", "chunked")),
      refused("a tab behind a name", field("content-length\t", "5")),
      refused("NUL behind a name", field("content-length\0"s, "5")),
      refused("NUL before a name", field("\0content-length"s, "5")),
      refused("no name", field("", "1")),
      refused("a name in upper case", field("Transfer-Encoding", "chunked")),
      refused("one letter in upper case", field("content-Length", "5")),
      refused("a bracket in a name", field("x(y", "1")),
      refused("a quote in a name", field("x\"y", "1")),
      refused("a slash in a name", field("x/y", "1")),
      refused("an equals sign in a name", field("x=y", "1")),
      refused("DEL in a name", field("x\x7F", "1")),
      refused("a byte above ASCII in a name", field("x\xFF", "1")),
      refused("LF alone in a name", field("x\ny", "1")),
      passes("an underscore makes another name of it", field("transfer_encoding", "chunked")),
      passes("a name nobody has heard of", field("x!#$%&'*+-.^_`|~1", "1")),
  };
}

Framings values() {
  return {
      refused("CR LF and a field in a value", field("x", "a\r\ninjected: b")),
      refused("the end of the head in a value", field("x", "a\r\n\r\n" + kInner)),
      refused("CR in a value", field("x", "a\rb")),
      refused("CR at the end of a value", field("x", "a\r")),
      refused("LF in a value", field("x", "a\nTransfer-Encoding: chunked")),
      refused("LF LF in a value", field("x", "a\n\n" + kInner)),
      refused("LF before a value", field("x", "\na")),
      refused("NUL in a value", field("x", "a\0b"s)),
      refused("a control byte in a value", field("x", "a\x01")),
      refused("another", field("x", "a\x1F")),
      refused("DEL in a value", field("x", "a\x7F")),
      refused("a vertical tab in a value", field("x", "a\x0B")),
      refused("a space before a value", field("x", " a")),
      refused("a space behind a value", field("x", "a ")),
      refused("a tab before a value", field("x", "\ta")),
      refused("a value of one space", field("x", " ")),
      refused("CR LF in a crumb", ask(head({{"cookie", "a=1"}, {"cookie", "b=2\r\nx: y"}}))),
      passes("a tab in a value", field("x", "a\tb")),
      passes("bytes above ASCII in a value", field("x", "\x80\xFF")),
      passes("no value", field("x", "")),
      passes("crumbs", ask(head({{"cookie", "a=1"}, {"cookie", "b=2"}}))),
      passes("a value of the limit's half", field("x", std::string(8'000, 'y'))),
  };
}

Framings pseudo_fields() {
  return {
      refused("a request line in the method",
              with(":method", "GET /admin HTTP/1.1\r\nHost: a.test\r\n\r\nGET")),
      refused("a space in the method", with(":method", "GET /admin")),
      refused("a tab in the method", with(":method", "GET\t")),
      refused("NUL in the method", with(":method", "GET\0"s)),
      refused("a colon in the method", with(":method", "GET:")),
      refused("no method", with(":method", "")),
      refused("an empty path", with(":path", "")),
      refused("a path without its slash", with(":path", "row")),
      refused("a query without a path", with(":path", "?a=b")),
      refused("a URL as path", with(":path", "http://else.test/")),
      refused("an authority as path", with(":path", "@else.test/")),
      refused("* as path", with(":path", "*")),
      refused("the rest of a head in the path",
              with(":path", "/ HTTP/1.1\r\nHost: else.test\r\n\r\n" + kInner)),
      refused("a version in the path", with(":path", "/row HTTP/1.1")),
      refused("CR LF in the path", with(":path", "/\r\nx: y")),
      refused("a tab in the path", with(":path", "/a\tb")),
      refused("NUL in the path", with(":path", "/a\0b"s)),
      refused("DEL in the path", with(":path", "/a\x7F")),
      refused("a byte above ASCII in the path", with(":path", "/\xC3\xA9")),
      refused("a fragment in the path", with(":path", "/a#b")),
      refused("a space behind the path", with(":path", "/row ")),
      refused("a pseudo-field behind a field", ask({{":method", "GET"},
                                                    {":scheme", "http"},
                                                    {":authority", "a.test"},
                                                    {"x", "y"},
                                                    {":path", "/row"}})),
      refused("a path twice", ask({{":method", "GET"},
                                   {":scheme", "http"},
                                   {":authority", "a.test"},
                                   {":path", "/row"},
                                   {":path", "/admin"}})),
      refused("a method twice", ask({{":method", "GET"},
                                     {":method", "POST"},
                                     {":scheme", "http"},
                                     {":authority", "a.test"},
                                     {":path", "/row"}})),
      refused("a status", ask({{":status", "200"},
                               {":method", "GET"},
                               {":scheme", "http"},
                               {":authority", "a.test"},
                               {":path", "/row"}})),
      refused("a scheme with a URL in it", with(":scheme", "http://else.test/?")),
      refused("CR LF in the scheme", with(":scheme", "http\r\nx: y")),
      refused("a protocol without CONNECT", ask({{":method", "GET"},
                                                 {":protocol", "websocket"},
                                                 {":scheme", "http"},
                                                 {":authority", "a.test"},
                                                 {":path", "/row"}})),
      passes("a method in lower case", with(":method", "get"), "get /row"),
      passes("a method nobody has heard of", with(":method", "BREW"), "BREW /row"),
      passes("the method of the preface", with(":method", "PRI"), "PRI /row"),
      passes("two slashes", with(":path", "//else.test/../a"), "GET //else.test/../a"),
      passes("odd bytes in the path", with(":path", "/;%00?<>\"{}|\\^`"), "GET /;%00?<>\"{}|\\^`"),
      passes("* with OPTIONS",
             ask({{":method", "OPTIONS"}, {":scheme", "http"}, {":authority", "a.test"}, {":path", "*"}}),
             "OPTIONS *"),
  };
}

Framings authorities() {
  auto at = [](const std::string& authority) { return with(":authority", authority); };
  return {
      refused("CR LF in the authority", at("a.test\r\nx: y")),
      refused("a space in the authority", at("a.test else.test")),
      refused("a tab in the authority", at("a.test\t")),
      refused("NUL in the authority", at("a.test\0"s)),
      refused("user information", at("a.test@else.test")),
      refused("user information with a password", at("a:b@a.test")),
      refused("a path in the authority", at("a.test/admin")),
      refused("a query in the authority", at("a.test?x")),
      refused("a fragment in the authority", at("a.test#")),
      refused("a backslash in the authority", at("a.test\\@else.test")),
      refused("a list in the authority", at("a.test,else.test")),
      refused("two ports", at("a.test:80:81")),
      refused("a port of 0", at("a.test:0")),
      refused("a port over 65535", at("a.test:65616")),
      refused("a port with a sign", at("a.test:+80")),
      refused("half an address", at("[::1")),
      refused("an empty authority", at("")),
      refused("a port alone", at(":80")),
      refused("neither authority nor Host", no_authority({})),
      refused("another Host", field("host", "else.test")),
      refused("another port in Host", field("host", "a.test:81")),
      refused("two Hosts", ask(head({{"host", "a.test"}, {"host", "else.test"}}))),
      refused("two equal Hosts", no_authority({{"host", "a.test"}, {"host", "a.test"}})),
      refused("an empty Host", field("host", "")),
      refused("Host alone, with user information", no_authority({{"host", "me@a.test"}})),
      refused("Host alone, with a list", no_authority({{"host", "a.test, else.test"}})),
      refused("CR LF in Host", field("host", "a.test\r\nx: y")),
      passes("Host alone", no_authority({{"host", "a.test"}})),
      passes("Host in another spelling", field("host", "A.TEST:80")),
      passes("an authority in upper case", at("A.TEST")),
  };
}

Framings lengths() {
  auto length = [](const char* text) {
    return ask(head({{"content-length", text}}, "POST"), false) + data(1, "abc", true);
  };
  return {
      refused("a length and no body", ask(head({{"content-length", "3"}}, "POST"))),
      refused("a length with a sign", length("+3")),
      refused("a negative length", length("-3")),
      refused("a length with a space", length("3 ")),
      refused("a list of lengths", length("3, 3")),
      refused("a length in hexadecimal", length("0x3")),
      refused("a fraction", length("3.0")),
      refused("no length", length("")),
      refused("a length over 2^64", length("18446744073709551619")),
      refused("a length over 2^63", length("9223372036854775811")),
      refused("two lengths", open({{"content-length", "3"}, {"content-length", "3"}}) + data(1, "abc", true)),
      refused("two different lengths",
              open({{"content-length", "3"}, {"content-length", "30"}}) + data(1, "abc", true)),
      cut("a request behind a body", sized("3", "abc" + kInner), "POST /row abc"),
      cut("a body that is too short", sized("50", "abc")),
      cut("a body that is too short by one", sized("4", "abc")),
      cut("a body of a length of 0", sized("0", kInner), "POST /row"),
      cut("a body that is too short, and trailers",
          open({{"content-length", "4"}}) + data(1, "abc") + headers(1, {{"x", "y"}})),
      passes("a length", sized("3", "abc"), "POST /row abc"),
      passes("a length with zeros before it", sized("003", "abc"), "POST /row abc"),
      passes("a length of 0", open({{"content-length", "0"}}) + data(1, "", true), "POST /row"),
      passes("a length, and trailers",
             open({{"content-length", "3"}}) + data(1, "abc") + headers(1, {{"x", "y"}}), "POST /row abc"),
      passes("a request in the body of a length", sized(std::to_string(kInner.size()), kInner),
             "POST /row " + kInner),
      passes("a GET with a length", ask(head({{"content-length", "3"}}), false) + data(1, "abc", true),
             "GET /row abc"),
      passes("a HEAD with a length",
             ask(head({{"content-length", "3"}}, "HEAD"), false) + data(1, "abc", true), "HEAD /row abc"),
  };
}

Framings codings() {
  return {
      refused("a coding", field("transfer-encoding", "chunked")),
      refused("a coding and a body",
              open({{"transfer-encoding", "chunked"}}) + data(1, "0\r\n\r\n" + kInner, true)),
      refused("a coding that is none", field("transfer-encoding", "identity")),
      refused("an empty coding", field("transfer-encoding", "")),
      refused("TE of codings", field("te", "chunked")),
      refused("TE of more than trailers", field("te", "trailers, deflate;q=0.5")),
      refused("Connection", field("connection", "content-length")),
      refused("Keep-Alive", field("keep-alive", "timeout=5")),
      refused("Proxy-Connection", field("proxy-connection", "keep-alive")),
      refused("Upgrade", field("upgrade", "h2c")),
      passes("TE of trailers", field("te", "trailers")),
      passes("HTTP2-Settings", field("http2-settings", "AAMAAABkAAQAAP__")),
      passes("Proxy-Authorization", field("proxy-authorization", "Basic eDp5")),
      passes("chunks within a body of unknown length", open() + data(1, "0\r\n\r\n" + kInner, true),
             "POST /row 0\r\n\r\n" + kInner),
      passes("many parts", open() + data(1, "a") + data(1, "") + data(1, "b") + data(1, "", true),
             "POST /row ab"),
      passes("padding", open() + h2::frame(h2::kData, 9, 1, h2::padded("abc", 200)), "POST /row abc"),
      passes("a GET with a body", ask(head(), false) + data(1, kInner, true), "GET /row " + kInner),
      passes("an expectation", open({{"expect", "100-continue"}}) + data(1, "abc", true), "POST /row abc"),
  };
}

Framings trailers() {
  return {
      cut("CR LF in a trailer", trailed("x", "y\r\n\r\n" + kInner)),
      cut("CR LF in a trailer's name", trailed("x: y\r\n\r\n" + kInner, "z")),
      cut("NUL in a trailer", trailed("x", "y\0"s)),
      cut("a trailer in upper case", trailed("X", "y")),
      cut("a pseudo-field as trailer", trailed(":path", "/admin")),
      cut("a coding as trailer", trailed("transfer-encoding", "chunked")),
      cut("Connection as trailer", trailed("connection", "close")),
      cut("trailers without an end", open() + data(1, "abc") + headers(1, {{"x", "y"}}, false)),
      passes("trailers", trailed("x", "y"), "POST /row abc"),
      passes("trailers and no body", open() + headers(1, {{"x", "y"}}), "POST /row"),
      passes("a length as trailer is dropped", trailed("content-length", "3"), "POST /row abc"),
      passes("an empty trailer", trailed("x", ""), "POST /row abc"),
  };
}

// Those that lead or frame must not stay in a trailer; whether they are dropped or refused is all the same.
Framings trailers_that_lead() {
  Framings out;
  for (const char* name : {"host", "te", "trailer", "proxy-authorization", "http2-settings"})
    out.push_back({name, trailed(name, "trailers"), Fate::passes, "POST /row abc"});
  return out;
}

Framings upgrades() {
  return {
      refused("a length before another protocol", extended("websocket", {{"content-length", "5"}})),
      refused("a coding before another protocol", extended("websocket", {{"transfer-encoding", "chunked"}})),
      refused("h2c as protocol", extended("h2c")),
      refused("h2c in upper case", extended("H2C")),
      refused("a list of protocols", extended("websocket, h2c")),
      refused("CR LF in the protocol", extended("websocket\r\nx: y")),
      refused("a space in the protocol", extended("web socket")),
      refused("an empty protocol", extended("")),
      refused("CONNECT with a length",
              ask({{":method", "CONNECT"}, {":authority", "a.test:80"}, {"transfer-encoding", "chunked"}},
                  false)),
      passes("another protocol", extended("websocket"), "GET /row"),
  };
}

struct Outcome {
  std::vector<std::string> seen;
  std::string offence;
  bool silent = true;
  bool open = false;  ///< an origin waits for the rest of a request
  std::size_t accounts = 0;
  std::string errors;
};

struct Origin {
  UniqueFd fd;
  StrictReader reader = {};
  std::size_t answered = 0;
  bool ended = false;
};

// Reads what has come, and answers each whole request. False when there was nothing.
bool answer(Origin& origin) {
  char part[16 * 1024];
  ssize_t got = recv(origin.fd.get(), part, sizeof part, 0);
  if (got <= 0) {
    origin.ended = origin.ended || got == 0 || errno != EAGAIN;
    return false;
  }
  origin.reader.feed({part, static_cast<std::size_t>(got)});
  for (; origin.answered < origin.reader.requests.size(); ++origin.answered) {
    std::string_view text = "HTTP/1.1 204 No Content\r\n\r\n";
    send(origin.fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
  }
  return true;
}

Outcome cross(MemoryStage& stage, Playbook& play, const std::string& frames, std::size_t at_once) {
  Outcome out;
  std::vector<Origin> origins;
  H2Peer client(play, play.client());
  client.forgets();
  client.greets();
  auto turn = [&] {
    for (bool moved = true; moved;) {
      moved = false;
      while (UniqueFd fd = stage.accept()) origins.push_back({std::move(fd)});
      for (Origin& origin : origins) moved = answer(origin) || moved;
      stage.wait(-1, 0);
    }
  };
  std::string all = frames + headers(9'001, request("GET", "/marker", {}, "a.test"));
  for (std::size_t at = 0; at < all.size(); at += at_once) {
    client.pushes(std::string_view(all).substr(at, at_once));
    turn();
  }
  for (Origin& origin : origins) {
    for (const auto& request : origin.reader.requests)
      out.seen.push_back(request.method + " " + request.target + (request.body.empty() ? "" : " ") +
                         request.body);
    if (out.offence.empty()) out.offence = origin.reader.error;
    if (!origin.reader.idle()) out.silent = false;
    if (!origin.reader.idle() && !origin.ended) out.open = true;
  }
  client.closes();
  origins.clear();
  stage.pass(std::chrono::seconds(3));
  while (auto flow = stage.closed()) {
    ++out.accounts;
    if (flow->error != Code::none) out.errors += std::string(info(flow->error).name) + " ";
  }
  return out;
}

void judge(const Framing& framing, Outcome got) {
  std::vector<std::string> wanted;
  bool came_late = framing.fate == Fate::cut && got.seen.size() > 1;
  if (came_late) wanted.push_back(framing.seen);
  if (framing.fate == Fate::passes) wanted.push_back(framing.seen);
  wanted.push_back("GET /marker");
  std::ranges::sort(wanted);
  std::ranges::sort(got.seen);
  EXPECT_EQ(got.seen, wanted);
  EXPECT_EQ(got.offence, "");
  EXPECT_FALSE(got.open) << "an origin waits for the rest of a request";
  EXPECT_EQ(got.accounts, 2u) << got.errors;
  if (framing.fate != Fate::cut) EXPECT_TRUE(got.silent) << "a part of a request";
  if (framing.fate != Fate::passes && !came_late) EXPECT_NE(got.errors, "");
}

class H2Smuggling : public ::testing::Test {
 protected:
  void run(const Framings& framings) {
    auto made = make_memory_stage();
    MemoryStage& stage = *made;
    Playbook play(std::move(made));
    for (const Framing& framing : framings)
      for (std::size_t at_once : {std::size_t{1} << 20, std::size_t{1}}) {
        if (at_once == 1 && framing.frames.size() > 4'000) continue;
        SCOPED_TRACE(fmt::format("{}, {}", framing.what, at_once == 1 ? "byte by byte" : "whole"));
        judge(framing, cross(stage, play, framing.frames, at_once));
      }
  }
};

TEST_F(H2Smuggling, names) { run(names()); }
TEST_F(H2Smuggling, values) { run(values()); }
TEST_F(H2Smuggling, pseudo_fields) { run(pseudo_fields()); }
TEST_F(H2Smuggling, authorities) { run(authorities()); }
TEST_F(H2Smuggling, lengths) { run(lengths()); }
TEST_F(H2Smuggling, codings) { run(codings()); }
TEST_F(H2Smuggling, trailers) { run(trailers()); }
TEST_F(H2Smuggling, trailers_that_lead) { run(trailers_that_lead()); }
TEST_F(H2Smuggling, upgrades) { run(upgrades()); }

TEST_F(H2Smuggling, the_table_holds_many_different_framings) {
  std::set<std::string> different;
  std::size_t valid = 0;
  for (const auto& rows : {names(), values(), pseudo_fields(), authorities(), lengths(), codings(),
                           weir::testing::trailers(), trailers_that_lead(), upgrades()})
    for (const Framing& row : rows) {
      different.insert(row.frames);
      if (row.fate == Fate::passes) ++valid;
    }
  fmt::print("{} different, {} of them forwarded\n", different.size(), valid);
  EXPECT_GE(different.size(), 150u);
  EXPECT_GE(valid, 35u);
}

}  // namespace
}  // namespace weir::testing
