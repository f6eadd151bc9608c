// What TlsStream must not keep to itself, and must not give to others: ciphertext on its way out.
#include <gtest/gtest.h>

#include "async/task_group.h"
#include "net/tls_stream.h"
#include "tests/support/memory_stream.h"
#include "tls/client_context.h"
#include "tls/server_context.h"
#include "tls/testing.h"

namespace weir::net {
namespace {

using testing::MemoryStream;

constexpr const char* kHost = "origin.test";

template <typename T>
async::Task<void> keep(async::Task<T> task, std::optional<T>& out) {
  out = co_await std::move(task);
}

// Our server's side of a connection, and a plain client's.
struct Pair {
  std::unique_ptr<TlsStream> server;
  std::unique_ptr<TlsStream> client;
  SSL* client_ssl = nullptr;
};

class TlsFlush : public ::testing::Test {
 protected:
  Pair connect(std::size_t room, int version) {
    auto [a, b] = MemoryStream::connect(loop, room, Side::client, Side::upstream);
    auto session = tls::testing::plain_client({authority.certificate()}, kHost, version);
    Pair out;
    out.client_ssl = session.get();
    out.server = std::make_unique<TlsStream>(std::move(a), *context.new_session(*leaf), "", "client");
    out.client = std::make_unique<TlsStream>(std::move(b), std::move(session), "", kHost);
    std::optional<Result<void>> server, client;
    group.spawn(keep(out.server->handshake(kNever), server));
    group.spawn(keep(out.client->handshake(kNever), client));
    loop.run_until_idle();
    EXPECT_TRUE(server && *server && client && *client);
    return out;
  }
  std::string read(Stream& stream) {
    char part[64 * 1024];
    auto got = stream.try_read(part);
    return got && *got ? std::string(part, **got) : std::string();
  }

  tls::testing::TempFolder folder;
  tls::Authority authority = *tls::Authority::load_or_create(folder / "ca");
  tls::ServerContext context = *tls::ServerContext::make();
  tls::LeafPtr leaf = *tls::mint(authority, kHost);
  async::Loop loop{async::Loop::Time::manual};
  async::TaskGroup group{loop};
};

TEST_F(TlsFlush, ends_no_write_before_the_last_byte_is_on_its_way) {
  Pair pair = connect(1000, 0);
  read(*pair.client);                 // session tickets
  const std::string text(5000, 'x');  // one record, and more than the peer has room for
  std::optional<Result<void>> written;
  group.spawn(keep(pair.server->write(text), written));
  loop.run_until_idle();
  EXPECT_FALSE(written.has_value());
  std::string got;
  for (int i = 0; i < 10 && got.empty(); ++i) {
    got = read(*pair.client);
    loop.run_until_idle();
  }
  EXPECT_EQ(got, text) << "nothing else was written that could have pushed the tail out";
  ASSERT_TRUE(written.has_value());
  EXPECT_TRUE(written->has_value());
}

TEST_F(TlsFlush, sends_what_reading_made_it_say_to_the_peer_it_is_for) {
  Pair asking = connect(64 * 1024, TLS1_2_VERSION);
  Pair bystander = connect(64 * 1024, 0);
  read(*bystander.client);
  std::uint64_t before = asking.server->wire_bytes_out();
  ASSERT_EQ(SSL_renegotiate(asking.client_ssl), 1);
  read(*asking.client);  // sends a second ClientHello
  read(*asking.server);  // which is refused with an alert
  EXPECT_GT(asking.server->wire_bytes_out(), before);
  std::string_view hello = "hello";
  ASSERT_EQ(*bystander.server->try_write(std::span(&hello, 1)), hello.size());
  EXPECT_EQ(read(*bystander.client), hello) << "the alert went to somebody else";
}

TEST_F(TlsFlush, answers_a_key_update_at_the_next_look) {
  Pair pair = connect(64 * 1024, TLS1_3_VERSION);
  read(*pair.client);
  ASSERT_EQ(SSL_key_update(pair.client_ssl, SSL_KEY_UPDATE_REQUESTED), 1);
  std::string_view ping = "ping", pong = "pong";
  ASSERT_EQ(*pair.client->try_write(std::span(&ping, 1)), ping.size());
  EXPECT_FALSE(pair.server->quiet());
  EXPECT_EQ(read(*pair.server), ping);
  ASSERT_EQ(*pair.server->try_write(std::span(&pong, 1)), pong.size());
  EXPECT_EQ(read(*pair.client), pong);
}

}  // namespace
}  // namespace weir::net
