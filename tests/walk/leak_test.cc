// What must not leave, in tunnels and in the names of places.
#include "base/hash.h"
#include "tests/support/fake_secrets.h"
#include "tests/support/websocket.h"
#include "tests/walk/dialogue.h"

namespace weir::testing {
namespace {

using http::ws::from_client, http::ws::from_server, http::ws::kFin;

constexpr const char* kSwitch = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ";

class Leak : public TimedDialogue {
 protected:
  Leak() { stage.secrets = &secrets; }
  struct Ends {
    Peer& client;
    Peer& upstream;
  };
  Ends upgraded(const std::string& protocol) {
    auto& client = play.client();
    const std::string fields = "Host: {origin}\r\nConnection: Upgrade\r\nUpgrade: " + protocol + "\r\n\r\n";
    client.sends("GET http://{origin}/chat HTTP/1.1\r\n" + fields);
    auto& upstream = play.upstream();
    upstream.expects("GET /chat HTTP/1.1\r\n" + fields);
    upstream.sends(kSwitch + protocol + "\r\n\r\n");
    client.expects(kSwitch + protocol + "\r\n\r\n");
    return {client, upstream};
  }
  void asks_for_a_place() {
    auto& client = play.client();
    std::string place = coded_name + ":443";
    client.sends("CONNECT " + place + " HTTP/1.1\r\nHost: " + place + "\r\n\r\n");
    Answer answer = client.expects_answer();
    EXPECT_EQ(answer.head.status, 403);
    EXPECT_EQ(answer.field("X-Weir-Error"), "placeholder_leak");
    EXPECT_FALSE(answer.body.contains("evil"));
    lingers();
    client.expects_end();
    play.no_upstream();
    flow::Flow flow = play.records({.status = 403, .error = Code::placeholder_leak});
    EXPECT_EQ(flow.request.origin.place.host, "(not shown)");
    EXPECT_FALSE(flow.request.fields.has("host"));
    EXPECT_FALSE(flow.error_detail.contains("evil"));
  }
  void lingers() { stage.pass(std::chrono::seconds(3)); }

  FakeSecrets secrets;
  const std::string coded_name =
      hex(kPlaceholder).substr(0, 40) + "." + hex(kPlaceholder).substr(40) + ".evil.test";
  const std::string close = from_server(kFin | 8, "\x03\xf0placeholder_leak");
  const std::string leak = from_client(kFin | 1, "my key is " + kPlaceholder);
};

TEST_F(Leak, a_message_is_found_and_the_client_is_told_why) {
  auto [client, upstream] = upgraded("websocket");
  client.sends(from_client(kFin | 1, "hello"));
  upstream.expects(from_client(kFin | 1, "hello"));
  upstream.sends(from_server(kFin | 1, "hi"));
  client.expects(from_server(kFin | 1, "hi"));
  client.sends(leak);
  upstream.expects_end();
  client.expects_last(close);
  flow::Flow flow = play.records({.status = 101, .error = Code::placeholder_leak});
  EXPECT_EQ(flow.request_body.size, from_client(kFin | 1, "hello").size());
  EXPECT_TRUE(flow.error_detail.contains("\"corp\" in a message of a request to")) << flow.error_detail;
}

TEST_F(Leak, of_a_long_message_only_what_stands_before_goes) {
  auto [client, upstream] = upgraded("websocket");
  client.sends(leak.substr(0, leak.size() - 5));
  std::string passed = upstream.takes();
  EXPECT_EQ(passed, leak.substr(0, leak.size() - kPlaceholder.size()));
  client.sends(leak.substr(leak.size() - 5));
  upstream.expects_end();
  client.expects_last(close);
  play.records({.error = Code::placeholder_leak});
}

TEST_F(Leak, a_client_in_the_middle_of_a_frame_is_cut) {
  auto [client, upstream] = upgraded("websocket");
  std::string frame = from_server(kFin | 1, "a long story");
  upstream.sends(frame.substr(0, 8));
  client.expects(frame.substr(0, 8));
  client.sends(leak);
  client.expects_end();
  upstream.expects_end();
  play.records({.error = Code::placeholder_leak});
}

TEST_F(Leak, a_client_that_does_not_read_is_waited_for_a_while) {
  auto [client, upstream] = upgraded("websocket");
  const std::string frame = from_server(kFin | 2, std::string(1 << 20, 'x'));
  for (int i = 0; i < 4; ++i) upstream.pushes(frame);
  client.sends(leak);
  stage.wait(-1, 0);
  stage.pass(std::chrono::seconds(6));
  EXPECT_EQ(upstream.reads_all(), "");
  EXPECT_FALSE(client.reads_all().ends_with(close)) << "it stands inside a frame";
  play.records({.error = Code::placeholder_leak});
}

TEST_F(Leak, other_protocols_are_searched_as_they_are) {
  auto [client, upstream] = upgraded("foo/1");
  client.sends("LOGIN ghp");
  upstream.expects("LOGIN ghp");
  client.sends(kPlaceholder.substr(3));
  client.expects_end();
  upstream.expects_end();
  play.records({.status = 101, .error = Code::placeholder_leak});
}

TEST_F(Leak, tunnels_are_searched_as_they_are) {
  auto& client = play.tunnel();
  client.sends("\x01 not TLS and not HTTP");
  auto& upstream = play.upstream();
  upstream.expects("\x01 not TLS and not HTTP");
  upstream.sends("answer");
  client.expects("answer");
  client.sends("USER " + kPlaceholder.substr(0, 9));
  upstream.expects("USER ");
  client.sends(kPlaceholder.substr(9));
  client.expects_end();
  upstream.expects_end();
  flow::Flow flow = play.records({.error = Code::placeholder_leak});
  EXPECT_TRUE(flow.error_detail.contains("\"corp\" in what was sent to ")) << flow.error_detail;
}

TEST_F(Leak, what_was_held_back_goes_where_the_client_ends) {
  auto& client = play.tunnel();
  client.sends("\x01 text ghp_weir");
  auto& upstream = play.upstream();
  upstream.expects("\x01 text ");
  client.half_closes();
  upstream.expects("ghp_weir");
  upstream.closes();
  client.expects_end();
  play.records({});
}

TEST_F(Leak, the_names_that_a_client_asks_for) { asks_for_a_place(); }

TEST_F(Leak, the_names_of_hosts_that_nobody_reads) {
  play.settings().tls.passthrough = {"*"};
  asks_for_a_place();
}

TEST_F(Leak, the_names_that_a_socks_client_asks_for) {
  auto& client = play.client();
  client.sends(std::string("\x05\x01\x00", 3));
  client.expects(std::string("\x05\x00", 2));
  std::string name = kPlaceholder + ".evil.test";
  client.sends(std::string("\x05\x01\x00\x03", 4) + static_cast<char>(name.size()) + name +
               std::string("\x01\xbb", 2));
  EXPECT_TRUE(client.reads_all().starts_with("\x05\x02"));
  play.no_upstream();
  flow::Flow flow = play.records({.error = Code::placeholder_leak, .marks = "socks5"});
  EXPECT_EQ(flow.request.origin.place.host, "(not shown)");
}

TEST_F(Leak, the_names_in_a_client_hello) {
  auto& client = play.tunnel();
  EXPECT_FALSE(client.tries_tls(play.client_tls(coded_name)));
  client.closes();
  lingers();
  play.no_upstream();
  play.records({.error = Code::placeholder_leak});
  auto ended = stage.ended();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->sni, "");
}

}  // namespace
}  // namespace weir::testing
