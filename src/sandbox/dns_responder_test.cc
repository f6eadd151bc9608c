#include "sandbox/dns_responder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#include <barrier>
#include <condition_variable>
#include <mutex>

#include "base/log.h"
#include "tests/support/dns_wire.h"

namespace weir::sandbox {
namespace {

using test::dns_word;
using test::DnsAsk;
using test::DnsReply;
using test::DnsReplyReader;

constexpr unsigned kA = 1, kAaaa = 28;

sockaddr_storage loopback(int family) {
  sockaddr_storage out{};
  out.ss_family = static_cast<sa_family_t>(family);
  if (family == AF_INET)
    reinterpret_cast<sockaddr_in&>(out).sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  else
    reinterpret_cast<sockaddr_in6&>(out).sin6_addr = in6addr_loopback;
  return out;
}

socklen_t length_of(const sockaddr_storage& address) {
  return address.ss_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
}

sockaddr_storage name_of(const UniqueFd& fd) {
  sockaddr_storage out{};
  socklen_t length = sizeof out;
  EXPECT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&out), &length), 0);
  return out;
}

/// Bound to a loopback address; no descriptor when this machine has none of the family.
UniqueFd bound(int family, int type) {
  UniqueFd fd(::socket(family, type | SOCK_CLOEXEC, 0));
  sockaddr_storage address = loopback(family);
  if (!fd || ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length_of(address)) != 0) return {};
  if (type == SOCK_STREAM) EXPECT_EQ(::listen(fd.get(), 16), 0);
  return fd;
}

/// Every wait of a client ends, so that a fault fails a test and does not hang it.
UniqueFd connected(int type, const sockaddr_storage& server) {
  UniqueFd fd(::socket(server.ss_family, type | SOCK_CLOEXEC, 0));
  timeval limit{.tv_sec = 20};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&server), length_of(server)), 0);
  return fd;
}

void send_to(const UniqueFd& fd, const std::string& bytes) {
  EXPECT_EQ(::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
}

std::string receive(const UniqueFd& fd, std::size_t most, int flags = 0) {
  std::string out(most, '\0');
  ssize_t count = ::recv(fd.get(), out.data(), most, flags);
  out.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  return out;
}

std::string data_of(const std::optional<DnsReply>& reply) {
  EXPECT_TRUE(reply);
  return reply && reply->answers.size() == 1 ? reply->answers[0].data : "";
}

std::string over_udp(const UniqueFd& fd, const std::string& name, unsigned type = kA) {
  send_to(fd, DnsAsk{}.query(name, type));
  return data_of(DnsReplyReader::read(receive(fd, 4096)));
}

void send_query(const UniqueFd& fd, const std::string& name, unsigned type = kA) {
  std::string query = DnsAsk{}.query(name, type);
  send_to(fd, dns_word(static_cast<unsigned>(query.size())) + query);
}

std::string take_reply(const UniqueFd& fd) {
  std::string length = receive(fd, 2, MSG_WAITALL);
  if (length.size() != 2) return "no answer";
  std::size_t count = static_cast<unsigned char>(length[0]) * 256U + static_cast<unsigned char>(length[1]);
  return data_of(DnsReplyReader::read(receive(fd, count, MSG_WAITALL)));
}

std::string over_tcp(const UniqueFd& fd, const std::string& name, unsigned type = kA) {
  send_query(fd, name, type);
  return take_reply(fd);
}

/// True when the server closed it, in whatever way.
bool is_closed(const UniqueFd& fd) {
  char byte;
  ssize_t count = ::recv(fd.get(), &byte, 1, 0);
  return count == 0 || (count < 0 && errno == ECONNRESET);
}

class DnsResponderTest : public testing::Test {
 protected:
  void start(DnsResponder::Limits limits = {}, std::vector<UniqueFd> more = {}) {
    DnsSockets sockets;
    sockets.udp = std::move(more);
    sockets.udp.push_back(bound(AF_INET, SOCK_DGRAM));
    sockets.tcp.push_back(bound(AF_INET, SOCK_STREAM));
    udp_ = name_of(sockets.udp.back());
    tcp_ = name_of(sockets.tcp[0]);
    listener_ = UniqueFd(::dup(sockets.tcp[0].get()));
    auto started = DnsResponder::start(std::move(sockets), DnsZone(names_), limits);
    ASSERT_TRUE(started) << started.error().message();
    responder_ = std::move(*started);
  }
  UniqueFd udp() const { return connected(SOCK_DGRAM, udp_); }
  UniqueFd tcp() const { return connected(SOCK_STREAM, tcp_); }

  SyntheticNames names_{{}, 0};
  sockaddr_storage udp_, tcp_;
  UniqueFd listener_;  ///< the same one the responder has
  std::unique_ptr<DnsResponder> responder_;
};

const std::string kFirst("\xC6\x12\x00\x10", 4), kSecond("\xC6\x12\x00\x11", 4);

TEST_F(DnsResponderTest, AnswersOverUdpAndTcpFromOneTable) {
  start();
  UniqueFd datagrams = udp(), stream = tcp();
  EXPECT_EQ(over_udp(datagrams, "a.test"), kFirst);
  EXPECT_EQ(over_tcp(stream, "b.test"), kSecond);
  EXPECT_EQ(over_tcp(stream, "A.test"), kFirst) << "the same connection again";
  EXPECT_EQ(over_udp(datagrams, "B.TEST"), kSecond);
  EXPECT_EQ(over_udp(datagrams, "a.test", kAaaa).size(), 16U);
}

TEST_F(DnsResponderTest, AnswersOverIpv6) {
  DnsSockets sockets;
  sockets.udp.push_back(bound(AF_INET6, SOCK_DGRAM));
  sockets.tcp.push_back(bound(AF_INET6, SOCK_STREAM));
  if (!sockets.udp[0] || !sockets.tcp[0]) GTEST_SKIP() << "no IPv6 loopback on this machine";
  UniqueFd datagrams = connected(SOCK_DGRAM, name_of(sockets.udp[0]));
  UniqueFd stream = connected(SOCK_STREAM, name_of(sockets.tcp[0]));
  auto responder = DnsResponder::start(std::move(sockets), DnsZone(names_));
  ASSERT_TRUE(responder);
  EXPECT_EQ(over_udp(datagrams, "a.test"), kFirst);
  EXPECT_EQ(over_tcp(stream, "a.test"), kFirst);
}

TEST_F(DnsResponderTest, ManyQueriesInOneGo) {
  start();
  UniqueFd stream = tcp();
  std::string all;
  constexpr int kQueries = 500;
  for (int i = 0; i < kQueries; ++i) {
    std::string query = DnsAsk{}.query(fmt::format("n{}.test", i), kA);
    all += dns_word(static_cast<unsigned>(query.size())) + query;
  }
  send_to(stream, all);
  ASSERT_EQ(::shutdown(stream.get(), SHUT_WR), 0);
  for (int i = 0; i < kQueries; ++i)
    ASSERT_EQ(take_reply(stream), std::string("\xC6\x12") + dns_word(static_cast<unsigned>(16 + i)));
  EXPECT_TRUE(is_closed(stream));
}

TEST_F(DnsResponderTest, HostileClientsHarmNobody) {
  start();
  UniqueFd good = tcp(), datagrams = udp();
  EXPECT_EQ(over_tcp(good, "a.test"), kFirst);
  UniqueFd nonsense = tcp();
  send_to(nonsense, std::string(2, '\0'));
  EXPECT_TRUE(is_closed(nonsense));
  {
    UniqueFd reset = tcp();
    send_query(reset, "a.test");
    linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(reset.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  {
    UniqueFd gone = udp();
    send_to(gone, DnsAsk{}.query("a.test", kA));
  }
  for (const std::string& message : {std::string(), std::string("x"), std::string(20000, '\xff'),
                                     DnsAsk{.flags = 0x8180}.query("a.test", kA)})
    send_to(datagrams, message);
  EXPECT_EQ(over_udp(datagrams, "a.test"), kFirst) << "and none of those was answered";
  EXPECT_EQ(over_tcp(good, "a.test"), kFirst);
}

TEST_F(DnsResponderTest, TheLongestIdleMakesRoom) {
  start({.connections = 2});
  UniqueFd first = tcp();
  EXPECT_EQ(over_tcp(first, "a.test"), kFirst);
  UniqueFd second = tcp();
  EXPECT_EQ(over_tcp(second, "a.test"), kFirst);
  EXPECT_EQ(over_tcp(first, "a.test"), kFirst);
  UniqueFd third = tcp();
  EXPECT_EQ(over_tcp(third, "a.test"), kFirst) << "a new client never waits";
  EXPECT_TRUE(is_closed(second));
  EXPECT_EQ(over_tcp(first, "a.test"), kFirst);
}

TEST_F(DnsResponderTest, IdleConnectionsAreClosed) {
  start({.idle = std::chrono::milliseconds(20)});
  UniqueFd silent = tcp(), half = tcp();
  send_to(half, dns_word(30) + "half a query");
  EXPECT_TRUE(is_closed(silent));
  EXPECT_TRUE(is_closed(half));
}

TEST_F(DnsResponderTest, EndsWithConnectionsOpen) {
  start();
  UniqueFd stream = tcp();
  EXPECT_EQ(over_tcp(stream, "a.test"), kFirst);
  responder_.reset();
  EXPECT_TRUE(is_closed(stream));
}

TEST_F(DnsResponderTest, EndsAtOnceWithNoSockets) {
  auto responder = DnsResponder::start({}, DnsZone(names_));
  EXPECT_TRUE(responder);
}

TEST_F(DnsResponderTest, WhatIsNoDescriptorFailsAtTheStart) {
  DnsSockets sockets;
  sockets.udp.emplace_back();
  auto responder = DnsResponder::start(std::move(sockets), DnsZone(names_));
  ASSERT_FALSE(responder);
  EXPECT_EQ(responder.error().code(), Code::io);
}

class Heard final : public log::Listener {
 public:
  void heard(const log::Line& line) override {
    std::lock_guard lock(mutex_);
    lines_.emplace_back(line.text);
    came_.notify_all();
  }
  /// Waits until there are `count`, or it is plain that they will not come.
  std::vector<std::string> lines(std::size_t count) {
    std::unique_lock lock(mutex_);
    came_.wait_for(lock, std::chrono::seconds(20), [&] { return lines_.size() >= count; });
    return lines_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::vector<std::string> lines_;
};

/// Hears the log, and keeps it from standard error.
class DnsResponderErrors : public DnsResponderTest {
 protected:
  void SetUp() override {
    log::set_output(-1);
    log::set_listener(heard_);
  }
  void TearDown() override {
    log::set_listener(nullptr);
    log::set_output(2);
  }
  std::shared_ptr<Heard> heard_ = std::make_shared<Heard>();
};

TEST_F(DnsResponderErrors, ADeadSocketIsToldOnceAndTheOthersServed) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  UniqueFd writing(ends[1]);
  std::vector<UniqueFd> no_socket;
  no_socket.emplace_back(ends[0]);
  ASSERT_EQ(::write(writing.get(), "x", 1), 1);
  start({}, std::move(no_socket));
  UniqueFd datagrams = udp();
  ASSERT_EQ(::shutdown(listener_.get(), SHUT_RDWR), 0);
  EXPECT_EQ(heard_->lines(2).size(), 2U) << "one for each";
  EXPECT_EQ(over_udp(datagrams, "a.test"), kFirst);
  pollfd other_end{writing.get(), 0, 0};
  EXPECT_EQ(::poll(&other_end, 1, 0), 1) << "the pipe is closed";
  responder_.reset();
  EXPECT_EQ(heard_->lines(2).size(), 2U) << "and no more";
}

// A client that cannot be answered, time after time: here one without a name.
TEST_F(DnsResponderErrors, WhatIsWrongWithClientsIsToldOnce) {
  UniqueFd server(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  UniqueFd client(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  socklen_t length = sizeof address.sun_family;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(server.get(), generic, length), 0) << "to a name that the kernel chooses";
  length = sizeof address;
  ASSERT_EQ(::getsockname(server.get(), generic, &length), 0);
  ASSERT_EQ(::connect(client.get(), generic, length), 0);
  for (int i = 0; i < 3; ++i) send_to(client, DnsAsk{}.query("a.test", kA));
  std::vector<UniqueFd> sockets;
  sockets.push_back(std::move(server));
  start({}, std::move(sockets));
  EXPECT_EQ(heard_->lines(1).size(), 1U);
  UniqueFd datagrams = udp();
  EXPECT_EQ(over_udp(datagrams, "a.test"), kFirst);
  EXPECT_EQ(heard_->lines(1).size(), 1U);
}

/// The number of descriptors this process may have, given back at the end.
class DescriptorLimit {
 public:
  explicit DescriptorLimit(rlim_t most) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit less = before_;
    less.rlim_cur = most;
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &less), 0);
  }
  ~DescriptorLimit() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(DnsResponderErrors, OutOfDescriptorsWaitsAndGoesOn) {
#if defined(__has_feature) && __has_feature(undefined_behavior_sanitizer)
  GTEST_SKIP() << "UBSan opens a pipe to look at an object, and takes its failure for a broken one";
#endif
  start();
  UniqueFd datagrams = udp(), stream(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  {
    UniqueFd next(::dup(datagrams.get()));
    DescriptorLimit limit(static_cast<rlim_t>(next.get()));
    next.reset();
    ASSERT_EQ(::connect(stream.get(), reinterpret_cast<sockaddr*>(&tcp_), length_of(tcp_)), 0);
    EXPECT_EQ(heard_->lines(1).size(), 1U);
    EXPECT_EQ(over_udp(datagrams, "a.test"), kFirst) << "UDP goes on";
  }
  EXPECT_EQ(over_tcp(stream, "b.test"), kSecond) << "accepted once there are descriptors again";
}

TEST_F(DnsResponderTest, ManyClientsAtOnce) {
  start();
  constexpr int kClients = 8, kNames = 50;
  std::barrier begin(kClients);
  std::vector<std::vector<std::string>> seen(kClients);
  {
    std::vector<std::jthread> clients;
    for (int c = 0; c < kClients; ++c)
      clients.emplace_back([&, c] {
        UniqueFd fd = c % 2 == 0 ? udp() : tcp();
        begin.arrive_and_wait();
        for (int i = 0; i < kNames; ++i) {
          std::string name = fmt::format("n{}.test", i);
          seen[c].push_back(c % 2 == 0 ? over_udp(fd, name) : over_tcp(fd, name));
        }
      });
  }
  for (int c = 1; c < kClients; ++c) EXPECT_EQ(seen[c], seen[0]);
  EXPECT_EQ(names_.counts().handed_out, static_cast<std::uint64_t>(kNames));
}

}  // namespace
}  // namespace weir::sandbox
