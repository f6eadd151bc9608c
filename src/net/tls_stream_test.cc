#include "net/tls_stream.h"

#include <gtest/gtest.h>

#include <deque>

#include "async/task_group.h"
#include "tests/support/memory_stream.h"
#include "tls/client_context.h"
#include "tls/handshake_error.h"
#include "tls/server_context.h"
#include "tls/testing.h"

namespace weir::net {
namespace {

using std::chrono::seconds;
using testing::MemoryStream;

constexpr const char* kHost = "origin.test";

template <typename T>
async::Task<void> keep(async::Task<T> task, std::optional<T>& out) {
  out = co_await std::move(task);
}

async::Task<void> write_all(Stream& stream, std::string_view text, std::size_t chunk,
                            std::optional<Result<void>>& out) {
  while (!text.empty()) {
    auto sent = co_await stream.write(text.substr(0, chunk));
    if (!sent) {
      out = sent;
      co_return;
    }
    text.remove_prefix(std::min(chunk, text.size()));
  }
  out = Result<void>();
}

// Reads `size` bytes, or to the end of the stream.
async::Task<void> read_all(Stream& stream, std::size_t size, std::size_t chunk, std::string& into,
                           std::optional<Result<void>>& out) {
  std::string part(chunk, '\0');
  while (into.size() < size) {
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

std::string pattern(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>(i * 131 + i / 251);
  return out;
}

// Weir at both ends: its server's side shows a leaf of one authority, its client's side trusts that one and
// has another of its own.
class TlsStreamTest : public ::testing::Test {
 protected:
  TlsStreamTest()
      : authority(*tls::Authority::load_or_create(folder / "shown")),
        own(*tls::Authority::load_or_create(folder / "own")),
        server_context(*tls::ServerContext::make()),
        client_context(*tls::ClientContext::make(
            {.extra_roots = {authority.certificate_path()}, .system_roots = false}, own)),
        leaf(*tls::mint(authority, kHost)) {
    connect(64 * 1024);
  }
  ~TlsStreamTest() override {
    if (client) client->cancel();
    if (server) server->cancel();
    loop.run_until_idle();
  }

  void connect(std::size_t limit) {
    auto [a, b] = MemoryStream::connect(loop, limit, Side::upstream, Side::client);
    client_pipe = a.get();
    server_pipe = b.get();
    wrap(std::move(a), std::move(b));
  }
  void wrap(std::unique_ptr<Stream> a, std::unique_ptr<Stream> b, std::string prefix = {}) {
    auto client_session = *client_context.new_session({kHost, 443});
    auto server_session = *server_context.new_session(*leaf);
    client_ssl = client_session.get();
    server_ssl = server_session.get();
    client = std::make_unique<TlsStream>(std::move(a), std::move(client_session), "", kHost);
    server =
        std::make_unique<TlsStream>(std::move(b), std::move(server_session), std::move(prefix), "client");
  }
  void shake(TimePoint deadline = kNever) {
    client_shaken.reset();
    server_shaken.reset();
    group.spawn(keep(client->handshake(deadline), client_shaken));
    group.spawn(keep(server->handshake(deadline), server_shaken));
    loop.run_until_idle();
  }
  bool shaken() {
    shake();
    return client_shaken && client_shaken->has_value() && server_shaken && server_shaken->has_value();
  }
  /// Sends `text` one way and gives back what came out.
  std::string carry(Stream& from, Stream& to, std::string_view text, std::size_t write_chunk = 100'000,
                    std::size_t read_chunk = 4096) {
    std::optional<Result<void>> sent, got;
    std::string out;
    group.spawn(write_all(from, text, write_chunk, sent));
    group.spawn(read_all(to, text.size(), read_chunk, out, got));
    loop.run_until_idle();
    EXPECT_TRUE(sent && sent->has_value());
    EXPECT_TRUE(got && got->has_value());
    return out;
  }
  std::optional<Result<std::size_t>> read_once(Stream& stream) {
    auto& out = reads.emplace_back();  // a read may outlast this call
    group.spawn(keep(stream.read_some({scratch, sizeof scratch}), out));
    loop.run_until_idle();
    return out;
  }

  tls::testing::TempFolder folder;
  tls::Authority authority;
  tls::Authority own;
  tls::ServerContext server_context;
  tls::ClientContext client_context;
  tls::LeafPtr leaf;
  async::Loop loop{async::Loop::Time::manual};
  MemoryStream* client_pipe = nullptr;
  MemoryStream* server_pipe = nullptr;
  SSL* client_ssl = nullptr;
  SSL* server_ssl = nullptr;
  std::unique_ptr<TlsStream> client;
  std::unique_ptr<TlsStream> server;
  std::optional<Result<void>> client_shaken;
  std::optional<Result<void>> server_shaken;
  std::deque<std::optional<Result<std::size_t>>> reads;
  char scratch[4096];
  async::TaskGroup group{loop};
};

TEST_F(TlsStreamTest, shakes_hands) {
  ASSERT_TRUE(shaken());
  EXPECT_EQ(client->facts().version, "TLSv1.3");
  EXPECT_EQ(client->facts().issuer, authority.subject());
  EXPECT_EQ(server->facts().sni, kHost);
  EXPECT_EQ(server->facts().alpn, "http/1.1");
}

TEST_F(TlsStreamTest, tells_the_alert_that_ended_it) {
  tls::ClientContext stranger = *tls::ClientContext::make({.system_roots = false}, own);
  auto [a, b] = MemoryStream::connect(loop, 64 * 1024, Side::upstream, Side::client);
  client = std::make_unique<TlsStream>(std::move(a), *stranger.new_session({kHost, 443}), "", kHost);
  server = std::make_unique<TlsStream>(std::move(b), *server_context.new_session(*leaf), "", "client");
  EXPECT_FALSE(shaken());
  ASSERT_TRUE(server_shaken && !server_shaken->has_value());
  EXPECT_EQ(server_shaken->error().code(), Code::client_rejected_certificate);
  ASSERT_TRUE(server->alert());
  EXPECT_EQ(tls::alert_name(*server->alert()), "unknown CA");
  EXPECT_TRUE(server->ended_cleanly()) << "it said why";
  EXPECT_EQ(client->alert(), std::nullopt);
}

TEST_F(TlsStreamTest, an_end_within_the_handshake_is_no_clean_one) {
  group.spawn(keep(server->handshake(kNever), server_shaken));
  loop.run_until_idle();
  client.reset();
  loop.run_until_idle();
  ASSERT_TRUE(server_shaken && !server_shaken->has_value());
  EXPECT_FALSE(server->ended_cleanly());
  EXPECT_EQ(server->alert(), std::nullopt);
}

// In TLS 1.3 a host refuses us only after our side of the handshake is done: we are writing by then.
TEST_F(TlsStreamTest, a_failed_write_gives_the_reason_that_the_peer_sent_before_it_closed) {
  tls::testing::Identity clients = tls::testing::make_authority("Clients");
  tls::testing::Origin strict{.identity = {tls::share(leaf->certificate.get()), tls::share(leaf->key.get())},
                              .demands = clients.certificate.get()};
  auto [a, b] = MemoryStream::connect(loop, 64 * 1024, Side::upstream, Side::client);
  server_pipe = b.get();
  client = std::make_unique<TlsStream>(std::move(a), *client_context.new_session({kHost, 443}), "", kHost);
  server = std::make_unique<TlsStream>(std::move(b), strict.new_session(), "", "client");
  shake();
  ASSERT_TRUE(client_shaken && client_shaken->has_value());
  ASSERT_TRUE(server_shaken && !server_shaken->has_value());
  server_pipe->end(true);
  std::string_view text = "GET / HTTP/1.1\r\n\r\n";
  auto sent = client->try_write(std::span(&text, 1));
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code(), Code::upstream_tls_failed);
  EXPECT_TRUE(sent.error().context().contains("tls.client_certificates")) << sent.error().context();
}

TEST_F(TlsStreamTest, a_failed_write_without_a_reason_is_a_reset) {
  ASSERT_TRUE(shaken());
  server_pipe->end(true);
  std::string_view text = "GET / HTTP/1.1\r\n\r\n";
  auto sent = client->try_write(std::span(&text, 1));
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code(), Code::upstream_reset);
}

TEST_F(TlsStreamTest, shakes_hands_through_a_narrow_pipe) {
  connect(400);  // less than any flight, but room for a ticket that nobody reads yet
  ASSERT_TRUE(shaken());
  EXPECT_EQ(carry(*client, *server, "through the eye of a needle"), "through the eye of a needle");
}

TEST_F(TlsStreamTest, replays_the_hello_that_was_read_before) {
  group.spawn(keep(client->handshake(kNever), client_shaken));
  loop.run_until_idle();
  auto got = server_pipe->try_read({scratch, sizeof scratch});
  ASSERT_TRUE(got && *got && **got > 100);
  // The rest of the fixture's server side is made anew around the same pipe.
  auto session = *server_context.new_session(*leaf);
  struct Borrowed final : Stream {
    explicit Borrowed(Stream& of) : Stream(of.side()), of(of) {}
    Result<std::optional<std::size_t>> try_read(std::span<char> into) override { return of.try_read(into); }
    Result<std::size_t> try_write(std::span<const std::string_view> pieces) override {
      return of.try_write(pieces);
    }
    async::Task<Result<void>> wait_readable() override { return of.wait_readable(); }
    async::Task<Result<void>> wait_writable() override { return of.wait_writable(); }
    async::Task<Result<void>> shutdown() override { return of.shutdown(); }
    void cancel() override { of.cancel(); }
    bool cancelled() const override { return of.cancelled(); }
    void interrupt_read() override { of.interrupt_read(); }
    void reset_on_close() override { of.reset_on_close(); }
    void on_hangup(std::move_only_function<void()> call, bool half) override {
      of.on_hangup(std::move(call), half);
    }
    bool quiet() override { return of.quiet(); }
    async::Loop& loop() const override { return of.loop(); }
    Stream& of;
  };
  TlsStream replayed(std::make_unique<Borrowed>(*server_pipe), std::move(session),
                     std::string(scratch, **got), "client");
  group.spawn(keep(replayed.handshake(kNever), server_shaken));
  loop.run_until_idle();
  ASSERT_TRUE(client_shaken && client_shaken->has_value());
  ASSERT_TRUE(server_shaken && server_shaken->has_value());
  EXPECT_EQ(carry(*client, replayed, "hello"), "hello");
}

TEST_F(TlsStreamTest, carries_a_mebibyte_each_way_whatever_the_chunks) {
  std::string text = pattern(1 << 20);
  for (auto [limit, writes, reads] :
       {std::tuple{64 * 1024, 100'000, 4096}, {3001, 70'001, 1021}, {16'411, 997, 65'536}}) {
    SCOPED_TRACE(limit);
    connect(static_cast<std::size_t>(limit));
    ASSERT_TRUE(shaken());
    EXPECT_TRUE(carry(*client, *server, text, static_cast<std::size_t>(writes),
                      static_cast<std::size_t>(reads)) == text);
    EXPECT_TRUE(carry(*server, *client, text, static_cast<std::size_t>(writes),
                      static_cast<std::size_t>(reads)) == text);
    EXPECT_EQ(client->bytes_out(), text.size());
    EXPECT_EQ(client->bytes_in(), text.size());
    EXPECT_GT(client->wire_bytes_out(), text.size());
  }
}

TEST_F(TlsStreamTest, carries_both_ways_at_once) {
  connect(5003);
  ASSERT_TRUE(shaken());
  std::string up = pattern(300'000);
  std::string down = pattern(200'000);
  std::optional<Result<void>> done[4];
  std::string got_up, got_down;
  group.spawn(write_all(*client, up, 7001, done[0]));
  group.spawn(write_all(*server, down, 20'011, done[1]));
  group.spawn(read_all(*server, up.size(), 1500, got_up, done[2]));
  group.spawn(read_all(*client, down.size(), 1500, got_down, done[3]));
  loop.run_until_idle();
  for (auto& each : done) EXPECT_TRUE(each && each->has_value());
  EXPECT_TRUE(got_up == up);
  EXPECT_TRUE(got_down == down);
}

TEST_F(TlsStreamTest, joins_small_pieces) {
  ASSERT_TRUE(shaken());
  std::uint64_t before = client->wire_bytes_out();
  std::array<std::string_view, 3> pieces{"head", "", "body"};
  auto sent = client->try_write(pieces);
  ASSERT_TRUE(sent.has_value());
  EXPECT_EQ(*sent, 8u);
  EXPECT_LT(client->wire_bytes_out() - before, 40u) << "one record";
  auto got = read_once(*server);
  ASSERT_TRUE(got && *got);
  EXPECT_EQ(std::string(scratch, **got), "headbody");
}

TEST_F(TlsStreamTest, ends_in_order_with_close_notify_and_goes_on_reading) {
  ASSERT_TRUE(shaken());
  EXPECT_EQ(carry(*client, *server, "last words"), "last words");
  std::optional<Result<void>> down;
  group.spawn(keep(client->shutdown(), down));
  loop.run_until_idle();
  ASSERT_TRUE(down && down->has_value());
  auto end = read_once(*server);
  ASSERT_TRUE(end && *end);
  EXPECT_EQ(**end, 0u);
  EXPECT_TRUE(server->ended_cleanly());
  EXPECT_EQ(carry(*server, *client, "an answer"), "an answer");
}

TEST_F(TlsStreamTest, knows_an_end_without_close_notify) {
  ASSERT_TRUE(shaken());
  client_pipe->end();
  auto end = read_once(*server);
  ASSERT_TRUE(end && *end);
  EXPECT_EQ(**end, 0u);
  EXPECT_FALSE(server->ended_cleanly());
}

TEST_F(TlsStreamTest, tells_of_a_reset) {
  ASSERT_TRUE(shaken());
  client_pipe->end(true);
  auto end = read_once(*server);
  ASSERT_TRUE(end.has_value());
  ASSERT_FALSE(end->has_value());
  EXPECT_EQ(end->error().code(), Code::client_reset);
}

TEST_F(TlsStreamTest, answers_a_key_update) {
  ASSERT_TRUE(shaken());
  ASSERT_EQ(SSL_key_update(client_ssl, SSL_KEY_UPDATE_REQUESTED), 1);
  EXPECT_EQ(carry(*client, *server, "under a new key"), "under a new key");
  EXPECT_EQ(carry(*server, *client, "and back"), "and back");
  EXPECT_EQ(carry(*client, *server, "and on"), "and on");
}

TEST_F(TlsStreamTest, runs_inside_itself) {
  ASSERT_TRUE(shaken());
  auto outer_client = std::move(client);
  auto outer_server = std::move(server);
  wrap(std::move(outer_client), std::move(outer_server));
  ASSERT_TRUE(shaken());
  std::string text = pattern(200'000);
  EXPECT_TRUE(carry(*client, *server, text, 30'001, 1009) == text);
  EXPECT_TRUE(carry(*server, *client, text, 30'001, 1009) == text);
}

TEST_F(TlsStreamTest, is_quiet_until_something_comes) {
  ASSERT_TRUE(shaken());
  EXPECT_TRUE(client->quiet()) << "session tickets are no data";
  std::string_view text = "x";
  ASSERT_TRUE(server->try_write(std::span(&text, 1)).has_value());
  EXPECT_FALSE(client->quiet());
  auto got = read_once(*client);
  ASSERT_TRUE(got && *got);
  EXPECT_EQ(**got, 1u) << "a look takes nothing away";
  EXPECT_TRUE(client->quiet());
  server_pipe->end();
  EXPECT_FALSE(client->quiet());
}

TEST_F(TlsStreamTest, fails_wherever_the_stream_below_does) {
  for (std::size_t at = 1; at < 8; ++at) {
    SCOPED_TRACE(at);
    connect(64 * 1024);
    server_pipe->fail_at(at);
    shake();
    if (server_shaken && server_shaken->has_value()) {
      auto got = read_once(*server);
      EXPECT_TRUE(!got || !got->has_value() || **got == 0);
    } else {
      ASSERT_TRUE(server_shaken.has_value());
      EXPECT_EQ(server_shaken->error().code(), Code::client_reset);
    }
    client->cancel();
    server->cancel();
    loop.run_until_idle();
  }
}

TEST_F(TlsStreamTest, gives_up_a_handshake_at_its_deadline) {
  group.spawn(keep(server->handshake(loop.now() + seconds(10)), server_shaken));
  loop.run_until_idle();
  EXPECT_FALSE(server_shaken.has_value());
  loop.advance(seconds(10));
  loop.run_until_idle();
  ASSERT_TRUE(server_shaken.has_value());
  ASSERT_FALSE(server_shaken->has_value());
  EXPECT_EQ(server_shaken->error().code(), Code::client_timeout);
}

TEST_F(TlsStreamTest, ends_a_wait_when_it_is_cancelled) {
  ASSERT_TRUE(shaken());
  std::optional<Result<std::size_t>> got;
  group.spawn(keep(server->read_some({scratch, sizeof scratch}), got));
  loop.run_until_idle();
  EXPECT_FALSE(got.has_value());
  server->cancel();
  loop.run_until_idle();
  ASSERT_TRUE(got.has_value());
  ASSERT_FALSE(got->has_value());
  EXPECT_EQ(got->error().code(), Code::cancelled);
}

TEST_F(TlsStreamTest, says_that_the_other_end_speaks_no_tls) {
  std::string_view text = "HTTP/1.1 400 Bad Request\r\n\r\n";
  ASSERT_TRUE(server_pipe->try_write(std::span(&text, 1)).has_value());
  group.spawn(keep(client->handshake(kNever), client_shaken));
  loop.run_until_idle();
  ASSERT_TRUE(client_shaken.has_value());
  ASSERT_FALSE(client_shaken->has_value());
  EXPECT_EQ(client_shaken->error().code(), Code::upstream_tls_failed);
}

}  // namespace
}  // namespace weir::net
