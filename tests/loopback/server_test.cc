// The whole server over loopback: draining, back-pressure, chaining, load.
#include "app/server.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <future>
#include <set>

#include "tests/support/fake_upstream.h"
#include "tests/support/playbook.h"
#include "tests/support/sockets.h"

namespace weir::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// Counts what closed; safe on all threads.
class Counter final : public app::Observer {
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

class Server : public ::testing::Test {
 protected:
  Server() : root(tls::testing::make_authority("Upstream Root")) {
    setenv("XDG_DATA_HOME", (folder / "xdg").c_str(), 1);
    tls::testing::write_text(folder / "upstream.pem", tls::to_pem(root.certificate.get()));
    settings.listen = {HostPort{"127.0.0.1", 0}};
    settings.threads = 2;
    settings.ca_dir = folder / "ca";
    settings.data_dir = folder / "data";
    settings.upstream.proxy = "direct";
    settings.tls.upstream_ca = {folder / "upstream.pem"};
  }

  void start() {
    auto started = app::Server::start(settings, &counter);
    ASSERT_TRUE(started.has_value()) << started.error().message();
    server = std::move(*started);
  }
  /// Ends the server; the flows it closed.
  std::vector<flow::Flow> stop() {
    server->drain();
    server->join();
    server->close();
    auto counters = server->store()->counters();
    EXPECT_EQ(counters.accepted, counters.written);
    return counter.flows();
  }
  std::uint16_t port() const { return server->endpoints().front().port; }

  tls::testing::TempFolder folder;
  tls::testing::Identity root;
  config::Settings settings;
  Counter counter;
  std::unique_ptr<app::Server> server;
};

// A blocking client.
class Client {
 public:
  explicit Client(std::uint16_t port) : socket_(connect_to(port)) {}

  void send(std::string_view text) {
    while (!text.empty()) {
      ssize_t sent = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (sent > 0) text.remove_prefix(static_cast<std::size_t>(sent));
      if (sent < 0 && errno == EAGAIN)
        wait(POLLOUT);
      else if (sent < 0)
        return;
    }
  }
  /// Waits until `size` bytes have come, or the end. Takes them.
  std::string read(std::size_t size) {
    while (received_.size() < size && more()) {
    }
    std::string out = received_.substr(0, size);
    received_.erase(0, out.size());
    return out;
  }
  std::string read_head() {
    std::size_t end;
    while ((end = received_.find("\r\n\r\n")) == std::string::npos)
      if (!more()) return std::exchange(received_, {});
    return read(end + 4);
  }
  std::string read_all() {
    while (more()) {
    }
    return std::exchange(received_, {});
  }
  std::string get(const HostPort& from, std::string_view path = "/") {
    send(fmt::format("GET http://{0}{1} HTTP/1.1\r\nHost: {0}\r\n\r\n", from.str(), path));
    return read_head();
  }
  bool reset() const { return reset_; }
  int fd() const { return socket_.get(); }

 private:
  void wait(short events) {
    pollfd one{.fd = socket_.get(), .events = events, .revents = 0};
    if (poll(&one, 1, 20'000) != 1) throw std::runtime_error("nothing came for 20 s");
  }
  bool more() {
    for (;;) {
      char part[64 * 1024];
      ssize_t got = recv(socket_.get(), part, sizeof part, 0);
      if (got < 0 && errno == EAGAIN) {
        wait(POLLIN);
        continue;
      }
      reset_ = got < 0;
      if (got <= 0) return false;
      received_.append(part, static_cast<std::size_t>(got));
      return true;
    }
  }

  UniqueFd socket_;
  std::string received_;
  bool reset_ = false;
};

// Something one thread says and another waits for.
class Signal {
 public:
  void give() { promise_.set_value(); }
  void await() { ASSERT_EQ(future_.wait_for(seconds(20)), std::future_status::ready); }

 private:
  std::promise<void> promise_;
  std::shared_future<void> future_ = promise_.get_future().share();
};

// Draining

TEST_F(Server, lets_exchanges_end_when_it_is_told_to_stop) {
  settings.threads = 1;  // so that both connections hear of it at once
  Signal asked, answer;
  FakeUpstream origin([&](UpstreamSocket& socket) {
    socket.read_message();
    asked.give();
    answer.await();
    socket.write(kOk);
  });
  start();
  Client idle(port());
  Client busy(port());
  busy.send(fmt::format("GET http://{0}/ HTTP/1.1\r\nHost: {0}\r\n\r\n", origin.place().str()));
  asked.await();
  server->drain();
  EXPECT_EQ(idle.read_all(), "");  // who has nothing under way is let go at once
  EXPECT_FALSE(server->ended());
  answer.give();
  std::string all = busy.read_all();
  EXPECT_TRUE(all.starts_with("HTTP/1.1 200 OK\r\n")) << all;
  EXPECT_TRUE(all.ends_with("ok")) << all;
  EXPECT_TRUE(all.contains("Connection: close")) << all;
  EXPECT_FALSE(busy.reset());
  auto flows = stop();
  ASSERT_EQ(flows.size(), 1u);
  EXPECT_EQ(flows[0].error, Code::none);
}

TEST_F(Server, cuts_what_hangs_when_the_time_to_drain_is_over) {
  settings.limits.drain_timeout = milliseconds(300);
  Signal asked;
  FakeUpstream origin([&](UpstreamSocket& socket) {
    socket.read_message();
    asked.give();
    socket.read_message();  // for ever
  });
  start();
  Client client(port());
  client.send(fmt::format("GET http://{0}/ HTTP/1.1\r\nHost: {0}\r\n\r\n", origin.place().str()));
  asked.await();
  TimePoint begun = steady_now();
  server->drain();
  server->join();
  EXPECT_GE(steady_now() - begun, milliseconds(290));
  EXPECT_LT(steady_now() - begun, seconds(10));
  std::string answer = client.read_all();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
  EXPECT_TRUE(answer.contains("X-Weir-Error: shutting_down\r\n")) << answer;
  auto flows = stop();
  ASSERT_EQ(flows.size(), 1u);
  EXPECT_EQ(flows[0].error, Code::shutting_down);
}

TEST_F(Server, cuts_at_once_when_told_twice) {
  Signal asked;
  FakeUpstream origin([&](UpstreamSocket& socket) {
    socket.read_message();
    asked.give();
    socket.read_message();
  });
  start();
  Client client(port());
  client.send(fmt::format("GET http://{0}/ HTTP/1.1\r\nHost: {0}\r\n\r\n", origin.place().str()));
  asked.await();
  TimePoint begun = steady_now();
  server->drain();
  server->hurry();
  server->join();
  EXPECT_LT(steady_now() - begun, seconds(8));  // of 10 s
  EXPECT_EQ(stop().size(), 1u);
}

// Streaming

// Fills the pipe until it blocks; how much went in.
std::uint64_t write_until_blocked(UpstreamSocket& socket, std::uint64_t limit) {
  std::string block(256 * 1024, 'x');
  std::uint64_t total = 0;
  while (total < limit) {
    pollfd one{.fd = socket.fd(), .events = POLLOUT, .revents = 0};
    if (poll(&one, 1, 500) == 0) break;  // half a second without room: it is blocked
    ssize_t sent = send(socket.fd(), block.data(), std::min<std::uint64_t>(block.size(), limit - total),
                        MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0)
      total += static_cast<std::uint64_t>(sent);
    else if (errno != EAGAIN)
      break;
  }
  return total;
}

TEST_F(Server, holds_upstream_back_while_the_client_does_not_read) {
  constexpr std::uint64_t kSize = 64 << 20;
  std::promise<std::uint64_t> blocked;
  FakeUpstream origin([&](UpstreamSocket& socket) {
    int small = 64 * 1024;
    setsockopt(socket.fd(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    socket.read_message();
    socket.write(fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", kSize));
    std::uint64_t sent = write_until_blocked(socket, kSize);
    blocked.set_value(sent);
    std::string block(1 << 20, 'x');
    for (std::uint64_t left = kSize - sent; left > 0;) {
      std::uint64_t part = std::min<std::uint64_t>(left, block.size());
      if (!socket.write(std::string_view(block).substr(0, part))) return;
      left -= part;
    }
  });
  start();
  Client client(port());
  int small = 64 * 1024;
  setsockopt(client.fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  std::string head = client.get(origin.place());
  EXPECT_TRUE(head.starts_with("HTTP/1.1 200 OK")) << head;
  // What the kernel's buffers of two connections and one block of ours take, not what the origin has.
  std::uint64_t buffered = blocked.get_future().get();
  EXPECT_LT(buffered, 24u << 20);
  for (std::uint64_t got = 0; got < kSize;) {
    std::size_t part = client.read(std::min<std::uint64_t>(1 << 20, kSize - got)).size();
    ASSERT_GT(part, 0u);
    got += part;
  }
  auto flows = stop();
  ASSERT_EQ(flows.size(), 1u);
  EXPECT_EQ(flows[0].response_body.size, kSize);
  EXPECT_TRUE(flows[0].response_body.complete);
  EXPECT_TRUE(flows[0].response_body.truncated);
  EXPECT_EQ(flows[0].response_body.bytes.size(), std::size_t{1} << 20);
}

TEST_F(Server, gives_an_event_on_before_the_next_one_is_sent) {
  Signal seen;
  FakeUpstream origin([&](UpstreamSocket& socket) {
    socket.read_message();
    socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
    socket.write("b\r\ndata: one\n\n\r\n");
    seen.await();
    socket.write("b\r\ndata: two\n\n\r\n0\r\n\r\n");
  });
  start();
  Client client(port());
  client.get(origin.place());
  EXPECT_EQ(client.read(16), "b\r\ndata: one\n\n\r\n");
  seen.give();
  EXPECT_EQ(client.read(21), "b\r\ndata: two\n\n\r\n0\r\n\r\n");
  auto flows = stop();
  ASSERT_EQ(flows.size(), 1u);
  EXPECT_EQ(flows[0].response_body.bytes, "data: one\n\ndata: two\n\n");
}

// Chaining through another proxy

TEST_F(Server, asks_an_upstream_proxy_in_absolute_form) {
  std::promise<std::string> seen;
  FakeUpstream proxy([&](UpstreamSocket& socket) {
    seen.set_value(socket.read_message());
    socket.write(kOk);
  });
  settings.upstream.proxy = "http://user:pass@" + proxy.place().str();
  start();
  Client client(port());
  client.send("GET http://far.test/a HTTP/1.1\r\nHost: far.test\r\nProxy-Authorization: Basic eA==\r\n\r\n");
  EXPECT_TRUE(client.read_head().starts_with("HTTP/1.1 200"));
  std::string request = seen.get_future().get();
  EXPECT_TRUE(request.starts_with("GET http://far.test/a HTTP/1.1\r\n")) << request;
  EXPECT_TRUE(request.contains("Proxy-Authorization: Basic dXNlcjpwYXNz\r\n")) << request;
  EXPECT_FALSE(request.contains("eA==")) << "the client's own is for us";
  stop();
}

TEST_F(Server, tunnels_https_through_an_upstream_proxy) {
  tls::testing::Origin identity{tls::testing::make_server(&root, {.names = {"far.test"}})};
  std::promise<std::string> connect;
  FakeUpstream proxy([&](UpstreamSocket& socket) {
    connect.set_value(socket.read_message());
    socket.write("HTTP/1.1 200 OK\r\nX-Some: field\r\n\r\n");
    if (!socket.start_tls(identity.new_session())) return;
    while (!socket.read_message().empty()) socket.write(kOk);
  });
  settings.upstream.proxy = "http://user:pass@" + proxy.place().str();
  start();
  UpstreamSocket raw(connect_to(port()), nullptr);  // serves a client as well as an origin
  raw.write("CONNECT far.test:443 HTTP/1.1\r\nHost: far.test:443\r\n\r\n");
  EXPECT_TRUE(raw.read_message().starts_with("HTTP/1.1 200"));
  ASSERT_TRUE(raw.start_tls(tls::testing::plain_client({server->authority().certificate()}, "far.test")));
  for (int i = 0; i < 2; ++i) {
    raw.write("GET / HTTP/1.1\r\nHost: far.test\r\n\r\n");
    EXPECT_TRUE(raw.read_message().starts_with("HTTP/1.1 200 OK"));
  }
  std::string asked = connect.get_future().get();
  EXPECT_TRUE(asked.starts_with("CONNECT far.test:443 HTTP/1.1\r\nHost: far.test:443\r\n")) << asked;
  EXPECT_TRUE(asked.contains("Proxy-Authorization: Basic dXNlcjpwYXNz\r\n")) << asked;
  raw = UpstreamSocket(UniqueFd(), nullptr);
  auto flows = stop();
  ASSERT_EQ(flows.size(), 2u);
  EXPECT_FALSE(flows[0].upstream_reused);
  EXPECT_TRUE(flows[1].upstream_reused);
  EXPECT_EQ(proxy.connections(), 1u);
}

TEST_F(Server, tells_that_an_upstream_proxy_refused) {
  FakeUpstream proxy(always("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"));
  settings.upstream.proxy = "http://" + proxy.place().str();
  settings.tls.passthrough = {"far.test"};
  start();
  Client client(port());
  client.send("CONNECT far.test:443 HTTP/1.1\r\nHost: far.test:443\r\n\r\n");
  std::string head = client.read_head();
  EXPECT_TRUE(head.starts_with("HTTP/1.1 502 ")) << head;
  EXPECT_TRUE(head.contains("X-Weir-Error: upstream_proxy_refused\r\n")) << head;
  shutdown(client.fd(), SHUT_WR);
  client.read_all();
  auto flows = stop();
  ASSERT_EQ(flows.size(), 1u);
  EXPECT_EQ(flows[0].error, Code::upstream_proxy_refused);
  EXPECT_TRUE(flows[0].error_detail.contains("407")) << flows[0].error_detail;
}

TEST_F(Server, goes_past_the_upstream_proxy_for_exempt_hosts) {
  FakeUpstream origin(always(kOk));
  settings.upstream.proxy = "http://127.0.0.1:1";
  settings.upstream.no_proxy = {"127.0.0.1"};
  start();
  EXPECT_TRUE(Client(port()).get(origin.place()).starts_with("HTTP/1.1 200"));
  stop();
}

// Limits and starts

TEST_F(Server, refuses_to_talk_to_itself) {
  start();
  Client client(port());
  std::string head = client.get(server->endpoints().front());
  EXPECT_TRUE(head.starts_with("HTTP/1.1 508 ")) << head;
  EXPECT_TRUE(head.contains("X-Weir-Error: loop_detected\r\n")) << head;
  auto flows = stop();
  ASSERT_EQ(flows.size(), 1u);
  EXPECT_EQ(flows[0].error, Code::loop_detected);
}

TEST_F(Server, reports_a_refused_dial) {
  start();
  Client client(port());
  std::string head = client.get({"127.0.0.1", 1});
  EXPECT_TRUE(head.starts_with("HTTP/1.1 502 ")) << head;
  EXPECT_TRUE(head.contains("X-Weir-Error: connect_refused\r\n")) << head;
  stop();
}

TEST_F(Server, refuses_connections_over_its_limit) {
  settings.limits.connections = 1;
  settings.threads = 1;
  FakeUpstream origin(always(kOk));
  start();
  Client first(port());
  EXPECT_TRUE(first.get(origin.place()).starts_with("HTTP/1.1 200"));
  Client second(port());
  EXPECT_EQ(second.read_all(), "");
  EXPECT_EQ(first.read(2), "ok");
  EXPECT_TRUE(first.get(origin.place()).starts_with("HTTP/1.1 200"));
  stop();
}

TEST_F(Server, carries_two_hundred_connections_at_once) {
  constexpr std::size_t kClients = 200;
  FakeUpstream origin(always(kOk));
  start();
  std::vector<std::unique_ptr<Client>> clients;
  for (std::size_t i = 0; i < kClients; ++i) clients.push_back(std::make_unique<Client>(port()));
  for (int round = 0; round < 3; ++round) {
    for (auto& client : clients)
      client->send(fmt::format("GET http://{0}/ HTTP/1.1\r\nHost: {0}\r\n\r\n", origin.place().str()));
    for (auto& client : clients) {
      std::string head = client->read_head();
      ASSERT_TRUE(head.starts_with("HTTP/1.1 200 OK")) << head;
      ASSERT_EQ(client->read(2), "ok");
    }
  }
  auto flows = stop();
  EXPECT_EQ(flows.size(), 3 * kClients);
  std::set<flow::FlowId> ids;
  std::size_t reused = 0;
  for (const flow::Flow& flow : flows) {
    ids.insert(flow.id);
    EXPECT_EQ(flow.error, Code::none);
    reused += flow.upstream_reused;
  }
  EXPECT_EQ(ids.size(), flows.size());
  EXPECT_EQ(origin.connections(), flows.size() - reused);
}

// A filter that allows everything but what lies below /no, or, if `closed`, nothing at all.
config::FilterSettings filter_of(bool closed) {
  config::FilterSettings out;
  policy::RuleSet& user = out.layers[std::to_underlying(policy::Layer::user)];
  user.default_action = closed ? policy::Action::block : policy::Action::allow;
  user.rules.push_back({.pattern = "/no/**", .scope = policy::Scope::path});
  return out;
}

TEST_F(Server, drops_no_request_when_the_filter_is_read_again) {
  constexpr int kClients = 8;
  constexpr int kRequests = 200;
  FakeUpstream origin(always(kOk));
  start();
  std::atomic<int> answered{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < kClients; ++i)
    clients.emplace_back([&] {
      Client client(port());
      for (int request = 0; request < kRequests; ++request) {
        if (!client.get(origin.place()).starts_with("HTTP/1.1 200") || client.read(2) != "ok") return;
        ++answered;
      }
    });
  int reloads = 0;
  while (answered < kClients * kRequests / 2 && reloads < 10'000) {
    ASSERT_TRUE(server->set_filter(filter_of(false)));
    ++reloads;
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(answered, kClients * kRequests) << "after " << reloads << " reloads";
  stop();
}

TEST_F(Server, judges_the_next_request_of_a_kept_connection_by_the_filter_that_was_read_last) {
  FakeUpstream origin(always(kOk));
  start();
  Client client(port());
  for (int round = 0; round < 20; ++round) {
    ASSERT_TRUE(server->set_filter(filter_of(true)));
    ASSERT_TRUE(client.get(origin.place()).starts_with("HTTP/1.1 403")) << "round " << round;
    client = Client(port());
    ASSERT_TRUE(server->set_filter(filter_of(false)));
    ASSERT_TRUE(client.get(origin.place()).starts_with("HTTP/1.1 200")) << "round " << round;
    ASSERT_EQ(client.read(2), "ok");
  }
  stop();
}

TEST_F(Server, sheds_bodies_in_place_of_growing_where_capture_may_be_dropped) {
  settings.capture.when_full = config::WhenFull::drop;
  settings.capture.queue_bytes = 1;
  FakeUpstream origin(always("HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + std::string(20'000, 'x')));
  start();
  Client client(port());
  auto shed = [&] {
    auto counters = server->store()->counters();
    return counters.shed_bodies + counters.shed_flows;
  };
  // A writer that keeps up sheds nothing, so this goes on until one does not.
  std::uint64_t requests = 0;
  for (; requests < 5'000 && (requests < 50 || shed() == 0); ++requests) {
    ASSERT_TRUE(client.get(origin.place()).starts_with("HTTP/1.1 200"));
    ASSERT_EQ(client.read(20'000).size(), 20'000u);
  }
  server->drain();
  server->join();
  server->close();
  auto counters = server->store()->counters();
  EXPECT_GT(shed(), 0u);
  EXPECT_EQ(counters.accepted, counters.written);
  EXPECT_EQ(counters.accepted + counters.shed_flows, requests);
}

TEST_F(Server, slows_down_in_place_of_losing_where_capture_must_be_whole) {
  settings.capture.when_full = config::WhenFull::slow;
  settings.capture.queue_bytes = 30'000;  // little more than one flow
  FakeUpstream origin(always("HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + std::string(20'000, 'x')));
  start();
  Client client(port());
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(client.get(origin.place()).starts_with("HTTP/1.1 200"));
    ASSERT_EQ(client.read(20'000).size(), 20'000u);
  }
  stop();
  auto counters = server->store()->counters();
  EXPECT_EQ(counters.accepted, 5u);
  EXPECT_EQ(counters.shed_flows, 0u);
  EXPECT_EQ(counters.lost_flows, 0u);
  EXPECT_EQ(counters.shed_bodies, 0u);
}

TEST_F(Server, says_clearly_that_its_data_folder_cannot_be_written) {
  tls::testing::write_text(folder / "file", "in the way");
  settings.data_dir = folder / "file";
  auto started = app::Server::start(settings);
  ASSERT_FALSE(started.has_value());
  EXPECT_TRUE(started.error().context().contains((folder / "file").string())) << started.error().message();
}

TEST_F(Server, says_clearly_that_its_port_is_taken) {
  start();
  config::Settings second = settings;
  second.listen = {server->endpoints().front()};
  second.threads = 1;
  auto started = app::Server::start(second);
  ASSERT_FALSE(started.has_value());
  EXPECT_TRUE(started.error().context().contains("--listen")) << started.error().message();
  stop();
}

}  // namespace
}  // namespace weir::testing
