#include "proxy/tunnel.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <vector>

#include "async/event.h"
#include "async/task_group.h"
#include "net/tcp_stream.h"

namespace weir::proxy {
namespace {

// A tunnel between two socket pairs; the test is the client and the origin.
class TunnelTest : public ::testing::Test {
 protected:
  TunnelTest() {
    client_stream = connect(client, Side::client);
    origin_stream = connect(origin, Side::upstream);
    group.spawn(run());
    loop.run_until_idle();
  }
  ~TunnelTest() override {
    client_stream->cancel();
    origin_stream->cancel();
    loop.run_until_idle();
  }

  std::unique_ptr<net::TcpStream> connect(UniqueFd& ours, Side side) {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
      throw std::runtime_error("socketpair");
    ours.reset(fds[1]);
    return std::make_unique<net::TcpStream>(loop, UniqueFd(fds[0]), side);
  }
  async::Task<void> run() { done = co_await tunnel(*client_stream, *origin_stream, "up", "down", counts); }

  /// What has come to `fd`; "(end)" at the end.
  std::string come(const UniqueFd& fd) {
    loop.run_until_idle();
    char part[256];
    ssize_t got = recv(fd.get(), part, sizeof part, 0);
    return got == 0 ? "(end)" : got < 0 ? "" : std::string(part, static_cast<std::size_t>(got));
  }
  void send(const UniqueFd& fd, std::string_view text) {
    ASSERT_EQ(::send(fd.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  }

  async::Loop loop{async::Loop::Time::manual};
  UniqueFd client;
  UniqueFd origin;
  std::unique_ptr<net::TcpStream> client_stream;
  std::unique_ptr<net::TcpStream> origin_stream;
  TunnelCounts counts;
  std::optional<Result<void>> done;
  async::TaskGroup group{loop};
};

TEST_F(TunnelTest, goes_on_one_way_where_the_other_has_ended) {
  EXPECT_EQ(come(origin), "up");
  EXPECT_EQ(come(client), "down");
  shutdown(client.get(), SHUT_WR);
  EXPECT_EQ(come(origin), "(end)");
  send(origin, "late");
  EXPECT_EQ(come(client), "late");
  EXPECT_FALSE(done.has_value());
  shutdown(origin.get(), SHUT_WR);
  EXPECT_EQ(come(client), "(end)");
  ASSERT_TRUE(done.has_value());
  EXPECT_TRUE(done->has_value());
  EXPECT_EQ(counts.to_upstream, 2u);
  EXPECT_EQ(counts.to_client, 8u);
}

TEST_F(TunnelTest, ends_when_a_stream_is_cancelled) {
  client_stream->cancel();
  loop.run_until_idle();
  ASSERT_TRUE(done.has_value());
  EXPECT_EQ(done->error().code(), Code::cancelled);
}

// A shutdown knows the client's stream alone: it must not wait for an origin that never ends.
TEST_F(TunnelTest, ends_when_the_half_that_has_ended_is_cancelled) {
  shutdown(client.get(), SHUT_WR);
  loop.run_until_idle();
  client_stream->cancel();
  loop.run_until_idle();
  EXPECT_TRUE(done.has_value());
}

TEST_F(TunnelTest, gives_up_a_half_that_is_silent_for_long_after_the_other_has_ended) {
  shutdown(client.get(), SHUT_WR);
  loop.run_until_idle();
  loop.advance(std::chrono::minutes(6));
  loop.run_until_idle();
  ASSERT_TRUE(done.has_value());
  EXPECT_EQ(done->error().code(), Code::upstream_timeout);
}

/// Has `plenty` to read for whoever asks, or nothing; takes `room` bytes, then none.
class Source final : public net::Stream {
 public:
  Source(async::Loop& loop, bool plenty, std::size_t room)
      : Stream(plenty ? Side::upstream : Side::client), loop_(loop), plenty_(plenty), room_(room) {}

  Result<std::optional<std::size_t>> try_read(std::span<char> into) override {
    if (!plenty_) return std::nullopt;
    asked = into.size();
    return into.size();
  }
  Result<std::size_t> try_write(std::span<const std::string_view> pieces) override {
    std::size_t taken = std::min(room_, pieces.front().size());
    room_ -= taken;
    return taken;
  }
  async::Task<Result<void>> wait_readable() override { co_return wait_failure(co_await never_.wait()); }
  async::Task<Result<void>> wait_writable() override { co_return wait_failure(co_await never_.wait()); }
  async::Task<Result<void>> shutdown() override { co_return Result<void>(); }
  void cancel() override { never_.cancel(); }
  bool cancelled() const override { return false; }
  void interrupt_read() override {}
  void reset_on_close() override {}
  void on_hangup(std::move_only_function<void()>, bool) override {}
  bool quiet() override { return false; }
  async::Loop& loop() const override { return loop_; }

  std::size_t asked = 0;  ///< by the last read

 private:
  async::Loop& loop_;
  async::Event never_{loop_};
  const bool plenty_;
  std::size_t room_;
};

/// A tunnel from an origin that has plenty to a client that soon takes no more.
struct StuckTunnel {
  explicit StuckTunnel(async::Loop& loop) : client(loop, false, 32 << 10), origin(loop, true, 0) {}
  async::Task<void> run() { ended = co_await tunnel(client, origin, {}, {}, counts); }
  void cancel() {
    client.cancel();
    origin.cancel();
  }

  Source client, origin;
  TunnelCounts counts;
  std::optional<Result<void>> ended;
};

TEST(TunnelBlock, is_large_for_bytes_in_bulk_and_few_tunnels_at_once) {
  async::Loop loop{async::Loop::Time::manual};
  for (int round = 0; round < 2; ++round) {  // large ones are given back
    std::vector<std::unique_ptr<StuckTunnel>> all;
    async::TaskGroup group(loop);
    for (int i = 0; i < 40; ++i) group.spawn(all.emplace_back(std::make_unique<StuckTunnel>(loop))->run());
    loop.run_until_idle();
    auto asked = [](const auto& one) { return one->origin.asked; };
    EXPECT_EQ(std::ranges::count(all, std::size_t{512 << 10}, asked), 16);
    EXPECT_EQ(std::ranges::count(all, std::size_t{32 << 10}, asked), 24);
    for (auto& one : all) one->cancel();
    loop.run_until_idle();
    for (auto& one : all) EXPECT_TRUE(one->ended && !*one->ended);
  }
}

}  // namespace
}  // namespace weir::proxy
