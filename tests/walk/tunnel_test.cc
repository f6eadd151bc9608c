// CONNECT: what is inside tunnels, intercepted or not.
#include "tests/walk/dialogue.h"

namespace weir::testing {
namespace {

using flow::Interception;

WEIR_DIALOGUES(Tunnel);

constexpr const char* kInsideSent = "GET / HTTP/1.1\r\nHost: {origin}\r\n\r\n";

TEST_P(Tunnel, intercepts_tls) {
  auto& client = play.secure_client();
  client.sends(kInsideSent);
  auto& upstream = play.secure_upstream();
  upstream.expects(kGetSeen);
  upstream.sends(kOk);
  client.expects(kOk);
  flow::Flow flow = play.records(
      {.status = 200, .marks = "", .interception = Interception::intercepted, .response_body = "ok"});
  EXPECT_EQ(flow.request.url(), play.stage().fill("https://{origin}/"));
  client.sends(kInsideSent);
  upstream.expects(kGetSeen);
  upstream.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200, .reused = true});
}

TEST_P(Tunnel, dials_nobody_before_the_first_request) {
  play.secure_client();
  play.no_upstream();
}

TEST_P(Tunnel, reads_a_client_hello_that_comes_byte_by_byte) {
  auto& client = play.tunnel();
  tls::SslPtr session = play.client_tls();
  BIO* out = BIO_new(BIO_s_mem());
  BIO* in = BIO_new(BIO_s_mem());
  SSL_set_bio(session.get(), in, out);
  SSL_do_handshake(session.get());
  char* hello = nullptr;
  auto size = static_cast<std::size_t>(BIO_get_mem_data(out, &hello));
  for (char c : std::string(hello, size)) {
    client.sends({&c, 1});
    play.stage().wait(-1, 0);
  }
  EXPECT_TRUE(client.tries_tls(std::move(session)));
  client.sends(kInsideSent);
  auto& upstream = play.secure_upstream();
  upstream.expects(kGetSeen);
  upstream.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200});
}

TEST_P(Tunnel, records_a_client_hello_that_is_cut_short) {
  auto& client = play.tunnel();
  client.sends(std::string_view("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11));
  client.half_closes();
  client.expects_end();
  play.records({.error = Code::bad_client_hello, .interception = Interception::intercepted});
}

TEST_P(Tunnel, records_what_begins_like_tls_and_is_none) {
  auto& client = play.tunnel();
  client.sends(std::string_view("\x16\x03\x01\x00\x05junk!", 10));
  client.reads_all();
  play.records({.error = Code::bad_client_hello});
}

TEST_P(Tunnel, records_a_client_that_rejects_our_certificate) {
  for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    auto& client = play.tunnel();
    EXPECT_FALSE(client.tries_tls(tls::testing::plain_client({}, play.stage().origin().host, version)));
    client.half_closes();
    flow::Flow flow =
        play.records({.error = Code::client_rejected_certificate, .interception = Interception::intercepted});
    EXPECT_EQ(flow.kind, flow::Kind::tunnel);
  }
  play.no_upstream();
}

struct BadCertificate {
  Code code;
  std::function<tls::SslPtr(Playbook&)> origin;
};

TEST_P(Tunnel, tells_what_is_wrong_with_an_upstream_certificate) {
  auto bent = [](auto bend) {
    return [bend](Playbook& play) {
      tls::testing::ServerRecipe recipe{.names = {play.names()}};
      bend(recipe);
      return play.origin_tls(recipe);
    };
  };
  std::int64_t now = ::time(nullptr);
  std::vector<BadCertificate> all = {
      {Code::upstream_cert_untrusted,
       [](Playbook& play) {
         auto stranger = tls::testing::make_authority("Stranger");
         return tls::testing::Origin{tls::testing::make_server(&stranger, {.names = {play.names()}})}
             .new_session();
       }},
      {Code::upstream_cert_expired,
       bent([now](auto& recipe) { recipe.from = now - 20 * 86400, recipe.until = now - 86400; })},
      {Code::upstream_cert_not_yet_valid, bent([now](auto& recipe) { recipe.from = now + 86400; })},
      {Code::upstream_cert_name_mismatch, bent([](auto& recipe) { recipe.names = {"wrong.test"}; })},
  };
  auto& client = play.secure_client();
  for (const BadCertificate& bad : all) {
    SCOPED_TRACE(info(bad.code).name);
    client.sends("GET / HTTP/1.1\r\nHost: {origin}\r\nAccept: application/json\r\n\r\n");
    EXPECT_FALSE(play.upstream().tries_tls(bad.origin(play)));
    Answer answer = client.expects_answer();
    EXPECT_EQ(answer.head.status, 502);
    EXPECT_EQ(answer.field("x-weir-error"), info(bad.code).name);
    EXPECT_TRUE(answer.body.contains(fmt::format("\"code\": \"{}\"", info(bad.code).name))) << answer.body;
    play.records({.status = 502, .error = bad.code});
  }
}

TEST_P(Tunnel, tells_that_upstream_does_not_speak_tls) {
  auto& client = play.secure_client();
  client.sends(kInsideSent);
  auto& upstream = play.upstream();
  upstream.sends("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(client.expects_answer().field("x-weir-error"), "upstream_tls_failed");
  upstream.reads_all();
  play.records({.status = 502, .error = Code::upstream_tls_failed});
}

TEST_P(Tunnel, accepts_a_bad_certificate_of_a_host_on_the_list) {
  play.settings().tls.insecure_hosts = {play.stage().origin().host};
  auto& client = play.secure_client();
  client.sends(kInsideSent);
  auto& upstream = play.upstream();
  upstream.starts_tls(play.origin_tls({.names = {"wrong.test"}}));
  upstream.expects(kGetSeen);
  upstream.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200});
}

TEST_P(Tunnel, marks_a_host_that_differs_from_the_tunnel) {
  auto& client = play.secure_client();
  client.sends("GET / HTTP/1.1\r\nHost: 192.0.2.7\r\n\r\n");
  auto& upstream = play.secure_upstream();
  upstream.expects("GET / HTTP/1.1\r\nHost: 192.0.2.7\r\n\r\n");
  upstream.sends(kOk);
  client.expects(kOk);
  flow::Flow flow = play.records({.status = 200, .marks = "host_mismatch"});
  EXPECT_EQ(flow.request.origin.place.host, play.stage().origin().host);
}

TEST_P(Tunnel, cuts_inside_tls_without_an_orderly_end) {
  auto& client = play.secure_client();
  client.sends("GET / HTTP/1.0\r\nHost: {origin}\r\n\r\n");
  auto& upstream = play.secure_upstream();
  upstream.expects(kGetSeen);
  upstream.sends("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart");
  client.expects("HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\npart");
  upstream.resets();
  EXPECT_EQ(client.reads_all(), "");
  EXPECT_TRUE(client.was_reset());
  play.records(
      {.status = 200, .error = over_memory() ? Code::upstream_body_incomplete : Code::upstream_reset});
}

TEST_P(Tunnel, intercepts_plain_http) {
  auto& client = play.tunnel();
  client.sends("GET /x HTTP/1.1\r\nHost: {origin}\r\n\r\n");
  auto& upstream = play.upstream();
  upstream.expects("GET /x HTTP/1.1\r\nHost: {origin}\r\n\r\n");
  upstream.sends(kOk);
  client.expects(kOk);
  flow::Flow flow = play.records({.status = 200, .interception = Interception::intercepted});
  EXPECT_EQ(flow.request.origin.scheme, http::Scheme::http);
}

TEST_P(Tunnel, keeps_what_came_right_behind_the_connect) {
  auto& client = play.client();
  client.sends("CONNECT {tunnel} HTTP/1.1\r\nHost: {tunnel}\r\n\r\nGET / HTTP/1.1\r\nHost: {tunnel}\r\n\r\n");
  client.expects("HTTP/1.1 200 Connection established\r\n\r\n");
  auto& upstream = play.upstream();
  upstream.expects("GET / HTTP/1.1\r\nHost: {tunnel}\r\n\r\n");
  upstream.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200, .marks = ""});
}

TEST_P(Tunnel, refuses_a_connect_inside_a_tunnel) {
  auto& client = play.secure_client();
  client.sends("CONNECT {tunnel} HTTP/1.1\r\nHost: {tunnel}\r\n\r\n");
  EXPECT_EQ(client.expects_answer().field("x-weir-error"), "bad_target");
  play.records({.status = 400, .error = Code::bad_target, .interception = Interception::intercepted});
  client.closes();
}

TEST_P(Tunnel, carries_what_it_cannot_read) {
  auto& client = play.tunnel();
  client.sends("\xffgarbage");
  auto& upstream = play.upstream();
  upstream.expects("\xffgarbage");
  upstream.sends(
      "\xfe"
      "back");
  client.expects(
      "\xfe"
      "back");
  client.half_closes();
  upstream.expects_end();
  upstream.sends("late");
  upstream.closes();
  client.expects_last("late");
  flow::Flow flow = play.records({.status = 200, .interception = Interception::opaque});
  EXPECT_EQ(flow.kind, flow::Kind::tunnel);
  EXPECT_EQ(flow.request_body.size, 8u);
  EXPECT_EQ(flow.response_body.size, 9u);
  EXPECT_EQ(flow.response_body.bytes, "");
}

TEST_P(Tunnel, ends_both_sides_when_one_is_cut) {
  auto& client = play.tunnel();
  client.sends("\xffgarbage");
  auto& upstream = play.upstream();
  upstream.expects("\xffgarbage");
  client.resets();
  upstream.reads_all();
  upstream.closes();
  play.records(
      {.error = over_memory() ? Code::none : Code::client_reset, .interception = Interception::opaque});
}

TEST_P(Tunnel, leaves_hosts_on_the_pass_through_list_alone) {
  play.settings().tls.passthrough = {play.stage().origin().host};
  auto& client = play.client();
  client.sends("CONNECT {tunnel} HTTP/1.1\r\nHost: {tunnel}\r\n\r\n");
  auto& upstream = play.upstream();
  client.expects("HTTP/1.1 200 Connection established\r\n\r\n");
  client.sends("GET / HTTP/1.1\r\nHost: anything\r\n\r\n");
  upstream.expects("GET / HTTP/1.1\r\nHost: anything\r\n\r\n");
  upstream.sends("bytes");
  upstream.closes();
  client.expects_last("bytes");
  client.closes();
  play.records({.status = 200, .interception = Interception::passthrough});
}

TEST_P(Tunnel, leaves_hosts_off_the_intercept_list_alone) {
  play.settings().tls.intercept = {"only.test"};
  auto& client = play.client();
  client.sends("CONNECT {tunnel} HTTP/1.1\r\nHost: {tunnel}\r\n\r\n");
  auto& upstream = play.upstream();
  client.expects("HTTP/1.1 200 Connection established\r\n\r\n");
  upstream.sends("SSH-2.0-server\r\n");  // whoever speaks first
  client.expects("SSH-2.0-server\r\n");
  client.closes();
  upstream.expects_end();
  upstream.closes();
  play.records({.status = 200, .interception = Interception::passthrough});
}

TEST_P(Tunnel, lets_the_server_speak_first) {
  auto& client = play.tunnel();
  if (over_memory()) static_cast<MemoryStage&>(play.stage()).pass(std::chrono::milliseconds(501));
  auto& upstream = play.upstream();
  upstream.sends("220 mail.test ESMTP\r\n");
  client.expects("220 mail.test ESMTP\r\n");
  client.sends("QUIT\r\n");
  upstream.expects("QUIT\r\n");
  upstream.closes();
  client.expects_end();
  client.closes();
  play.records({.status = 200, .interception = Interception::opaque});
}

TEST_P(Tunnel, reads_a_client_that_was_merely_slow) {
  auto& client = play.tunnel();
  if (over_memory()) static_cast<MemoryStage&>(play.stage()).pass(std::chrono::milliseconds(501));
  auto& probe = play.upstream();
  client.sends(kInsideSent);
  probe.expects_end();  // what was dialled to listen is of no more use
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends(kOk);
  client.expects(kOk);
  client.closes();
  for (int i = 0; i < 2; ++i) {
    auto flow = play.stage().closed();
    ASSERT_TRUE(flow.has_value());
    if (flow->kind == flow::Kind::tunnel) {
      EXPECT_EQ(flow->marks, "client_spoke_late");
    } else {
      EXPECT_EQ(flow->interception, Interception::intercepted);
    }
  }
}

TEST_P(Tunnel, is_empty_for_a_client_that_goes_at_once) {
  auto& client = play.tunnel();
  client.half_closes();
  client.expects_end();
  play.no_upstream();
}

// A client that has itself tunnelled, since it pins its host, is told by TLS itself that the place is
// refused.
TEST_F(TimedDialogue, a_tunnel_with_tls_in_it_that_is_refused_ends_with_the_right_alert) {
  play.settings().tls.auto_passthrough = true;
  for (int attempt = 0; attempt < 3; ++attempt) {
    Peer& client = play.tunnel();
    EXPECT_FALSE(client.tries_tls(tls::testing::plain_client({}, "a.test", TLS1_2_VERSION)));
    client.half_closes();
    play.records({.error = Code::client_rejected_certificate});
  }
  stage.fail_dial(Error(Code::address_refused, "not there"));
  Peer& client = play.tunnel();
  EXPECT_FALSE(client.tries_tls(tls::testing::plain_client({}, "a.test", TLS1_2_VERSION)));
  EXPECT_EQ(ERR_GET_REASON(ERR_peek_last_error()), SSL_R_TLSV1_ALERT_ACCESS_DENIED);
  ERR_clear_error();
  client.closes();
  play.records({.error = Code::address_refused, .interception = Interception::passthrough});
}

// Only where names resolve

using TimedTunnel = TimedDialogue;

TEST_F(TimedTunnel, asks_upstream_for_the_name_in_the_hello_at_the_place_of_the_connect) {
  auto& client = play.secure_client("other.test");
  client.sends("GET / HTTP/1.1\r\nHost: other.test\r\n\r\n");
  auto& upstream = play.upstream();
  upstream.starts_tls(play.origin_tls({.names = {"other.test"}}));
  EXPECT_STREQ(SSL_get_servername(upstream.tls(), TLSEXT_NAMETYPE_host_name), "other.test");
  upstream.expects("GET / HTTP/1.1\r\nHost: other.test\r\n\r\n");
  upstream.sends(kOk);
  client.expects(kOk);
  flow::Flow flow = play.records({.status = 200, .marks = "sni_mismatch"});
  EXPECT_EQ(flow.request.url(), "https://other.test/");
  EXPECT_EQ(stage.dialled(), "a.test:443");
}

TEST_F(TimedTunnel, takes_the_place_from_the_hello_where_the_connect_names_an_address) {
  auto& client = play.client();
  client.sends("CONNECT 192.0.2.1:443 HTTP/1.1\r\nHost: 192.0.2.1:443\r\n\r\n");
  client.expects("HTTP/1.1 200 Connection established\r\n\r\n");
  client.starts_tls(play.client_tls("other.test"));
  client.sends("GET / HTTP/1.1\r\nHost: other.test\r\n\r\n");
  auto& upstream = play.upstream();
  upstream.starts_tls(play.origin_tls({.names = {"other.test"}}));
  upstream.expects("GET / HTTP/1.1\r\nHost: other.test\r\n\r\n");
  upstream.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200, .marks = ""});
  EXPECT_EQ(stage.dialled(), "other.test:443");
}

TEST_F(TimedTunnel, tells_why_a_pass_through_could_not_be_dialled) {
  play.settings().tls.passthrough = {"a.test"};
  auto& client = play.client();
  client.sends("CONNECT {tunnel} HTTP/1.1\r\nHost: {tunnel}\r\nAccept: application/json\r\n\r\n");
  stage.fail_dial(Error(Code::connect_refused, "a.test:443", Retry::yes));
  Answer answer = client.expects_answer();
  EXPECT_EQ(answer.head.status, 502);
  EXPECT_EQ(answer.field("x-weir-error"), "connect_refused");
  EXPECT_EQ(answer.field("content-type"), "application/json");
  client.half_closes();
  client.expects_end();
  play.records({.status = 502, .error = Code::connect_refused, .interception = Interception::passthrough});
}

TEST_F(TimedTunnel, is_refused_where_nothing_may_pass_unrecorded) {
  play.settings().capture.on_failure = config::OnCaptureFailure::block;
  play.settings().tls.passthrough = {"a.test"};
  auto& client = play.client();
  stage.fail_capture();
  client.sends("CONNECT {tunnel} HTTP/1.1\r\nHost: {tunnel}\r\n\r\n");
  Answer answer = client.expects_answer();
  EXPECT_EQ(answer.head.status, 503);
  EXPECT_EQ(answer.field("x-weir-error"), "capture_failed");
  client.half_closes();
  client.expects_end();
  play.no_upstream();
  play.records({.status = 503, .error = Code::capture_failed, .interception = Interception::passthrough});
}

TEST_F(TimedTunnel, is_cut_where_nothing_may_pass_unrecorded) {
  play.settings().capture.on_failure = config::OnCaptureFailure::block;
  auto& client = play.tunnel();
  stage.fail_capture();
  client.sends("\x01 not HTTP");
  client.reads_all();
  play.no_upstream();
  play.records({.error = Code::capture_failed, .interception = Interception::opaque});
}

TEST_F(TimedTunnel, refuses_requests_where_nothing_may_pass_unrecorded) {
  play.settings().capture.on_failure = config::OnCaptureFailure::block;
  auto& client = play.client();
  stage.fail_capture();
  client.sends("GET http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\n\r\n");
  Answer answer = client.expects_answer();
  EXPECT_EQ(answer.head.status, 503);
  client.half_closes();
  client.expects_end();
  play.no_upstream();
  play.records({.status = 503, .error = Code::capture_failed});
}

TEST_F(TimedTunnel, gives_up_on_a_client_hello_that_does_not_end) {
  auto& client = play.tunnel();
  client.sends(std::string_view("\x16\x03\x01\x02\x00\x01", 6));
  stage.pass(std::chrono::seconds(11));
  client.reads_all();
  play.records({.error = Code::client_timeout, .interception = Interception::intercepted});
}

}  // namespace
}  // namespace weir::testing
