// RFC 8441: WebSockets over HTTP/2, section by section, between clients and origins of either version. The
// tables are about what opens a tunnel; the dialogues behind them about what passes through it.
#include "tests/support/websocket.h"  // before weir::testing is there: it says testing:: and means GoogleTest's

#include <fmt/format.h>

#include "http/ws/handshake.h"
#include "tests/conformance/h2_table.h"
#include "tests/walk/dialogue.h"

namespace weir::testing {
namespace {

using http::ws::accept_key;
using http::ws::from_client;
using http::ws::from_server;
using Role = H2Peer::Role;

constexpr unsigned kText = 0x81;
constexpr const char* kKey = "dGhlIHNhbXBsZSBub25jZQ==";  // RFC 6455 section 1.3
constexpr const char* kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const std::string kConsent =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Accept: {accept}\r\n";
const h2::Settings kTakesSockets = {{h2::kConnectProtocol, 1}};

h2::Headers extended(const h2::Headers& fields = {}, const std::string& authority = "{origin}",
                     const std::string& scheme = "http", const std::string& protocol = "websocket") {
  h2::Headers out = request("CONNECT", "/chat", fields, authority, scheme);
  out.insert(out.begin() + 1, {":protocol", protocol});
  return out;
}

// Frames of a table's row, whose texts are not filled in.
std::string opens(const h2::Headers& headers) { return h2::headers(1, headers, false); }
h2::Headers without(const std::string& name) {
  h2::Headers out = extended({}, "a.test");
  std::erase_if(out, [&](const auto& field) { return field.first == name; });
  return out;
}
h2::Headers changed(const std::string& name, const std::string& value) {
  h2::Headers out = extended({}, "a.test");
  for (auto& field : out)
    if (field.first == name) field.second = value;
  return out;
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
  return text;
}

// The head that comes next on a connection to an origin.
std::string head_of(Peer& origin) {
  std::string head;
  while (!origin.broken() && !head.ends_with("\r\n\r\n")) {
    std::string more = origin.takes();
    if (more.empty()) break;
    head += more;
  }
  return head;
}
std::string key_in(const std::string& head) {
  constexpr std::string_view kName = "Sec-WebSocket-Key: ";
  std::size_t at = head.find(kName);
  if (at == std::string::npos) return "";
  at += kName.size();
  return head.substr(at, head.find("\r\n", at) - at);
}

TEST(Rfc8441, Section3_TheSetting) {
  {
    Playbook play(make_memory_stage());
    H2Peer client(play, play.client());
    client.greets();
    EXPECT_EQ(client.setting(h2::kConnectProtocol), 1u) << "on the proxy port";
  }
  Playbook play(make_memory_stage());
  H2Peer client(play, secure_h2_client(play));
  client.greets();
  EXPECT_EQ(client.setting(h2::kConnectProtocol), 1u) << "inside a tunnel";
  client.headers(1, request("GET", "/", {}, "{host}", "https"));
  H2Peer origin(play, secure_h2_upstream(play), Role::serves);
  origin.greets();
  EXPECT_FALSE(origin.setting(h2::kConnectProtocol)) << "a client has no use for it";
  origin.expects_headers(1, request("GET", "/", {}, "{host}", "https"), true);
  origin.headers(1, {{":status", "204"}});
  client.expects_headers(1, {{":status", "204"}}, true);
  play.records({.status = 204});
}

TEST(Rfc8441, Section4_WhatIsNoExtendedConnect) {
  h2::Headers late = without(":protocol");
  late.emplace_back("x-one", "1");
  late.emplace_back(":protocol", "websocket");
  h2::Headers twice = extended({}, "a.test");
  twice.insert(twice.begin(), {":protocol", "websocket"});
  run(std::vector<ClientRow>{
      {"4", "without :scheme", opens(without(":scheme")), Ends::reset, kProtocolError},
      {"4", "without :path", opens(without(":path")), Ends::reset, kProtocolError},
      {"4", "without :authority", opens(without(":authority")), Ends::reset, kProtocolError},
      {"4", "with an empty :path", opens(changed(":path", "")), Ends::reset, kProtocolError},
      {"4", "GET with :protocol", opens(changed(":method", "GET")), Ends::reset, kProtocolError},
      {"4", "OPTIONS with :protocol", opens(changed(":method", "OPTIONS")), Ends::reset, kProtocolError},
      {"4", ":protocol twice", opens(twice), Ends::reset, kProtocolError},
      {"4", ":protocol behind another field", opens(late), Ends::reset, kProtocolError},
      {"4", ":protocol in trailers", ask(head({}, "POST"), false) + ask({{":protocol", "websocket"}}),
       Ends::reset, kProtocolError, false},
      {"4", "an empty :protocol", opens(changed(":protocol", "")), Ends::reset, kProtocolError},
      {"4", "an asterisk as :path", opens(changed(":path", "*")), Ends::reset, kProtocolError},
      {"4", "a :scheme that is none of HTTP", opens(changed(":scheme", "wss")), Ends::refused, 400},
      {"5", "Upgrade and Connection as in HTTP/1.1",
       opens(extended({{"connection", "Upgrade"}, {"upgrade", "websocket"}}, "a.test")), Ends::reset,
       kProtocolError},
  });
  run(std::vector<OriginRow>{
      {"4", ":protocol in a response", h2::headers(1, {{":status", "200"}, {":protocol", "websocket"}}),
       Ends::reset, kProtocolError},
  });
}

/// A client of HTTP/2 asks for a WebSocket, an origin answers.
struct Opening {
  const char* section;
  const char* what;
  h2::Headers sent;      ///< beside the pseudo-fields
  std::string seen;      ///< the same, as lines
  std::string answered;  ///< in HTTP/1.1; {accept} is filled in
  h2::Headers got;
  std::string body = {};   ///< of a refusal
  Code error = Code::none;  ///< not looked at: what the client got of a 502
  const char* protocol = "websocket";
};

void run_one(Playbook& play, const Opening& row) {
  H2Peer client(play, play.client());
  client.greets();
  client.headers(1, extended(row.sent, "{origin}", "http", row.protocol), false);
  Peer& origin = play.upstream();
  std::string head = head_of(origin);
  std::string key = key_in(head);
  bool websocket = std::string_view(row.protocol) == "websocket";
  EXPECT_EQ(http::ws::valid_key(key), websocket) << head;
  std::string proof = websocket ? "Sec-WebSocket-Key: " + key + "\r\n" : "";
  EXPECT_EQ(head, play.stage().fill(fmt::format(
                      "GET /chat HTTP/1.1\r\nHost: {{origin}}\r\n{}Connection: Upgrade\r\nUpgrade: {}\r\n{}\r\n",
                      row.seen, row.protocol, proof)));
  origin.sends(replaced(row.answered, "{accept}", accept_key(key)) + row.body);
  if (row.error != Code::none) {
    EXPECT_EQ(client.expects_answer(1).field("x-weir-error"), info(row.error).name);
    origin.expects_end();
    play.records({.status = 502, .error = row.error});
  } else if (row.answered.starts_with("HTTP/1.1 101")) {
    client.expects_headers(1, row.got);
    client.data(1, "", true);
    origin.expects_end();
    origin.closes();
    client.expects_data(1, "", true);
    play.records({.status = 101, .marks = ""});
  } else {
    client.expects_headers(1, row.got, row.body.empty());
    if (!row.body.empty()) client.expects_data(1, row.body, true);
    client.expects_reset(1, 0);
    play.records({.marks = "", .response_body = row.body});
  }
  origin.closes();
  client.closes();
}

void run(const std::vector<Opening>& rows) {
  Playbook play(make_memory_stage());
  for (const Opening& row : rows) {
    SCOPED_TRACE(fmt::format("section {}: {}", row.section, row.what));
    run_one(play, row);
  }
}

std::string consent(const std::string& fields = "") { return kConsent + fields + "\r\n"; }

TEST(Rfc8441, Section5_ConsentOfHttp1) {
  run(std::vector<Opening>{
      {"5", "101 is 200, and its proofs are no fields of HTTP/2", {}, "", consent(), {{":status", "200"}}},
      {"5", "a version, a protocol and extensions pass",
       {{"sec-websocket-version", "13"},
        {"sec-websocket-protocol", "chat, superchat"},
        {"sec-websocket-extensions", "permessage-deflate; client_max_window_bits"}},
       "sec-websocket-version: 13\r\nsec-websocket-protocol: chat, superchat\r\n"
       "sec-websocket-extensions: permessage-deflate; client_max_window_bits\r\n",
       consent("Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"),
       {{":status", "200"},
        {"sec-websocket-protocol", "chat"},
        {"sec-websocket-extensions", "permessage-deflate"}}},
      {"5", "so do all others, each way",
       {{"origin", "http://a.test"}, {"cookie", "a=b"}, {"cookie", "c=d"}, {"authorization", "Basic YTpi"}},
       "origin: http://a.test\r\ncookie: a=b; c=d\r\nauthorization: Basic YTpi\r\n",
       consent("Set-Cookie: e=f\r\nX-One: 1\r\n"),
       {{":status", "200"}, {"set-cookie", "e=f"}, {"x-one", "1"}}},
      {"5", "a key of the client is not used", {{"sec-websocket-key", kKey}, {"x-one", "1"}}, "x-one: 1\r\n",
       consent(), {{":status", "200"}}},
      {"5", "names and values without case",
       {},
       "",
       "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nUPGRADE: WebSocket\r\n"
       "sec-websocket-accept: {accept}\r\n\r\n",
       {{":status", "200"}}},
      {"4", "another protocol has neither key nor Accept", {}, "",
       "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n",
       {{":status", "200"}}, {}, Code::none, "foo"},
  });
}

TEST(Rfc8441, Section5_RefusalsOfHttp1) {
  const std::string end = "Content-Length: 2\r\nConnection: close\r\n\r\n";
  auto refuses = [&](const char* what, const std::string& status, const std::string& fields,
                     const h2::Headers& got) {
    h2::Headers all = {{":status", status}};
    all.insert(all.end(), got.begin(), got.end());
    all.emplace_back("content-length", "2");
    return Opening{"5", what, {}, "", fmt::format("HTTP/1.1 {} \r\n{}{}", status, fields, end), all, "no"};
  };
  run(std::vector<Opening>{
      refuses("403", "403", "", {}),
      refuses("401, with what it asks for", "401", "WWW-Authenticate: Basic\r\n",
              {{"www-authenticate", "Basic"}}),
      refuses("a redirection", "302", "Location: /else\r\n", {{"location", "/else"}}),
      refuses("426: HTTP/2 has no Upgrade to name the protocol in", "426",
              "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n", {{"sec-websocket-version", "13"}}),
      refuses("426 whose Connection names Upgrade", "426", "Connection: Upgrade\r\nUpgrade: foo\r\n", {}),
      refuses("500", "500", "", {}),
  });
  auto broken = [](const char* what, std::string answered) {
    return Opening{"5", what, {}, "", std::move(answered), {}, {}, Code::upstream_bad_response};
  };
  run(std::vector<Opening>{
      broken("200 does not change the protocol", kOkLast),
      broken("nor does 204", "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"),
      broken("an Accept to another key", replaced(consent(), "{accept}", kAccept)),
      broken("no Accept",
             "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
      broken("an Accept in lower case of the right letters", replaced(consent(), "{accept}", "{accept} x")),
  });
}

// An origin of HTTP/2 over TLS that has carried another exchange, and so has said what it takes. Its client
// speaks either version.
class KnownOrigin : public TimedDialogue {
 protected:
  KnownOrigin() { stage.offer_http2 = true; }
  H2Peer& meets(const h2::Settings& settings) {
    Peer& client = play.secure_client();
    client.sends("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
    origin.emplace(play, secure_h2_upstream(play), Role::serves);
    origin->greets(settings);
    origin->expects_headers(1, request("GET", "/", {}, "{host}", "https"), true);
    origin->headers(1, {{":status", "204"}});
    client.expects("HTTP/1.1 204 No Content\r\n\r\n");
    client.closes();
    play.records({.status = 204});
    return *origin;
  }
  std::optional<H2Peer> origin;
};

TEST_F(KnownOrigin, section_5_1_a_client_of_http1_opens_a_stream) {
  H2Peer& up = meets(kTakesSockets);
  Peer& client = play.secure_client();
  client.sends(fmt::format(
      "GET /chat HTTP/1.1\r\nHost: {{host}}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
      "Sec-WebSocket-Key: {}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: a, b\r\n"
      "Sec-WebSocket-Extensions: permessage-deflate\r\nCookie: c=d\r\n\r\n",
      kKey));
  up.expects_headers(3, extended({{"sec-websocket-version", "13"},
                                  {"sec-websocket-protocol", "a, b"},
                                  {"sec-websocket-extensions", "permessage-deflate"},
                                  {"cookie", "c=d"}},
                                 "{host}", "https", "WebSocket"));
  up.headers(3, {{":status", "200"}, {"sec-websocket-protocol", "b"}, {"x-one", "1"}}, false);
  client.expects(fmt::format(
      "HTTP/1.1 101 Switching Protocols\r\nsec-websocket-protocol: b\r\nx-one: 1\r\nConnection: Upgrade\r\n"
      "Upgrade: WebSocket\r\nSec-WebSocket-Accept: {}\r\n\r\n",
      kAccept));
  client.half_closes();
  up.expects_data(3, "", true);
  up.data(3, "", true);
  client.expects_end();
  flow::Flow flow = play.records({.status = 200, .marks = "", .reused = true});
  EXPECT_EQ(flow.request.fields.get("sec-websocket-key"), kKey) << "the record is of what the client sent";
}

TEST_F(KnownOrigin, section_5_a_refusal_reaches_a_client_of_http1) {
  H2Peer& up = meets(kTakesSockets);
  Peer& client = play.secure_client();
  std::uint32_t stream = 3;
  for (const char* status : {"401", "403", "426", "501"}) {
    client.sends("GET /chat HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    up.expects_headers(stream, extended({}, "{host}", "https"));
    up.headers(stream, {{":status", status}, {"x-one", "1"}, {"content-length", "2"}}, false);
    up.data(stream, "no", true);
    Answer answer = client.expects_answer();
    EXPECT_EQ(std::to_string(answer.head.status), status);
    EXPECT_EQ(answer.field("x-one") + answer.field("upgrade"), "1");
    EXPECT_EQ(answer.body, "no");
    up.expects_reset(stream, 8);
    play.records({.status = answer.head.status, .response_body = "no"});
    stream += 2;
  }
}

TEST_F(KnownOrigin, section_5_both_legs_in_http2) {
  H2Peer& up = meets(kTakesSockets);
  H2Peer client(play, secure_h2_client(play));
  client.greets();
  const h2::Headers fields = {{"sec-websocket-version", "13"}, {"sec-websocket-protocol", "a"}};
  client.headers(1, extended(fields, "{host}", "https"), false);
  up.expects_headers(3, extended(fields, "{host}", "https"));
  up.headers(3, {{":status", "103"}, {"link", "</a>"}}, false);
  up.headers(3, {{":status", "200"}, {"sec-websocket-protocol", "a"}}, false);
  client.expects_headers(1, {{":status", "103"}, {"link", "</a>"}});
  client.expects_headers(1, {{":status", "200"}, {"sec-websocket-protocol", "a"}});
  client.headers(3, extended({}, "{host}", "https"), false);
  up.expects_headers(5, extended({}, "{host}", "https"));
  up.headers(5, {{":status", "403"}}, true);
  client.expects_headers(3, {{":status", "403"}});
  client.expects_data(3, "", true);
  client.expects_reset(3, 0);
  up.expects_reset(5, 8);
  play.records({.status = 403, .reused = true});
  client.data(1, from_client(kText, "up"), true);
  up.expects_data(3, from_client(kText, "up"), true);
  up.data(3, from_server(kText, "down"), true);
  client.expects_data(1, from_server(kText, "down"), true);
  play.records({.status = 200, .marks = "", .reused = true});
}

TEST_F(KnownOrigin, section_3_one_that_takes_no_sockets_is_asked_in_http1) {
  for (const h2::Settings& settings : {h2::Settings{}, h2::Settings{{h2::kConnectProtocol, 0}}}) {
    Playbook other(make_memory_stage());
    H2Peer client(other, secure_h2_client(other));
    client.greets();
    client.headers(1, request("GET", "/", {}, "{host}", "https"));
    H2Peer up(other, secure_h2_upstream(other), Role::serves);
    up.greets(settings);
    up.expects_headers(1, request("GET", "/", {}, "{host}", "https"), true);
    up.headers(1, {{":status", "204"}});
    client.expects_headers(1, {{":status", "204"}}, true);
    other.records({.status = 204});
    client.headers(3, extended({}, "{host}", "https"), false);
    Peer& plain = other.secure_upstream();
    const unsigned char* chosen = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(plain.tls(), &chosen, &size);
    EXPECT_EQ(size, 0u);
    std::string key = key_in(head_of(plain));
    plain.sends(replaced(consent(), "{accept}", accept_key(key)));
    client.expects_headers(3, {{":status", "200"}});
    client.data(3, "", true);
    plain.expects_end();
    plain.closes();
    client.expects_data(3, "", true);
    other.records({.status = 101, .reused = false});
  }
}

TEST(Rfc8441, Section3_OneThatHasNotSaidSoIsNotAskedWithPriorKnowledge) {
  for (const h2::Settings& settings : {h2::Settings{}, h2::Settings{{h2::kConnectProtocol, 0}}}) {
    Playbook play(make_memory_stage());
    H2Peer client(play, play.tunnel());
    client.greets();
    client.headers(1, extended({}, "{tunnel}"), false);
    H2Peer origin(play, play.upstream(), Role::serves);
    origin.greets(settings);
    EXPECT_EQ(client.expects_answer(1).head.status, 502);
    client.expects_reset(1, 0);
    origin.expects_silence();
    play.records({.status = 502, .error = Code::upstream_bad_response});
  }
}

/// One end of a WebSocket that is open: a connection of HTTP/1.1, or a stream of HTTP/2.
struct End {
  Peer* wire;
  H2Peer* h2 = nullptr;
  std::uint32_t stream = 0;

  void says(const std::string& text) { h2 ? h2->data(stream, text) : wire->sends(text); }
  void hears(const std::string& text) { h2 ? h2->expects_data(stream, text) : wire->expects(text); }
  void ends() { h2 ? h2->data(stream, "", true) : wire->half_closes(); }
  void hears_end() { h2 ? h2->expects_data(stream, "", true) : wire->expects_end(); }
  void cuts() { h2 ? h2->sends(h2::rst_stream(stream, kCancel)) : wire->resets(); }
  void hears_cut() {
    if (h2) return h2->expects_reset(stream, kCancel);
    wire->reads_all();
    EXPECT_TRUE(wire->was_reset()) << "RST, not FIN (section 5)";
  }
  /// Sends as much as it may; what that was.
  std::string floods() {
    constexpr std::size_t kFar = 8 << 20;
    if (!h2) {
      std::string all(kFar, 'x');
      return all.substr(0, wire->pushes(all));
    }
    std::string all;
    for (;;) {
      auto room = std::min({h2->window(stream), h2->window(0), std::int64_t{16'384}});
      if (room <= 0 || all.size() > kFar) return all;
      h2->data(stream, std::string(static_cast<std::size_t>(room), 'x'));
      all.append(static_cast<std::size_t>(room), 'x');
    }
  }
  /// Takes what comes from now on.
  void opens_window() {
    constexpr std::uint32_t kWide = 32 << 20;
    if (h2) h2->sends(h2::window_update(stream, kWide) + h2::window_update(0, kWide));
  }
};

struct Ends2 {
  End client;
  End origin;
};

enum class Speaks { http1, http2 };
struct Legs {
  Speaks client;
  Speaks origin;
  Over over;
};

/// WebSockets on every pair of legs, any number of them beside one another.
class Sockets : public ::testing::TestWithParam<Legs> {
 protected:
  Sockets() {
    if (secure()) play.settings().upstream.http2 = config::UpstreamHttp2::always;
  }
  bool h2_client() const { return GetParam().client == Speaks::http2; }
  bool h2_origin() const { return GetParam().origin == Speaks::http2; }
  // A client of HTTP/1.1 cannot tell that its origin has prior knowledge.
  bool secure() const { return !h2_client() && h2_origin(); }
  bool over_memory() const { return GetParam().over == Over::memory; }

  /// Both sides get to know each other. `window`: of each stream, as peers of HTTP/2 give it.
  void begins(std::uint32_t window = 65'535) {
    if (h2_client()) {
      client_.emplace(play, h2_origin() ? play.tunnel() : play.client());
      client_->greets({{h2::kInitialWindow, window}});
    }
    if (!h2_origin()) return;
    Peer* plain = nullptr;
    if (h2_client()) {
      client_->headers(1, request("GET", "/", {}, "{tunnel}"));
      next_client_ = 3;
    } else {
      plain = &play.secure_client();
      plain->sends("GET / HTTP/1.1\r\nHost: {origin}\r\n\r\n");
    }
    origin_.emplace(play, plain ? secure_h2_upstream(play) : play.upstream(), Role::serves);
    origin_->greets({{h2::kConnectProtocol, 1}, {h2::kInitialWindow, window}});
    EXPECT_EQ(origin_->next(1)->type, h2::kHeaders);
    origin_->headers(1, {{":status", "204"}});
    if (plain) {
      plain->expects("HTTP/1.1 204 No Content\r\n\r\n");
      plain->half_closes();
    } else {
      client_->expects_headers(1, {{":status", "204"}}, true);
    }
    play.records({.status = 204});
  }

  /// A client asks.
  End asks() {
    std::string place = h2_client() && h2_origin() ? "{tunnel}" : "{origin}";
    if (h2_client()) {
      End out{&client_->wire(), &*client_, next_client_};
      next_client_ += 2;
      client_->headers(out.stream, extended({}, place), false);
      return out;
    }
    Peer& wire = secure() ? play.secure_client() : play.client();
    wire.sends(fmt::format("GET {}/chat HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                           "Sec-WebSocket-Key: {}\r\nSec-WebSocket-Version: 13\r\n\r\n",
                           secure() ? "" : "http://{origin}", place, kKey));
    return {&wire};
  }
  /// Its origin hears of it.
  End hears() {
    if (!h2_origin()) {
      Peer& wire = play.upstream();
      key_ = key_in(head_of(wire));
      EXPECT_TRUE(http::ws::valid_key(key_)) << key_;
      return {&wire};
    }
    End out{&origin_->wire(), &*origin_, next_origin_};
    next_origin_ += 2;
    auto head = origin_->next(out.stream);
    EXPECT_TRUE(head && head->type == h2::kHeaders && !head->end());
    return out;
  }
  void agrees(End& origin) {
    if (h2_origin()) return origin_->headers(origin.stream, {{":status", "200"}}, false);
    origin.wire->sends(replaced(consent(), "{accept}", accept_key(key_)));
  }
  void hears_consent(End& client) {
    if (h2_client()) return client_->expects_headers(client.stream, {{":status", "200"}});
    client.wire->expects(replaced(consent(), "{accept}", kAccept));
  }
  Ends2 opens() {
    End client = asks();
    End origin = hears();
    agrees(origin);
    hears_consent(client);
    return {client, origin};
  }
  int status() const { return h2_origin() ? 200 : 101; }
  void ends(Ends2& both) {
    both.client.ends();
    both.origin.hears_end();
    both.origin.ends();
    both.client.hears_end();
  }

  Playbook play{over_memory() ? make_memory_stage() : make_server_stage()};
  std::optional<H2Peer> client_;
  std::optional<H2Peer> origin_;
  std::uint32_t next_client_ = 1;
  std::uint32_t next_origin_ = 3;
  std::string key_;
};

std::vector<Legs> legs(std::vector<Over> places) {
  std::vector<Legs> out;
  for (Over over : places)
    for (Speaks client : {Speaks::http1, Speaks::http2})
      for (Speaks origin : {Speaks::http1, Speaks::http2}) out.push_back({client, origin, over});
  return out;
}
std::string legs_name(const ::testing::TestParamInfo<Legs>& info) {
  auto version = [](Speaks speaks) { return speaks == Speaks::http2 ? "2" : "1"; };
  return fmt::format("h{}_to_h{}_{}", version(info.param.client), version(info.param.origin),
                     info.param.over == Over::memory ? "memory" : "loopback");
}
INSTANTIATE_TEST_SUITE_P(Rfc8441, Sockets, ::testing::ValuesIn(legs({Over::memory, Over::loopback})),
                         legs_name);

TEST_P(Sockets, section_5_bytes_pass_both_ways_on_several_at_once) {
  begins();
  std::vector<Ends2> all;
  for (int i = 0; i < 3; ++i) all.push_back(opens());
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::string up = from_client(kText, fmt::format("up {}", i));
    std::string down = from_server(kText, fmt::format("down {}", i));
    all[i].client.says(up);
    all[2 - i].origin.says(from_server(kText, "across"));
    all[i].origin.hears(up);
    all[2 - i].client.hears(from_server(kText, "across"));
    all[i].origin.says(down);
    all[i].client.hears(down);
  }
  for (Ends2& each : all) {
    ends(each);
    flow::Flow flow = play.records({.status = status(), .marks = ""});
    EXPECT_EQ(flow.request_body.size, from_client(kText, "up 0").size());
    EXPECT_EQ(flow.response_body.size, from_server(kText, "down 0" "across").size() + 2);
  }
}

TEST_P(Sockets, section_5_either_side_may_end_first) {
  begins();
  Ends2 one = opens();
  one.client.says(from_client(kText, "last"));
  one.client.ends();
  one.origin.hears(from_client(kText, "last"));
  one.origin.hears_end();
  one.origin.says(from_server(kText, "still here"));
  one.client.hears(from_server(kText, "still here"));
  one.origin.ends();
  one.client.hears_end();
  play.records({.status = status(), .marks = ""});
  Ends2 two = opens();
  two.origin.says(from_server(kText, "last"));
  two.origin.ends();
  two.client.hears(from_server(kText, "last"));
  two.client.hears_end();
  two.client.says(from_client(kText, "still here"));
  two.origin.hears(from_client(kText, "still here"));
  two.client.ends();
  two.origin.hears_end();
  play.records({.status = status(), .marks = ""});
}

TEST_P(Sockets, section_5_a_cut_is_a_cut) {
  if (over_memory()) GTEST_SKIP() << "socket pairs know no RST";
  begins();
  Ends2 other = opens();
  Ends2 one = opens();
  one.client.says(from_client(kText, "a"));
  one.origin.hears(from_client(kText, "a"));
  one.client.cuts();
  one.origin.hears_cut();
  play.records({.status = status(), .error = h2_client() ? Code::client_closed : Code::client_reset});
  Ends2 two = opens();
  two.origin.says(from_server(kText, "a"));
  two.client.hears(from_server(kText, "a"));
  two.origin.cuts();
  two.client.hears_cut();
  play.records({.status = status(), .error = Code::upstream_reset});
  ends(other);
  play.records({.status = status()});
}

TEST_P(Sockets, section_5_what_comes_before_the_consent_waits_for_it) {
  begins();
  End client = asks();
  client.says(from_client(kText, "eager"));
  End origin = hears();
  if (over_memory()) origin.h2 ? origin.h2->expects_silence() : origin.wire->expects_silence();
  agrees(origin);
  hears_consent(client);
  origin.hears(from_client(kText, "eager"));
  Ends2 both{client, origin};
  ends(both);
  play.records({.status = status(), .marks = ""});
}

TEST_P(Sockets, section_5_a_request_that_ends_with_its_head_is_half_closed) {
  if (!h2_client()) GTEST_SKIP() << "HTTP/1.1 says nothing of the kind";
  begins();
  client_->headers(next_client_, extended({}, h2_origin() ? "{tunnel}" : "{origin}"), true);
  End client{&client_->wire(), &*client_, next_client_};
  End origin = hears();
  agrees(origin);
  hears_consent(client);
  origin.hears_end();
  origin.says(from_server(kText, "a"));
  client.hears(from_server(kText, "a"));
  origin.ends();
  client.hears_end();
  play.records({.status = status(), .marks = ""});
}

}  // namespace
}  // namespace weir::testing
