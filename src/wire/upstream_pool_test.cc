#include "wire/upstream_pool.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <stdexcept>

#include "async/task_group.h"
#include "tls/testing.h"

namespace weir::wire {
namespace {

using std::chrono::seconds;

// Each dial makes a socket pair; the test holds the other end.
class PairDialer final : public net::Dialer {
 public:
  PairDialer(async::Loop& loop, net::Resolver& resolver) : Dialer(loop, resolver), loop_(loop) {}

  async::Task<Result<net::Dialed>> dial(HostPort, TimePoint, net::AddressCheck) override {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
      throw std::runtime_error("socketpair");
    accepted.emplace_back(fds[1]);
    net::Dialed out;
    out.stream = std::make_unique<net::TcpStream>(loop_, UniqueFd(fds[0]), Side::upstream);
    co_return out;
  }
  std::vector<UniqueFd> accepted;

 private:
  async::Loop& loop_;
};

template <typename T>
async::Task<void> keep(async::Task<T> task, std::optional<T>& out) {
  out.emplace(co_await std::move(task));
}

class UpstreamPoolTest : public ::testing::Test {
 protected:
  using Acquired = Result<UpstreamLease>;

  UpstreamPool& pool() {
    if (!pool_) pool_.emplace(loop, dialer, tls, options);
    return *pool_;
  }
  void acquire(http::Scheme scheme) {
    route.dial = {"a.test", static_cast<std::uint16_t>(scheme == http::Scheme::https ? 443 : 80)};
    route.origin = {scheme, route.dial};
    group.spawn(keep(pool().acquire(route, request, true), acquired));
    loop.run_until_idle();
  }
  /// Code::none while the attempt goes on.
  Code ended_with() { return acquired && !*acquired ? acquired->error().code() : Code::none; }

  tls::testing::TempFolder folder;
  tls::Authority own = *tls::Authority::load_or_create(folder / "ca");
  tls::ClientContext tls = *tls::ClientContext::make({.extra_roots = {}, .system_roots = false}, own);
  async::Loop loop{async::Loop::Time::manual};
  net::Resolver resolver{loop};
  PairDialer dialer{loop, resolver};
  PoolOptions options;
  Route route;
  http::RequestHead request;
  std::optional<UpstreamPool> pool_;
  std::optional<Acquired> acquired;
  async::TaskGroup group{loop};
};

TEST_F(UpstreamPoolTest, ends_a_handshake_that_hangs_when_attempts_are_cancelled) {
  acquire(http::Scheme::https);
  ASSERT_EQ(dialer.accepted.size(), 1u);
  EXPECT_FALSE(acquired.has_value());
  pool().cancel_attempts();
  loop.run_until_idle();
  EXPECT_EQ(ended_with(), Code::cancelled);
}

TEST_F(UpstreamPoolTest, ends_a_wait_for_an_upstream_proxy_when_attempts_are_cancelled) {
  options.proxy_for = [](const HostPort&, http::Scheme) { return UpstreamProxy{{"proxy.test", 3128}, {}}; };
  acquire(http::Scheme::https);
  EXPECT_FALSE(acquired.has_value());
  pool().cancel_attempts();
  loop.run_until_idle();
  EXPECT_EQ(ended_with(), Code::cancelled);
}

TEST_F(UpstreamPoolTest, limits_a_handshake) {
  acquire(http::Scheme::https);
  loop.advance(options.tls_timeout);
  loop.run_until_idle();
  EXPECT_EQ(ended_with(), Code::upstream_timeout);
}

TEST_F(UpstreamPoolTest, keeps_no_connection_that_did_not_carry_an_exchange_to_its_end) {
  acquire(http::Scheme::http);
  ASSERT_TRUE(acquired && *acquired);
  acquired.reset();
  EXPECT_EQ(pool().idle(), 0u);
  char byte;
  EXPECT_EQ(recv(dialer.accepted.at(0).get(), &byte, 1, 0), 0);
}

// An exchange through a connection that is kept, to its end.
TEST_F(UpstreamPoolTest, uses_no_connection_from_before_it_was_renewed) {
  request.method = "GET";
  request.target = "/";
  auto exchange = [&] {
    acquire(http::Scheme::http);
    ASSERT_TRUE(acquired && *acquired);
    std::optional<Result<void>> sent;
    std::optional<Result<http::ResponseHead>> head;
    group.spawn(keep((*acquired)->http().send(request, nullptr), sent));
    loop.run_until_idle();
    constexpr std::string_view kAnswer = "HTTP/1.1 204 No Content\r\n\r\n";
    ASSERT_EQ(send(dialer.accepted.back().get(), kAnswer.data(), kAnswer.size(), 0),
              static_cast<ssize_t>(kAnswer.size()));
    group.spawn(keep((*acquired)->http().receive_head(), head));
    loop.run_until_idle();
    ASSERT_TRUE(head && *head);
    acquired.reset();
  };
  exchange();
  EXPECT_EQ(pool().idle(), 1u);
  exchange();
  EXPECT_EQ(dialer.accepted.size(), 1u) << "kept and used again";
  pool().renew();
  EXPECT_EQ(pool().idle(), 0u);
  exchange();
  EXPECT_EQ(dialer.accepted.size(), 2u);
}

TEST_F(UpstreamPoolTest, refuses_to_dial_its_own_listener) {
  options.is_self = [](const net::TcpStream&) { return true; };
  acquire(http::Scheme::http);
  EXPECT_EQ(ended_with(), Code::loop_detected);
}

}  // namespace
}  // namespace weir::wire
