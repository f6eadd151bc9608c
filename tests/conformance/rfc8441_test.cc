// RFC 8441: what opens a WebSocket over HTTP/2, and what refuses to, between clients and origins of either
// version. What then passes is in rfc8441_tunnel_test.cc.
#include <fmt/format.h>

#include "http/ws/handshake.h"
#include "tests/conformance/h2_table.h"
#include "tests/conformance/websocket_opening.h"
#include "tests/walk/dialogue.h"

namespace weir::testing {
namespace {

using http::ws::accept_key;
using http::ws::from_client;
using http::ws::from_server;
using Role = H2Peer::Role;

const h2::Settings kTakesSockets = {{h2::kConnectProtocol, 1}};

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
  std::string body = {};    ///< of a refusal
  Code error = Code::none;  ///< not looked at: what the client got of a 502
  const char* protocol = "websocket";
};

// A 101 before its key is known.
std::string agreed(const std::string& accept = "{accept}", const std::string& fields = "") {
  return "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
         "Sec-WebSocket-Accept: " +
         accept + "\r\n" + fields + "\r\n";
}

std::string with_accept(std::string answer, const std::string& accept) {
  constexpr std::string_view kPlace = "{accept}";
  if (std::size_t at = answer.find(kPlace); at != std::string::npos)
    answer.replace(at, kPlace.size(), accept);
  return answer;
}

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
  EXPECT_EQ(head,
            play.stage().fill(fmt::format(
                "GET /chat HTTP/1.1\r\nHost: {{origin}}\r\n{}Connection: Upgrade\r\nUpgrade: {}\r\n{}\r\n",
                row.seen, row.protocol, proof)));
  origin.sends(with_accept(row.answered, accept_key(key)) + row.body);
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

TEST(Rfc8441, Section5_ConsentOfHttp1) {
  run(std::vector<Opening>{
      {"5", "101 is 200, and its proofs are no fields of HTTP/2", {}, "", agreed(), {{":status", "200"}}},
      {"5",
       "a version, a protocol and extensions pass",
       {{"sec-websocket-version", "13"},
        {"sec-websocket-protocol", "chat, superchat"},
        {"sec-websocket-extensions", "permessage-deflate; client_max_window_bits"}},
       "sec-websocket-version: 13\r\nsec-websocket-protocol: chat, superchat\r\n"
       "sec-websocket-extensions: permessage-deflate; client_max_window_bits\r\n",
       agreed("{accept}", "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"),
       {{":status", "200"},
        {"sec-websocket-protocol", "chat"},
        {"sec-websocket-extensions", "permessage-deflate"}}},
      {"5",
       "so do all others, each way",
       {{"origin", "http://a.test"}, {"cookie", "a=b"}, {"cookie", "c=d"}, {"authorization", "Basic YTpi"}},
       "origin: http://a.test\r\ncookie: a=b; c=d\r\nauthorization: Basic YTpi\r\n",
       agreed("{accept}", "Set-Cookie: e=f\r\nX-One: 1\r\n"),
       {{":status", "200"}, {"set-cookie", "e=f"}, {"x-one", "1"}}},
      {"5",
       "a key of the client is not used",
       {{"sec-websocket-key", kKey}, {"x-one", "1"}},
       "x-one: 1\r\n",
       agreed(),
       {{":status", "200"}}},
      {"5",
       "names and values without case",
       {},
       "",
       "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nUPGRADE: WebSocket\r\n"
       "sec-websocket-accept: {accept}\r\n\r\n",
       {{":status", "200"}}},
      {"4",
       "another protocol has neither key nor Accept",
       {},
       "",
       "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n",
       {{":status", "200"}},
       {},
       Code::none,
       "foo"},
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
      broken("an Accept to another key", consent(kKey)),
      broken("no Accept",
             "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
      broken("the right Accept and something more", agreed("{accept} x")),
      broken("the right Accept, and another protocol",
             "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n"
             "Sec-WebSocket-Accept: {accept}\r\n\r\n"),
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

TEST_F(KnownOrigin, section_4_what_fits_no_extended_connect_is_asked_in_http1) {
  meets(kTakesSockets);
  for (const char* asked :
       {"GET /chat HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: chat, foo\r\n\r\n",
        "HEAD /chat HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n"}) {
    Peer& client = play.secure_client();
    client.sends(asked);
    Peer& plain = play.secure_upstream();
    plain.expects(asked);
    plain.sends("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\nhello");
    client.expects("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\nhello");
    client.half_closes();
    plain.expects_end();
    plain.closes();
    client.expects_end();
    play.records({.status = 101});
  }
}

TEST_F(KnownOrigin, section_5_an_accept_of_the_origin_itself_is_not_the_answer) {
  H2Peer& up = meets(kTakesSockets);
  Peer& client = play.secure_client();
  client.sends(
      fmt::format("GET /chat HTTP/1.1\r\nHost: {{host}}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                  "Sec-WebSocket-Key: {}\r\n\r\n",
                  kKey));
  up.expects_headers(3, extended({}, "{host}", "https"));
  up.headers(3, {{":status", "200"}, {"sec-websocket-accept", "x"}}, false);
  client.expects(
      fmt::format("HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: {}\r\n"
                  "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
                  kAccept));
  client.half_closes();
  up.expects_data(3, "", true);
  up.data(3, "", true);
  client.expects_end();
  play.records({.status = 200, .reused = true});
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
  client.expects_headers(3, {{":status", "403"}}, true);
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
    plain.sends(consent(key));
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

}  // namespace
}  // namespace weir::testing
