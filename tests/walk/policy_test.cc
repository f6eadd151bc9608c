// What policy lets pass: no name is looked up and no packet leaves for a request that it does not allow.
#include <fmt/format.h>

#include "tests/support/h2_peer.h"
#include "tests/walk/dialogue.h"

namespace weir::testing {
namespace {

using flow::Interception;
using policy::Action;
using policy::Layer;
using policy::Rule;
using policy::Scope;

class Filtered : public Dialogue {
 protected:
  policy::RuleSet& layer(Layer layer) {
    return play.settings().filter.layers[static_cast<std::size_t>(layer)];
  }
  void rule(std::string pattern, Action action, Scope scope = Scope::host,
            std::vector<std::string> methods = {}, std::string reason = {}) {
    layer(Layer::user)
        .rules.push_back({.pattern = std::move(pattern),
                          .action = action,
                          .scope = scope,
                          .methods = std::move(methods),
                          .reason = std::move(reason),
                          .source = "config.toml:7"});
  }
  std::string host() { return play.stage().origin().host; }

  /// The body of the 403 that comes next.
  std::string blocked(Peer& client) {
    Answer answer = client.expects_answer();
    EXPECT_EQ(answer.head.status, 403);
    EXPECT_EQ(answer.field("x-weir-error"), "blocked");
    play.no_upstream();
    return answer.body;
  }
};
INSTANTIATE_TEST_SUITE_P(Over, Filtered, ::testing::Values(Over::memory, Over::loopback), over_name);

TEST_P(Filtered, a_request_that_no_rule_allows_goes_nowhere) {
  layer(Layer::user).default_action = Action::block;
  auto& client = play.client();
  client.sends(kGetSent);
  EXPECT_TRUE(blocked(client).contains("no rule matched, using default action: block"));
  flow::Flow flow = play.records({.status = 403, .error = Code::blocked});
  EXPECT_EQ(flow.filter_action, "block");
  EXPECT_EQ(flow.filter_reason, "no rule matched, using default action: block");
}

TEST_P(Filtered, a_request_that_is_allowed_is_recorded_with_the_rule) {
  layer(Layer::user).default_action = Action::block;
  rule(host(), Action::allow);
  auto& client = play.client();
  client.sends(kGetSent);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends(kOk);
  client.expects(kOk);
  flow::Flow flow = play.records({.status = 200, .response_body = "ok"});
  EXPECT_EQ(flow.filter_action, "allow");
  EXPECT_EQ(flow.filter_reason, "matched rule: " + host());
}

TEST_P(Filtered, without_rules_nothing_is_noted) {
  auto& client = play.client();
  client.sends(kGetSent);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends(kOk);
  client.expects(kOk);
  flow::Flow flow = play.records({.status = 200});
  EXPECT_EQ(flow.filter_action + flow.filter_reason, "");
}

TEST_P(Filtered, each_request_of_a_connection_is_judged_for_itself) {
  rule("/admin/**", Action::block, Scope::path, {"POST"}, "ask the operators");
  auto& client = play.client();
  client.sends("POST http://{origin}/admin/users HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 0\r\n\r\n");
  std::string body = blocked(client);
  EXPECT_TRUE(body.contains("ask the operators")) << body;
  EXPECT_TRUE(body.contains("rule /admin/**")) << body;
  EXPECT_TRUE(body.contains("config.toml:7")) << body;
  play.records({.status = 403, .error = Code::blocked});
  client.sends(kGetSent);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200});
  client.sends(
      "POST http://{origin}/x/../admin//users HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 0\r\n\r\n");
  blocked(client);
  play.records({.status = 403, .error = Code::blocked});
}

TEST_P(Filtered, inside_tls_the_answer_can_be_read) {
  rule(host(), Action::block);
  auto& client = play.secure_client();
  client.sends("GET / HTTP/1.1\r\nHost: {origin}\r\nAccept: application/json\r\n\r\n");
  std::string body = blocked(client);
  EXPECT_TRUE(body.contains("\"code\": \"blocked\"")) << body;
  play.records({.status = 403, .error = Code::blocked, .interception = Interception::intercepted});
}

TEST_P(Filtered, a_tunnel_nobody_looks_into_is_judged_by_its_host) {
  play.settings().tls.passthrough = {host()};
  rule(host(), Action::block);
  auto& client = play.client();
  client.sends("CONNECT {tunnel} HTTP/1.1\r\nHost: {tunnel}\r\n\r\n");
  EXPECT_TRUE(blocked(client).contains("matched rule: " + host()));
  play.records({.error = Code::blocked, .interception = Interception::passthrough});
}

TEST_P(Filtered, a_rule_about_some_path_closes_a_tunnel_nobody_looks_into) {
  rule("/admin/**", Action::block, Scope::path);
  auto& client = play.tunnel();
  client.sends("\x01\x02\x03\x04 something else\n");
  client.reads_all();
  play.no_upstream();
  play.records({.error = Code::blocked, .interception = Interception::opaque});
}

TEST_P(Filtered, what_is_no_http_inside_a_tunnel_is_judged_before_it_is_carried) {
  layer(Layer::user).default_action = Action::block;
  auto& client = play.tunnel();
  client.sends("\x01\x02\x03\x04 something else\n");
  client.reads_all();
  play.no_upstream();
  flow::Flow flow = play.records({.error = Code::blocked, .interception = Interception::opaque});
  EXPECT_EQ(flow.filter_action, "block");
}

TEST_P(Filtered, a_question_that_nobody_answers_is_a_no) {
  rule(host(), Action::ask);
  auto& client = play.client();
  client.sends(kGetSent);
  EXPECT_TRUE(blocked(client).contains("unanswered: no monitor connected"));
  play.records({.status = 403, .error = Code::blocked});
}

TEST_P(Filtered, a_host_of_another_name_may_not_hide_in_a_tunnel) {
  rule("secret.test", Action::block);
  auto& client = play.secure_client();
  client.sends("GET / HTTP/1.1\r\nHost: secret.test\r\n\r\n");
  Answer answer = client.expects_answer();
  EXPECT_EQ(answer.head.status, 421);
  EXPECT_EQ(answer.field("x-weir-error"), "misdirected_request");
  play.no_upstream();
  play.records({.status = 421, .error = Code::misdirected_request, .marks = "host_mismatch"});
}

TEST_P(Filtered, where_no_rule_is_about_either_another_name_passes) {
  rule("secret.test", Action::block);
  auto& client = play.secure_client();
  client.sends("GET / HTTP/1.1\r\nHost: 192.0.2.7\r\n\r\n");
  auto& upstream = play.secure_upstream();
  upstream.expects("GET / HTTP/1.1\r\nHost: 192.0.2.7\r\n\r\n");
  upstream.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200, .marks = "host_mismatch"});
}

TEST_P(Filtered, a_grpc_client_is_told_in_its_own_words) {
  rule(host(), Action::block);
  H2Peer client(play, play.client());
  client.greets();
  client.headers(1, request("POST", "/s/m", {{"content-type", "application/grpc"}, {"te", "trailers"}}));
  Answer answer = client.expects_answer(1);
  EXPECT_EQ(answer.head.status, 200);
  EXPECT_EQ(answer.field("grpc-status"), "7");
  EXPECT_TRUE(answer.field("grpc-message").contains("matched rule")) << answer.field("grpc-message");
  EXPECT_EQ(answer.body, "");
  play.no_upstream();
  play.records({.status = 200, .error = Code::blocked});
}

}  // namespace
}  // namespace weir::testing
