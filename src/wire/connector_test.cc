#include "wire/connector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <stdexcept>

#include "async/task_group.h"
#include "net/tls_stream.h"
#include "tls/testing.h"

namespace weir::wire {
namespace {

using std::chrono::seconds;
using tls::testing::Origin;

// Each dial makes a socket pair; the test holds the other end.
class PairDialer final : public net::Dialer {
 public:
  PairDialer(async::Loop& loop, net::Resolver& resolver) : Dialer(loop, resolver), loop_(loop) {}

  async::Task<Result<net::Dialed>> dial(HostPort to, TimePoint, net::AddressCheck) override {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
      throw std::runtime_error("socketpair");  // hazard-ok: fails the test
    dialled.push_back(to.str());
    accepted = std::make_unique<net::TcpStream>(loop_, UniqueFd(fds[1]), Side::client);
    net::Dialed out;
    out.stream = std::make_unique<net::TcpStream>(loop_, UniqueFd(fds[0]), Side::upstream);
    co_return out;
  }
  std::vector<std::string> dialled;
  std::unique_ptr<net::Stream> accepted;

 private:
  async::Loop& loop_;
};

template <typename T>
async::Task<void> keep(async::Task<T> task, std::optional<T>& out) {
  out = co_await std::move(task);
}

// A connector, with the test in the parts of the proxy and of the origin behind it.
class ConnectorTest : public ::testing::Test {
 protected:
  ConnectorTest()
      : root(tls::testing::make_authority("Upstream Root")),
        proxy_side{tls::testing::make_server(&root, {.names = {"proxy.test"}})},
        origin_side{tls::testing::make_server(&root, {.names = {"a.test"}})} {
    tls::testing::write_text(folder / "root.pem", tls::to_pem(root.certificate.get()));
    tls.emplace(
        *tls::ClientContext::make({.extra_roots = {folder / "root.pem"}, .system_roots = false}, own));
    options.proxy_for = [this](const HostPort&, http::Scheme) { return proxy; };
  }
  ~ConnectorTest() override {
    connector.cancel();
    loop.run_until_idle();
    if (dialer.accepted) dialer.accepted->cancel();
    loop.run_until_idle();
  }

  void use(UpstreamProxy::Kind kind, std::optional<SocksLogin> login = {},
           std::string_view authorization = {}) {
    proxy = UpstreamProxy{{"proxy.test", 1080}, SecretText(authorization), kind, std::move(login)};
  }
  void connect(http::Scheme scheme, Offer offer = Offer::http1) {
    Route route;
    route.offer = offer;
    route.dial = {"a.test", static_cast<std::uint16_t>(scheme == http::Scheme::https ? 443 : 80)};
    route.origin = {scheme, route.dial};
    group.spawn(keep(connector.connect(route), connected));
    loop.run_until_idle();
  }
  /// What has come to the other end since the last call.
  std::string heard() {
    loop.run_until_idle();
    std::string out;
    char part[4096];
    for (;;) {
      auto got = dialer.accepted->try_read(part);
      if (!got || !*got || **got == 0) return out;
      out.append(part, **got);
    }
  }
  void say(std::string_view text) {
    std::optional<Result<void>> sent;
    group.spawn(keep(dialer.accepted->write(text), sent));
    loop.run_until_idle();
    ASSERT_TRUE(sent && *sent);
  }
  /// The other end goes on with TLS; true when the handshake succeeded.
  bool shake(const Origin& side) {
    auto secured = std::make_unique<net::TlsStream>(std::move(dialer.accepted), side.new_session(), "", "");
    std::optional<Result<void>> shaken;
    group.spawn(keep(secured->handshake(loop.now() + seconds(1)), shaken));
    loop.run_until_idle();
    dialer.accepted = std::move(secured);
    return shaken && *shaken;
  }
  /// The connection that was made carries bytes to whoever speaks at the other end now.
  void expect_through() {
    ASSERT_TRUE(connected.has_value());
    ASSERT_TRUE(connected->has_value()) << connected->error().message();
    std::optional<Result<void>> sent;
    group.spawn(keep((*connected)->tunnel.stream->write("ping"), sent));
    EXPECT_EQ(heard(), "ping");
  }
  Code ended_with() { return connected && !*connected ? connected->error().code() : Code::none; }
  std::string context() { return connected && !*connected ? connected->error().context() : ""; }

  tls::testing::TempFolder folder;
  tls::testing::Identity root;
  Origin proxy_side;
  Origin origin_side;
  tls::Authority own = *tls::Authority::load_or_create(folder / "ca");
  std::optional<tls::ClientContext> tls;
  async::Loop loop{async::Loop::Time::manual};
  net::Resolver resolver{loop};
  PairDialer dialer{loop, resolver};
  ConnectorOptions options;
  std::optional<UpstreamProxy> proxy;
  std::optional<Result<Connector::Connected>> connected;
  async::TaskGroup group{loop};
  Connector connector{loop, dialer, *tls, options};
};

const std::string kGranted("\5\0\0\1\0\0\0\0\0\0", 10);
const std::string kAsked = std::string("\5\1\0\3\6", 5) + "a.test";

TEST_F(ConnectorTest, tunnels_plain_http_through_a_socks_proxy_in_origin_form) {
  use(UpstreamProxy::Kind::socks5);
  connect(http::Scheme::http);
  EXPECT_EQ(dialer.dialled, std::vector<std::string>{"proxy.test:1080"});
  EXPECT_EQ(heard(), std::string("\5\1\0", 3));
  say({"\5\0", 2});
  EXPECT_EQ(heard(), kAsked + std::string("\0\x50", 2)) << "the name is the proxy's to resolve";
  say(kGranted);
  expect_through();
  EXPECT_FALSE((*connected)->forwarder.has_value());
  EXPECT_EQ((*connected)->tunnel.facts.via, "proxy.test:1080");
  EXPECT_EQ((*connected)->tunnel.facts.host, "a.test:80");
}

TEST_F(ConnectorTest, shows_a_socks_proxy_its_login_and_secures_the_tunnel_for_the_origin) {
  use(UpstreamProxy::Kind::socks5, SocksLogin{"me", SecretText("pw")});
  connect(http::Scheme::https);
  EXPECT_EQ(heard(), std::string("\5\2\0\2", 4));
  say("\5\2");
  EXPECT_EQ(heard(), "\1\2me\2pw");
  say({"\1\0", 2});
  EXPECT_EQ(heard(), kAsked + "\1\xbb");
  say(kGranted);
  ASSERT_TRUE(shake(origin_side));
  expect_through();
  EXPECT_EQ((*connected)->tunnel.facts.tls->sni, "a.test");
}

TEST_F(ConnectorTest, tells_a_socks_refusal_in_words) {
  use(UpstreamProxy::Kind::socks5);
  connect(http::Scheme::https);
  say({"\5\0\5\5\0\1\0\0\0\0\0\0", 12});
  EXPECT_EQ(ended_with(), Code::upstream_proxy_refused);
  EXPECT_EQ(context(), "proxy.test:1080 for a.test:443: connection refused");
}

TEST_F(ConnectorTest, tells_that_a_socks_proxy_hung_up) {
  use(UpstreamProxy::Kind::socks5);
  connect(http::Scheme::https);
  heard();
  dialer.accepted.reset();
  loop.run_until_idle();
  EXPECT_EQ(ended_with(), Code::upstream_proxy_refused);
  EXPECT_EQ(context(), "proxy.test:1080 for a.test:443: closed the connection");
}

TEST_F(ConnectorTest, names_the_proxy_that_does_not_answer) {
  use(UpstreamProxy::Kind::socks5);
  connect(http::Scheme::https);
  loop.advance(options.connect_timeout);
  loop.run_until_idle();
  EXPECT_EQ(ended_with(), Code::upstream_timeout);
  EXPECT_EQ(context(), "proxy.test:1080 for a.test:443");
}

TEST_F(ConnectorTest, refuses_a_plain_origin_that_speaks_before_it_was_asked) {
  use(UpstreamProxy::Kind::socks5);
  connect(http::Scheme::http);
  say({"\5\0", 2});
  say(kGranted + "HTTP/1.1 200 OK\r\n");
  EXPECT_EQ(ended_with(), Code::upstream_bad_response);
}

TEST_F(ConnectorTest, gives_a_tunnel_the_bytes_that_came_behind_the_reply) {
  use(UpstreamProxy::Kind::socks5);
  std::optional<Result<UpstreamTunnel>> tunnel;
  group.spawn(keep(connector.connect_tunnel({"a.test", 22}, Caller::local), tunnel));
  loop.run_until_idle();
  say({"\5\0", 2});
  say(kGranted + "SSH-2.0");
  ASSERT_TRUE(tunnel && *tunnel);
  EXPECT_EQ((*tunnel)->early, "SSH-2.0");
}

TEST_F(ConnectorTest, speaks_tls_to_an_https_proxy_and_http_inside) {
  use(UpstreamProxy::Kind::https, {}, "Basic eDp5");
  connect(http::Scheme::http);
  ASSERT_TRUE(shake(proxy_side));
  expect_through();
  ASSERT_TRUE((*connected)->forwarder.has_value()) << "requests go in absolute-form";
  EXPECT_EQ((*connected)->forwarder->authorization, "Basic eDp5");
  EXPECT_FALSE((*connected)->tunnel.facts.tls.has_value()) << "the origin itself is plain";
}

TEST_F(ConnectorTest, speaks_tls_to_an_https_proxy_and_tls_inside) {
  use(UpstreamProxy::Kind::https, {}, "Basic eDp5");
  connect(http::Scheme::https);
  ASSERT_TRUE(shake(proxy_side));
  EXPECT_EQ(heard(),
            "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\nProxy-Authorization: Basic eDp5\r\n\r\n");
  say("HTTP/1.1 200 OK\r\n\r\n");
  ASSERT_TRUE(shake(origin_side));
  expect_through();
  EXPECT_EQ((*connected)->tunnel.facts.tls->sni, "a.test");
}

TEST_F(ConnectorTest, tunnels_http2_without_tls_through_an_http_proxy) {
  use(UpstreamProxy::Kind::http);
  connect(http::Scheme::http, Offer::http2);
  EXPECT_EQ(heard(), "CONNECT a.test:80 HTTP/1.1\r\nHost: a.test:80\r\n\r\n");
  say("HTTP/1.1 200 OK\r\n\r\n");
  expect_through();
  EXPECT_FALSE((*connected)->forwarder.has_value());
}

TEST_F(ConnectorTest, verifies_an_https_proxy_for_its_own_name) {
  use(UpstreamProxy::Kind::https);
  connect(http::Scheme::https);
  shake(origin_side);
  EXPECT_EQ(ended_with(), Code::upstream_cert_name_mismatch);
  EXPECT_TRUE(context().starts_with("the upstream proxy proxy.test:1080: ")) << context();
  EXPECT_EQ(heard(), "") << "no request reaches it";
}

TEST_F(ConnectorTest, ends_a_handshake_with_a_proxy_when_cancelled) {
  use(UpstreamProxy::Kind::https);
  connect(http::Scheme::http);
  connector.cancel();
  loop.run_until_idle();
  EXPECT_EQ(ended_with(), Code::cancelled);
}

TEST_F(ConnectorTest, ends_a_socks_dialogue_when_cancelled) {
  use(UpstreamProxy::Kind::socks5);
  connect(http::Scheme::http);
  connector.cancel();
  loop.run_until_idle();
  EXPECT_EQ(ended_with(), Code::cancelled);
}

TEST_F(ConnectorTest, asks_the_guard_about_the_place_that_a_proxy_will_look_up) {
  std::vector<std::string> asked;
  options.guard = [&](Caller caller, const HostPort& place, const net::Address* address) {
    asked.push_back(place.str() + (caller == Caller::foreign ? " foreign" : "") + (address ? " known" : ""));
    return Result<std::string_view>(fail(Code::address_refused, "not there"));
  };
  use(UpstreamProxy::Kind::http);
  connect(http::Scheme::https);
  EXPECT_EQ(ended_with(), Code::address_refused);
  EXPECT_THAT(asked, ::testing::ElementsAre("a.test:443 foreign"));
  EXPECT_TRUE(dialer.dialled.empty()) << "and nobody has heard of it";
}

TEST_F(ConnectorTest, tells_the_mark_of_a_place_behind_a_proxy) {
  options.guard = [](Caller, const HostPort&, const net::Address*) {
    return Result<std::string_view>("to_loopback");
  };
  use(UpstreamProxy::Kind::http);
  connect(http::Scheme::http);
  ASSERT_TRUE(connected && *connected);
  EXPECT_EQ((*connected)->tunnel.facts.mark, "to_loopback");
}

}  // namespace
}  // namespace weir::wire
