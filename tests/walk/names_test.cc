// A client that names several hosts: which one policy goes by, and where the request goes
// (docs/life_of_a_request.md, Names and addresses).
#include "tests/walk/dialogue.h"

namespace weir::testing {
namespace {

using policy::Action;
using policy::Layer;

class Names : public TimedDialogue {
 protected:
  void block(std::string pattern) {
    play.settings().filter.layers[std::to_underlying(Layer::user)].rules.push_back(
        {.pattern = std::move(pattern), .action = Action::block});
  }
  /// A request for other.test in a tunnel to a.test, with other.test in the ClientHello.
  Peer& says_other_test() {
    Peer& client = play.secure_client("other.test");
    client.sends("GET / HTTP/1.1\r\nHost: other.test\r\n\r\n");
    return client;
  }
  void expects_misdirected(Peer& client) {
    Answer answer = client.expects_answer();
    EXPECT_EQ(answer.head.status, 421);
    EXPECT_EQ(answer.field("x-weir-error"), "misdirected_request");
    play.no_upstream();
  }
};

TEST_F(Names, another_name_in_the_hello_reaches_the_tunnels_place) {
  Peer& client = says_other_test();
  Peer& upstream = play.upstream();
  upstream.starts_tls(play.origin_tls({.names = {"other.test"}}));
  upstream.expects("GET / HTTP/1.1\r\nHost: other.test\r\n\r\n");
  upstream.sends(kOk);
  client.expects(kOk);
  EXPECT_EQ(stage.dialled(), "a.test:443");
  play.records({.status = 200, .marks = "sni_mismatch"});
}

TEST_F(Names, a_blocked_tunnel_is_not_opened_by_another_name_in_the_hello) {
  block("a.test");
  expects_misdirected(says_other_test());
  play.records({.status = 421, .error = Code::misdirected_request, .marks = "sni_mismatch"});
}

TEST_F(Names, a_blocked_name_in_the_hello_is_not_reached_in_anothers_tunnel) {
  block("other.test");
  expects_misdirected(says_other_test());
  play.records({.status = 421, .error = Code::misdirected_request, .marks = "sni_mismatch"});
}

TEST_F(Names, three_names_are_no_better_than_two) {
  block("other.test");
  Peer& client = play.secure_client("other.test");
  client.sends("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
  expects_misdirected(client);
  play.records({.status = 421, .error = Code::misdirected_request, .marks = "sni_mismatch,host_mismatch"});
}

TEST_F(Names, a_bare_address_goes_by_the_name_in_the_hello) {
  block("other.test");
  Peer& client = play.client();
  client.sends("CONNECT 192.0.2.1:443 HTTP/1.1\r\nHost: 192.0.2.1:443\r\n\r\n");
  client.expects("HTTP/1.1 200 Connection established\r\n\r\n");
  client.starts_tls(play.client_tls("other.test"));
  client.sends("GET / HTTP/1.1\r\nHost: other.test\r\n\r\n");
  EXPECT_EQ(client.expects_answer().head.status, 403);
  play.no_upstream();
  play.records({.status = 403, .error = Code::blocked});
}

TEST_F(Names, a_bare_address_is_not_dialled_where_a_name_is_known) {
  Peer& client = play.client();
  client.sends("CONNECT 192.0.2.1:443 HTTP/1.1\r\nHost: 192.0.2.1:443\r\n\r\n");
  client.expects("HTTP/1.1 200 Connection established\r\n\r\n");
  client.starts_tls(play.client_tls("other.test"));
  client.sends("GET / HTTP/1.1\r\nHost: other.test\r\n\r\n");
  Peer& upstream = play.upstream();
  upstream.starts_tls(play.origin_tls({.names = {"other.test"}}));
  upstream.expects("GET / HTTP/1.1\r\nHost: other.test\r\n\r\n");
  upstream.sends(kOk);
  client.expects(kOk);
  EXPECT_EQ(stage.dialled(), "other.test:443");
  play.records({.status = 200});
}

TEST_F(Names, a_bare_address_goes_by_the_name_in_host) {
  block("other.test");
  Peer& client = play.client();
  client.sends("CONNECT 192.0.2.1:80 HTTP/1.1\r\nHost: 192.0.2.1:80\r\n\r\n");
  client.expects("HTTP/1.1 200 Connection established\r\n\r\n");
  client.sends("GET / HTTP/1.1\r\nHost: other.test\r\n\r\n");
  EXPECT_EQ(client.expects_answer().head.status, 403);
  play.no_upstream();
  play.records({.status = 403, .error = Code::blocked});
}

TEST_F(Names, a_bare_address_is_not_dialled_where_host_has_a_name) {
  Peer& client = play.client();
  client.sends("CONNECT 192.0.2.1:80 HTTP/1.1\r\nHost: 192.0.2.1:80\r\n\r\n");
  client.expects("HTTP/1.1 200 Connection established\r\n\r\n");
  client.sends("GET / HTTP/1.1\r\nHost: other.test\r\n\r\n");
  Peer& upstream = play.upstream();
  upstream.expects("GET / HTTP/1.1\r\nHost: other.test\r\n\r\n");
  upstream.sends(kOk);
  client.expects(kOk);
  EXPECT_EQ(stage.dialled(), "other.test:80");
  play.records({.status = 200});
}

class HiddenNames : public Names {
 protected:
  tls::SslPtr hiding_behind(const std::string& cover) {
    return tls::testing::plain_client({stage.authority()}, cover, 0, {}, true);
  }
};

TEST_F(HiddenNames, a_hello_behind_a_cover_is_answered_for_the_cover_and_goes_no_further) {
  Peer& client = play.tunnel();
  client.starts_tls(hiding_behind("other.test"));
  client.sends("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");  // what no such client would do
  stage.pass(std::chrono::seconds(0));
  client.closes();
  play.no_upstream();
  flow::Flow flow = play.records({.error = Code::client_tls_failed, .marks = "ech_retry"});
  EXPECT_TRUE(flow.error_detail.contains("other.test")) << flow.error_detail;
}

TEST_F(HiddenNames, noise_that_only_looks_like_it_does_no_harm) {
  Peer& client = play.tunnel();
  client.starts_tls(hiding_behind("a.test"));
  client.sends("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
  Peer& upstream = play.secure_upstream();
  upstream.expects("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
  upstream.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200});
}

}  // namespace
}  // namespace weir::testing
