// What goes wrong: clients that leave, origins that fail, requests that cannot be carried.
#include "tests/walk/dialogue.h"

namespace weir::testing {
namespace {

WEIR_DIALOGUES(Failure);

void expect_error(const Answer& answer, int status, std::string_view code) {
  EXPECT_EQ(answer.head.status, status);
  EXPECT_EQ(answer.field("x-weir-error"), code);
  EXPECT_EQ(answer.field("cache-control"), "no-store");
  EXPECT_TRUE(answer.body.contains(code)) << answer.body;
}

// The client

TEST_P(Failure, goes_on_for_a_client_that_only_half_closed) {
  auto& client = play.client();
  client.sends(kGetSent);
  client.half_closes();
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends(kOk);
  client.expects_last(kOk);
  play.records({.status = 200});
}

TEST_P(Failure, leaves_upstream_when_the_client_is_cut_while_it_waits) {
  auto& client = play.client();
  client.sends(kGetSent);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  client.resets();
  upstream.expects_end();
  play.records({.status = 0, .error = Code::client_closed});
}

TEST_P(Failure, leaves_upstream_when_the_client_is_cut_within_the_response) {
  auto& client = play.client();
  client.sends(kGetSent);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart");
  client.expects("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart");
  client.resets();
  upstream.reads_all();
  flow::Flow flow = play.records({.status = 200, .error = Code::client_closed, .response_body = "part"});
  EXPECT_FALSE(flow.response_body.complete);
}

TEST_P(Failure, lets_upstream_see_that_an_upload_was_cut) {
  auto& client = play.client();
  client.sends("POST http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 100\r\n\r\npart");
  auto& upstream = play.upstream();
  upstream.expects("POST / HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 100\r\n\r\npart");
  client.half_closes();
  expect_error(client.expects_answer(), 400, "body_incomplete");
  client.expects_end();
  upstream.expects_end();
  flow::Flow flow = play.records({.status = 400, .error = Code::body_incomplete, .request_body = "part"});
  EXPECT_FALSE(flow.request_body.complete);
}

TEST_P(Failure, leaves_upstream_when_the_client_is_cut_within_its_upload) {
  auto& client = play.client();
  client.sends("POST http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 100\r\n\r\npart");
  auto& upstream = play.upstream();
  upstream.expects("POST / HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 100\r\n\r\npart");
  client.resets();
  upstream.expects_end();
  play.records({.status = 0, .error = Code::client_closed, .request_body = "part"});
}

TEST_P(Failure, cuts_upstream_at_a_bad_chunk_of_the_request) {
  auto& client = play.client();
  client.sends(
      "POST http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n");
  auto& upstream = play.upstream();
  upstream.expects("POST / HTTP/1.1\r\nHost: {origin}\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n");
  client.sends("zz\r\n");
  expect_error(client.expects_answer(), 400, "bad_chunk");
  client.expects_end();
  upstream.expects_end();
  play.records({.status = 400, .error = Code::bad_chunk, .request_body = "hi"});
}

TEST_P(Failure, sends_nothing_of_a_request_whose_first_chunk_is_bad) {
  auto& client = play.client();
  client.sends(
      "POST http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\nhi\r\n");
  expect_error(client.expects_answer(), 400, "bad_chunk");
  play.upstream().expects_end();
  client.expects_end();
  play.records({.status = 400, .error = Code::bad_chunk, .request_body = ""});
}

// The origin

TEST_P(Failure, tries_once_more_when_a_kept_connection_was_stale) {
  auto& client = play.client();
  client.sends(kGetSent);
  auto& stale = play.upstream();
  stale.expects(kGetSeen);
  stale.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200});
  client.sends(kGetSent);
  stale.expects(kGetSeen);
  stale.closes();
  auto& fresh = play.upstream();
  fresh.expects(kGetSeen);
  fresh.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200, .marks = "retried", .reused = false});
}

TEST_P(Failure, tries_once_more_when_a_kept_connection_is_reset) {
  auto& client = play.client();
  client.sends(kGetSent);
  auto& stale = play.upstream();
  stale.expects(kGetSeen);
  stale.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200});
  client.sends(kGetSent);
  stale.expects(kGetSeen);
  stale.resets();
  auto& fresh = play.upstream();
  fresh.expects(kGetSeen);
  fresh.closes();  // a fresh connection that fails is not tried again
  expect_error(client.expects_answer(), 502, "upstream_closed");
  play.records({.status = 502, .error = Code::upstream_closed, .marks = "retried"});
}

TEST_P(Failure, never_sends_a_post_twice) {
  auto& client = play.client();
  client.sends(kGetSent);
  auto& stale = play.upstream();
  stale.expects(kGetSeen);
  stale.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200});
  client.sends("POST http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 0\r\n\r\n");
  stale.expects("POST / HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 0\r\n\r\n");
  stale.closes();
  expect_error(client.expects_answer(), 502, "upstream_closed");
  play.no_upstream();
  play.records({.status = 502, .error = Code::upstream_closed, .reused = true});
}

TEST_P(Failure, never_sends_a_spent_body_twice) {
  auto& client = play.client();
  client.sends(kGetSent);
  auto& stale = play.upstream();
  stale.expects(kGetSeen);
  stale.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200});
  client.sends("PUT http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 2\r\n\r\nhi");
  stale.expects("PUT / HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 2\r\n\r\nhi");
  stale.closes();
  expect_error(client.expects_answer(), 502, "upstream_closed");
  play.no_upstream();
  play.records({.status = 502, .error = Code::upstream_closed});
}

TEST_P(Failure, tells_of_an_origin_that_closes_without_a_response) {
  auto& client = play.client();
  client.sends(kGetSent);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.closes();
  expect_error(client.expects_answer(), 502, "upstream_closed");
  play.records({.status = 502, .error = Code::upstream_closed, .marks = ""});
  client.sends(kGetSent);  // the client's connection is as good as before
  auto& second = play.upstream();
  second.expects(kGetSeen);
  second.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200});
}

TEST_P(Failure, ends_the_connection_when_a_response_with_a_length_ends_early) {
  auto& client = play.client();
  client.sends(kGetSent);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart");
  client.expects("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart");
  upstream.closes();
  EXPECT_EQ(client.reads_all(), "");
  play.records({.status = 200, .error = Code::upstream_body_incomplete, .response_body = "part"});
}

TEST_P(Failure, cuts_an_http10_client_that_knows_no_other_end) {
  auto& client = play.client();
  client.sends("GET http://{origin}/ HTTP/1.0\r\nHost: {origin}\r\n\r\n");
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n");
  client.expects("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\npart");
  upstream.closes();
  EXPECT_EQ(client.reads_all(), "");
  if (!over_memory()) {
    EXPECT_TRUE(client.was_reset()) << "else it takes the part for the whole";
  }
  play.records({.status = 200, .error = Code::upstream_body_incomplete, .response_body = "part"});
}

TEST_P(Failure, never_ends_the_chunks_of_a_response_that_ended_early) {
  auto& client = play.client();
  client.sends(kGetSent);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n");
  client.expects("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n");
  upstream.closes();
  EXPECT_EQ(client.reads_all(), "");
  play.records({.status = 200, .error = Code::upstream_body_incomplete, .response_body = "part"});
}

TEST_P(Failure, cuts_a_response_whose_chunks_go_bad) {
  auto& client = play.client();
  client.sends(kGetSent);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n");
  client.expects("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n");
  upstream.sends("4 4\r\nevil");
  EXPECT_EQ(client.reads_all(), "");
  upstream.expects_end();
  play.records({.status = 200, .error = Code::upstream_bad_response, .response_body = "part"});
}

TEST_P(Failure, answers_502_to_what_is_no_response) {
  for (const char* bad :
       {"SSH-2.0-OpenSSH_9.2\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nBad Name: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\r\n folded\r\n\r\n"}) {
    SCOPED_TRACE(bad);
    auto& client = play.client();
    client.sends(kGetSent);
    auto& upstream = play.upstream();
    upstream.expects(kGetSeen);
    upstream.sends(bad);
    expect_error(client.expects_answer(), 502, "upstream_bad_response");
    upstream.reads_all();
    play.records({.status = 502, .error = Code::upstream_bad_response});
  }
}

TEST_P(Failure, answers_502_to_a_response_that_ends_within_its_head) {
  auto& client = play.client();
  client.sends(kGetSent);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends("HTTP/1.1 200 OK\r\nX-Half");
  upstream.closes();
  expect_error(client.expects_answer(), 502, "upstream_bad_response");
  play.records({.status = 502, .error = Code::upstream_bad_response});
}

TEST_P(Failure, answers_502_to_a_response_head_that_is_too_large) {
  auto& client = play.client();
  client.sends(kGetSent);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends("HTTP/1.1 200 OK\r\nX-Big: " + std::string(70'000, 'x') + "\r\n");
  expect_error(client.expects_answer(), 502, "upstream_bad_response");
  play.records({.status = 502, .error = Code::upstream_bad_response});
}

TEST_P(Failure, gives_no_body_with_an_error_in_answer_to_head) {
  auto& client = play.client();
  client.sends("HEAD http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\n\r\n");
  auto& upstream = play.upstream();
  upstream.expects("HEAD / HTTP/1.1\r\nHost: {origin}\r\n\r\n");
  upstream.closes();
  play.records({.status = 502, .error = Code::upstream_closed});
  client.half_closes();
  std::string all = client.reads_all();
  EXPECT_TRUE(all.starts_with("HTTP/1.1 502 ")) << all;
  EXPECT_TRUE(all.ends_with("\r\n\r\n")) << all;
}

TEST_P(Failure, speaks_json_to_clients_that_accept_it_and_html_to_browsers) {
  for (auto [accept, type] : {std::pair("application/json", "application/json"),
                              std::pair("text/html,*/*;q=0.8", "text/html; charset=utf-8"),
                              std::pair("*/*", "text/plain; charset=utf-8")}) {
    auto& client = play.client();
    client.sends(
        fmt::format("GET http://{{origin}}/ HTTP/1.1\r\nHost: {{origin}}\r\nAccept: {}\r\n\r\n", accept));
    auto& upstream = play.upstream();
    upstream.expects(fmt::format("GET / HTTP/1.1\r\nHost: {{origin}}\r\nAccept: {}\r\n\r\n", accept));
    upstream.closes();
    Answer answer = client.expects_answer();
    expect_error(answer, 502, "upstream_closed");
    EXPECT_EQ(answer.field("content-type"), type);
    flow::Flow flow =
        play.records({.status = 502, .error = Code::upstream_closed, .response_body = answer.body});
    EXPECT_EQ(answer.field("x-weir-flow"), std::to_string(flow.id));
    EXPECT_TRUE(flow.synthesised);
  }
}

// Requests that cannot be carried

struct BadRequest {
  const char* name;
  std::string bytes;
  int status;
  Code code;
};

std::vector<BadRequest> bad_requests() {
  std::string get = "GET http://{origin}/ HTTP/1.1\r\n";
  std::string post = "POST http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\n";
  return {
      {"garbage", "\x01\x02\x03 garbage\r\n\r\n", 400, Code::bad_request},
      {"tls", std::string("\x16\x03\x01\x00\x05hello", 10), 400, Code::bad_request},
      {"http09", "GET /\r\n", 400, Code::bad_request},
      {"no host", get + "\r\n", 400, Code::bad_host},
      {"two hosts", get + "Host: {origin}\r\nHost: {origin}\r\n\r\n", 400, Code::bad_host},
      {"bad host", get + "Host: a b\r\n\r\n", 400, Code::bad_host},
      {"origin form", "GET / HTTP/1.1\r\nHost: {origin}\r\n\r\n", 400, Code::bad_target},
      {"user information", "GET http://me:pw@{origin}/ HTTP/1.1\r\nHost: {origin}\r\n\r\n", 400,
       Code::bad_target},
      {"connect without port", "CONNECT a.test HTTP/1.1\r\nHost: a.test\r\n\r\n", 400, Code::bad_target},
      {"connect to nonsense", "CONNECT :::443 HTTP/1.1\r\nHost: a.test\r\n\r\n", 400, Code::bad_target},
      {"version 2.0", "GET http://{origin}/ HTTP/2.0\r\nHost: {origin}\r\n\r\n", 505,
       Code::unsupported_version},
      {"length and chunked", post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
       Code::ambiguous_framing},
      {"two lengths", post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400,
       Code::ambiguous_framing},
      {"gzip, chunked", post + "Transfer-Encoding: gzip, chunked\r\n\r\n", 400, Code::ambiguous_framing},
      {"obs-fold", get + "Host: {origin}\r\nX: a\r\n b\r\n\r\n", 400, Code::bad_request},
      {"bare LF", "GET http://{origin}/ HTTP/1.1\nHost: {origin}\n\n", 400, Code::bad_request},
      {"space before colon", get + "Host: {origin}\r\nX : a\r\n\r\n", 400, Code::bad_request},
      {"oversize head", get + "Host: {origin}\r\nX: " + std::string(70'000, 'x') + "\r\n\r\n", 431,
       Code::head_too_large},
      {"oversize target", "GET http://{origin}/" + std::string(20'000, 'x'), 414, Code::uri_too_long},
  };
}

TEST_P(Failure, refuses_each_bad_request_with_its_own_words) {
  for (const BadRequest& bad : bad_requests()) {
    SCOPED_TRACE(bad.name);
    auto& client = play.client();
    client.sends(bad.bytes);
    Answer answer = client.expects_answer();
    expect_error(answer, bad.status, info(bad.code).name);
    EXPECT_EQ(answer.field("connection"), "close");
    client.half_closes();
    client.reads_all();
    EXPECT_FALSE(client.was_reset()) << "a client must be able to read why";
    flow::Flow flow = play.records({.status = bad.status, .error = bad.code});
    EXPECT_TRUE(flow.synthesised);
  }
  play.no_upstream();
}

TEST_P(Failure, refuses_a_bad_request_behind_a_good_one) {
  auto& client = play.client();
  client.sends(std::string(kGetSent) + "GET http://{origin}/ HTTP/1.1\r\nHost : x\r\n\r\n");
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends(kOk);
  client.expects(kOk);
  expect_error(client.expects_answer(), 400, "bad_request");
  play.records({.status = 200});
  play.records({.status = 400, .error = Code::bad_request});
  client.half_closes();
  client.expects_end();
}

TEST_P(Failure, records_nothing_for_a_client_that_says_nothing) {
  play.client().closes();
  play.client().resets();
  auto& client = play.client();
  client.half_closes();
  client.expects_end();
}

TEST_P(Failure, records_a_head_that_never_ended) {
  auto& client = play.client();
  client.sends("GET http://{origin}/ HTTP/1.1\r\nHo");
  client.half_closes();
  expect_error(client.expects_answer(), 400, "bad_request");
  client.expects_end();
  play.records({.status = 400, .error = Code::bad_request});
}

}  // namespace
}  // namespace weir::testing
