#include "relay/chunk_stream.h"

#include <gtest/gtest.h>

#include <optional>

#include "async/task_group.h"
#include "tests/support/memory_stream.h"

namespace weir::relay {
namespace {

using testing::MemoryStream;

std::string pattern(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>(i * 131 + i / 251);
  return out;
}

async::Task<void> send(net::Stream& stream, std::string text, std::optional<Result<void>>& out) {
  auto sent = co_await stream.write(text);
  if (sent) sent = co_await stream.shutdown();
  out = std::move(sent);
}

async::Task<void> receive(net::Stream& stream, std::size_t piece, std::string& into,
                          std::optional<Result<void>>& out) {
  std::string part(piece, '\0');
  for (;;) {
    auto got = co_await stream.read_some({part.data(), part.size()});
    if (!got) {
      out = pass(got);
      co_return;
    }
    if (*got == 0) break;
    into.append(part, 0, *got);
  }
  out = Result<void>();
}

/// The client's end and the server's of one WebSocket.
class Ends : public ::testing::Test {
 protected:
  void connect(std::size_t limit = 64 << 10, std::string early = {}) {
    auto [a, b] = MemoryStream::connect(loop, limit, Side::upstream, Side::client);
    client_pipe = a.get();
    server_pipe = b.get();
    client.emplace(std::move(a), ChunkStream::End::client, "");
    server.emplace(std::move(b), ChunkStream::End::server, std::move(early));
  }
  ~Ends() override {
    if (client) client->cancel();
    if (server) server->cancel();
    loop.run_until_idle();
  }

  async::Loop loop{async::Loop::Time::manual};
  MemoryStream* client_pipe = nullptr;
  MemoryStream* server_pipe = nullptr;
  std::optional<ChunkStream> client, server;
  std::string got, got_up, got_down;
  std::optional<Result<void>> sent, read, sent_up, sent_down, read_up, read_down;
  async::TaskGroup group{loop};
};

TEST_F(Ends, bytes_go_both_ways_at_once_whatever_the_sizes) {
  for (std::size_t limit : {1u, 7u, 4096u, 1u << 20})
    for (std::size_t piece : {1u, 13u, 16384u}) {
      if (limit * piece < 50) continue;
      connect(limit);
      std::string up = pattern(200'001), down = pattern(150'000);
      got_up.clear(), got_down.clear();
      for (auto* each : {&sent_up, &sent_down, &read_up, &read_down}) each->reset();
      group.spawn(send(*client, up, sent_up));
      group.spawn(send(*server, down, sent_down));
      group.spawn(receive(*server, piece, got_up, read_up));
      group.spawn(receive(*client, piece, got_down, read_down));
      loop.run_until_idle();
      ASSERT_TRUE(sent_up && sent_down && read_up && read_down) << limit << " " << piece;
      EXPECT_TRUE(*sent_up && *sent_down && *read_up && *read_down);
      EXPECT_EQ(got_up == up, true);
      EXPECT_EQ(got_down == down, true);
      EXPECT_TRUE(client->ended_cleanly() && server->ended_cleanly());
      EXPECT_EQ(client->bytes_out(), up.size());
      EXPECT_EQ(server->bytes_in(), up.size());
    }
}

TEST_F(Ends, one_direction_may_end_before_the_other) {
  connect();
  group.spawn(send(*client, "a question", sent_up));
  group.spawn(receive(*server, 100, got_up, read_up));
  loop.run_until_idle();
  ASSERT_TRUE(read_up);
  EXPECT_EQ(got_up, "a question");
  group.spawn(send(*server, "the answer", sent_down));
  group.spawn(receive(*client, 100, got_down, read_down));
  loop.run_until_idle();
  EXPECT_EQ(got_down, "the answer");
}

TEST_F(Ends, an_end_without_a_close_frame_is_none) {
  connect();
  group.spawn(receive(*server, 100, got, read));
  loop.run_until_idle();
  client.reset();  // the connection goes
  loop.run_until_idle();
  ASSERT_TRUE(read);
  EXPECT_TRUE(!*read || !server->ended_cleanly());
}

TEST_F(Ends, what_came_with_the_handshake_is_read_first) {
  std::string early;
  http::ws::Mask mask{};
  append_chunk(early, "early ", &mask);
  connect(64 << 10, early);
  group.spawn(send(*client, "late", sent));
  group.spawn(receive(*server, 4, got, read));
  loop.run_until_idle();
  EXPECT_EQ(got, "early late");
}

TEST_F(Ends, keeping_alive_is_not_data) {
  connect();
  group.spawn(receive(*server, 100, got, read));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(client->keep_alive());
  loop.run_until_idle();
  EXPECT_FALSE(read);
  group.spawn(send(*client, "x", sent));
  loop.run_until_idle();
  EXPECT_EQ(got, "x");
}

TEST_F(Ends, a_ping_is_answered) {
  connect();
  std::string ping;
  append_control(ping, 9, "hello", nullptr);
  std::size_t before = client_pipe->bytes_out();
  group.spawn(receive(*client, 100, got, read));
  std::string_view view = ping;
  ASSERT_TRUE(server_pipe->try_write({&view, 1}));
  loop.run_until_idle();
  EXPECT_EQ(client_pipe->bytes_out() - before, 2u + 4 + 5);
}

TEST_F(Ends, what_breaks_the_rules_is_told_of_the_side) {
  connect();
  group.spawn(receive(*server, 100, got, read));
  std::string_view bad("\x82\x01x");
  ASSERT_TRUE(client_pipe->try_write({&bad, 1}));
  loop.run_until_idle();
  ASSERT_TRUE(read && !*read);
  EXPECT_EQ(read->error().code(), Code::bad_request);
  EXPECT_EQ(read->error().context(), "the other end of the relay sent a frame without a mask");
}

TEST_F(Ends, SilenceEndsAWaitAndAnEmptyChunkDoesNot) {
  connect();
  server->set_idle_limit(std::chrono::seconds(50));
  server->set_read_deadline(kNever);
  std::string got;
  std::optional<Result<void>> ended;
  async::TaskGroup group(loop);
  group.spawn(receive(*server, 100, got, ended));
  loop.run_until_idle();
  for (int i = 0; i < 3; ++i) {
    loop.advance(std::chrono::seconds(30));
    ASSERT_TRUE(client->keep_alive());
    loop.run_until_idle();
    ASSERT_FALSE(ended);
  }
  loop.advance(std::chrono::seconds(51));
  loop.run_until_idle();
  ASSERT_TRUE(ended && !*ended);
  EXPECT_EQ(ended->error().code(), Code::client_timeout);
}

TEST_F(Ends, ACutIsSaid) {
  connect();
  server->cancel();
  server.reset();
  std::string got;
  std::optional<Result<void>> ended;
  async::TaskGroup group(loop);
  group.spawn(receive(*client, 100, got, ended));
  loop.run_until_idle();
  EXPECT_TRUE(client->ended_cleanly());  // a close frame has come
}

TEST_F(Ends, NothingIsSaidWhereTheConnectionIsReset) {
  connect();
  server->reset_on_close();
  server->cancel();
  server.reset();
  std::string got;
  std::optional<Result<void>> ended;
  async::TaskGroup group(loop);
  group.spawn(receive(*client, 100, got, ended));
  loop.run_until_idle();
  EXPECT_FALSE(client->ended_cleanly());
}

}  // namespace
}  // namespace weir::relay
