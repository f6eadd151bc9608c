#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "control/metrics_counters.h"
#include "control/metrics_server.h"

namespace weir::control {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST(MetricsTextTest, Format) {
  MetricsText out;
  out.counter("a_total", "Of \"all\"\nand \\ more.").sample(1).sample(2, {{"x", "1"}, {"y", "a\"b\\c\nd"}});
  out.gauge("b", "Now.").sample(3);
  EXPECT_EQ(out.take(),
            "# HELP a_total Of \"all\"\\nand \\\\ more.\n"
            "# TYPE a_total counter\n"
            "a_total 1\n"
            "a_total{x=\"1\",y=\"a\\\"b\\\\c\\nd\"} 2\n"
            "# HELP b Now.\n"
            "# TYPE b gauge\n"
            "b 3\n");
}

std::string written(const FlowCounters& counters) {
  MetricsText out;
  counters.write(out);
  return out.take();
}

TEST(FlowCountersTest, CountsByOutcome) {
  FlowCounters counters;
  flow::Flow flow;
  flow.has_response = true;
  flow.response.status = 204;
  flow.request_head_bytes = 10;
  flow.request_body.size = 5;
  flow.response_head_bytes = 7;
  flow.duration_us = 20;
  flow.filter_action = "allow";
  counters.count(flow);
  flow.response.status = 999;
  flow.filter_action = "whatever";
  counters.count(flow);
  flow.has_response = false;
  flow.error = Code::dns_failed;
  flow.filter_action = "block";
  flow.kind = flow::Kind::tunnel;
  counters.count(flow);
  std::string text = written(counters);
  for (const char* line :
       {"weir_flows_total{status=\"2xx\"} 1\n", "weir_flows_total{status=\"none\"} 2\n",
        "weir_flows_total{status=\"5xx\"} 0\n", "weir_flow_errors_total{code=\"dns_failed\"} 1\n",
        "weir_filter_verdicts_total{action=\"allow\"} 1\n",
        "weir_filter_verdicts_total{action=\"block\"} 1\n", "weir_filter_verdicts_total{action=\"none\"} 1\n",
        "weir_tunnels_total 1\n", "weir_flow_bytes_total{direction=\"sent\"} 45\n",
        "weir_flow_bytes_total{direction=\"received\"} 21\n", "weir_flow_duration_microseconds_total 60\n"})
    EXPECT_THAT(text, HasSubstr(line));
  EXPECT_THAT(text, Not(HasSubstr("code=\"io\""))) << "only codes that happened";
}

class MetricsServerTest : public testing::Test {
 protected:
  void start(std::string_view token = {}) {
    auto opened = MetricsServer::open({.listen = {"127.0.0.1", 0}, .token = SecretText(token)});
    ASSERT_TRUE(opened) << opened.error().message();
    server_ = std::move(*opened);
    server_->serve([] { return std::string("weir_up 1\n"); });
  }
  UniqueFd connected() const {
    UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(server_->endpoint().port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return socket;
  }
  /// All that comes back on a connection of its own.
  std::string speak(const std::string& bytes) const {
    UniqueFd socket = connected();
    EXPECT_EQ(::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
    ::shutdown(socket.get(), SHUT_WR);
    std::string out;
    char buffer[4096];
    for (ssize_t got; (got = ::recv(socket.get(), buffer, sizeof buffer, 0)) > 0;)
      out.append(buffer, static_cast<std::size_t>(got));
    return out;
  }
  std::string get(const std::string& host, const std::string& more = "") const {
    return speak("GET /metrics HTTP/1.1\r\nHost: " + host + "\r\n" + more + "\r\n");
  }

  std::unique_ptr<MetricsServer> server_;
};

TEST_F(MetricsServerTest, AnswersUnderItsOwnNamesAlone) {
  start();
  std::string port = std::to_string(server_->endpoint().port);
  for (const char* host : {"127.0.0.1", "localhost", "LOCALHOST", "[::1]", "127.0.0.2"})
    EXPECT_THAT(get(std::string(host) + ":" + port), StartsWith("HTTP/1.1 200 ")) << host;
  for (const char* host : {"evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1",
                           "a.localhost", "0.0.0.0"})
    EXPECT_THAT(get(std::string(host) + ":" + port), StartsWith("HTTP/1.1 403 ")) << host;
  EXPECT_THAT(speak("GET http://evil.example/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"),
              StartsWith("HTTP/1.1 403 "))
      << "the target's word counts (RFC 9112 section 3.2.2)";
}

TEST_F(MetricsServerTest, AnswersWhatIsAsked) {
  start();
  std::string answer = get("localhost");
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
  EXPECT_THAT(answer, testing::EndsWith("\r\n\r\nweir_up 1\n"));
  struct Row {
    const char* request;
    const char* status;
  };
  const Row rows[] = {
      {"GET /metrics?a=b HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 200 "},
      {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 404 "},
      {"GET /metrics/ HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 404 "},
      {"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 405 "},
      {"OPTIONS /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 405 "},
      {"nonsense\r\n\r\n", "HTTP/1.1 400 "},
  };
  for (const Row& row : rows) EXPECT_THAT(speak(row.request), StartsWith(row.status)) << row.request;
  std::string twice = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
  EXPECT_THAT(speak(twice + twice), testing::ContainsRegex("weir_up 1\nHTTP/1.1 200 ")) << "kept alive";
}

TEST_F(MetricsServerTest, ConnectionsThatAskForNothingKeepNobodyOut) {
  start();
  std::vector<UniqueFd> silent;
  for (int i = 0; i < 100; ++i) silent.push_back(connected());
  EXPECT_THAT(get("localhost"), StartsWith("HTTP/1.1 200 "));
  char byte;
  EXPECT_EQ(::recv(silent.front().get(), &byte, 1, 0), 0) << "the oldest make room";
  EXPECT_EQ(::recv(silent.back().get(), &byte, 1, MSG_DONTWAIT), -1);
}

TEST_F(MetricsServerTest, AsksForTheToken) {
  start("s3cret");
  EXPECT_THAT(get("localhost"), StartsWith("HTTP/1.1 401 "));
  EXPECT_THAT(get("localhost"), HasSubstr("WWW-Authenticate: Bearer"));
  EXPECT_THAT(get("localhost", "Authorization: Bearer s3cre\r\n"), StartsWith("HTTP/1.1 401 "));
  EXPECT_THAT(get("localhost", "Authorization: Basic s3cret\r\n"), StartsWith("HTTP/1.1 401 "));
  EXPECT_THAT(get("weir.example", "authorization: bearer s3cret\r\n"), StartsWith("HTTP/1.1 200 "));
}

}  // namespace
}  // namespace weir::control
