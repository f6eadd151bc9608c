#include "tls/server_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tls/client_hello.h"
#include "tls/facts.h"
#include "tls/testing.h"

namespace weir::tls {
namespace {

using ::testing::HasSubstr;
using namespace tls::testing;

class ServerContextTest : public ::testing::Test {
 protected:
  ServerContext context(ServerOptions options = {}) {
    auto made = ServerContext::make(std::move(options));
    EXPECT_TRUE(made) << made.error().message();
    return std::move(*made);
  }
  SslPtr server(const ServerContext& context, std::string_view host = "origin.test") {
    auto session = context.new_session(**mint(authority_, host));
    EXPECT_TRUE(session) << session.error().message();
    return std::move(*session);
  }
  SslPtr client(const std::string& host = "origin.test", int max_version = 0,
                const std::vector<std::string>& alpn = {}) {
    return plain_client({authority_.certificate()}, host, max_version, alpn);
  }

  /// What the server says of a client that sends `bytes` and nothing more.
  Error refusal(std::string_view bytes, bool ends) {
    ServerContext context = this->context();
    SslPtr session = server(context);
    BIO* in = BIO_new(BIO_s_mem());
    BIO_write(in, bytes.data(), static_cast<int>(bytes.size()));
    if (ends) BIO_set_mem_eof_return(in, 0);
    SSL_set_bio(session.get(), in, BIO_new(BIO_s_mem()));
    std::optional<Error> error;
    EXPECT_FALSE(step(session.get(), Side::client, "origin.test", error));
    return error.value_or(Error(Code::none));
  }

  TempFolder folder_;
  Authority authority_ = *Authority::load_or_create(folder_ / "ca");
};

TEST_F(ServerContextTest, AClientThatTrustsTheCaIsServed) {
  ServerContext context = this->context();
  for (int version : {TLS1_3_VERSION, TLS1_2_VERSION}) {
    for (const char* host : {"origin.test", "192.0.2.7"}) {
      SslPtr peer = client(host, version, {"h2", "http/1.1"});
      SslPtr ours = server(context, host);
      ASSERT_TRUE(shake(peer.get(), ours.get()).ok()) << host;
      TlsFacts seen = facts(ours.get());
      EXPECT_EQ(seen.version, version == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2");
      EXPECT_EQ(seen.cipher, version == TLS1_3_VERSION ? "TLS_AES_128_GCM_SHA256"
                                                       : "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
      EXPECT_EQ(seen.alpn, "http/1.1");
      EXPECT_EQ(seen.sni, host == std::string("origin.test") ? "origin.test" : "");
      EXPECT_FALSE(seen.resumed);
      EXPECT_EQ(seen.subject + seen.issuer + seen.sha256 + seen.not_after + seen.problem, "");
      EXPECT_EQ(transfer(peer.get(), ours.get(), "ping"), "ping");
      EXPECT_EQ(transfer(ours.get(), peer.get(), "pong"), "pong");
    }
  }
}

TEST_F(ServerContextTest, TheHelloMayBeReplayedAfterItWasRead) {
  SslPtr peer = client("origin.test", 0, {"http/1.1"});
  ServerContext context = this->context();
  SslPtr ours = server(context);
  connect(peer.get(), ours.get());
  std::optional<Error> error;
  ASSERT_TRUE(step(peer.get(), Side::upstream, "origin.test", error));
  // Read it as net/ does, in front of OpenSSL, then hand the same bytes on.
  char bytes[kMaxHelloBytes];
  int size = BIO_read(SSL_get_rbio(ours.get()), bytes, sizeof bytes);
  auto hello = parse_client_hello({bytes, static_cast<std::size_t>(size)});
  ASSERT_TRUE(hello && *hello);
  EXPECT_EQ((*hello)->sni, "origin.test");
  BIO* far_end = SSL_get_wbio(peer.get());
  ASSERT_EQ(BIO_write(far_end, bytes, size), size);
  EXPECT_TRUE(shake(peer.get(), ours.get()).ok());
}

TEST_F(ServerContextTest, AlpnTakesOurBestAndRefusesStrangers) {
  ServerContext context = this->context({.alpn = {"h2", "http/1.1"}});
  SslPtr both = client("origin.test", 0, {"http/1.1", "h2"});
  SslPtr ours = server(context);
  ASSERT_TRUE(shake(both.get(), ours.get()).ok());
  EXPECT_EQ(facts(ours.get()).alpn, "h2");
  SslPtr silent = client();
  ours = server(context);
  ASSERT_TRUE(shake(silent.get(), ours.get()).ok());
  EXPECT_EQ(facts(ours.get()).alpn, "");
  Outcome strange = shake(client("origin.test", 0, {"imap"}).get(), server(context).get());
  ASSERT_TRUE(strange.server);
  EXPECT_EQ(strange.server->code(), Code::client_tls_failed);
  EXPECT_THAT(strange.server->context(), HasSubstr("ALPN"));
}

TEST_F(ServerContextTest, TicketsResumeTheSameHostOnly) {
  ServerContext context = this->context();
  // With and without SNI: OpenSSL itself would resume a session under any name.
  const std::pair<std::string, std::string> places[] = {{"origin.test", "other.test"},
                                                        {"192.0.2.7", "192.0.2.8"}};
  for (int version : {TLS1_3_VERSION, TLS1_2_VERSION}) {
    for (const auto& [host, other] : places) {
      SslPtr first = client(host, version);
      SslPtr ours = server(context, host);
      ASSERT_TRUE(shake(first.get(), ours.get()).ok());
      transfer(ours.get(), first.get(), "carries the ticket");
      SslSessionPtr session(SSL_get1_session(first.get()));
      ASSERT_EQ(SSL_SESSION_is_resumable(session.get()), 1);
      for (const std::string& next : {host, other}) {
        SslPtr again = client(next, version);
        // A copy each: OpenSSL spoils a session whose connection ends without close_notify.
        SSL_set_session(again.get(), SslSessionPtr(SSL_SESSION_dup(session.get())).get());
        SslPtr server_side = server(context, next);
        ASSERT_TRUE(shake(again.get(), server_side.get()).ok()) << next;
        EXPECT_EQ(facts(server_side.get()).resumed, next == host) << next << " " << version;
      }
    }
  }
}

TEST_F(ServerContextTest, AClientThatRejectsTheLeafIsNamed) {
  ServerContext context = this->context();
  for (int version : {TLS1_3_VERSION, TLS1_2_VERSION}) {
    Outcome outcome = shake(plain_client({}, "origin.test", version).get(), server(context).get());
    ASSERT_TRUE(outcome.server);
    EXPECT_EQ(outcome.server->code(), Code::client_rejected_certificate);
    EXPECT_EQ(outcome.server->side(), Side::client);
    EXPECT_THAT(outcome.server->context(), HasSubstr("unknown CA for the certificate of origin.test"));
    Outcome other_name = shake(client("elsewhere.test", version).get(), server(context).get());
    ASSERT_TRUE(other_name.server);
    EXPECT_EQ(other_name.server->code(), Code::client_rejected_certificate);
    EXPECT_EQ(ERR_peek_error(), 0U);
  }
}

TEST_F(ServerContextTest, RefusesTls11) {
  SslPtr old = client();
  SSL_set_security_level(old.get(), 0);
  SSL_set_min_proto_version(old.get(), TLS1_VERSION);
  SSL_set_max_proto_version(old.get(), TLS1_1_VERSION);
  SSL_set_cipher_list(old.get(), "ALL:@SECLEVEL=0");
  Outcome outcome = shake(old.get(), server(context()).get());
  ASSERT_TRUE(outcome.server);
  EXPECT_EQ(outcome.server->code(), Code::client_tls_failed);
  EXPECT_THAT(outcome.server->context(), HasSubstr("nothing newer than TLS 1.1"));
}

TEST_F(ServerContextTest, RefusesCiphersWithoutForwardSecrecyOrAead) {
  SslPtr weak = client("origin.test", TLS1_2_VERSION);
  SSL_set_cipher_list(weak.get(), "ECDHE-ECDSA-AES128-SHA:AES128-GCM-SHA256");
  Outcome outcome = shake(weak.get(), server(context()).get());
  ASSERT_TRUE(outcome.server);
  EXPECT_THAT(outcome.server->context(), HasSubstr("no cipher suite in common"));
}

TEST_F(ServerContextTest, ToldInWords) {
  Error http = refusal("GET / HTTP/1.1\r\nHost: a\r\n\r\n", false);
  EXPECT_EQ(http.code(), Code::client_tls_failed);
  EXPECT_THAT(http.context(), HasSubstr("not TLS"));
  Error cut = refusal(std::string_view("\x16\x03\x01\x00\xFF\x01", 6), true);
  EXPECT_EQ(cut.code(), Code::client_tls_failed);
  EXPECT_THAT(cut.context(), HasSubstr("ended in the middle of the handshake"));
  EXPECT_EQ(ERR_peek_error(), 0U);
}

TEST_F(ServerContextTest, AnIntermediateCaIsSentAlong) {
  Identity root = make_authority("Root");
  Identity middle = make_authority("Middle", &root);
  write_text(folder_ / "c", to_pem(middle.certificate.get()) + to_pem(root.certificate.get()));
  write_text(folder_ / "k", key_pem(middle.key.get()));
  authority_ = *Authority::import(folder_ / "ca", folder_ / "c", folder_ / "k");
  SslPtr peer = plain_client({root.certificate.get()}, "origin.test");
  EXPECT_TRUE(shake(peer.get(), server(context()).get()).ok());
}

TEST_F(ServerContextTest, SecretsGoToTheKeyLogWhenAskedFor) {
  auto log = KeyLog::open(folder_ / "keys");
  ASSERT_TRUE(log);
  ServerContext context = this->context({.key_log = *log});
  ASSERT_TRUE(shake(client().get(), server(context).get()).ok());
  EXPECT_THAT(read_text(folder_ / "keys"), HasSubstr("CLIENT_TRAFFIC_SECRET_0 "));
  struct stat status{};
  ASSERT_EQ(::stat((folder_ / "keys").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
  ::chmod((folder_ / "keys").c_str(), 0644);
  auto open = KeyLog::open(folder_ / "keys");
  ASSERT_FALSE(open);
  EXPECT_THAT(open.error().context(), HasSubstr("chmod 600"));
}

}  // namespace
}  // namespace weir::tls
