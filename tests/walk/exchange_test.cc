// Plain exchanges: framing, persistence, hop-by-hop fields.
#include "tests/walk/dialogue.h"

namespace weir::testing {
namespace {

WEIR_DIALOGUES(Exchange);

TEST_P(Exchange, carries_a_request_and_its_response) {
  auto& client = play.client();
  client.sends("GET http://{origin}/a?b=c HTTP/1.1\r\nHost: {origin}\r\nX-One: 1\r\n\r\n");
  auto& upstream = play.upstream();
  upstream.expects("GET /a?b=c HTTP/1.1\r\nHost: {origin}\r\nX-One: 1\r\n\r\n");
  upstream.sends("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Two: 2\r\n\r\nhello");
  client.expects("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Two: 2\r\n\r\nhello");
  play.records({.status = 200,
                .marks = "",
                .interception = flow::Interception::plain,
                .reused = false,
                .response_body = "hello"});
}

TEST_P(Exchange, keeps_both_connections_alive) {
  auto& client = play.client();
  client.sends(kGetSent);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200, .reused = false});
  client.sends(kGetSent);
  upstream.expects(kGetSeen);
  upstream.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200, .reused = true});
}

TEST_P(Exchange, answers_pipelined_requests_in_order) {
  auto& client = play.client();
  client.sends(
      "GET http://{origin}/1 HTTP/1.1\r\nHost: {origin}\r\n\r\n"
      "POST http://{origin}/2 HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 3\r\n\r\nabc"
      "GET http://{origin}/3 HTTP/1.1\r\nHost: {origin}\r\n\r\n");
  auto& upstream = play.upstream();
  upstream.expects("GET /1 HTTP/1.1\r\nHost: {origin}\r\n\r\n");
  upstream.expects_silence();  // the second waits for the first, however slow it is
  upstream.sends("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst");
  client.expects("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst");
  upstream.expects("POST /2 HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 3\r\n\r\nabc");
  upstream.sends("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond");
  client.expects("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond");
  upstream.expects("GET /3 HTTP/1.1\r\nHost: {origin}\r\n\r\n");
  upstream.sends("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nthird");
  client.expects("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nthird");
  play.records({.status = 200, .response_body = "first"});
  play.records({.status = 200, .request_body = "abc", .response_body = "second"});
  play.records({.status = 200, .response_body = "third"});
}

TEST_P(Exchange, takes_no_body_after_a_response_that_has_none) {
  auto& client = play.client();
  client.sends("HEAD http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\n\r\n");
  auto& upstream = play.upstream();
  upstream.expects("HEAD / HTTP/1.1\r\nHost: {origin}\r\n\r\n");
  upstream.sends("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
  client.expects("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
  client.sends(kGetSent);
  upstream.expects(kGetSeen);
  upstream.sends("HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\nETag: \"x\"\r\n\r\n");
  client.expects("HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\nETag: \"x\"\r\n\r\n");
  client.sends(kGetSent);
  upstream.expects(kGetSeen);
  upstream.sends("HTTP/1.1 204 No Content\r\nContent-Length: 1000\r\n\r\n");
  client.expects("HTTP/1.1 204 No Content\r\n\r\n");  // RFC 9110 section 8.6: none in a 204
  client.sends("HEAD http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\n\r\n");
  upstream.expects("HEAD / HTTP/1.1\r\nHost: {origin}\r\n\r\n");
  upstream.sends("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  client.expects("HTTP/1.1 200 OK\r\n\r\n");
  client.sends(kGetSent);
  upstream.expects(kGetSeen);
  upstream.sends(kOk);
  client.expects(kOk);
  for (int status : {200, 304, 204, 200}) play.records({.status = status, .response_body = ""});
  play.records({.status = 200, .response_body = "ok"});
}

TEST_P(Exchange, carries_chunked_bodies_and_trailers_both_ways) {
  auto& client = play.client();
  client.sends(
      "POST http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\nTransfer-Encoding: chunked\r\nTrailer: "
      "X-Sum\r\n\r\n"
      "3\r\nabc\r\n0\r\nX-Sum: 6\r\n\r\n");
  auto& upstream = play.upstream();
  upstream.expects(
      "POST / HTTP/1.1\r\nHost: {origin}\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n0\r\nX-Sum: 6\r\n\r\n");
  upstream.sends(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-End\r\n\r\n4;ext=1\r\nwxyz\r\n0\r\nX-End: "
      "1\r\n\r\n");
  client.expects(
      "HTTP/1.1 200 OK\r\nTrailer: X-End\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwxyz\r\n0\r\nX-End: "
      "1\r\n\r\n");
  flow::Flow flow = play.records({.status = 200, .request_body = "abc", .response_body = "wxyz"});
  EXPECT_EQ(flow.request_trailers.get("x-sum"), "6");
  EXPECT_EQ(flow.response_trailers.get("x-end"), "1");
  EXPECT_TRUE(flow.request_body.complete);
  EXPECT_TRUE(flow.response_body.complete);
}

TEST_P(Exchange, gives_each_chunk_on_as_it_comes) {
  auto& client = play.client();
  client.sends("POST http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\nTransfer-Encoding: chunked\r\n\r\n");
  auto& upstream = play.upstream();
  upstream.expects("POST / HTTP/1.1\r\nHost: {origin}\r\nTransfer-Encoding: chunked\r\n\r\n");
  client.sends("3\r\nabc\r\n");
  upstream.expects("3\r\nabc\r\n");
  upstream.sends("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  // Framing was decided while the request was still coming: its end may never come.
  client.expects("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
  upstream.sends("1\r\nx\r\n");
  client.expects("1\r\nx\r\n");
  client.sends("2\r\nde\r\n0\r\n\r\n");
  upstream.expects("2\r\nde\r\n0\r\n\r\n");
  upstream.sends("1\r\ny\r\n0\r\n\r\n");
  client.expects_last("1\r\ny\r\n0\r\n\r\n");
  play.records({.status = 200, .request_body = "abcde", .response_body = "xy"});
}

TEST_P(Exchange, gives_a_response_head_on_before_its_first_chunk_is_whole) {
  auto& client = play.client();
  client.sends(kGetSent);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n");
  client.expects("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  upstream.sends("hello\r\n0\r\n\r\n");
  client.expects("5\r\nhello\r\n0\r\n\r\n");
  play.records({.status = 200, .response_body = "hello"});
}

TEST_P(Exchange, closes_after_the_response_to_an_http10_client) {
  auto& client = play.client();
  client.sends("GET http://{origin}/ HTTP/1.0\r\nHost: {origin}\r\n\r\n");
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends(kOk);
  client.expects_last(kOkLast);
  play.records({.status = 200});
}

TEST_P(Exchange, keeps_an_http10_connection_that_asks_for_it) {
  auto& client = play.client();
  for (bool reused : {false, true}) {
    client.sends("GET http://{origin}/ HTTP/1.0\r\nHost: {origin}\r\nConnection: keep-alive\r\n\r\n");
    static Peer* upstream;
    if (!reused) upstream = &play.upstream();
    upstream->expects(kGetSeen);
    upstream->sends(kOk);
    client.expects("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok");
    play.records({.status = 200, .reused = reused});
  }
}

TEST_P(Exchange, ends_a_chunked_response_to_an_http10_client_by_closing) {
  auto& client = play.client();
  client.sends("GET http://{origin}/ HTTP/1.0\r\nHost: {origin}\r\nConnection: keep-alive\r\n\r\n");
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
  client.expects_last("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok");
  play.records({.status = 200, .response_body = "ok"});
}

TEST_P(Exchange, puts_chunks_around_a_response_that_ends_by_closing) {
  auto& client = play.client();
  client.sends(kGetSent);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends("HTTP/1.0 200 OK\r\nX-A: 1\r\n\r\nuntil ");
  client.expects("HTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nuntil \r\n");
  upstream.sends("close");
  client.expects("5\r\nclose\r\n");
  upstream.closes();
  client.expects("0\r\n\r\n");
  play.records({.status = 200, .response_body = "until close"});
  client.sends(kGetSent);  // the client's connection goes on, upstream's does not
  auto& second = play.upstream();
  second.expects(kGetSeen);
  second.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200, .reused = false});
}

TEST_P(Exchange, honours_the_client_s_connection_close) {
  auto& client = play.client();
  client.sends("GET http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\nConnection: close\r\n\r\n");
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends(kOk);
  client.expects_last(kOkLast);
  play.records({.status = 200});
}

TEST_P(Exchange, does_not_reuse_a_connection_that_upstream_closes) {
  auto& client = play.client();
  client.sends(kGetSent);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends(kOkLast);
  client.expects(kOk);
  upstream.expects_end();
  play.records({.status = 200});
  client.sends(kGetSent);
  auto& second = play.upstream();
  second.expects(kGetSeen);
  second.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200, .reused = false});
}

TEST_P(Exchange, does_not_reuse_a_connection_with_bytes_left_over) {
  auto& client = play.client();
  client.sends(kGetSent);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends(
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
  client.expects(kOk);
  play.records({.status = 200, .response_body = "ok"});
  client.sends(kGetSent);
  auto& second = play.upstream();
  second.expects(kGetSeen);
  second.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200, .reused = false, .response_body = "ok"});
}

TEST_P(Exchange, removes_hop_by_hop_fields_both_ways) {
  auto& client = play.client();
  client.sends(
      "GET http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\nConnection: keep-alive, X-Hop\r\nX-Hop: "
      "1\r\nKeep-Alive: timeout=5\r\n"
      "Proxy-Connection: keep-alive\r\nProxy-Authorization: Basic eDp5\r\nTE: gzip\r\nX-End: 1\r\n\r\n");
  auto& upstream = play.upstream();
  upstream.expects("GET / HTTP/1.1\r\nHost: {origin}\r\nX-End: 1\r\n\r\n");
  upstream.sends(
      "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Local\r\nX-Local: 1\r\nKeep-Alive: timeout=5\r\nX-Far: "
      "1\r\n"
      "Proxy-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nok");
  client.expects("HTTP/1.1 200 OK\r\nX-Far: 1\r\nContent-Length: 2\r\n\r\nok");
  flow::Flow flow = play.records({.status = 200});
  EXPECT_TRUE(flow.request.fields.has("x-hop")) << "the account has the head as it was received";
  EXPECT_TRUE(flow.response.fields.has("x-local"));
}

TEST_P(Exchange, passes_a_wish_for_trailers_on) {
  auto& client = play.client();
  client.sends("GET http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\nConnection: TE\r\nTE: trailers\r\n\r\n");
  auto& upstream = play.upstream();
  upstream.expects("GET / HTTP/1.1\r\nHost: {origin}\r\nTE: trailers\r\nConnection: TE\r\n\r\n");
  upstream.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200});
}

TEST_P(Exchange, never_removes_host_or_length_at_the_client_s_wish) {
  auto& client = play.client();
  client.sends(
      "POST http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\nConnection: Host, "
      "Content-Length\r\nContent-Length: 2\r\n\r\nhi");
  auto& upstream = play.upstream();
  upstream.expects("POST / HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 2\r\n\r\nhi");
  upstream.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200});
}

TEST_P(Exchange, asks_only_for_codings_that_can_be_read) {
  auto& client = play.client();
  client.sends(
      "GET http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\nAccept-Encoding: gzip, dcb, br;q=0.5, dcz\r\n\r\n");
  auto& upstream = play.upstream();
  upstream.expects("GET / HTTP/1.1\r\nHost: {origin}\r\nAccept-Encoding: gzip, br;q=0.5\r\n\r\n");
  upstream.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200});
}

TEST_P(Exchange, takes_the_host_from_an_absolute_target) {
  auto& client = play.client();
  client.sends("GET http://{origin}/ HTTP/1.1\r\nHost: somewhere.else.test\r\n\r\n");
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200});
}

TEST_P(Exchange, keeps_a_bounded_copy_of_a_long_body) {
  play.settings().capture.body_bytes = 4;
  auto& client = play.client();
  client.sends("POST http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 6\r\n\r\nabcdef");
  auto& upstream = play.upstream();
  upstream.expects("POST / HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 6\r\n\r\nabcdef");
  upstream.sends("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n12345678");
  client.expects("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n12345678");
  flow::Flow flow = play.records({.status = 200, .request_body = "abcd", .response_body = "1234"});
  EXPECT_EQ(flow.request_body.size, 6u);
  EXPECT_TRUE(flow.request_body.truncated);
  EXPECT_EQ(flow.response_body.size, 8u);
  EXPECT_TRUE(flow.response_body.truncated);
}

TEST_P(Exchange, carries_a_mebibyte_each_way) {
  std::string big(1 << 20, 'x');
  for (std::size_t i = 0; i < big.size(); i += 37) big[i] = static_cast<char>('a' + i % 26);
  auto& client = play.client();
  client.sends("PUT http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 1048576\r\n\r\n");
  auto& upstream = play.upstream();
  upstream.expects("PUT / HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 1048576\r\n\r\n");
  for (std::size_t at = 0; at < big.size(); at += 65536) {
    client.sends(big.substr(at, 65536));
    upstream.expects(big.substr(at, 65536));
  }
  upstream.sends("HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n");
  client.expects("HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n");
  for (std::size_t at = 0; at < big.size(); at += 65536) {
    upstream.sends(big.substr(at, 65536));
    client.expects(big.substr(at, 65536));
  }
  play.records({.status = 200, .request_body = big, .response_body = big});
}

}  // namespace
}  // namespace weir::testing
