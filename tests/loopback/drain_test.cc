// The end of a server: whatever an exchange waits for, a drain that is told to hurry ends it, and its account
// says why. And its beginning: a port is nobody else's, and never its own upstream.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <future>
#include <mutex>

#include "app/server.h"
#include "net/listener.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/sockets.h"

namespace weir::testing {
namespace {

using std::chrono::seconds;

class Kept final : public app::Observer {
 public:
  void closed(const flow::Flow& flow) override {
    std::lock_guard lock(mutex_);
    flows_.push_back(flow);
  }
  std::vector<flow::Flow> flows() {
    std::lock_guard lock(mutex_);
    return flows_;
  }

 private:
  std::mutex mutex_;
  std::vector<flow::Flow> flows_;
};

// Says nothing until the proxy goes: soon, or else the test has failed.
void hang(UpstreamSocket& socket) {
  pollfd gone{.fd = socket.fd(), .events = POLLRDHUP, .revents = 0};
  poll(&gone, 1, 9'000);
}

class Drain : public ::testing::Test {
 protected:
  Drain() {
    setenv("XDG_DATA_HOME", (folder / "xdg").c_str(), 1);
    settings.listen = {HostPort{"127.0.0.1", 0}};
    settings.threads = 1;
    settings.ca_dir = folder / "ca";
    settings.data_dir = folder / "data";
    settings.upstream.proxy = "direct";
    settings.limits.drain_timeout = seconds(60);
  }

  void start() {
    auto started = app::Server::start(settings, &kept);
    ASSERT_TRUE(started.has_value()) << started.error().message();
    server = std::move(*started);
  }
  UpstreamSocket client() { return {connect_to(server->endpoints().front().port), nullptr}; }
  static std::string get(std::string_view url, const HostPort& host) {
    return fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", url, host.str());
  }

  /// Drains, hurries, and gives the account of the one exchange there was.
  flow::Flow hurried() {
    TimePoint begun = steady_now();
    server->drain();
    server->hurry();
    server->join();
    EXPECT_LT(steady_now() - begun, seconds(8));
    server->close();
    auto flows = kept.flows();
    EXPECT_EQ(flows.size(), 1u);
    return flows.empty() ? flow::Flow() : flows.front();
  }

  tls::testing::TempFolder folder;
  config::Settings settings;
  Kept kept;
  std::unique_ptr<app::Server> server;
};

TEST_F(Drain, ends_a_wait_for_a_response) {
  std::promise<void> asked;
  FakeUpstream origin([&](UpstreamSocket& socket) {
    socket.read_message();
    asked.set_value();
    hang(socket);
  });
  start();
  auto waiting = client();
  waiting.write(get("http://" + origin.place().str() + "/", origin.place()));
  asked.get_future().wait();
  EXPECT_EQ(hurried().error, Code::shutting_down);
  EXPECT_TRUE(waiting.read_message().contains("X-Weir-Error: shutting_down\r\n"));
}

TEST_F(Drain, ends_a_response_that_stalls) {
  FakeUpstream origin([](UpstreamSocket& socket) {
    socket.read_message();
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart");
    hang(socket);
  });
  start();
  auto waiting = client();
  waiting.write(get("http://" + origin.place().str() + "/", origin.place()));
  char byte;
  ASSERT_EQ(recv(waiting.fd(), &byte, 1, MSG_PEEK), 1);
  flow::Flow flow = hurried();
  EXPECT_EQ(flow.error, Code::shutting_down);
  EXPECT_FALSE(flow.response_body.complete);
}

TEST_F(Drain, ends_an_upload_that_stalls) {
  std::promise<void> asked;
  FakeUpstream origin([&](UpstreamSocket& socket) {
    char part[4096];
    if (recv(socket.fd(), part, sizeof part, 0) > 0) asked.set_value();
    hang(socket);
  });
  start();
  auto waiting = client();
  waiting.write(fmt::format("POST http://{0}/ HTTP/1.1\r\nHost: {0}\r\nContent-Length: 100\r\n\r\npart",
                            origin.place().str()));
  asked.get_future().wait();
  EXPECT_EQ(hurried().error, Code::shutting_down);
}

TEST_F(Drain, ends_a_handshake_with_upstream) {
  std::promise<void> asked;
  FakeUpstream origin([&](UpstreamSocket& socket) {
    char part[4096];
    if (recv(socket.fd(), part, sizeof part, 0) > 0) asked.set_value();
    hang(socket);
  });
  start();
  auto waiting = client();
  waiting.write(get("https://" + origin.place().str() + "/", origin.place()));
  asked.get_future().wait();
  EXPECT_EQ(hurried().error, Code::shutting_down);
}

TEST_F(Drain, ends_a_tunnel_of_which_the_client_s_half_has_ended) {
  std::promise<void> half_closed;
  FakeUpstream origin([&](UpstreamSocket& socket) {
    char byte;
    if (recv(socket.fd(), &byte, 1, 0) == 0) half_closed.set_value();
    pollfd gone{.fd = socket.fd(), .events = 0, .revents = 0};
    poll(&gone, 1, 9'000);
  });
  settings.tls.passthrough = {"127.0.0.1"};
  start();
  auto waiting = client();
  waiting.write(fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n\r\n", origin.place().str()));
  EXPECT_TRUE(waiting.read_message().starts_with("HTTP/1.1 200"));
  shutdown(waiting.fd(), SHUT_WR);
  half_closed.get_future().wait();
  hurried();
}

// A listener whose queue is full, so that the kernel answers no further connection.
class Deaf {
 public:
  Deaf() : listener_(*net::listen_tcp("127.0.0.1", 0, false)) {
    listen(listener_.get(), 0);
    for (UniqueFd& each : filling_) {
      each.reset(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(place().port);
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      connect(each.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    }
  }
  HostPort place() const { return {"127.0.0.1", net::bound_port(listener_.get())}; }

 private:
  UniqueFd listener_;
  std::array<UniqueFd, 4> filling_;
};

TEST_F(Drain, ends_a_dial) {
  Deaf origin;
  start();
  auto waiting = client();
  waiting.write(get("http://" + origin.place().str() + "/", origin.place()));
  // A second request is answered only after the worker has begun with the first.
  auto probe = client();
  probe.write("GET / HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(probe.read_message().starts_with("HTTP/1.1 400"));
  TimePoint begun = steady_now();
  server->drain();
  server->hurry();
  server->join();
  EXPECT_LT(steady_now() - begun, seconds(8)) << "the dial has 10 s";
  server->close();
  auto flows = kept.flows();
  ASSERT_EQ(flows.size(), 2u);
  EXPECT_EQ(std::ranges::count(flows, Code::shutting_down, &flow::Flow::error), 1);
}

class Port : public Drain {};

TEST_F(Port, is_not_shared_with_another_server) {
  for (std::uint64_t threads : {1, 2}) {
    SCOPED_TRACE(threads);
    settings.threads = threads;
    start();
    config::Settings second = settings;
    second.listen = {server->endpoints().front()};
    for (std::uint64_t others : {1, 2}) {
      second.threads = others;
      auto started = app::Server::start(second);
      ASSERT_FALSE(started.has_value()) << "with " << others << " threads";
      EXPECT_TRUE(started.error().context().contains("--listen")) << started.error().message();
    }
    server->drain();
    server->join();
    server->close();
  }
}

TEST_F(Port, is_known_as_its_own_under_every_name) {
  for (const char* listen : {"127.0.0.1", "0.0.0.0"}) {
    settings.listen = {HostPort{listen, 0}};
    settings.allow_open_proxy = true;
    start();
    std::string port = std::to_string(server->endpoints().front().port);
    for (const char* host : {"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"}) {
      SCOPED_TRACE(fmt::format("{} on {}", host, listen));
      auto asking = client();
      asking.write(fmt::format("GET http://{0}:{1}/ HTTP/1.1\r\nHost: {0}:{1}\r\n\r\n", host, port));
      std::string answer = asking.read_message();
      EXPECT_TRUE(answer.contains("X-Weir-Error: loop_detected\r\n")) << answer;
    }
    server->drain();
    server->join();
    server->close();
  }
}

}  // namespace
}  // namespace weir::testing
