#include "proxy/socks_door.h"

#include <gtest/gtest.h>

#include "async/task_group.h"
#include "tests/support/memory_stream.h"

namespace weir::proxy {
namespace {

using std::chrono::seconds;
using testing::MemoryStream;
using wire::SocksReply;

template <typename T>
async::Task<void> keep(async::Task<T> task, std::optional<T>& out) {
  out = co_await std::move(task);
}

// The test is the client.
class SocksDoorTest : public ::testing::Test {
 protected:
  SocksDoorTest() {
    auto ends = MemoryStream::connect(loop, 4096, Side::client, Side::client);
    client = std::move(ends.first);
    door = std::move(ends.second);
  }
  ~SocksDoorTest() override {
    door->cancel();
    loop.run_until_idle();
  }

  void accept(std::string first, const Credentials& credentials) {
    group.spawn(keep(accept_socks(*door, std::move(first), credentials, loop.now() + seconds(30)), request));
    loop.run_until_idle();
  }
  void say(std::string_view text) {
    ASSERT_TRUE(client->try_write(std::span(&text, 1)));
    loop.run_until_idle();
  }
  std::string heard() {
    char part[256];
    auto got = client->try_read(part);
    return got && *got ? std::string(part, **got) : "";
  }
  Code ended_with() { return request && !*request ? request->error().code() : Code::none; }

  async::Loop loop{async::Loop::Time::manual};
  std::unique_ptr<MemoryStream> client;
  std::unique_ptr<MemoryStream> door;
  std::optional<Result<SocksRequest>> request;
  std::optional<Result<void>> done;
  async::TaskGroup group{loop};
  const Credentials nobody;
  const Credentials alice{{{"alice", "pw"}}};
};

const std::string kConnect = std::string("\5\1\0\3\6", 5) + "a.test" + std::string("\1\xbb", 2);

TEST_F(SocksDoorTest, takes_a_request_that_comes_word_by_word) {
  accept("\5", nobody);
  say({"\1\0", 2});
  EXPECT_EQ(heard(), std::string("\5\0", 2));
  say(kConnect.substr(0, 6));
  EXPECT_FALSE(request.has_value());
  say(kConnect.substr(6));
  ASSERT_TRUE(request && *request);
  EXPECT_EQ((*request)->place, (HostPort{"a.test", 443}));
  EXPECT_EQ((*request)->rest, "");
  EXPECT_EQ(heard(), "") << "the reply is the caller's";
}

TEST_F(SocksDoorTest, takes_all_at_once_and_keeps_the_rest) {
  accept(std::string("\5\2\0\2", 4) + "\1\5alice\2pw" + kConnect + "\x16\3\1", alice);
  ASSERT_TRUE(request && *request);
  EXPECT_EQ(heard(), std::string("\5\2\1\0", 4));
  EXPECT_EQ((*request)->rest, "\x16\3\1");
}

TEST_F(SocksDoorTest, refuses_a_wrong_password_and_says_so) {
  accept("\5\1\2\1\5alice\2no", alice);
  EXPECT_EQ(ended_with(), Code::proxy_auth_required);
  EXPECT_EQ(heard(), "\5\2\1\1");
}

TEST_F(SocksDoorTest, refuses_a_client_without_a_password) {
  accept({"\5\1\0", 3}, alice);
  EXPECT_EQ(ended_with(), Code::proxy_auth_required);
  EXPECT_EQ(heard(), "\5\xff");
}

TEST_F(SocksDoorTest, gives_up_at_its_deadline) {
  accept("\5", nobody);
  loop.advance(seconds(30));
  loop.run_until_idle();
  EXPECT_EQ(ended_with(), Code::client_timeout);
}

TEST_F(SocksDoorTest, tells_a_client_that_left) {
  accept("\5", nobody);
  client->end();
  loop.run_until_idle();
  EXPECT_EQ(ended_with(), Code::client_closed);
}

TEST_F(SocksDoorTest, leaves_no_deadline_behind) {
  accept(std::string("\5\1\0", 3) + kConnect, nobody);
  ASSERT_TRUE(request && *request);
  group.spawn(keep(door->wait_readable(), done));
  loop.advance(seconds(60));
  loop.run_until_idle();
  EXPECT_FALSE(done.has_value());
}

TEST_F(SocksDoorTest, answers) {
  group.spawn(keep(answer_socks(*door, SocksReply::succeeded), done));
  loop.run_until_idle();
  EXPECT_EQ(heard(), std::string("\5\0\0\1\0\0\0\0\0\0", 10));
}

TEST(SocksReplyFor, says_what_socks_can_say) {
  EXPECT_EQ(socks_reply_for(Error(Code::blocked)), SocksReply::not_allowed);
  EXPECT_EQ(socks_reply_for(Error(Code::connect_refused)), SocksReply::connection_refused);
  EXPECT_EQ(socks_reply_for(Error(Code::connect_unreachable)), SocksReply::network_unreachable);
  EXPECT_EQ(socks_reply_for(Error(Code::dns_not_found)), SocksReply::host_unreachable);
  EXPECT_EQ(socks_reply_for(Error(Code::connect_timeout)), SocksReply::ttl_expired);
  EXPECT_EQ(socks_reply_for(Error(Code::upstream_proxy_refused)), SocksReply::general_failure);
}

}  // namespace
}  // namespace weir::proxy
