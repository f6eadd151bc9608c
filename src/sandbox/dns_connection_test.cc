#include "sandbox/dns_connection.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include "tests/support/dns_wire.h"
#include "tests/support/splits.h"

namespace weir::sandbox {
namespace {

using std::chrono::seconds;
using test::dns_word;
using test::DnsAsk;
using test::DnsReply;
using test::DnsReplyReader;

std::string framed(const std::string& message) {
  return dns_word(static_cast<unsigned>(message.size())) + message;
}

std::string ask(unsigned id, const std::string& name) { return framed(DnsAsk{.id = id}.query(name, 1)); }

/// The other end of a connection that is served by hand, step by step.
class DnsConnectionTest : public testing::Test {
 protected:
  void SetUp() override { connect(); }

  void connect() {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    client_ = UniqueFd(ends[0]);
    connection_.emplace(UniqueFd(ends[1]), zone_, seconds(10), start_);
    received_.clear();
  }
  void send(std::string_view bytes) {
    ASSERT_EQ(::send(client_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  bool serve(TimePoint now) { return connection_->serve(now); }
  bool serve() { return serve(start_); }
  /// Takes what has arrived; false when there was nothing.
  bool take() {
    char bytes[4096];
    ssize_t count = ::recv(client_.get(), bytes, sizeof bytes, 0);
    if (count > 0) received_.append(bytes, static_cast<std::size_t>(count));
    return count > 0;
  }
  /// The ids of the whole replies that have arrived.
  std::vector<unsigned> reply_ids() {
    while (take()) {
    }
    std::vector<unsigned> out;
    for (std::string_view rest = received_; rest.size() >= 2;) {
      std::size_t length = static_cast<unsigned char>(rest[0]) * 256U + static_cast<unsigned char>(rest[1]);
      auto reply = DnsReplyReader::read(rest.substr(2, length));
      EXPECT_TRUE(reply);
      out.push_back(reply ? reply->id : 0);
      rest.remove_prefix(std::min(rest.size(), length + 2));
    }
    return out;
  }

  const TimePoint start_ = steady_now();
  SyntheticNames names_;
  DnsZone zone_{names_};
  UniqueFd client_;
  std::optional<DnsConnection> connection_;
  std::string received_;
};

// glibc sends A and AAAA on one connection, at once, and gives up when the second is not answered.
TEST_F(DnsConnectionTest, PipelinedQueriesCutAnywhere) {
  test::for_each_split(ask(1, "a.test") + ask(2, "b.test"), [&](const auto& parts, const std::string& how) {
    connect();
    for (std::string_view part : parts) {
      send(part);
      ASSERT_TRUE(serve()) << how;
    }
    EXPECT_EQ(reply_ids(), (std::vector<unsigned>{1, 2})) << how;
  });
}

TEST_F(DnsConnectionTest, AHalfCloseIsAnsweredFirst) {
  send(ask(1, "a.test") + ask(2, "b.test"));
  ASSERT_EQ(::shutdown(client_.get(), SHUT_WR), 0);
  EXPECT_TRUE(serve()) << "its end was not read yet";
  EXPECT_FALSE(serve());
  EXPECT_EQ(reply_ids(), (std::vector<unsigned>{1, 2}));
}

TEST_F(DnsConnectionTest, WhatIsNoQueryEndsItAfterTheAnswers) {
  for (const std::string& nonsense :
       {framed(""), framed("short"), framed(DnsAsk{.flags = 0x8180}.query("a.test", 1))}) {
    connect();
    send(ask(1, "a.test") + nonsense + ask(2, "b.test"));
    EXPECT_FALSE(serve());
    EXPECT_EQ(reply_ids(), std::vector<unsigned>{1});
  }
  connect();
  send(framed("twelve bytes, and more"));
  EXPECT_TRUE(serve()) << "a malformed query is answered, and a good one may follow";
  EXPECT_EQ(reply_ids().size(), 1U);
}

// Who does not read is not read from; nothing is lost once it reads again.
TEST_F(DnsConnectionTest, ASlowReaderIsNotReadFrom) {
  int small = 4096;
  ::setsockopt(connection_->fd(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  std::string query = ask(9, "a.test");
  std::size_t sent = 0;
  for (int idle = 0; idle < 3;) {
    ssize_t count = ::send(client_.get(), query.data(), query.size(), MSG_NOSIGNAL);
    ASSERT_TRUE(count == static_cast<ssize_t>(query.size()) || (count < 0 && errno == EAGAIN));
    sent += count > 0;
    idle = count > 0 ? 0 : idle + 1;
    ASSERT_TRUE(serve());
    ASSERT_LT(sent, 1'000'000U) << "it takes without end";
  }
  EXPECT_EQ(connection_->wanted(), POLLOUT);
  std::size_t before;
  do {
    before = received_.size();
    while (take()) {
    }
    ASSERT_TRUE(serve());
  } while (received_.size() != before);
  EXPECT_EQ(connection_->wanted(), POLLIN);
  EXPECT_EQ(reply_ids().size(), sent);
}

// Also when it is to be closed: what was asked for before is still owed.
TEST_F(DnsConnectionTest, ASlowReaderHasItsAnswersBeforeTheEnd) {
  int smallest = 1;
  ::setsockopt(connection_->fd(), SOL_SOCKET, SO_SNDBUF, &smallest, sizeof smallest);
  std::string all;
  constexpr int kQueries = 200;
  for (int i = 0; i < kQueries; ++i) all += framed(DnsAsk{}.query("", 2));
  send(all + framed(""));
  ASSERT_TRUE(serve()) << "it took more than a socket's smallest buffer holds";
  do {
    while (take()) {
    }
  } while (serve());
  EXPECT_EQ(reply_ids().size(), static_cast<std::size_t>(kQueries));
}

TEST_F(DnsConnectionTest, OnlyWholeQueriesKeepItAlive) {
  EXPECT_EQ(connection_->deadline(), start_ + seconds(10));
  std::string query = ask(1, "a.test");
  send(query.substr(0, 5));
  ASSERT_TRUE(serve(start_ + seconds(8)));
  EXPECT_EQ(connection_->deadline(), start_ + seconds(10)) << "a byte now and then is no use";
  send(query.substr(5));
  ASSERT_TRUE(serve(start_ + seconds(9)));
  EXPECT_EQ(connection_->deadline(), start_ + seconds(19));
}

TEST_F(DnsConnectionTest, TheLargestQueryIsHeldWhole) {
  std::string query = DnsAsk{}.query("a.test", 1);
  query.resize(65535, 'x');
  std::string frame = framed(query);
  for (std::size_t at = 0; at < frame.size(); at += 4096) {
    send(std::string_view(frame).substr(at, 4096));
    ASSERT_TRUE(serve());
  }
  EXPECT_EQ(reply_ids(), std::vector<unsigned>{0x1234});
}

TEST_F(DnsConnectionTest, AClientThatIsGoneEndsIt) {
  send(ask(1, "a.test"));
  client_.reset();
  EXPECT_FALSE(serve()) << "the answer could not be sent, and that raised no signal";
}

}  // namespace
}  // namespace weir::sandbox
