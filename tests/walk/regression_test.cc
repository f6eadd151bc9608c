// Faults that once were there, each in the shortest dialogue that showed it.
#include <sys/socket.h>

#include "tests/walk/dialogue.h"

namespace weir::testing {
namespace {

using flow::Interception;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

WEIR_DIALOGUES(Regression);
using TimedRegression = TimedDialogue;

// Changes of protocol

TEST_P(Regression, offers_no_upgrade_beside_an_upload) {
  // Else a 101 that comes early makes a tunnel while the body is still being read and written.
  auto& client = play.client();
  client.sends(
      "POST http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\nConnection: Upgrade\r\nUpgrade: foo\r\n"
      "Content-Length: 100\r\n\r\npart");
  auto& upstream = play.upstream();
  upstream.expects("POST / HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 100\r\n\r\npart");
  upstream.sends("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\nearly");
  Answer answer = client.expects_answer();
  EXPECT_EQ(answer.head.status, 502);
  EXPECT_EQ(answer.field("connection"), "close");
  client.sends("the rest of the body goes nowhere");
  upstream.expects_end();
  client.half_closes();
  client.expects_end();
  play.records({.status = 502, .error = Code::upstream_bad_response, .request_body = "part"});
}

// Time

TEST_F(TimedRegression, limits_the_wait_for_the_response_to_a_request_with_a_body) {
  auto& client = play.client();
  client.sends("POST http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 4\r\n\r\nab");
  auto& upstream = play.upstream();
  upstream.expects("POST / HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 4\r\n\r\nab");
  stage.pass(minutes(30));  // an upload takes the time it wants
  client.sends("cd");
  upstream.expects("cd");
  stage.pass(seconds(299));
  client.expects_silence();
  stage.pass(seconds(2));
  EXPECT_EQ(client.expects_answer().head.status, 504);
  upstream.expects_end();
  play.records({.status = 504, .error = Code::upstream_timeout, .request_body = "abcd"});
}

TEST_F(TimedRegression, forgets_the_deadlines_of_the_last_exchange_on_a_kept_connection) {
  play.settings().limits.body_idle_timeout = seconds(10);
  auto& client = play.client();
  client.sends(kGetSent);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no");
  client.expects("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no");
  upstream.sends("k");
  client.expects("k");
  play.records({.status = 200});
  stage.pass(seconds(11));
  client.sends("POST http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 4\r\n\r\nab");
  upstream.expects("POST / HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 4\r\n\r\nab");
  client.expects_silence();
  client.sends("cd");
  upstream.expects("cd");
  upstream.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200, .reused = true});
}

TEST_F(TimedRegression, ends_a_tunnel_in_which_nobody_speaks) {
  auto& client = play.tunnel();
  stage.pass(milliseconds(501));
  auto& upstream = play.upstream();
  stage.pass(seconds(119));
  client.expects_silence();
  upstream.expects_silence();
  stage.pass(seconds(2));
  client.expects_end();
  upstream.expects_end();
  play.records({.error = Code::client_closed, .interception = Interception::opaque});
}

TEST_F(TimedRegression, ends_a_tunnel_whose_other_end_ignores_that_the_client_went) {
  play.settings().tls.passthrough = {"a.test"};
  auto& client = play.tunnel();
  auto& upstream = play.upstream();
  client.half_closes();
  upstream.expects_end();
  stage.pass(minutes(4));
  upstream.sends("late");
  client.expects("late");
  stage.pass(minutes(2));
  client.expects_end();
  play.records({.error = Code::upstream_timeout, .interception = Interception::passthrough});
}

TEST_F(TimedRegression, gives_a_client_one_deadline_to_show_what_it_speaks) {
  auto& client = play.tunnel();
  for (const char* drop : {"V", "E", "R"}) {
    client.sends(drop);
    stage.pass(milliseconds(9'900));
    client.expects_silence();
  }
  client.sends("Y");
  stage.pass(seconds(1));
  client.expects_end();
  play.no_upstream();
}

TEST_P(Regression, takes_a_flood_of_empty_lines_in_a_tunnel_for_no_protocol) {
  auto& client = play.tunnel();
  client.sends("\r\n\r\n");
  auto& upstream = play.upstream();
  upstream.expects("\r\n\r\n");
  client.closes();
  upstream.expects_end();
  upstream.closes();
  play.records({.status = 200, .interception = Interception::opaque});
}

// Clients that go

TEST_P(Regression, takes_the_end_of_a_tls_client_for_its_going) {
  auto& client = play.secure_client();
  client.sends("GET / HTTP/1.1\r\nHost: {origin}\r\n\r\n");
  auto& upstream = play.secure_upstream();
  upstream.expects(kGetSeen);
  client.half_closes();  // plain HTTP would go on
  upstream.reads_all();
  client.expects_end();
  play.records({.status = 0, .error = Code::client_closed});
}

TEST_F(TimedRegression, asks_upstream_no_second_time_for_a_client_that_cannot_be_answered) {
  auto& client = play.client();
  client.sends(kGetSent);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200});
  client.sends(kGetSent);
  upstream.expects(kGetSeen);
  shutdown(client.fd(), SHUT_RD);  // writing to it fails, yet it is not gone
  upstream.sends("HTTP/1.1 103 Early Hints\r\n\r\n");
  upstream.reads_all();
  play.no_upstream();
  play.records({.status = 0, .error = Code::client_reset, .marks = "", .reused = true});
}

// Responses

TEST_P(Regression, tells_a_forged_end_of_a_tls_response_from_a_true_one) {
  for (bool orderly : {true, false}) {
    SCOPED_TRACE(orderly);
    auto& client = play.secure_client();
    client.sends("GET / HTTP/1.1\r\nHost: {origin}\r\n\r\n");
    auto& upstream = play.secure_upstream();
    upstream.expects(kGetSeen);
    upstream.sends("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\npart");
    client.expects("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n");
    if (orderly) {
      upstream.half_closes();
      client.expects("0\r\n\r\n");
    } else {
      shutdown(upstream.fd(), SHUT_WR);  // no close_notify: anybody on the way can do that
      EXPECT_EQ(client.reads_all(), "");
    }
    flow::Flow flow = play.records({.status = 200,
                                    .error = orderly ? Code::none : Code::upstream_body_incomplete,
                                    .response_body = "part"});
    EXPECT_EQ(flow.response_body.complete, orderly);
    client.closes();
    upstream.closes();
  }
}

TEST_P(Regression, takes_the_body_of_an_answer_to_head_for_no_part_of_the_next_answer) {
  auto& client = play.client();
  client.sends("HEAD http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\n\r\n");
  auto& upstream = play.upstream();
  upstream.expects("HEAD / HTTP/1.1\r\nHost: {origin}\r\n\r\n");
  upstream.sends("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
  client.expects("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
  play.records({.status = 200, .response_body = ""});
  client.sends(kGetSent);
  auto& second = play.upstream();
  second.expects(kGetSeen);
  second.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200, .reused = false, .response_body = "ok"});
}

// The record

TEST_P(Regression, keeps_only_the_first_line_of_a_refused_request_and_no_secret_of_it) {
  auto& client = play.client();
  client.sends(
      "GET http://{origin}/?token=secret HTTP/1.1\r\nHost: {origin}\r\nAuthorization: Bearer secret\r\n"
      " folded\r\n\r\n");
  EXPECT_EQ(client.expects_answer().head.status, 400);
  client.half_closes();
  client.expects_end();
  play.records({.status = 400,
                .error = Code::bad_request,
                .request_body = play.stage().fill("GET http://{origin}/?token=[REDACTED] HTTP/1.1")});
}

}  // namespace
}  // namespace weir::testing
