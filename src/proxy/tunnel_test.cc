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
  async::Task<void> run() {
    done = co_await tunnel(*client_stream, *origin_stream, "up", "down", counts, watch, guard);
  }

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
  TunnelWatch* watch = nullptr;
  TunnelGuard* guard = nullptr;
  std::optional<Result<void>> done;
  async::TaskGroup group{loop};
};

/// Nobody looks at the bytes.
class PlainTunnelTest : public TunnelTest {
 protected:
  PlainTunnelTest() {
    group.spawn(run());
    loop.run_until_idle();
  }
};

TEST_F(PlainTunnelTest, goes_on_one_way_where_the_other_has_ended) {
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

TEST_F(PlainTunnelTest, ends_when_a_stream_is_cancelled) {
  client_stream->cancel();
  loop.run_until_idle();
  ASSERT_TRUE(done.has_value());
  EXPECT_EQ(done->error().code(), Code::cancelled);
}

// A shutdown knows the client's stream alone: it must not wait for an origin that never ends.
TEST_F(PlainTunnelTest, ends_when_the_half_that_has_ended_is_cancelled) {
  shutdown(client.get(), SHUT_WR);
  loop.run_until_idle();
  client_stream->cancel();
  loop.run_until_idle();
  EXPECT_TRUE(done.has_value());
}

TEST_F(PlainTunnelTest, gives_up_a_half_that_is_silent_for_long_after_the_other_has_ended) {
  shutdown(client.get(), SHUT_WR);
  loop.run_until_idle();
  loop.advance(std::chrono::minutes(6));
  loop.run_until_idle();
  ASSERT_TRUE(done.has_value());
  EXPECT_EQ(done->error().code(), Code::upstream_timeout);
}

/// Has `plenty` to read for whoever asks, or nothing; takes `room` bytes, then none. With `holds` it takes
/// all that it is given and holds back what there is no room for.
class Source final : public net::Stream {
 public:
  Source(async::Loop& loop, bool plenty, std::size_t room, bool holds)
      : Stream(plenty ? Side::upstream : Side::client),
        loop_(loop),
        plenty_(plenty),
        holds_(holds),
        room_(room) {}

  Result<std::optional<std::size_t>> try_read(std::span<char> into) override {
    if (!plenty_) return std::nullopt;
    asked = into.size();
    return into.size();
  }
  Result<std::size_t> try_write(std::span<const std::string_view> pieces) override {
    std::size_t taken = std::min(room_, pieces.front().size());
    room_ -= taken;
    if (!holds_) return taken;
    held += pieces.front().size() - taken;
    return pieces.front().size();
  }
  Result<bool> flush_pending() override { return held == 0; }
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
  std::size_t held = 0;

 private:
  async::Loop& loop_;
  async::Event never_{loop_};
  const bool plenty_, holds_;
  std::size_t room_;
};

/// A tunnel from an origin that has plenty to a client that soon takes no more.
struct StuckTunnel {
  StuckTunnel(async::Loop& loop, bool holds)
      : client(loop, false, 32 << 10, holds), origin(loop, true, 0, false) {}
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
    for (int i = 0; i < 40; ++i)
      group.spawn(all.emplace_back(std::make_unique<StuckTunnel>(loop, false))->run());
    loop.run_until_idle();
    auto asked = [](const auto& one) { return one->origin.asked; };
    EXPECT_EQ(std::ranges::count(all, std::size_t{512 << 10}, asked), 16);
    EXPECT_EQ(std::ranges::count(all, std::size_t{32 << 10}, asked), 24);
    for (auto& one : all) one->cancel();
    loop.run_until_idle();
    for (auto& one : all) EXPECT_TRUE(one->ended && !*one->ended);
  }
}

TEST(TunnelBlock, what_streams_hold_back_counts_among_what_is_large) {
  async::Loop loop{async::Loop::Time::manual};
  std::vector<std::unique_ptr<StuckTunnel>> all;
  async::TaskGroup group(loop);
  for (int i = 0; i < 40; ++i)
    group.spawn(all.emplace_back(std::make_unique<StuckTunnel>(loop, true))->run());
  loop.run_until_idle();
  auto held = [](const auto& one) { return one->client.held; };
  EXPECT_EQ(std::ranges::count(all, std::size_t{512 << 10}, held), 16);
  EXPECT_EQ(std::ranges::count(all, std::size_t{32 << 10}, held), 24);
  for (auto& one : all) one->cancel();
  loop.run_until_idle();
}

/// Lets pass what has no "!" in it, of two bytes at a time; holds back "?" at the end.
class Suspicious final : public TunnelGuard {
 public:
  Result<Cleared> look(std::string_view& bytes) override {
    std::string_view part = bytes.substr(0, 2);
    bytes.remove_prefix(part.size());
    if (part.contains('!')) return fail(Code::secret_leak, "found");
    released = std::exchange(held, part.ends_with('?') ? "?" : "");
    if (!held.empty()) part.remove_suffix(1);
    return Cleared{released, part};
  }
  std::string_view rest() override { return held; }
  void told_client(std::string_view bytes) override { to_client += bytes; }
  std::string last_words(const Error& why) override {
    return words.empty() ? "" : words + std::string(info(why.code()).name);
  }

  std::string held, released, to_client, words = "no: ";
};

class GuardedTunnelTest : public TunnelTest {
 protected:
  GuardedTunnelTest() {
    watch = &seen;
    guard = &suspicious;
    group.spawn(run());
    EXPECT_EQ(come(origin), "up");
    EXPECT_EQ(come(client), "down");
  }
  class Seen final : public TunnelWatch {
   public:
    void passed(Side from, std::string_view bytes) override {
      if (from == Side::client) text += bytes;
    }
    bool has_room() const override { return true; }
    std::string text;
  } seen;
  Suspicious suspicious;
};

TEST_F(GuardedTunnelTest, what_is_cleared_passes_in_order) {
  send(client, "a?b, and on?");
  EXPECT_EQ(come(origin), "a?b, and on");
  EXPECT_EQ(counts.to_upstream, 13u);
  send(origin, "answer");
  EXPECT_EQ(come(client), "answer");
  EXPECT_EQ(suspicious.to_client, "downanswer");
  shutdown(client.get(), SHUT_WR);
  EXPECT_EQ(come(origin), "?") << "what was held back comes before the end";
  EXPECT_EQ(come(origin), "(end)");
  EXPECT_EQ(seen.text, "upa?b, and on?");
}

TEST_F(GuardedTunnelTest, a_no_is_told_to_the_client_alone) {
  send(client, "abc!");
  EXPECT_EQ(come(client), "no: secret_leak");
  EXPECT_EQ(come(client), "(end)");
  EXPECT_EQ(come(origin), "ab");
  ASSERT_TRUE(done.has_value());
  EXPECT_EQ(done->error().code(), Code::secret_leak);
  EXPECT_FALSE(client_stream->cancelled()) << "who owns it lets the client read that";
  EXPECT_TRUE(origin_stream->cancelled());
  EXPECT_EQ(seen.text, "upab");
  EXPECT_EQ(counts.to_upstream, 4u);
}

TEST_F(GuardedTunnelTest, who_has_been_told_the_end_is_told_no_more) {
  shutdown(origin.get(), SHUT_WR);
  EXPECT_EQ(come(client), "(end)");
  send(client, "!");
  EXPECT_EQ(come(client), "(end)");
  ASSERT_TRUE(done.has_value());
  EXPECT_EQ(done->error().code(), Code::secret_leak);
  EXPECT_TRUE(client_stream->cancelled());
}

TEST_F(GuardedTunnelTest, where_there_are_no_words_both_are_cut) {
  suspicious.words.clear();
  send(client, "!");
  loop.run_until_idle();
  ASSERT_TRUE(done.has_value());
  EXPECT_EQ(come(client), "") << "not a word, and no end before its owner closes it";
  EXPECT_TRUE(client_stream->cancelled());
  EXPECT_TRUE(origin_stream->cancelled());
}

}  // namespace
}  // namespace weir::proxy
