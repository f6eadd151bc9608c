// Whoever looks on sees an exchange whole, in its order, and its end, whatever that is.
#include <map>

#include "tests/support/websocket.h"
#include "tests/walk/dialogue.h"

namespace weir::testing {
namespace {

class Listener final : public proxy::Onlooker {
 public:
  explicit Listener(std::string& heard) : heard_(heard) {}
  void request_part(std::string_view part) override { heard_.append(" >").append(part); }
  void request_sent(TimePoint) override { heard_ += " sent"; }
  void response_head(const http::ResponseHead& head, TimePoint) override {
    heard_ += " " + std::to_string(head.status);
  }
  void response_part(std::string_view part, TimePoint) override { heard_.append(" <").append(part); }
  void message(const flow::Flow&, Side from, const http::ws::Message& message, TimePoint) override {
    heard_.append(from == Side::client ? " >>" : " <<").append(message.bytes);
  }
  void ended(const flow::Flow& flow, TimePoint) override {
    heard_.append(" ").append(flow.error == Code::none ? "ended" : info(flow.error).name);
  }

 private:
  std::string& heard_;
};

class Listeners final : public proxy::Onlookers {
 public:
  std::unique_ptr<proxy::Onlooker> look_on(const flow::Flow& flow, bool, TimePoint) override {
    upgrade = flow.request.upgrade;
    if (flow.request.target == "/dull") return nullptr;
    return std::make_unique<Listener>(heard[flow.request.target]);
  }
  std::map<std::string, std::string> heard;
  std::string upgrade;  // of the last request
};

class Onlooking : public TimedDialogue {
 protected:
  Onlooking() { stage.onlookers = &listeners; }
  Listeners listeners;
};

TEST_F(Onlooking, sees_all_of_an_exchange) {
  auto& client = play.client();
  client.sends("POST http://{origin}/a HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 6\r\n\r\nabc");
  auto& upstream = play.upstream();
  upstream.expects("POST /a HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 6\r\n\r\nabc");
  client.sends("def");
  upstream.expects("def");
  upstream.sends(
      "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n");
  client.expects(
      "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n");
  upstream.sends("3\r\nllo\r\n0\r\n\r\n");
  client.expects("3\r\nllo\r\n0\r\n\r\n");
  play.records({.status = 200, .response_body = "hello"});
  EXPECT_EQ(listeners.heard["/a"], " >abc >def sent 200 <he <llo ended");
}

TEST_F(Onlooking, is_for_those_alone_who_want_to) {
  auto& client = play.client();
  client.sends("GET http://{origin}/dull HTTP/1.1\r\nHost: {origin}\r\n\r\n");
  auto& upstream = play.upstream();
  upstream.expects("GET /dull HTTP/1.1\r\nHost: {origin}\r\n\r\n");
  upstream.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200});
  EXPECT_TRUE(listeners.heard.empty());
}

TEST_F(Onlooking, is_told_what_http1_wants_to_become) {
  auto& client = play.client();
  client.sends(
      "GET http://{origin}/dull HTTP/1.1\r\nHost: {origin}\r\nConnection: Upgrade\r\nUpgrade: "
      "websocket\r\n\r\n");
  auto& upstream = play.upstream();
  upstream.expects(
      "GET /dull HTTP/1.1\r\nHost: {origin}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  upstream.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200});
  EXPECT_EQ(listeners.upgrade, "websocket");
}

TEST_F(Onlooking, hears_of_an_end_that_came_too_early) {
  auto& client = play.client();
  client.sends("GET http://{origin}/a HTTP/1.1\r\nHost: {origin}\r\n\r\n");
  auto& upstream = play.upstream();
  upstream.expects("GET /a HTTP/1.1\r\nHost: {origin}\r\n\r\n");
  upstream.sends("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc");
  client.expects("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc");
  upstream.closes();
  client.expects_end();
  play.records({.status = 200, .error = Code::upstream_body_incomplete});
  EXPECT_EQ(listeners.heard["/a"], " sent 200 <abc upstream_body_incomplete");
}

TEST_F(Onlooking, sees_the_messages_of_a_websocket) {
  using http::ws::from_client, http::ws::from_server, http::ws::kFin;
  auto& client = play.client();
  client.sends(
      "GET http://{origin}/a HTTP/1.1\r\nHost: {origin}\r\nConnection: Upgrade\r\nUpgrade: "
      "websocket\r\n\r\n");
  auto& upstream = play.upstream();
  upstream.expects("GET /a HTTP/1.1\r\nHost: {origin}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  const std::string switching =
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
  upstream.sends(switching);
  client.expects(switching);
  client.sends(from_client(kFin | 1, "hello"));
  upstream.expects(from_client(kFin | 1, "hello"));
  upstream.sends(from_server(1, "o"));
  client.expects(from_server(1, "o"));
  EXPECT_EQ(listeners.heard["/a"], " sent 101 >>hello") << "before the end";
  upstream.sends(from_server(kFin, "k"));
  client.expects(from_server(kFin, "k"));
  upstream.half_closes();
  client.expects_end();
  client.half_closes();
  upstream.expects_end();
  play.records({.status = 101});
  EXPECT_EQ(listeners.heard["/a"], " sent 101 >>hello <<ok ended");
}

TEST_F(Onlooking, sees_nothing_of_what_was_not_sent) {
  stage.settings.filter.layers[std::to_underlying(policy::Layer::user)].rules.push_back(
      {.pattern = "blocked.test", .action = policy::Action::block});
  auto& client = play.client();
  client.sends("GET http://blocked.test/a HTTP/1.1\r\nHost: blocked.test\r\n\r\n");
  EXPECT_EQ(client.expects_answer().head.status, 403);
  play.records({.status = 403, .error = Code::blocked});
  EXPECT_TRUE(listeners.heard.empty());
}

}  // namespace
}  // namespace weir::testing
