// The agent and a gateway of the test's own, over the loopback of this machine and one loop: what depends on
// time. What goes over the wire is tests/clients/relay_test.py's.
#include "relay/agent.h"

#include <gtest/gtest.h>

#include "base/json_reader.h"
#include "http/ws/handshake.h"

namespace weir::relay {
namespace {

using namespace std::chrono_literals;

SecretBytes secret(std::string text) { return std::move(*SecretBytes::take(text)); }

class AgentTest : public ::testing::Test {
 protected:
  AgentTest() : tls(*tls::ClientContext::make({.system_roots = false})) {
    auto socket = net::listen_tcp("127.0.0.1", 0, false);
    base = *parse_base_url("http://127.0.0.1:" + std::to_string(net::bound_port(socket->get())));
    gateway = std::make_unique<net::Listener>(loop, std::move(*socket));
    credential.emplace(*RelayCredential::make(base, "id", secret("token")));
  }

  void start(AgentOptions options) {
    options.link.base = base;
    agent = std::make_unique<Agent>(loop, std::move(options), *credential, tls, status);
    auto socket = net::listen_tcp("127.0.0.1", 0, false);
    port = net::bound_port(socket->get());
    agent->serve(std::move(*socket));
  }

  /// Runs `test` to its end, then the agent to its.
  void run(async::Task<void> test) {
    group.spawn(root(std::move(test)));
    loop.run();
  }
  async::Task<void> root(async::Task<void> test) {
    co_await test;
    co_await agent->finish();
    gateway->cancel();
    loop.stop();
  }

  async::Task<std::unique_ptr<net::TcpStream>> client(std::string request) {
    auto dialed = co_await dialer.dial({"127.0.0.1", port}, kNever);
    EXPECT_TRUE(dialed);
    auto sent = co_await dialed->stream->write(request);
    EXPECT_TRUE(sent);
    co_return std::move(dialed->stream);
  }

  /// The gateway's end of the next tunnel, its handshake done and its first chunk read into `first`.
  async::Task<std::unique_ptr<ChunkStream>> link() {
    auto socket = co_await gateway->accept();
    EXPECT_TRUE(socket);
    auto stream = std::make_unique<net::TcpStream>(loop, std::move(*socket), Side::client);
    std::string head = co_await until(*stream, "\r\n\r\n");
    std::string_view mark = "Sec-WebSocket-Key: ";
    std::string key = head.substr(head.find(mark) + mark.size(), 24);
    std::string answer =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: " +
        http::ws::accept_key(key) + "\r\n\r\n";
    EXPECT_TRUE(co_await stream->write(answer));
    auto out = std::make_unique<ChunkStream>(std::move(stream), ChunkStream::End::server, "");
    first = co_await until(*out, "\r\n\r\n");
    co_return out;
  }

  static async::Task<std::string> until(net::Stream& stream, std::string_view end) {
    std::string out;
    char part[4096];
    while (!out.contains(end)) {
      auto got = co_await stream.read_some(part);
      if (!got || *got == 0) break;
      out.append(part, *got);
    }
    co_return out;
  }
  static async::Task<std::string> rest(net::Stream& stream) { return until(stream, "\x01 never"); }

  async::Loop loop;
  net::Resolver resolver{loop};
  net::Dialer dialer{loop, resolver};
  tls::ClientContext tls;
  BaseUrl base;
  std::optional<RelayCredential> credential;
  RelayStatus status{{}};
  std::unique_ptr<net::Listener> gateway;
  std::unique_ptr<Agent> agent;
  std::uint16_t port = 0;
  std::string first;
  async::TaskGroup group{loop};
};

struct SlowHead : AgentTest {
  async::Task<void> test(std::string begin, std::string& got) {
    auto stream = co_await client(begin);
    got = co_await rest(*stream);
  }
};

TEST_F(SlowHead, is_not_waited_for_without_end) {
  start({.head_timeout = 30ms});
  std::string got;
  run(test("CONNECT a.test:1 HTTP/1.1\r\nX:", got));
  EXPECT_TRUE(got.starts_with("HTTP/1.1 408 Request Timeout\r\n")) << got;
  EXPECT_EQ(status.count(Trouble::client), 1u);
}

TEST_F(SlowHead, one_that_never_began_ends_without_a_word) {
  start({.head_timeout = 30ms});
  std::string got = "not yet";
  run(test("", got));
  EXPECT_EQ(got, "");
  EXPECT_EQ(status.count(Trouble::client), 0u);
}

struct SilentGateway : AgentTest {
  async::Task<void> test(std::string& got) {
    auto stream = co_await client("CONNECT a.test:1 HTTP/1.1\r\n\r\n");
    auto far = co_await link();
    got = co_await rest(*stream);
  }
};

TEST_F(SilentGateway, is_a_502_in_the_end) {
  start({.answer_timeout = 30ms});
  std::string got;
  run(test(got));
  EXPECT_TRUE(got.starts_with("HTTP/1.1 502 Bad Gateway\r\n")) << got;
  EXPECT_EQ(status.count(Trouble::gateway_down), 1u);
}

struct DeafGateway : AgentTest {
  async::Task<void> test(std::string& got) {
    auto stream = co_await client("CONNECT a.test:1 HTTP/1.1\r\n\r\n");
    auto socket = co_await gateway->accept();
    got = co_await rest(*stream);
  }
};

TEST_F(DeafGateway, one_that_accepts_and_says_nothing_is_down) {
  AgentOptions options;
  options.link.upgrade_timeout = 30ms;
  start(std::move(options));
  std::string got;
  run(test(got));
  EXPECT_TRUE(got.starts_with("HTTP/1.1 502 Bad Gateway\r\n")) << got;
  EXPECT_EQ(status.gateway_reachable(), false);
}

struct IdleTunnel : AgentTest {
  async::Task<void> test() {
    auto stream = co_await client("CONNECT a.test:1 HTTP/1.1\r\n\r\n");
    auto far = co_await link();
    EXPECT_TRUE(co_await far->write("HTTP/1.1 200 OK\r\n\r\n"));
    co_await until(*stream, "\r\n\r\n");
    // Empty chunks are taken in by the stream: they are counted where they are sent.
    while (status.keep_alives() < 3) co_await async::sleep_until(loop, loop.now() + 1ms);
    EXPECT_TRUE(co_await stream->write("still here"));
    EXPECT_EQ(co_await until(*far, "still here"), "still here");
  }
};

TEST_F(IdleTunnel, is_kept_alive) {
  start({.keep_alive = 10ms});
  run(test());
  EXPECT_EQ(status.total(), 1u);
  EXPECT_EQ(status.open(), 0u);
}

struct SlowReader : AgentTest {
  async::Task<void> test(std::uint64_t& passed) {
    auto stream = co_await client("CONNECT a.test:1 HTTP/1.1\r\n\r\n");
    auto far = co_await link();
    EXPECT_TRUE(co_await far->write("HTTP/1.1 200 OK\r\n\r\n"));
    co_await until(*stream, "\r\n\r\n");
    far->set_write_deadline(loop.now() + 200ms);
    std::string block(1 << 20, 'x');
    for (;;) {
      auto sent = co_await far->write(block);
      if (!sent) break;
    }
    auto document = JsonDocument::parse(status.json());
    passed = document->root()["bytes"]["received"].natural().value_or(0);
    far->reset_on_close();
  }
};

TEST_F(SlowReader, holds_up_the_gateway_and_not_the_memory) {
  start({});
  std::uint64_t passed = 0;
  run(test(passed));
  EXPECT_GT(passed, 0u);
  EXPECT_LT(passed, 32u << 20) << "what the sockets of this machine hold, and no more";
}

struct TooMany : AgentTest {
  async::Task<void> test(std::string& got) {
    auto one = co_await client("CONNECT a.test:1 HTTP/1.1\r\n\r\n");
    auto far = co_await link();
    auto two = co_await client("CONNECT b.test:1 HTTP/1.1\r\n\r\n");
    got = co_await rest(*two);
  }
};

TEST_F(TooMany, are_turned_away) {
  start({.tunnels = 1});
  std::string got;
  run(test(got));
  EXPECT_TRUE(got.starts_with("HTTP/1.1 503 Service Unavailable\r\n")) << got;
}

struct Itself : AgentTest {
  async::Task<void> test(std::string& got) {
    auto stream = co_await client("CONNECT a.test:1 HTTP/1.1\r\n\r\n");
    got = co_await rest(*stream);
  }
};

TEST_F(Itself, is_no_gateway) {
  auto socket = net::listen_tcp("127.0.0.1", 0, false);
  base = *parse_base_url("http://127.0.0.1:" + std::to_string(net::bound_port(socket->get())));
  AgentOptions options;
  options.link.base = base;
  agent = std::make_unique<Agent>(loop, std::move(options), *credential, tls, status);
  port = net::bound_port(socket->get());
  agent->serve(std::move(*socket));
  std::string got;
  run(test(got));
  EXPECT_TRUE(got.starts_with("HTTP/1.1 502 Bad Gateway\r\n")) << got;
  EXPECT_EQ(status.count(Trouble::gateway_fault), 1u);
}

}  // namespace
}  // namespace weir::relay
