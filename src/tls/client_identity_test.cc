#include "tls/client_identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tls/client_context.h"
#include "tls/facts.h"
#include "tls/testing.h"

namespace weir::tls {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace tls::testing;

/// Hosts that demand a certificate of the client CA, and a proxy that has two.
class ClientIdentityTest : public ::testing::Test {
 protected:
  ClientIdentityTest() {
    write_text(folder_ / "roots.pem", to_pem(root_.certificate.get()));
    save("alice", alice_);
    save("bob", bob_);
  }

  void save(const std::string& name, const Identity& identity) {
    write_text(folder_ / (name + ".pem"), to_pem(identity.certificate.get()));
    write_text(folder_ / (name + ".key"), key_pem(identity.key.get()));
  }
  Identity person(const char* name, const Identity& issuer) {
    return make_server(&issuer, {.common_name = name, .names = {}, .usage = NID_client_auth});
  }
  ClientCertificate certificate(const std::string& host, const std::string& name) {
    return {host, [host](const HostPort& place) { return place.host == host; }, folder_ / (name + ".pem"),
            folder_ / (name + ".key")};
  }
  Result<ClientContext> make(std::vector<ClientCertificate> certificates) {
    ClientOptions options{.extra_roots = {folder_ / "roots.pem"}, .system_roots = false};
    options.certificates = std::move(certificates);
    return ClientContext::make(std::move(options), authority_);
  }
  ClientContext context(std::vector<ClientCertificate> certificates) {
    auto made = make(std::move(certificates));
    EXPECT_TRUE(made) << made.error().message();
    return std::move(*made);
  }
  std::string refusal(ClientCertificate certificate) {
    auto made = make({std::move(certificate)});
    return made ? "it was accepted" : made.error().message();
  }

  Origin origin(const std::string& host, int version = 0) {
    return {.identity = make_server(&root_, {.names = {host}}),
            .max_version = version,
            .demands = clients_.certificate.get()};
  }

  struct Meeting {
    std::string shown;  ///< the subject that the host saw; empty = none
    bool met = false;
    std::string error;  ///< ours
  };
  /// Shakes hands and exchanges a line: in TLS 1.3 a host refuses only after our handshake is done.
  Meeting meet(const ClientContext& context, const Origin& origin, const std::string& host) {
    SslPtr client = *context.new_session({host, 443});
    SslPtr server = origin.new_session();
    Outcome outcome = shake(client.get(), server.get(), host);
    Meeting out;
    if (X509* shown = SSL_get0_peer_certificate(server.get())) out.shown = subject_text(shown);
    if (outcome.ok()) {
      out.met = transfer(server.get(), client.get(), "hello") == "hello";
    } else if (outcome.client) {
      out.error = outcome.client->message();
    } else {
      char byte;
      EXPECT_LE(SSL_read(client.get(), &byte, 1), 0);
      out.error = handshake_error(client.get(), Side::upstream, host).message();
    }
    EXPECT_EQ(ERR_peek_error(), 0U);
    ERR_clear_error();  // the server's
    return out;
  }

  TempFolder folder_;
  Identity root_ = make_authority("Root");
  Identity clients_ = make_authority("Clients");
  Identity alice_ = person("alice", clients_);
  Identity bob_ = person("bob", clients_);
  Authority authority_ = *Authority::load_or_create(folder_ / "ca");
};

TEST_F(ClientIdentityTest, EachHostIsShownItsOwnAndTheOthersNothing) {
  for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    SCOPED_TRACE(version);
    ClientContext client = context({certificate("a.test", "alice"), certificate("b.test", "bob")});
    Meeting a = meet(client, origin("a.test", version), "a.test");
    EXPECT_TRUE(a.met) << a.error;
    EXPECT_EQ(a.shown, "CN=alice");
    Meeting b = meet(client, origin("b.test", version), "b.test");
    EXPECT_TRUE(b.met) << b.error;
    EXPECT_EQ(b.shown, "CN=bob");
    Meeting c = meet(client, origin("c.test", version), "c.test");
    EXPECT_FALSE(c.met);
    EXPECT_EQ(c.shown, "");
  }
}

TEST_F(ClientIdentityTest, TheFirstThatMatchesIsShown) {
  ClientContext client = context({certificate("a.test", "bob"), certificate("a.test", "alice")});
  EXPECT_EQ(meet(client, origin("a.test"), "a.test").shown, "CN=bob");
}

TEST_F(ClientIdentityTest, AHostThatDoesNotAskIsShownNothing) {
  ClientContext client = context({certificate("a.test", "alice")});
  Origin plain{.identity = make_server(&root_, {.names = {"a.test"}})};
  Meeting a = meet(client, plain, "a.test");
  EXPECT_TRUE(a.met) << a.error;
  EXPECT_EQ(a.shown, "");
}

TEST_F(ClientIdentityTest, AnImpostorIsShownNothing) {
  Identity stranger = make_authority("Stranger");
  for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Origin impostor = origin("a.test", version);
    impostor.identity = make_server(&stranger, {.names = {"a.test"}});
    Meeting a = meet(context({certificate("a.test", "alice")}), impostor, "a.test");
    EXPECT_FALSE(a.met);
    EXPECT_EQ(a.shown, "");
    EXPECT_THAT(a.error, AllOf(HasSubstr("Stranger"), Not(HasSubstr("client certificate"))));
  }
}

TEST_F(ClientIdentityTest, AHostThatWantsOneAndGetsNoneIsExplained) {
  for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Meeting a = meet(context({certificate("b.test", "bob")}), origin("a.test", version), "a.test");
    EXPECT_FALSE(a.met);
    EXPECT_THAT(a.error, AllOf(HasSubstr("the TLS handshake with the upstream host failed: a.test"),
                               HasSubstr("none is set for it: name one in tls.client_certificates or with "
                                         "--client-cert")));
  }
}

TEST_F(ClientIdentityTest, AHostThatRefusesWhatItWasShownIsExplained) {
  save("mallory", person("mallory", make_authority("Others")));
  for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Meeting a = meet(context({certificate("a.test", "mallory")}), origin("a.test", version), "a.test");
    EXPECT_FALSE(a.met);
    EXPECT_THAT(a.error, HasSubstr("it asked for a client certificate and was shown \"CN=mallory\""));
  }
}

TEST_F(ClientIdentityTest, TheChainGoesAlong) {
  Identity middle = make_authority("Middle", &clients_);
  Identity carol = person("carol", middle);
  write_text(folder_ / "carol.pem", to_pem(carol.certificate.get()) + to_pem(middle.certificate.get()));
  write_text(folder_ / "carol.key", key_pem(carol.key.get()));
  Meeting a = meet(context({certificate("a.test", "carol")}), origin("a.test"), "a.test");
  EXPECT_TRUE(a.met) << a.error;
  EXPECT_EQ(a.shown, "CN=carol");
}

TEST_F(ClientIdentityTest, OneFileMayHoldBoth) {
  write_text(folder_ / "both.pem", key_pem(alice_.key.get()) + to_pem(alice_.certificate.get()));
  ClientCertificate both = certificate("a.test", "both");
  both.key.clear();
  EXPECT_EQ(meet(context({both}), origin("a.test"), "a.test").shown, "CN=alice");
}

// Resumption skips certificates: a session of one place must not introduce us elsewhere.
TEST_F(ClientIdentityTest, SessionsAreResumedAtTheirOwnPlaceOnly) {
  for (int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    SCOPED_TRACE(version);
    ClientContext client = context({certificate("a.origin.test", "alice")});
    Origin both = origin("*.origin.test", version);
    // One server context, as a host of two names has: its tickets are good for either.
    SslPtr first = both.new_session();
    SSL_CTX* shared = SSL_get_SSL_CTX(first.get());
    auto again = [&](const std::string& host) {
      SslPtr ours = *client.new_session({host, 443});
      SslPtr theirs(SSL_new(shared));
      SSL_set_accept_state(theirs.get());
      bool met = shake(ours.get(), theirs.get(), host).ok() &&
                 transfer(theirs.get(), ours.get(), "hello") == "hello";
      ERR_clear_error();
      return std::pair(met, facts(ours.get()).resumed);
    };
    EXPECT_EQ(again("a.origin.test"), std::pair(true, false));
    EXPECT_EQ(again("a.origin.test"), std::pair(true, true));
    EXPECT_EQ(again("b.origin.test"), std::pair(false, false)) << "it is another place, and nobody there";
  }
}

TEST_F(ClientIdentityTest, BadFilesAreRefusedWithTheirNames) {
  EXPECT_THAT(refusal(certificate("*.corp.test", "missing")),
              AllOf(HasSubstr("*.corp.test"), HasSubstr("missing.pem"), HasSubstr("No such file")));
  write_text(folder_ / "empty.pem", "nothing\n");
  EXPECT_THAT(refusal(certificate("a.test", "empty")), HasSubstr("empty.pem: no PEM certificate in it"));
  ClientCertificate keyless = certificate("a.test", "alice");
  keyless.key.clear();
  EXPECT_THAT(refusal(keyless), HasSubstr("alice.pem: no private key in it"));
  ClientCertificate crossed = certificate("a.test", "alice");
  crossed.key = folder_ / "bob.key";
  EXPECT_THAT(refusal(crossed), AllOf(HasSubstr("bob.key"), HasSubstr("not that of the first certificate"),
                                      HasSubstr("alice.pem")));
}

TEST_F(ClientIdentityTest, AnEncryptedKeyIsRefusedWithoutAsking) {
  BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(out.get(), alice_.key.get(), EVP_aes_256_cbc(), "word", 4, nullptr, nullptr);
  write_text(folder_ / "alice.key", contents(out.get()));
  EXPECT_THAT(refusal(certificate("a.test", "alice")),
              AllOf(HasSubstr("alice.key is encrypted"), HasSubstr("openssl pkey -in")));
}

TEST_F(ClientIdentityTest, AWeakKeyIsRefusedAtTheStart) {
  save("weak", make_server(&clients_, {.common_name = "weak", .usage = NID_client_auth}, rsa_key(1024)));
  EXPECT_THAT(refusal(certificate("a.test", "weak")), AllOf(HasSubstr("weak.pem"), HasSubstr("too small")));
}

TEST_F(ClientIdentityTest, SecretsGoToTheKeyLog) {
  auto log = KeyLog::open(folder_ / "keys");
  ASSERT_TRUE(log);
  ClientOptions options{.extra_roots = {folder_ / "roots.pem"}, .system_roots = false, .key_log = *log};
  auto client = ClientContext::make(std::move(options), authority_);
  ASSERT_TRUE(client);
  Origin plain{.identity = make_server(&root_, {.names = {"a.test"}})};
  EXPECT_TRUE(meet(*client, plain, "a.test").met);
  EXPECT_THAT(read_text(folder_ / "keys"),
              AllOf(HasSubstr("CLIENT_TRAFFIC_SECRET_0 "), HasSubstr("SERVER_TRAFFIC_SECRET_0 ")));
}

}  // namespace
}  // namespace weir::tls
