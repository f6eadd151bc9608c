#include "app/port_forward.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <optional>

namespace weir::app {
namespace {

constexpr int kPatience = 30'000;

UniqueFd listen_on(const std::string& address, std::uint16_t port = 0) {
  auto opened = net::listen_tcp(address, port, false);
  return opened ? std::move(*opened) : UniqueFd();
}

UniqueFd connect_to(std::uint16_t port) {
  UniqueFd out(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(out.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return {};
  return out;
}

bool readable(int fd) {
  pollfd wanted{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&wanted, 1, kPatience) == 1;
}

UniqueFd accept_from(const UniqueFd& listener) {
  if (!readable(listener.get())) return {};
  return UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
}

/// What comes next: bytes, "" at the end, nothing after a reset.
std::optional<std::string> read_from(const UniqueFd& fd) {
  if (!readable(fd.get())) return "timed out";
  char bytes[256];
  ssize_t got = ::recv(fd.get(), bytes, sizeof bytes, 0);
  if (got < 0) return std::nullopt;
  return std::string(bytes, static_cast<std::size_t>(got));
}

void write_to(const UniqueFd& fd, std::string_view text) {
  ASSERT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
}

class PortForward : public ::testing::Test {
 protected:
  /// A new port that stands for `target`.
  std::uint16_t forward(std::uint16_t target, PortForwards::MakeSocket make = make_socket_here) {
    UniqueFd front = listen_on("127.0.0.1");
    std::uint16_t out = net::bound_port(front.get());
    forwards->add(std::move(front), target, std::move(make));
    forwards->start();
    return out;
  }

  std::unique_ptr<PortForwards> forwards = std::make_unique<PortForwards>();
};

TEST_F(PortForward, carries_bytes_both_ways_and_each_end_by_itself) {
  UniqueFd target = listen_on("127.0.0.1");
  UniqueFd client = connect_to(forward(net::bound_port(target.get())));
  UniqueFd server = accept_from(target);
  ASSERT_TRUE(client && server);
  write_to(server, "greeting");
  EXPECT_EQ(read_from(client), "greeting");
  write_to(client, "question");
  EXPECT_EQ(read_from(server), "question");
  ::shutdown(client.get(), SHUT_WR);
  EXPECT_EQ(read_from(server), "");
  write_to(server, "answer");
  EXPECT_EQ(read_from(client), "answer");
  server.reset();
  EXPECT_EQ(read_from(client), "");
}

TEST_F(PortForward, looks_at_both_loopbacks) {
  UniqueFd target = listen_on("::1");
  if (!target) GTEST_SKIP() << "no IPv6 here";
  UniqueFd client = connect_to(forward(net::bound_port(target.get())));
  UniqueFd server = accept_from(target);
  ASSERT_TRUE(client && server);
  write_to(client, "hello");
  EXPECT_EQ(read_from(server), "hello");
}

TEST_F(PortForward, resets_where_nobody_listens) {
  std::uint16_t gone = net::bound_port(listen_on("127.0.0.1").get());
  UniqueFd client = connect_to(forward(gone));
  ASSERT_TRUE(client);
  EXPECT_EQ(read_from(client), std::nullopt);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST_F(PortForward, resets_where_no_socket_is_to_be_had) {
  UniqueFd target = listen_on("127.0.0.1");
  auto none = [](int) -> Result<UniqueFd> { return fail(Code::io, "the other network is gone"); };
  UniqueFd client = connect_to(forward(net::bound_port(target.get()), none));
  ASSERT_TRUE(client);
  EXPECT_EQ(read_from(client), std::nullopt);
}

TEST_F(PortForward, passes_a_reset_on) {
  UniqueFd target = listen_on("127.0.0.1");
  UniqueFd client = connect_to(forward(net::bound_port(target.get())));
  UniqueFd server = accept_from(target);
  ASSERT_TRUE(client && server);
  linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(server.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  server.reset();
  EXPECT_EQ(read_from(client), std::nullopt);
}

TEST_F(PortForward, what_is_open_is_cut_at_the_end) {
  UniqueFd target = listen_on("127.0.0.1");
  std::uint16_t port = forward(net::bound_port(target.get()));
  UniqueFd client = connect_to(port);
  UniqueFd server = accept_from(target);
  ASSERT_TRUE(client && server);
  forwards.reset();
  EXPECT_NE(read_from(client), "timed out");
  EXPECT_NE(read_from(server), "timed out");
  EXPECT_FALSE(connect_to(port)) << "nobody listens any more";
}

TEST_F(PortForward, may_end_without_having_started) {
  forwards->add(listen_on("127.0.0.1"), 1, make_socket_here);
  forwards.reset();
}

}  // namespace
}  // namespace weir::app
