// Requests that wait for a person's word: nothing leaves before it, and whatever goes wrong is a no.
#include "tests/support/fake_questions.h"
#include "tests/support/h2_peer.h"
#include "tests/walk/dialogue.h"

namespace weir::testing {
namespace {

using flow::Interception;
using policy::Action;
using policy::AnswerScope;
using policy::Layer;
using policy::Rule;
using By = proxy::Decision::By;

class Asked : public TimedDialogue {
 protected:
  Asked() {
    stage.questions = &questions;
    user().default_action = Action::ask;
  }
  ~Asked() override { play.ends(); }  // the questions outlive what asks them

  policy::RuleSet& user() { return play.settings().filter.layers[static_cast<std::size_t>(Layer::user)]; }
  void rule(std::string pattern, Action action) {
    user().rules.push_back({.pattern = std::move(pattern), .action = action, .source = "config.toml:7"});
  }
  /// Lets the proxy go on; then this many questions are open.
  void open_questions(std::size_t count) {
    stage.wait(-1, 0);
    EXPECT_EQ(questions.waiting.size(), count);
    play.no_upstream();
  }
  /// A GET that waits for an answer.
  Peer& asks() {
    auto& client = play.client();
    client.sends(kGetSent);
    open_questions(1);
    client.expects_silence();
    return client;
  }
  void passes(Peer& client) {
    auto& upstream = play.upstream();
    upstream.expects(kGetSeen);
    upstream.sends(kOk);
    client.expects(kOk);
    upstream.closes();
  }
  std::string refused(Peer& client) {
    Answer answer = client.expects_answer();
    EXPECT_EQ(answer.head.status, 403);
    EXPECT_EQ(answer.field("x-weir-error"), "blocked");
    play.no_upstream();
    return answer.body;
  }
  void recorded(const Account& wanted, const std::string& action, const std::string& reason) {
    flow::Flow flow = play.records(wanted);
    EXPECT_EQ(flow.filter_action, action);
    EXPECT_EQ(flow.filter_reason, reason);
  }

  FakeQuestions questions;
};

TEST_F(Asked, a_request_waits_and_goes_on_when_it_is_allowed) {
  auto& client = asks();
  EXPECT_EQ(stage.dialled(), "");
  questions.answer(1, Action::allow);
  passes(client);
  recorded({.status = 200}, "allow", "allowed by user decision");
}

TEST_F(Asked, a_request_that_a_person_blocks_is_told_so) {
  auto& client = asks();
  questions.answer(1, Action::block);
  EXPECT_TRUE(refused(client).contains("blocked by user"));
  recorded({.status = 403, .error = Code::blocked}, "block", "blocked by user decision");
}

TEST_F(Asked, no_answer_in_time_is_a_no) {
  auto& client = asks();
  stage.pass(std::chrono::milliseconds(29'999));
  open_questions(1);
  stage.pass(std::chrono::milliseconds(1));
  constexpr const char* kReason = "unanswered: request timed out (30s) waiting for user response";
  EXPECT_TRUE(refused(client).contains(kReason));
  EXPECT_EQ(questions.withdrawn, (std::vector{std::pair{proxy::QuestionId{1}, By::time}}));
  recorded({.status = 403, .error = Code::blocked}, "block", kReason);
}

TEST_F(Asked, an_answer_in_the_last_moment_counts) {
  auto& client = asks();
  questions.last_word = Action::allow;
  stage.pass(std::chrono::seconds(30));
  passes(client);
  recorded({.status = 200}, "allow", "allowed by user decision");
}

TEST_F(Asked, with_nobody_to_ask_it_is_a_no_at_once) {
  questions.nobody = true;
  auto& client = play.client();
  client.sends(kGetSent);
  std::string body = refused(client);
  EXPECT_TRUE(body.contains("unanswered: no monitor connected; `weir monitor` connects one")) << body;
  recorded({.status = 403, .error = Code::blocked}, "block", "unanswered: no monitor connected");
}

TEST_F(Asked, a_question_shows_what_helps_and_no_secret) {
  auto& client = play.client();
  client.sends(
      "POST http://{origin}/v1/x?token=t0p HTTP/1.1\r\nHost: {origin}\r\nUser-Agent: curl\r\n"
      "Authorization: Bearer s3cret\r\nCookie: a=s3cret\r\nContent-Type: text/plain\r\nContent-Length: "
      "0\r\n\r\n");
  open_questions(1);
  const proxy::Inquiry& inquiry = questions.asked[0];
  EXPECT_EQ(inquiry.method, "POST");
  EXPECT_EQ(inquiry.target, "/v1/x?token=t0p");
  EXPECT_EQ(proxy::shown_url(inquiry.question()), "http://a.test/v1/x?token=[REDACTED]");
  EXPECT_EQ(inquiry.why, "no rule matched, using default action: ask");
  std::string fields;
  for (auto field : inquiry.fields) fields.append(field.name).append("=").append(field.value).append(";");
  EXPECT_EQ(fields, "Content-Type=text/plain;User-Agent=curl;Authorization=[REDACTED];");
  questions.answer(1, Action::block);
  refused(client);
  play.records({.status = 403, .error = Code::blocked});
}

TEST_F(Asked, a_client_that_goes_takes_its_question_along) {
  auto& client = asks();
  client.closes();
  open_questions(0);
  EXPECT_EQ(questions.withdrawn, (std::vector{std::pair{proxy::QuestionId{1}, By::client}}));
  recorded({.status = 0, .error = Code::client_closed}, "block", "unanswered: the client went away");
}

TEST_F(Asked, an_account_that_is_open_says_that_it_is_being_asked) {
  user().default_action = Action::allow;
  rule("a.test", Action::ask);
  auto& client = asks();
  EXPECT_EQ(questions.asked[0].why, "matched rule: a.test");
  EXPECT_EQ(questions.asked[0].asker.source, "config.toml:7");
  questions.answer(1, Action::block);
  EXPECT_TRUE(refused(client).contains("blocked by user; rule a.test (user: config.toml:7)"));
  play.records({.status = 403, .error = Code::blocked});
}

TEST_F(Asked, streams_of_one_connection_wait_for_themselves_alone) {
  rule("free.test", Action::allow);
  H2Peer client(play, play.client());
  client.greets();
  client.headers(1, request("GET", "/"));
  client.headers(3, request("GET", "/"));
  open_questions(2);
  client.headers(5, request("GET", "/", {}, "free.test"));
  auto& free = play.upstream();
  free.expects("GET / HTTP/1.1\r\nHost: free.test\r\n\r\n");
  free.sends(kOkLast);
  EXPECT_EQ(client.expects_answer(5).body, "ok");
  free.closes();
  play.records({.status = 200});
  client.sends(h2::rst_stream(1, 8));
  stage.wait(-1, 0);
  EXPECT_EQ(questions.withdrawn, (std::vector{std::pair{proxy::QuestionId{1}, By::client}}));
  play.records({.status = 0, .error = Code::client_closed});
  questions.answer(2, Action::allow);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends(kOkLast);
  EXPECT_EQ(client.expects_answer(3).body, "ok");
  play.records({.status = 200});
}

TEST_F(Asked, a_rule_that_came_meanwhile_beats_the_answer) {
  auto& client = asks();
  rule("a.test", Action::block);
  stage.refilter();
  questions.answer(1, Action::allow);
  EXPECT_TRUE(refused(client).contains("matched rule: a.test"));
  recorded({.status = 403, .error = Code::blocked}, "block", "matched rule: a.test");
}

TEST_F(Asked, a_rule_that_asks_meanwhile_asks_its_own_question) {
  auto& client = asks();
  rule("a.test", Action::ask);
  stage.refilter();
  questions.answer(1, Action::allow);
  open_questions(1);
  client.expects_silence();
  questions.answer(2, Action::allow);
  passes(client);
  recorded({.status = 200}, "allow", "allowed by user decision");
}

TEST_F(Asked, a_default_that_blocks_meanwhile_beats_the_answer) {
  auto& client = asks();
  user().default_action = Action::block;
  stage.refilter();
  questions.answer(1, Action::allow);
  refused(client);
  recorded({.status = 403, .error = Code::blocked}, "block", "no rule matched, using default action: block");
}

TEST_F(Asked, a_session_that_is_cut_asks_no_more) {
  auto& client = asks();
  stage.cut();
  EXPECT_EQ(questions.withdrawn, (std::vector{std::pair{proxy::QuestionId{1}, By::client}}));
  client.reads_all();
  play.records({.error = Code::shutting_down});
}

TEST_F(Asked, a_tunnel_nobody_looks_into_waits_as_well) {
  play.settings().tls.passthrough = {"a.test"};
  auto& client = play.client();
  client.sends("CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n");
  open_questions(1);
  client.expects_silence();
  EXPECT_TRUE(questions.asked[0].opaque);
  EXPECT_EQ(questions.asked[0].method, "CONNECT");
  questions.answer(1, Action::allow);
  auto& upstream = play.upstream();
  client.expects("HTTP/1.1 200 Connection established\r\n\r\n");
  client.sends("ping");
  upstream.expects("ping");
  client.closes();
  upstream.expects_end();
  upstream.closes();
  recorded({.interception = Interception::passthrough}, "allow", "allowed by user decision");
}

TEST_F(Asked, a_tunnel_is_refused_and_given_up_like_a_request) {
  play.settings().tls.passthrough = {"a.test"};
  auto& refused_one = play.client();
  refused_one.sends("CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n");
  open_questions(1);
  questions.answer(1, Action::block);
  EXPECT_TRUE(refused(refused_one).contains("blocked by user"));
  recorded({.error = Code::blocked}, "block", "blocked by user decision");
  auto& leaving = play.client();
  leaving.sends("CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n");
  open_questions(1);
  leaving.closes();
  open_questions(0);
  recorded({.status = 0, .error = Code::client_closed}, "block", "unanswered: the client went away");
}

TEST_F(Asked, a_tunnel_over_socks_waits_as_well) {
  play.settings().tls.passthrough = {"a.test"};
  auto& client = play.client();
  client.sends(std::string("\x05\x01\x00", 3));
  client.expects(std::string("\x05\x00", 2));
  client.sends(
      std::string("\x05\x01\x00\x03\x06"
                  "a.test\x01\xbb",
                  13));
  open_questions(1);
  client.expects_silence();
  questions.answer(1, Action::block);
  EXPECT_TRUE(client.reads_all().starts_with("\x05\x02"));
  recorded({.error = Code::blocked}, "block", "blocked by user decision");
}

TEST_F(Asked, what_is_no_http_inside_a_tunnel_waits_as_well) {
  auto& client = play.tunnel();
  client.sends("\x01\x02\x03 something else");
  open_questions(1);
  client.closes();
  open_questions(0);
  play.records({.error = Code::client_closed, .interception = Interception::opaque});
}

class Remembered : public Asked {
 protected:
  void remember(Action action, AnswerScope scope = AnswerScope::host, policy::Asker asker = {}) {
    questions.remember({origin_, "GET", "/"}, scope, action, asker);
  }
  const http::Origin origin_{http::Scheme::http, {"a.test", 80}};
};

TEST_F(Remembered, an_answer_spares_the_question) {
  remember(Action::allow);
  auto& client = play.client();
  client.sends(kGetSent);
  passes(client);
  recorded({.status = 200}, "allow", "cached decision");
  EXPECT_TRUE(questions.asked.empty());
}

TEST_F(Remembered, an_answer_that_comes_while_a_connection_is_open_counts_there) {
  auto& client = asks();
  questions.answer(1, Action::allow);
  passes(client);
  recorded({.status = 200}, "allow", "allowed by user decision");
  remember(Action::block);
  client.sends(kGetSent);
  EXPECT_TRUE(refused(client).contains("blocked by user"));
  recorded({.status = 403, .error = Code::blocked}, "block", "cached decision");
}

TEST_F(Remembered, no_answer_beats_a_rule) {
  remember(Action::allow);
  rule("a.test", Action::block);
  auto& client = play.client();
  client.sends(kGetSent);
  refused(client);
  recorded({.status = 403, .error = Code::blocked}, "block", "matched rule: a.test");
}

TEST_F(Remembered, a_block_does_not_beat_a_rule_that_allows) {
  remember(Action::block);
  rule("a.test", Action::allow);
  auto& client = play.client();
  client.sends(kGetSent);
  passes(client);
  recorded({.status = 200}, "allow", "matched rule: a.test");
}

TEST_F(Remembered, an_answer_counts_whatever_the_default_is_by_then) {
  remember(Action::allow);
  user().default_action = Action::block;
  auto& client = play.client();
  client.sends(kGetSent);
  passes(client);
  recorded({.status = 200}, "allow", "cached decision");
}

TEST_F(Remembered, a_rule_that_asks_takes_no_answer_to_another_question) {
  remember(Action::allow);
  rule("a.test", Action::ask);
  auto& client = asks();
  questions.answer(1, Action::block);
  refused(client);
  play.records({.status = 403, .error = Code::blocked});
}

TEST_F(Remembered, a_rule_that_asks_takes_the_answers_to_its_own) {
  rule("a.test", Action::ask);
  remember(Action::allow, AnswerScope::host,
           policy::Asker({.basis = policy::Basis::rule,
                          .layer = Layer::user,
                          .pattern = "a.test",
                          .source = "config.toml:7"}));
  auto& client = play.client();
  client.sends(kGetSent);
  passes(client);
  recorded({.status = 200}, "allow", "cached decision");
}

TEST_F(Remembered, a_host_that_an_answer_blocks_may_not_hide_in_a_tunnel_to_another) {
  user().default_action = Action::allow;
  http::Origin secret{http::Scheme::https, {"secret.test", 443}};
  questions.remember({secret, "GET", "/"}, AnswerScope::host, Action::block);
  auto& client = play.secure_client();
  client.sends("GET / HTTP/1.1\r\nHost: secret.test\r\n\r\n");
  EXPECT_EQ(client.expects_answer().head.status, 421);
  play.no_upstream();
  play.records({.status = 421, .error = Code::misdirected_request});
}

}  // namespace
}  // namespace weir::testing
