#include "guest/relay.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <memory>

namespace weir::guest {
namespace {

constexpr int kLittleWhile = 2000;  // milliseconds, at most

struct Pair {
  UniqueFd ours, theirs;
};

Pair pair() {
  int ends[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

class RelayTest : public testing::Test {
 protected:
  void SetUp() override {
    Pair program = pair(), weir = pair();
    program_ = std::move(program.ours);
    weir_ = std::move(weir.ours);
    relay_ = std::make_unique<Relay>(std::move(program.theirs), std::move(weir.theirs), "hello ", stirred_);
    ASSERT_TRUE(relay_->watch(poller_));
    turn();
  }

  /// What happened until now is carried on.
  void turn() {
    poller_.wait(0);
    while (!stirred_.empty())
      for (Relay* relay : std::exchange(stirred_, {})) relay->carry();
  }
  static void write(const UniqueFd& to, std::string_view bytes) {
    ASSERT_EQ(::send(to.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }
  /// All that can be had; "EOF" at the end of the stream.
  std::string read(const UniqueFd& from) {
    std::string out;
    char part[65536];
    for (;;) {
      turn();
      ssize_t got = ::recv(from.get(), part, sizeof part, 0);
      if (got == 0) return out + "EOF";
      if (got < 0) return out;
      out.append(part, static_cast<std::size_t>(got));
    }
  }

  Poller poller_ = Poller::open().value();
  Relay::Stirred stirred_;
  UniqueFd program_, weir_;
  std::unique_ptr<Relay> relay_;
};

TEST_F(RelayTest, says_the_preamble_first_and_carries_both_ways) {
  write(program_, "request");
  EXPECT_EQ(read(weir_), "hello request");
  write(weir_, "response");
  EXPECT_EQ(read(program_), "response");
  EXPECT_FALSE(relay_->over());
}

TEST_F(RelayTest, passes_the_end_of_either_direction_on_by_itself) {
  write(program_, "request");
  ::shutdown(program_.get(), SHUT_WR);
  EXPECT_EQ(read(weir_), "hello requestEOF");
  write(weir_, "late response");
  EXPECT_EQ(read(program_), "late response");
  EXPECT_FALSE(relay_->over());
  ::shutdown(weir_.get(), SHUT_WR);
  EXPECT_EQ(read(program_), "EOF");
  EXPECT_TRUE(relay_->over());
}

TEST_F(RelayTest, does_not_read_what_it_cannot_write) {
  std::string part(64 << 10, 'x');
  std::size_t taken = 0;
  for (int i = 0; i < 1000; ++i) {
    ssize_t sent = ::send(program_.get(), part.data(), part.size(), MSG_NOSIGNAL);
    if (sent > 0) taken += static_cast<std::size_t>(sent);
    turn();
    if (sent < 0) break;
  }
  EXPECT_LT(taken, 8U << 20);
  EXPECT_EQ(read(weir_).size(), taken + 6);
  EXPECT_FALSE(relay_->over());
}

TEST_F(RelayTest, is_over_when_the_host_is_gone) {
  EXPECT_EQ(read(weir_), "hello ");
  write(weir_, "last words");
  weir_.reset();
  EXPECT_EQ(read(program_), "last wordsEOF");
  EXPECT_TRUE(relay_->over());
}

TEST_F(RelayTest, carries_an_answer_that_did_not_wait_for_the_whole_request) {
  EXPECT_EQ(read(weir_), "hello ");
  write(program_, "an upload");
  write(weir_, "413");
  weir_.reset();  // without having read it
  write(program_, "more of it");
  EXPECT_TRUE(read(program_).starts_with("413"));
}

TEST_F(RelayTest, is_over_when_the_program_is_gone) {
  write(program_, "last words");
  program_.reset();
  EXPECT_EQ(read(weir_), "hello last wordsEOF");
  EXPECT_TRUE(relay_->over());
}

TEST(Relay, that_never_gets_to_the_host_says_why) {
  // Nobody listens there.
  UniqueFd listener(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_storage address{.ss_family = AF_INET};
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(sockaddr)), 0);
  ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  UniqueFd host(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
  int error = ::connect(host.get(), reinterpret_cast<sockaddr*>(&address), size) == 0 ? 0 : errno;
  if (error != EINPROGRESS) GTEST_SKIP() << "refused before it could be waited for";
  Pair program = pair();
  Relay::Stirred stirred;
  Poller poller = Poller::open().value();
  Relay relay(std::move(program.theirs), std::move(host), "hello", stirred);
  ASSERT_TRUE(relay.watch(poller));
  while (!relay.over()) {
    poller.wait(kLittleWhile);
    for (Relay* each : std::exchange(stirred, {})) each->carry();
  }
  EXPECT_EQ(relay.refused(), ECONNREFUSED);
}

}  // namespace
}  // namespace weir::guest
