// Responses before the final one, expectations, and changes of protocol.
#include "tests/walk/dialogue.h"

namespace weir::testing {
namespace {

WEIR_DIALOGUES(Interim);

constexpr const char* kExpectSent =
    "POST http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
constexpr const char* kExpectSeen =
    "POST / HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";

TEST_P(Interim, passes_interim_responses_on) {
  auto& client = play.client();
  client.sends(kGetSent);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends("HTTP/1.1 102 Processing\r\n\r\n");
  client.expects("HTTP/1.1 102 Processing\r\n\r\n");
  upstream.sends(
      "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n");
  client.expects("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n");
  upstream.sends("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  client.expects("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  play.records({.status = 200});
}

TEST_P(Interim, keeps_interim_responses_from_http10_clients) {
  auto& client = play.client();
  client.sends("GET http://{origin}/ HTTP/1.0\r\nHost: {origin}\r\n\r\n");
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  client.expects_last(kOkLast);
  play.records({.status = 200});
}

TEST_P(Interim, ends_a_flood_of_interim_responses) {
  auto& client = play.client();
  client.sends(kGetSent);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  for (int i = 0; i < 65; ++i) upstream.sends("HTTP/1.1 102 Processing\r\n\r\n");
  for (int i = 0; i < 64; ++i) client.expects("HTTP/1.1 102 Processing\r\n\r\n");
  EXPECT_EQ(client.expects_answer().head.status, 502);
  play.records({.status = 502, .error = Code::upstream_bad_response});
}

TEST_P(Interim, lets_upstream_accept_an_expectation) {
  auto& client = play.client();
  client.sends(kExpectSent);
  auto& upstream = play.upstream();
  upstream.expects(kExpectSeen);
  upstream.sends("HTTP/1.1 100 Continue\r\n\r\n");
  client.expects("HTTP/1.1 100 Continue\r\n\r\n");
  client.sends("body");
  upstream.expects("body");
  upstream.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200, .request_body = "body"});
}

TEST_P(Interim, lets_upstream_refuse_an_expectation) {
  auto& client = play.client();
  client.sends(kExpectSent);
  auto& upstream = play.upstream();
  upstream.expects(kExpectSeen);
  upstream.sends("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno");
  // Nobody knows whether the body will come all the same: the connection cannot go on.
  client.expects("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
  client.half_closes();
  client.expects_end();
  upstream.expects_end();
  play.records({.status = 417, .request_body = "", .response_body = "no"});
}

TEST_P(Interim, carries_a_body_that_did_not_wait_for_100) {
  auto& client = play.client();
  client.sends(kExpectSent);
  auto& upstream = play.upstream();
  upstream.expects(kExpectSeen);
  client.sends("body");
  upstream.expects("body");
  upstream.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200, .request_body = "body"});
}

TEST_P(Interim, gives_a_final_response_on_before_the_upload_ends) {
  auto& client = play.client();
  client.sends("POST http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 1000\r\n\r\npart");
  auto& upstream = play.upstream();
  upstream.expects("POST / HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 1000\r\n\r\npart");
  upstream.sends("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig");
  client.expects("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig");
  upstream.expects_end();
  client.sends("more that nobody reads");
  client.half_closes();
  client.expects_end();
  flow::Flow flow = play.records({.status = 413, .request_body = "part", .response_body = "big"});
  EXPECT_FALSE(flow.request_body.complete);
}

TEST_P(Interim, gives_on_the_response_of_an_upstream_that_stopped_reading) {
  auto& client = play.client();
  client.sends("POST http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 1000000\r\n\r\npart");
  auto& upstream = play.upstream();
  upstream.expects("POST / HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 1000000\r\n\r\npart");
  upstream.sends("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig");
  upstream.closes();
  client.expects("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig");
  client.half_closes();
  client.expects_end();
  play.records({.status = 413, .response_body = "big"});
}

TEST_P(Interim, changes_protocol_where_both_sides_want_to) {
  auto& client = play.client();
  client.sends(
      "GET http://{origin}/chat HTTP/1.1\r\nHost: {origin}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: "
      "websocket\r\n\r\n");
  auto& upstream = play.upstream();
  upstream.expects(
      "GET /chat HTTP/1.1\r\nHost: {origin}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  upstream.sends(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05hello");
  client.expects(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05hello");
  client.sends("\x81\x85up");
  upstream.expects("\x81\x85up");
  upstream.half_closes();
  client.expects_end();
  client.sends("after");  // the other direction is still open
  upstream.expects("after");
  client.half_closes();
  upstream.expects_end();
  flow::Flow flow = play.records({.status = 101});
  EXPECT_EQ(flow.response_body.size, 7u);
  EXPECT_EQ(flow.request_body.size, 9u);
}

TEST_P(Interim, keeps_bytes_that_came_right_behind_an_upgrade_request) {
  auto& client = play.client();
  client.sends(
      "GET http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\nConnection: Upgrade\r\nUpgrade: "
      "foo/1\r\n\r\neager");
  auto& upstream = play.upstream();
  upstream.expects("GET / HTTP/1.1\r\nHost: {origin}\r\nConnection: Upgrade\r\nUpgrade: foo/1\r\n\r\n");
  upstream.sends("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo/1\r\n\r\n");
  client.expects("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo/1\r\n\r\n");
  upstream.expects("eager");
  client.closes();
  upstream.expects_end();
  upstream.closes();
  play.records({.status = 101});
}

TEST_P(Interim, refuses_a_101_that_nobody_asked_for) {
  auto& client = play.client();
  client.sends(kGetSent);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  EXPECT_EQ(client.expects_answer().head.status, 502);
  upstream.expects_end();
  play.records({.status = 502, .error = Code::upstream_bad_response});
}

TEST_P(Interim, goes_on_in_http_where_upstream_refuses_to_upgrade) {
  auto& client = play.client();
  client.sends(
      "GET http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  auto& upstream = play.upstream();
  upstream.expects("GET / HTTP/1.1\r\nHost: {origin}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  upstream.sends(kOk);
  client.expects(kOk);
  client.sends(kGetSent);
  upstream.expects(kGetSeen);
  upstream.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200});
  play.records({.status = 200, .reused = true});
}

TEST_P(Interim, drops_an_offer_of_h2c) {
  auto& client = play.client();
  client.sends(
      "GET http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: "
      "h2c\r\n"
      "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n");
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200});
}

}  // namespace
}  // namespace weir::testing
