#include "cli/details.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "flow/process.h"
#include "tests/support/fake_query.h"

namespace weir::cli {
namespace {

using weir::testing::sample_row;

class DetailsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    setenv("TZ", "UTC0", 1);
    tzset();
  }
  void TearDown() override {
    unsetenv("TZ");
    tzset();
  }

  Details details() const { return {row_, client_, upstream_}; }

  store::Row row_ = sample_row(7, 201, "POST");
  std::optional<flow::Connection> client_, upstream_;
};

flow::Connection upstream_connection() {
  flow::Connection connection;
  connection.id = 4;
  connection.leg = flow::Leg::upstream;
  connection.local = "192.0.2.1:50000";
  connection.peer = "203.0.113.9:443";
  connection.host = "api.example.com";
  connection.tls_version = "TLSv1.3";
  connection.cipher = "TLS_AES_256_GCM_SHA384";
  connection.alpn = "http/1.1";
  connection.sni = "api.example.com";
  connection.resumed = true;
  connection.certificate_subject = "CN=api.example.com";
  connection.certificate_issuer = "CN=Example Root";
  connection.certificate_not_after = "2030-01-01T00:00:00Z";
  connection.certificate_sha256 = "ab12";
  return connection;
}

TEST_F(DetailsTest, SummaryOfAPlainExchange) {
  row_.flow.interception = flow::Interception::intercepted;
  row_.flow.request_body = {"", 16, false, true};
  row_.flow.response_body = {"", 2'000'000, true, true};
  row_.flow.upstream_reused = true;
  upstream_ = upstream_connection();
  EXPECT_EQ(summary_text(details()),
            "1f3a-7  POST https://api.example.com/users\n"
            "  outcome      201 Created in 150ms\n"
            "  started      2024-01-15 10:30:12 (2024-01-15T10:30:12.000Z)\n"
            "  session      1f3a9c00\n"
            "  protocol     HTTP/1.1, intercepted\n"
            "  request      16 B\n"
            "  response     1.9 MiB, kept in part\n"
            "\n"
            "Upstream connection 4 (reused)\n"
            "  address      192.0.2.1:50000 -> 203.0.113.9:443\n"
            "  host         api.example.com\n"
            "  TLS          TLSv1.3, TLS_AES_256_GCM_SHA384, ALPN http/1.1, SNI api.example.com, resumed\n"
            "  certificate  CN=api.example.com\n"
            "  issued by    CN=Example Root\n"
            "  valid until  2030-01-01T00:00:00Z\n"
            "  SHA-256      ab12\n");
}

TEST_F(DetailsTest, TheProgramThatSentIt) {
  flow::set_sender(row_.flow, std::make_shared<const Process>(Process{
                                  .pid = 1234,
                                  .started = testing::kMoment,
                                  .name = "curl",
                                  .executable = "/usr/bin/curl",
                                  .arguments = {"curl", "-H", "A: b\x1b[2J\nforged", "https://a.example/"},
                                  .arguments_cut = true,
                                  .parents = {{1200, "bash"}, {1, "init\x1b"}}}));
  std::string text = summary_text(details());
  EXPECT_NE(text.find("  process      curl[1234]\n"), std::string::npos);
  EXPECT_NE(text.find("\nProcess 1234\n"
                      "  executable   /usr/bin/curl\n"
                      "  command      curl -H 'A: b\\x1b[2J\\nforged' https://a.example/ ...\n"
                      "  started      2024-01-15 10:30:05\n"
                      "  parents      bash[1200], init\\x1b[1]\n"),
            std::string::npos)
      << text;
  flow::set_sender(row_.flow,
                   std::make_shared<const Process>(Process{.unknown = "ended before it was looked up"}));
  text = summary_text(details());
  EXPECT_NE(text.find("  process      unknown: ended before it was looked up\n"), std::string::npos);
  EXPECT_EQ(text.find("\nProcess"), std::string::npos);
}

TEST_F(DetailsTest, AnErrorComesWithItsMend) {
  row_.flow.response.status = 502;
  row_.flow.synthesised = true;
  row_.flow.error = Code::connect_refused;
  row_.flow.error_detail = "203.0.113.9:443";
  std::string text = summary_text(details());
  EXPECT_NE(text.find("  outcome      ERR 502 Bad Gateway in 150ms\n"), std::string::npos);
  EXPECT_NE(text.find("answered by Weir"), std::string::npos);
  EXPECT_NE(text.find("\nError\n"
                      "  code         connect_refused (phase dial)\n"
                      "  what         the upstream host refused the connection: 203.0.113.9:443\n"
                      "  mend         Is the service running on that port?\n"),
            std::string::npos);
}

TEST_F(DetailsTest, FlowsThatDidNotEnd) {
  row_.flow.has_response = false;
  row_.flow.duration_us = -1;
  EXPECT_NE(summary_text(details()).find("outcome      - (still open)\n"), std::string::npos);
  row_.incomplete = true;
  EXPECT_NE(summary_text(details()).find("outcome      ERR (the session ended before the flow did)\n"),
            std::string::npos);
}

TEST_F(DetailsTest, TheTimingBarShowsWhenEachPhaseWas) {
  flow::Timing timing;
  timing.dns = 10'010;
  timing.connect = 10'010;
  timing.send = 20;
  timing.wait = 20'000;
  EXPECT_EQ(timing_text(timing),
            "  dns             10ms  ██████████\n"
            "  connect         10ms            ██████████\n"
            "  send            <1ms                      ▏\n"
            "  wait            20ms                      ████████████████████\n");
  EXPECT_EQ(timing_text({}), "");
}

TEST_F(DetailsTest, HeadsAreShownAsOnTheWire) {
  row_.flow.request.fields.add("Host", "api.example.com");
  row_.flow.response.fields.add("X-Evil", "a\x1b[2J\r\nforged");
  EXPECT_EQ(request_head_text(details()), "> POST /users HTTP/1.1\n> Host: api.example.com\n");
  EXPECT_EQ(response_head_text(details()), "< HTTP/1.1 201\n< X-Evil: a\\x1b[2J\\r\\nforged\n");
  row_.flow.request.method = "CONNECT";
  row_.flow.request.target.clear();
  EXPECT_TRUE(request_head_text(details()).starts_with("> CONNECT api.example.com:443 HTTP/1.1\n"));
}

TEST_F(DetailsTest, NothingRecordedDrivesTheTerminal) {
  upstream_ = upstream_connection();
  upstream_->certificate_subject = "CN=\x1b]0;x\x07";
  row_.flow.request.target = "/\x1b[2J";
  row_.flow.response.reason = "\x1b[31mOK";
  row_.flow.error = Code::upstream_bad_response;
  row_.flow.error_detail = "\x1b[H\nforged";
  row_.flow.marks = "\x9b";
  std::string text = summary_text(details()) + request_head_text(details()) + response_head_text(details());
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\x07'), std::string::npos);
  EXPECT_EQ(text.find("\nforged"), std::string::npos);
}

}  // namespace
}  // namespace weir::cli
