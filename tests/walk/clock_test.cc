// Limits of time, and dials that fail: on manual time alone.
#include "tests/walk/dialogue.h"

namespace weir::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Clock = TimedDialogue;

TEST_F(Clock, answers_504_when_upstream_does_not) {
  auto& client = play.client();
  client.sends(kGetSent);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  stage.pass(seconds(299));
  client.expects_silence();
  stage.pass(seconds(2));
  Answer answer = client.expects_answer();
  EXPECT_EQ(answer.head.status, 504);
  EXPECT_EQ(answer.field("x-weir-error"), "upstream_timeout");
  upstream.expects_end();
  play.records({.status = 504, .error = Code::upstream_timeout});
}

TEST_F(Clock, gives_a_response_body_all_the_time_it_wants) {
  auto& client = play.client();
  client.sends(kGetSent);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
  client.expects("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
  stage.pass(minutes(30));
  upstream.sends("cd");
  client.expects("cd");
  play.records({.status = 200, .response_body = "abcd"});
}

TEST_F(Clock, gives_a_response_that_began_before_the_upload_ended_all_the_time_it_wants) {
  auto& client = play.client();
  client.sends("POST http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 4\r\n\r\nab");
  auto& upstream = play.upstream();
  upstream.expects("POST / HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 4\r\n\r\nab");
  upstream.sends("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwx");
  client.expects("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nwx");
  client.sends("cd");
  upstream.expects("cd");
  upstream.sends("y");
  client.expects("y");
  stage.pass(minutes(30));
  upstream.sends("z");
  client.expects("z");
  play.records({.status = 200, .request_body = "abcd", .response_body = "wxyz"});
}

TEST_F(Clock, ends_a_body_that_stalls_where_there_is_a_limit) {
  play.settings().limits.body_idle_timeout = seconds(10);
  auto& client = play.client();
  client.sends(kGetSent);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na");
  client.expects("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na");
  stage.pass(seconds(9));
  upstream.sends("b");
  client.expects("b");
  stage.pass(seconds(9));
  client.expects_silence();
  stage.pass(seconds(2));
  EXPECT_EQ(client.reads_all(), "");
  play.records({.status = 200, .error = Code::upstream_timeout, .response_body = "ab"});
}

TEST_F(Clock, waits_for_a_slow_origin_behind_a_100_continue_that_never_comes) {
  auto& client = play.client();
  client.sends(
      "POST http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 4\r\nExpect: "
      "100-continue\r\n\r\n");
  auto& upstream = play.upstream();
  upstream.expects("POST / HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  stage.pass(seconds(5));
  client.expects_silence();
  client.sends("body");  // RFC 9110 section 10.1.1: a client does not wait for ever
  upstream.expects("body");
  upstream.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200});
}

TEST_F(Clock, answers_408_to_a_head_that_does_not_end) {
  auto& client = play.client();
  client.sends("GET http://{origin}/ HTTP/1.1\r\nHo");
  stage.pass(seconds(29));
  client.sends("st: {origin}\r\n");  // a drop now and then does not buy more time
  stage.pass(seconds(2));
  EXPECT_EQ(client.expects_answer().field("x-weir-error"), "client_timeout");
  play.records({.status = 408, .error = Code::client_timeout});
  client.half_closes();
  client.expects_end();
}

TEST_F(Clock, closes_idle_clients_without_a_word) {
  auto& silent = play.client();
  auto& served = play.client();
  served.sends(kGetSent);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends(kOk);
  served.expects(kOk);
  play.records({.status = 200});
  stage.pass(seconds(119));
  served.expects_silence();
  stage.pass(seconds(2));
  silent.expects_end();
  served.expects_end();
}

TEST_F(Clock, closes_idle_upstream_connections) {
  auto& client = play.client();
  client.sends(kGetSent);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200});
  for (int i = 0; i < 13; ++i) stage.pass(seconds(5));
  upstream.expects_end();
}

TEST_F(Clock, tells_why_a_dial_failed) {
  for (auto [code, status] : {std::pair(Code::dns_not_found, 502), std::pair(Code::connect_refused, 502),
                              std::pair(Code::connect_timeout, 504)}) {
    auto& client = play.client();
    client.sends("PING http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\n\r\n");
    stage.fail_dial(Error(code, "a.test:80", Retry::yes));
    Answer answer = client.expects_answer();
    EXPECT_EQ(answer.head.status, status);
    EXPECT_EQ(answer.field("x-weir-error"), info(code).name);
    play.records({.status = status, .error = code});
  }
}

}  // namespace
}  // namespace weir::testing
