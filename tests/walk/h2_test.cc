// HTTP/2 towards the client, towards the origin, and both: what one version says in the words of the other.
#include "tests/support/h2_peer.h"
#include "tests/walk/dialogue.h"

namespace weir::testing {
namespace {

using Role = H2Peer::Role;

const h2::Headers kGet = request("GET", "/");
const h2::Headers kOkHead = {{":status", "200"}, {"content-length", "2"}};

h2::Headers tunnelled(const std::string& method, const std::string& path, const h2::Headers& fields = {}) {
  return request(method, path, fields, "{tunnel}");
}

// A client that speaks HTTP/2 with the proxy port; what it asks goes on by HTTP/1.1.
WEIR_DIALOGUES(H2ToH1);

TEST_P(H2ToH1, carries_a_request_and_its_response) {
  H2Peer client(play, play.client());
  client.greets();
  client.headers(1, request("GET", "/a?b=c", {{"x-one", "1"}}));
  auto& upstream = play.upstream();
  upstream.expects("GET /a?b=c HTTP/1.1\r\nHost: {origin}\r\nx-one: 1\r\n\r\n");
  upstream.sends("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Two: 2\r\n\r\nhello");
  client.expects_headers(1, {{":status", "200"}, {"content-length", "5"}, {"x-two", "2"}});
  client.expects_data(1, "hello", true);
  flow::Flow flow = play.records({.status = 200, .marks = "", .reused = false, .response_body = "hello"});
  EXPECT_EQ(flow.request.version, http::Version::h2);
  EXPECT_EQ(flow.response.version, http::Version::http11);
  client.headers(3, kGet);
  upstream.expects(kGetSeen);
  upstream.sends(kOk);
  client.expects_headers(3, kOkHead);
  client.expects_data(3, "ok", true);
  play.records({.status = 200, .reused = true});
}

TEST_P(H2ToH1, carries_bodies_and_trailers_both_ways) {
  H2Peer client(play, play.client());
  client.greets();
  client.headers(1, request("POST", "/", {{"te", "trailers"}, {"trailer", "x-sum"}}), false);
  auto& upstream = play.upstream();
  upstream.expects(
      "POST / HTTP/1.1\r\nHost: {origin}\r\ntrailer: x-sum\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n"
      "Connection: TE\r\n\r\n");
  client.data(1, "abc");
  upstream.expects("3\r\nabc\r\n");
  client.data(1, "de");
  upstream.expects("2\r\nde\r\n");
  client.headers(1, {{"x-sum", "5"}}, true);
  upstream.expects("0\r\nx-sum: 5\r\n\r\n");
  upstream.sends(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-End\r\n\r\n4;ext=1\r\nwxyz\r\n0\r\nX-End: "
      "1\r\n\r\n");
  client.expects_headers(1, {{":status", "200"}, {"trailer", "X-End"}});
  client.expects_data(1, "wxyz");
  client.expects_headers(1, {{"x-end", "1"}}, true);
  flow::Flow flow = play.records({.status = 200, .request_body = "abcde", .response_body = "wxyz"});
  EXPECT_EQ(flow.request_trailers.get("x-sum"), "5");
  EXPECT_EQ(flow.response_trailers.get("x-end"), "1");
}

TEST_P(H2ToH1, trailers_behind_an_empty_body_are_sent_on) {
  H2Peer client(play, play.client());
  client.greets();
  client.headers(1, request("POST", "/", {{"te", "trailers"}}), false);
  client.headers(1, {{"x-sum", "0"}}, true);
  auto& upstream = play.upstream();
  upstream.expects(
      "POST / HTTP/1.1\r\nHost: {origin}\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n"
      "Connection: TE\r\n\r\n0\r\nx-sum: 0\r\n\r\n");
  upstream.sends(kOk);
  client.expects_headers(1, kOkHead);
  client.expects_data(1, "ok", true);
  EXPECT_EQ(play.records({.status = 200}).request_trailers.get("x-sum"), "0");
}

TEST_P(H2ToH1, keeps_a_content_length) {
  H2Peer client(play, play.client());
  client.greets();
  client.headers(1, request("POST", "/", {{"content-length", "5"}}), false);
  auto& upstream = play.upstream();
  upstream.expects("POST / HTTP/1.1\r\nHost: {origin}\r\ncontent-length: 5\r\n\r\n");
  client.data(1, "he");
  upstream.expects("he");
  client.data(1, "llo", true);
  upstream.expects("llo");
  upstream.sends(kOk);
  client.expects_headers(1, kOkHead);
  client.expects_data(1, "ok", true);
  play.records({.status = 200, .request_body = "hello"});
}

TEST_P(H2ToH1, knows_responses_without_a_body) {
  H2Peer client(play, play.client());
  client.greets();
  client.headers(1, request("HEAD", "/"));
  auto& upstream = play.upstream();
  upstream.expects("HEAD / HTTP/1.1\r\nHost: {origin}\r\n\r\n");
  upstream.sends("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
  client.expects_headers(1, {{":status", "200"}, {"content-length", "1000"}}, true);
  client.headers(3, kGet);
  upstream.expects(kGetSeen);
  upstream.sends("HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\nETag: \"x\"\r\n\r\n");
  client.expects_headers(3, {{":status", "304"}, {"content-length", "1000"}, {"etag", "\"x\""}}, true);
  client.headers(5, kGet);
  upstream.expects(kGetSeen);
  upstream.sends("HTTP/1.1 204 No Content\r\nContent-Length: 1000\r\n\r\n");
  client.expects_headers(5, {{":status", "204"}}, true);
  client.headers(7, kGet);
  upstream.expects(kGetSeen);
  upstream.sends("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  client.expects_headers(7, {{":status", "200"}, {"content-length", "0"}}, true);
  for (int status : {200, 304, 204, 200}) play.records({.status = status, .response_body = ""});
}

TEST_P(H2ToH1, passes_interim_responses) {
  H2Peer client(play, play.client());
  client.greets();
  client.headers(1, request("POST", "/", {{"expect", "100-continue"}, {"content-length", "2"}}), false);
  auto& upstream = play.upstream();
  upstream.expects("POST / HTTP/1.1\r\nHost: {origin}\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n");
  upstream.sends("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  client.expects_headers(1, {{":status", "100"}});
  client.expects_headers(1, {{":status", "103"}, {"link", "</a>"}});
  client.data(1, "hi", true);
  upstream.expects("hi");
  upstream.sends(kOk);
  client.expects_headers(1, kOkHead);
  client.expects_data(1, "ok", true);
  play.records({.status = 200});
}

TEST_P(H2ToH1, joins_crumbs_of_a_cookie) {
  H2Peer client(play, play.client());
  client.greets();
  client.headers(1,
                 request("GET", "/", {{"cookie", "a=1"}, {"x", "y"}, {"cookie", "b=2"}, {"cookie", "c=3"}}));
  auto& upstream = play.upstream();
  upstream.expects("GET / HTTP/1.1\r\nHost: {origin}\r\ncookie: a=1; b=2; c=3\r\nx: y\r\n\r\n");
  upstream.sends(kOk);
  client.expects_headers(1, kOkHead);
  client.expects_data(1, "ok", true);
  play.records({.status = 200});
}

TEST_P(H2ToH1, removes_fields_of_the_other_connection) {
  H2Peer client(play, play.client());
  client.greets();
  client.headers(
      1, request("GET", "/", {{"proxy-authorization", "Basic eDp5"}, {"http2-settings", "AAMAAABk"}}));
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends(
      "HTTP/1.1 200 OK\r\nConnection: close, X-Hop\r\nKeep-Alive: timeout=5\r\nProxy-Connection: close\r\n"
      "X-Hop: 1\r\nUpgrade: h2c\r\nContent-Length: 2\r\nX-End: 1\r\n\r\nok");
  upstream.closes();
  client.expects_headers(1, {{":status", "200"}, {"content-length", "2"}, {"x-end", "1"}});
  client.expects_data(1, "ok", true);
  play.records({.status = 200});
}

TEST_P(H2ToH1, a_length_nobody_told_is_the_end_of_the_connection) {
  H2Peer client(play, play.client());
  client.greets();
  client.headers(1, kGet);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends("HTTP/1.0 200 OK\r\n\r\nsome");
  client.expects_headers(1, {{":status", "200"}});
  client.expects_data(1, "some");
  upstream.sends("thing");
  client.expects_data(1, "thing");
  upstream.closes();
  client.expects_data(1, "", true);
  play.records({.status = 200, .response_body = "something"});
}

TEST_P(H2ToH1, a_cut_response_is_a_cut_stream) {
  H2Peer client(play, play.client());
  client.greets();
  client.headers(1, kGet);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
  client.expects_headers(1, {{":status", "200"}, {"content-length", "10"}});
  client.expects_data(1, "hello");
  upstream.closes();
  client.expects_reset(1, 2);
  play.records({.status = 200, .error = Code::upstream_body_incomplete});
  client.headers(3, kGet);
  auto& again = play.upstream();
  again.expects(kGetSeen);
  again.sends(kOk);
  client.expects_headers(3, kOkHead);
  client.expects_data(3, "ok", true);
  play.records({.status = 200});
}

TEST_P(H2ToH1, a_reset_stream_ends_the_connection_to_the_origin) {
  H2Peer client(play, play.client());
  client.greets();
  client.headers(1, kGet);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  client.sends(h2::rst_stream(1, 8));
  upstream.expects_end();
  play.records({.status = 0, .error = Code::client_closed});
  client.headers(3, kGet);
  auto& again = play.upstream();
  again.expects(kGetSeen);
  again.sends("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
  client.expects_headers(3, {{":status", "200"}, {"content-length", "10"}});
  client.expects_data(3, "hello");
  client.sends(h2::rst_stream(3, 8));
  again.reads_all();
  play.records({.status = 200, .error = Code::client_closed});
}

TEST_P(H2ToH1, a_stream_that_is_reset_without_error_is_reset_nevertheless) {
  H2Peer client(play, play.client());
  client.greets();
  client.headers(1, kGet);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
  client.expects_headers(1, {{":status", "200"}});
  client.expects_data(1, "a");
  client.sends(h2::rst_stream(1, 0));
  upstream.reads_all();  // without another byte of the response
  play.records({.status = 200, .error = Code::client_closed});
}

TEST_P(H2ToH1, an_upload_that_is_cut_is_no_whole_request) {
  H2Peer client(play, play.client());
  client.greets();
  client.headers(1, request("POST", "/"), false);
  auto& upstream = play.upstream();
  upstream.expects("POST / HTTP/1.1\r\nHost: {origin}\r\nTransfer-Encoding: chunked\r\n\r\n");
  client.data(1, "abc");
  upstream.expects("3\r\nabc\r\n");
  client.sends(h2::rst_stream(1, 8));
  EXPECT_EQ(upstream.reads_all(), "");
  play.records({.status = 0, .error = Code::client_closed, .request_body = "abc"});
}

TEST_P(H2ToH1, an_early_response_ends_the_upload) {
  H2Peer client(play, play.client());
  client.greets();
  client.headers(1, request("POST", "/"), false);
  auto& upstream = play.upstream();
  upstream.expects("POST / HTTP/1.1\r\nHost: {origin}\r\nTransfer-Encoding: chunked\r\n\r\n");
  client.data(1, "abc");
  upstream.expects("3\r\nabc\r\n");
  upstream.sends("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
  client.expects_headers(1, {{":status", "413"}, {"content-length", "3"}});
  client.expects_data(1, "big", true);
  client.expects_reset(1, 0);  // RFC 9113 section 8.1: the rest is not wanted
  upstream.reads_all();
  play.records({.status = 413, .response_body = "big"});
  client.data(1, "what was on its way", true);
  client.headers(3, kGet);
  auto& again = play.upstream();
  again.expects(kGetSeen);
  again.sends(kOk);
  client.expects_headers(3, kOkHead);
  client.expects_data(3, "ok", true);
  play.records({.status = 200});
}

TEST_P(H2ToH1, streams_do_not_wait_for_one_another) {
  H2Peer client(play, play.client());
  client.greets();
  client.headers(1, request("GET", "/1"));
  auto& one = play.upstream();
  one.expects("GET /1 HTTP/1.1\r\nHost: {origin}\r\n\r\n");
  client.headers(3, request("GET", "/3"));
  auto& three = play.upstream();
  three.expects("GET /3 HTTP/1.1\r\nHost: {origin}\r\n\r\n");
  three.sends(kOk);
  client.expects_headers(3, kOkHead);
  client.expects_data(3, "ok", true);
  one.sends(kOk);
  client.expects_headers(1, kOkHead);
  client.expects_data(1, "ok", true);
  EXPECT_EQ(play.records({.status = 200}).request.target, "/3");
  EXPECT_EQ(play.records({.status = 200}).request.target, "/1");
}

TEST_P(H2ToH1, another_authority_in_a_tunnel_is_misdirected) {
  if (!over_memory())
    GTEST_SKIP() << "the tunnel is to an address there, which the authority may give a name";
  H2Peer client(play, play.tunnel());
  client.greets();
  client.headers(1, request("GET", "/", {}, "else.test"));
  Answer answer = client.expects_answer(1);
  EXPECT_EQ(answer.head.status, 421);
  EXPECT_EQ(answer.field("x-weir-error"), "misdirected_request");
  play.no_upstream();
  play.records({.status = 421, .error = Code::misdirected_request});
}

TEST_P(H2ToH1, a_failure_to_reach_the_origin_is_told) {
  H2Peer client(play, play.client());
  client.greets();
  client.headers(1, kGet);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.closes();
  Answer answer = client.expects_answer(1);
  EXPECT_EQ(answer.head.status, 502);
  EXPECT_EQ(answer.field("x-weir-error"), "upstream_closed");
  play.records({.status = 502, .error = Code::upstream_closed});
}

// HTTP/2 on both legs: with prior knowledge, inside a tunnel.
class H2ToH2 : public Dialogue {
 protected:
  H2Peer client{play, play.tunnel()};
  std::deque<H2Peer> origins;

  void greets(const h2::Settings& settings = {}) { client.greets(settings); }
  H2Peer& origin(const h2::Settings& settings = {}) {
    H2Peer& made = origins.emplace_back(play, play.upstream(), Role::serves);
    made.greets(settings);
    return made;
  }
};
INSTANTIATE_TEST_SUITE_P(Over, H2ToH2, ::testing::Values(Over::memory, Over::loopback), over_name);

TEST_P(H2ToH2, carries_a_request_and_its_response) {
  greets();
  client.headers(1, tunnelled("GET", "/a", {{"x-one", "1"}, {"te", "trailers"}}));
  H2Peer& up = origin();
  up.expects_headers(1, tunnelled("GET", "/a", {{"x-one", "1"}, {"te", "trailers"}}), true);
  up.headers(1, {{":status", "200"}, {"x-two", "2"}}, false);
  up.data(1, "hello", true);
  client.expects_headers(1, {{":status", "200"}, {"x-two", "2"}});
  client.expects_data(1, "hello", true);
  flow::Flow flow = play.records({.status = 200, .reused = false, .response_body = "hello"});
  EXPECT_EQ(flow.response.version, http::Version::h2);
}

TEST_P(H2ToH2, carries_trailers_both_ways_as_grpc_does) {
  greets();
  client.headers(1, tunnelled("POST", "/s/m", {{"content-type", "application/grpc"}, {"te", "trailers"}}),
                 false);
  H2Peer& up = origin();
  up.expects_headers(1,
                     tunnelled("POST", "/s/m", {{"content-type", "application/grpc"}, {"te", "trailers"}}));
  up.headers(1, {{":status", "200"}}, false);
  client.expects_headers(1, {{":status", "200"}});
  for (const char* turn : {"one", "two", "three"}) {
    client.data(1, turn);
    up.expects_data(1, turn);
    up.data(1, turn);
    client.expects_data(1, turn);
  }
  client.headers(1, {{"x-sum", "3"}}, true);
  up.expects_headers(1, {{"x-sum", "3"}}, true);
  up.headers(1, {{"grpc-status", "0"}}, true);
  client.expects_headers(1, {{"grpc-status", "0"}}, true);
  flow::Flow flow =
      play.records({.status = 200, .request_body = "onetwothree", .response_body = "onetwothree"});
  EXPECT_EQ(flow.request_trailers.get("x-sum"), "3");
  EXPECT_EQ(flow.response_trailers.get("grpc-status"), "0");
}

TEST_P(H2ToH2, a_response_may_be_trailers_alone) {
  greets();
  client.headers(1, tunnelled("POST", "/s/m", {{"content-type", "application/grpc"}}), false);
  H2Peer& up = origin();
  up.expects_headers(1, tunnelled("POST", "/s/m", {{"content-type", "application/grpc"}}));
  client.data(1, "x", true);
  up.expects_data(1, "x", true);
  up.headers(1, {{":status", "200"}, {"grpc-status", "12"}}, true);
  client.expects_headers(1, {{":status", "200"}, {"grpc-status", "12"}}, true);
  play.records({.status = 200, .response_body = ""});
}

TEST_P(H2ToH2, streams_share_a_connection) {
  greets();
  client.headers(1, tunnelled("GET", "/1"));
  H2Peer& up = origin();
  up.expects_headers(1, tunnelled("GET", "/1"), true);
  client.headers(3, tunnelled("GET", "/3"));
  up.expects_headers(3, tunnelled("GET", "/3"), true);
  up.headers(3, {{":status", "204"}});
  client.expects_headers(3, {{":status", "204"}}, true);
  play.records({.status = 204, .reused = true});
  up.headers(1, {{":status", "204"}});
  client.expects_headers(1, {{":status", "204"}}, true);
  play.records({.status = 204, .reused = false});
}

TEST_P(H2ToH2, more_streams_than_the_origin_takes_get_a_second_connection) {
  greets();
  client.headers(1, tunnelled("GET", "/1"));
  H2Peer& up = origin({{h2::kMaxStreams, 1}});
  up.expects_headers(1, tunnelled("GET", "/1"), true);
  up.sends(h2::ping());  // its answer says that the SETTINGS have been read
  if (over_memory()) play.stage().wait(-1, 0);
  while (!play.broken() && up.pongs() == 0) up.window(0);
  client.headers(3, tunnelled("GET", "/3"));
  H2Peer& second = origin();
  second.expects_headers(1, tunnelled("GET", "/3"), true);
  up.headers(1, {{":status", "204"}});
  second.headers(1, {{":status", "204"}});
  client.expects_headers(1, {{":status", "204"}}, true);
  client.expects_headers(3, {{":status", "204"}}, true);
  play.records({.status = 204, .reused = false});
  play.records({.status = 204, .reused = false});
}

// Beyond the limit they would be refused, and by then their bodies may be spent.
TEST_P(H2ToH2, streams_wait_for_the_limit_of_the_origin) {
  greets();
  client.headers(1, tunnelled("POST", "/1"), false);
  Peer& wire = play.upstream();
  client.data(1, "1", true);
  client.headers(3, tunnelled("POST", "/3"), false);
  client.data(3, "3", true);
  H2Peer& up = origins.emplace_back(play, wire, Role::serves);
  up.answers_nothing();  // an acknowledgement must not come before its own SETTINGS
  wire.expects(h2::kPreface);
  up.expects_headers(1, tunnelled("POST", "/1"));
  up.expects_data(1, "1", true);
  up.expects_silence();
  up.sends(h2::settings({{h2::kMaxStreams, 1}}));
  H2Peer& second = origin();
  second.expects_headers(1, tunnelled("POST", "/3"));
  second.expects_data(1, "3", true);
  second.headers(1, {{":status", "204"}});
  client.expects_headers(3, {{":status", "204"}}, true);
  play.records({.status = 204, .reused = false, .request_body = "3"});
  up.headers(1, {{":status", "204"}});
  client.expects_headers(1, {{":status", "204"}}, true);
  play.records({.status = 204, .reused = false, .request_body = "1"});
}

TEST_P(H2ToH2, trailers_that_come_with_the_head_are_sent_on) {
  greets();
  client.headers(1, tunnelled("POST", "/1"), false);
  client.headers(1, {{"x-sum", "0"}}, true);
  H2Peer& up = origin();
  up.expects_headers(1, tunnelled("POST", "/1"));
  up.expects_headers(1, {{"x-sum", "0"}}, true);
  up.headers(1, {{":status", "204"}});
  client.expects_headers(1, {{":status", "204"}}, true);
  flow::Flow flow = play.records({.status = 204, .request_body = ""});
  EXPECT_EQ(flow.request_trailers.get("x-sum"), "0");
}

TEST_P(H2ToH2, a_refused_stream_is_asked_again) {
  greets();
  client.headers(1, tunnelled("POST", "/"));
  H2Peer& up = origin();
  up.expects_headers(1, tunnelled("POST", "/"), true);
  up.sends(h2::rst_stream(1, 7));
  up.expects_headers(3, tunnelled("POST", "/"), true);
  up.headers(3, {{":status", "204"}});
  client.expects_headers(1, {{":status", "204"}}, true);
  play.records({.status = 204, .marks = "retried"});
}

TEST_P(H2ToH2, a_refused_stream_whose_body_is_spent_is_not) {
  greets();
  client.headers(1, tunnelled("POST", "/"), false);
  H2Peer& up = origin();
  up.expects_headers(1, tunnelled("POST", "/"));
  client.data(1, "abc");
  up.expects_data(1, "abc");
  up.sends(h2::rst_stream(1, 7));
  Answer answer = client.expects_answer(1);
  EXPECT_EQ(answer.head.status, 502);
  client.forgets();
  play.records({.status = 502, .error = Code::upstream_closed});
}

TEST_P(H2ToH2, what_a_goaway_leaves_out_is_asked_again_elsewhere) {
  greets();
  client.headers(1, tunnelled("GET", "/1"));
  H2Peer& up = origin();
  up.expects_headers(1, tunnelled("GET", "/1"), true);
  client.headers(3, tunnelled("POST", "/3"));
  up.expects_headers(3, tunnelled("POST", "/3"), true);
  up.sends(h2::goaway(1, 0));
  H2Peer& second = origin();
  second.expects_headers(1, tunnelled("POST", "/3"), true);
  second.headers(1, {{":status", "204"}});
  client.expects_headers(3, {{":status", "204"}}, true);
  play.records({.status = 204, .marks = "retried"});
  up.headers(1, {{":status", "204"}});
  client.expects_headers(1, {{":status", "204"}}, true);
  play.records({.status = 204, .marks = ""});
  up.expects_goaway(0);
  up.expects_end();
}

TEST_P(H2ToH2, a_stream_the_origin_resets_is_told_or_cut) {
  greets();
  client.headers(1, tunnelled("GET", "/"));
  H2Peer& up = origin();
  up.expects_headers(1, tunnelled("GET", "/"), true);
  up.sends(h2::rst_stream(1, 2));
  EXPECT_EQ(client.expects_answer(1).head.status, 502);
  play.records({.status = 502, .error = Code::upstream_reset});
  client.headers(3, tunnelled("GET", "/"));
  up.expects_headers(3, tunnelled("GET", "/"), true);
  up.headers(3, {{":status", "200"}}, false);
  up.data(3, "some");
  client.expects_headers(3, {{":status", "200"}});
  client.expects_data(3, "some");
  up.sends(h2::rst_stream(3, 2));
  client.expects_reset(3, 2);
  play.records({.status = 200, .error = Code::upstream_reset});
}

TEST_P(H2ToH2, a_stream_the_client_resets_is_reset_at_the_origin) {
  greets();
  client.headers(1, tunnelled("GET", "/1"));
  H2Peer& up = origin();
  up.expects_headers(1, tunnelled("GET", "/1"), true);
  client.headers(3, tunnelled("GET", "/3"));
  up.expects_headers(3, tunnelled("GET", "/3"), true);
  client.sends(h2::rst_stream(1, 8));
  up.expects_reset(1, 8);
  play.records({.status = 0, .error = Code::client_closed});
  up.headers(3, {{":status", "204"}});
  client.expects_headers(3, {{":status", "204"}}, true);
  play.records({.status = 204});
}

TEST_P(H2ToH2, an_early_response_ends_the_upload) {
  greets();
  client.headers(1, tunnelled("POST", "/"), false);
  H2Peer& up = origin();
  up.expects_headers(1, tunnelled("POST", "/"));
  client.data(1, "abc");
  up.expects_data(1, "abc");
  up.headers(1, {{":status", "413"}});
  up.sends(h2::rst_stream(1, 0));
  client.expects_headers(1, {{":status", "413"}}, true);
  client.expects_reset(1, 0);
  play.records({.status = 413});
  up.forgets();  // a reset of its own may have crossed ours
}

TEST_P(H2ToH2, the_end_of_the_client_ends_its_streams) {
  greets();
  client.headers(1, tunnelled("GET", "/1"));
  H2Peer& up = origin();
  up.expects_headers(1, tunnelled("GET", "/1"), true);
  client.headers(3, tunnelled("POST", "/3"), false);
  up.expects_headers(3, tunnelled("POST", "/3"));
  client.closes();
  up.expects_reset(1, 8);
  up.expects_reset(3, 8);
  play.records({.status = 0, .error = Code::client_closed});
  play.records({.status = 0, .error = Code::client_closed});
}

TEST_P(H2ToH2, the_end_of_the_origin_ends_its_streams) {
  greets();
  client.headers(1, tunnelled("POST", "/"));
  H2Peer& up = origin();
  up.expects_headers(1, tunnelled("POST", "/"), true);
  // Its answer says that all has been read and written here: unread bytes would make of the close a reset.
  up.sends(h2::ping());
  if (over_memory()) play.stage().wait(-1, 0);
  while (!play.broken() && up.pongs() == 0) up.window(0);
  up.closes();
  EXPECT_EQ(client.expects_answer(1).head.status, 502);
  play.records({.status = 502, .error = Code::upstream_closed});
}

TEST_P(H2ToH2, interim_responses_pass) {
  greets();
  client.headers(1, tunnelled("POST", "/", {{"expect", "100-continue"}}), false);
  H2Peer& up = origin();
  up.expects_headers(1, tunnelled("POST", "/", {{"expect", "100-continue"}}));
  up.headers(1, {{":status", "100"}}, false);
  up.headers(1, {{":status", "103"}, {"link", "</a>"}}, false);
  client.expects_headers(1, {{":status", "100"}});
  client.expects_headers(1, {{":status", "103"}, {"link", "</a>"}});
  client.data(1, "x", true);
  up.expects_data(1, "x", true);
  up.headers(1, {{":status", "204"}});
  client.expects_headers(1, {{":status", "204"}}, true);
  play.records({.status = 204});
}

// HTTP/1.1 towards the client, HTTP/2 towards the origin, over TLS; and the other way, by ALPN.
class H2OverTls : public TimedDialogue {
 protected:
  H2OverTls() { stage.offer_http2 = true; }
};

h2::Headers secured(const std::string& method, const std::string& path, const h2::Headers& fields = {}) {
  return request(method, path, fields, "{host}", "https");
}

TEST_F(H2OverTls, an_http1_client_reaches_an_http2_origin) {
  auto& client = play.secure_client();
  client.sends(
      "GET /a HTTP/1.1\r\nHost: {host}\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nX-One: 1\r\n\r\n");
  H2Peer up(play, secure_h2_upstream(play), Role::serves);
  up.greets();
  up.expects_headers(1, secured("GET", "/a", {{"x-one", "1"}}), true);
  up.headers(1, {{":status", "200"}, {"content-length", "5"}}, false);
  up.data(1, "hello", true);
  client.expects("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
  play.records({.status = 200, .response_body = "hello"});
  client.sends("HEAD / HTTP/1.1\r\nHost: {host}\r\n\r\n");
  up.expects_headers(3, secured("HEAD", "/"), true);
  up.headers(3, {{":status", "200"}, {"content-length", "77"}});
  client.expects("HTTP/1.1 200 OK\r\ncontent-length: 77\r\n\r\n");
  play.records({.status = 200, .reused = true});
}

TEST_F(H2OverTls, bodies_and_trailers_both_ways) {
  auto& client = play.secure_client();
  client.sends("POST / HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  H2Peer up(play, secure_h2_upstream(play), Role::serves);
  up.greets();
  up.expects_headers(1, secured("POST", "/"));
  up.expects_data(1, "abc");
  client.sends("0\r\nX-Sum: 3\r\n\r\n");
  up.expects_headers(1, {{"x-sum", "3"}}, true);
  up.headers(1, {{":status", "200"}}, false);
  up.data(1, "wxyz");
  client.expects("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwxyz\r\n");
  up.headers(1, {{"x-end", "1"}}, true);
  client.expects("0\r\nx-end: 1\r\n\r\n");
  flow::Flow flow = play.records({.status = 200, .request_body = "abc", .response_body = "wxyz"});
  EXPECT_EQ(flow.request_trailers.get("x-sum"), "3");
  EXPECT_EQ(flow.response_trailers.get("x-end"), "1");
}

TEST_F(H2OverTls, a_request_of_known_length_says_it) {
  auto& client = play.secure_client();
  client.sends("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 3\r\n\r\nabc");
  H2Peer up(play, secure_h2_upstream(play), Role::serves);
  up.greets();
  up.expects_headers(1, secured("POST", "/", {{"content-length", "3"}}));
  up.expects_data(1, "abc", true);
  up.headers(1, {{":status", "103"}, {"link", "</a>"}}, false);
  up.headers(1, {{":status", "304"}, {"content-length", "9"}});
  client.expects(
      "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n");
  play.records({.status = 304, .request_body = "abc"});
}

TEST_F(H2OverTls, a_cut_response_is_a_cut_connection) {
  auto& client = play.secure_client();
  client.sends("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
  H2Peer up(play, secure_h2_upstream(play), Role::serves);
  up.greets();
  up.expects_headers(1, secured("GET", "/"), true);
  up.headers(1, {{":status", "200"}}, false);
  up.data(1, "some");
  client.expects("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n");
  up.sends(h2::rst_stream(1, 2));
  EXPECT_EQ(client.reads_all(), "");
  EXPECT_TRUE(client.was_reset());
  play.records({.status = 200, .error = Code::upstream_reset});
}

TEST_F(H2OverTls, a_client_that_goes_resets_its_stream) {
  auto& client = play.secure_client();
  client.sends("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
  H2Peer up(play, secure_h2_upstream(play), Role::serves);
  up.greets();
  up.expects_headers(1, secured("GET", "/"), true);
  client.closes();
  up.expects_reset(1, 8);
  play.records({.status = 0, .error = Code::client_closed});
}

TEST_F(H2OverTls, both_legs_by_alpn) {
  H2Peer client(play, secure_h2_client(play));
  client.greets();
  client.headers(1, secured("GET", "/"));
  H2Peer up(play, secure_h2_upstream(play), Role::serves);
  up.greets();
  up.expects_headers(1, secured("GET", "/"), true);
  up.headers(1, {{":status", "204"}});
  client.expects_headers(1, {{":status", "204"}}, true);
  play.records({.status = 204, .interception = flow::Interception::intercepted});
}

TEST_F(H2OverTls, an_origin_that_chooses_http1_gets_it) {
  H2Peer client(play, secure_h2_client(play));
  client.greets();
  client.headers(1, secured("GET", "/1"));
  client.headers(3, secured("GET", "/3"));
  auto& one = play.secure_upstream();
  one.expects("GET /1 HTTP/1.1\r\nHost: {host}\r\n\r\n");
  auto& three = play.secure_upstream();
  three.expects("GET /3 HTTP/1.1\r\nHost: {host}\r\n\r\n");
  three.sends("HTTP/1.1 204 No Content\r\n\r\n");
  one.sends("HTTP/1.1 204 No Content\r\n\r\n");
  client.expects_headers(1, {{":status", "204"}}, true);
  client.expects_headers(3, {{":status", "204"}}, true);
  play.records({.status = 204});
  play.records({.status = 204});
}

// Windows, clocks and ends, where the exact turn of things is the point.
class H2Timed : public TimedDialogue {};

TEST_F(H2Timed, a_client_that_does_not_read_stops_the_origin_and_nobody_else) {
  H2Peer client(play, play.tunnel());
  client.greets({{h2::kInitialWindow, 1000}});
  client.headers(1, tunnelled("GET", "/1"));
  H2Peer up(play, play.upstream(), Role::serves);
  up.greets();
  up.expects_headers(1, tunnelled("GET", "/1"), true);
  client.headers(3, tunnelled("GET", "/3"));
  up.expects_headers(3, tunnelled("GET", "/3"), true);
  up.headers(1, {{":status", "200"}}, false);
  std::size_t window = static_cast<std::size_t>(up.window(1));
  EXPECT_GE(window, 128u * 1024) << "fit for a long way";
  EXPECT_LE(window, 4u << 20);
  up.data(1, std::string(window, 'x'));
  client.expects_headers(1, {{":status", "200"}});
  EXPECT_EQ(client.all_data(1).size(), 1000u);
  EXPECT_LE(up.window(1), static_cast<std::int64_t>(window / 4)) << "what nobody reads costs window";
  EXPECT_GE(up.window(0), 512 * 1024) << "but not that of the other streams";
  up.headers(3, {{":status", "200"}}, false);
  up.data(3, "hi", true);
  client.expects_headers(3, {{":status", "200"}});
  client.expects_data(3, "hi", true);
  play.records({.status = 200});
  client.sends(h2::window_update(1, 8 << 20) + h2::window_update(0, 8 << 20));
  EXPECT_EQ(client.all_data(1).size(), window - 1000);
  EXPECT_GE(up.window(1), static_cast<std::int64_t>(window / 2)) << "what was read is given back";
  up.data(1, "", true);
  client.expects_data(1, "", true);
  play.records({.status = 200});
}

TEST_F(H2Timed, an_origin_that_does_not_read_stops_the_client_and_nobody_else) {
  H2Peer client(play, play.tunnel());
  client.greets();
  client.headers(1, tunnelled("POST", "/1"), false);
  H2Peer up(play, play.upstream(), Role::serves);
  up.greets({{h2::kInitialWindow, 1000}});
  up.expects_headers(1, tunnelled("POST", "/1"));
  std::size_t window = static_cast<std::size_t>(client.window(1));
  client.data(1, std::string(window, 'x'));
  EXPECT_EQ(up.all_data(1).size(), 1000u);
  EXPECT_LE(client.window(1), static_cast<std::int64_t>(window / 4));
  EXPECT_GE(client.window(0), 512 * 1024);
  client.headers(3, tunnelled("POST", "/3"), false);
  up.expects_headers(3, tunnelled("POST", "/3"));
  client.data(3, "hi", true);
  up.expects_data(3, "hi", true);
  up.headers(3, {{":status", "204"}});
  client.expects_headers(3, {{":status", "204"}}, true);
  play.records({.status = 204});
  up.sends(h2::window_update(1, 8 << 20) + h2::window_update(0, 8 << 20));
  EXPECT_EQ(up.all_data(1).size(), window - 1000);
  client.data(1, "end", true);
  up.expects_data(1, "end", true);
  up.headers(1, {{":status", "204"}});
  client.expects_headers(1, {{":status", "204"}}, true);
  play.records({.status = 204});
}

TEST_F(H2Timed, what_one_connection_may_keep_in_memory_is_bounded) {
  H2Peer client(play, play.tunnel());
  client.greets();
  std::size_t taken = 0;
  std::unique_ptr<H2Peer> up;
  for (std::uint32_t id = 1; id < 80; id += 2) {
    client.headers(id, tunnelled("POST", "/"), false);
    if (!up) {
      up = std::make_unique<H2Peer>(play, play.upstream(), Role::serves);
      up->greets({{h2::kInitialWindow, 0}});
    }
    std::int64_t room = std::min(client.window(id), client.window(0));
    if (room <= 0) continue;
    client.data(id, std::string(static_cast<std::size_t>(room), 'x'));
    taken += static_cast<std::size_t>(room);
  }
  EXPECT_LE(client.window(0), 0) << "it goes on to open the window of the connection";
  EXPECT_LE(taken, std::size_t{6} << 20);
  EXPECT_GE(taken, std::size_t{4} << 20);
  up->forgets();
  for (std::uint32_t id = 1; id < 80; id += 2) up->sends(h2::rst_stream(id, 8));
  EXPECT_GE(client.window(0), 512 * 1024) << "what was dropped is given back";
  for (int i = 0; i < 40; ++i) play.records({.status = 502, .error = Code::upstream_reset});
  client.forgets();
}

TEST_F(H2Timed, a_window_that_stays_shut_ends_the_stream_alone) {
  H2Peer client(play, play.tunnel());
  client.greets({{h2::kInitialWindow, 0}});
  client.headers(1, tunnelled("GET", "/1"));
  H2Peer up(play, play.upstream(), Role::serves);
  up.greets();
  up.expects_headers(1, tunnelled("GET", "/1"), true);
  up.headers(1, {{":status", "200"}}, false);
  up.data(1, "hello");
  client.expects_headers(1, {{":status", "200"}});
  stage.pass(std::chrono::minutes(4));
  client.expects_silence();
  stage.pass(std::chrono::minutes(2));
  client.expects_reset(1, 8);
  up.expects_reset(1, 8);
  play.records({.status = 200, .error = Code::client_timeout});
  client.headers(3, tunnelled("GET", "/3"));
  up.expects_headers(3, tunnelled("GET", "/3"), true);
  up.headers(3, {{":status", "204"}});
  client.expects_headers(3, {{":status", "204"}}, true);
  play.records({.status = 204});
}

TEST_F(H2Timed, a_drain_lets_streams_under_way_go_on) {
  H2Peer client(play, play.client());
  client.greets();
  client.headers(1, kGet);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  stage.drain();
  client.expects_goaway(0);  // the notice
  client.expects_goaway(0);  // and the last stream, once the client has seen it
  upstream.sends(kOk);
  client.expects_headers(1, kOkHead);
  client.expects_data(1, "ok", true);
  client.expects_end();
  play.records({.status = 200});
}

TEST_F(H2Timed, a_drain_takes_what_was_on_its_way_to_the_notice) {
  H2Peer client(play, play.client());
  client.greets();
  client.answers_nothing();
  client.headers(1, kGet);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  stage.drain();
  client.headers(3, kGet);
  auto& second = play.upstream();
  second.expects(kGetSeen);
  upstream.sends(kOk);
  second.sends(kOk);
  client.expects_goaway(0);
  client.expects_headers(1, kOkHead);
  client.expects_data(1, "ok", true);
  client.expects_headers(3, kOkHead);
  client.expects_data(3, "ok", true);
  client.expects_goaway(0);
  client.expects_end();
  play.records({.status = 200});
  play.records({.status = 200});
}

TEST_F(H2Timed, a_drain_ends_an_idle_connection) {
  H2Peer client(play, play.client());
  client.greets();
  stage.drain();
  client.expects_goaway(0);
  client.expects_goaway(0);
  client.expects_end();
}

TEST_F(H2Timed, a_session_that_is_cut_ends_its_streams) {
  H2Peer client(play, play.client());
  client.greets();
  client.headers(1, kGet);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  client.headers(3, request("POST", "/"), false);
  auto& second = play.upstream();
  second.expects("POST / HTTP/1.1\r\nHost: {origin}\r\nTransfer-Encoding: chunked\r\n\r\n");
  stage.cut();
  upstream.expects_end();
  second.reads_all();
  client.forgets();
  play.records({.error = Code::shutting_down});
  play.records({.error = Code::shutting_down});
}

TEST_F(H2Timed, an_idle_connection_is_closed_in_order) {
  H2Peer client(play, play.client());
  client.greets();
  stage.pass(std::chrono::seconds(121));
  client.expects_goaway(0);
  client.expects_end();
  client.closes();
  auto ended = stage.ended();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->error, Code::none);
}

TEST_F(H2Timed, a_connection_that_waits_for_an_answer_is_not_idle) {
  H2Peer client(play, play.client());
  client.greets();
  client.headers(1, kGet);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  stage.pass(std::chrono::seconds(200));
  client.expects_silence();
  upstream.sends(kOk);
  client.expects_headers(1, kOkHead);
  client.expects_data(1, "ok", true);
  play.records({.status = 200});
}

TEST_F(H2Timed, trailers_of_a_stream_that_is_over_cost_nothing) {
  H2Peer client(play, play.client());
  client.greets();
  client.headers(1, request("POST", "/"), false);
  auto& upstream = play.upstream();
  upstream.expects("POST / HTTP/1.1\r\nHost: {origin}\r\nTransfer-Encoding: chunked\r\n\r\n");
  upstream.sends("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  client.expects_headers(1, {{":status", "413"}, {"content-length", "0"}}, true);
  client.expects_reset(1, 0);
  upstream.reads_all();
  play.records({.status = 413});
  client.headers(3, kGet);
  auto& again = play.upstream();
  again.expects(kGetSeen);
  client.headers(1, {{"x-sum", "late"}}, true);
  stage.pass(std::chrono::seconds(60));  // longer than a head may take
  again.sends(kOk);
  client.expects_headers(3, kOkHead);
  client.expects_data(3, "ok", true);
  play.records({.status = 200});
}

TEST_F(H2Timed, an_idle_connection_to_an_origin_is_closed_in_order) {
  H2Peer client(play, play.tunnel());
  client.greets();
  client.headers(1, tunnelled("GET", "/"));
  H2Peer up(play, play.upstream(), Role::serves);
  up.greets();
  up.expects_headers(1, tunnelled("GET", "/"), true);
  up.headers(1, {{":status", "204"}});
  client.expects_headers(1, {{":status", "204"}}, true);
  play.records({.status = 204});
  for (int i = 0; i < 14; ++i) stage.pass(std::chrono::seconds(5));
  up.expects_goaway(0);
  up.expects_end();
}

TEST_F(H2Timed, an_origin_that_does_not_answer_is_told_so) {
  play.settings().limits.response_timeout = std::chrono::seconds(10);
  H2Peer client(play, play.tunnel());
  client.greets();
  client.headers(1, tunnelled("GET", "/"));
  H2Peer up(play, play.upstream(), Role::serves);
  up.greets();
  up.expects_headers(1, tunnelled("GET", "/"), true);
  stage.pass(std::chrono::seconds(11));
  up.expects_reset(1, 8);
  EXPECT_EQ(client.expects_answer(1).head.status, 504);
  play.records({.status = 504, .error = Code::upstream_timeout});
}

}  // namespace
}  // namespace weir::testing
