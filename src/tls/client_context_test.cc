#include "tls/client_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/params.h>

#include "tls/facts.h"
#include "tls/leaf.h"
#include "tls/server_context.h"
#include "tls/testing.h"

namespace weir::tls {
namespace {

using ::testing::HasSubstr;
using namespace tls::testing;

/// A root that the proxy trusts, a CA of its own, and origins to dial.
class ClientContextTest : public ::testing::Test {
 protected:
  ClientContextTest() { write_text(folder_ / "roots.pem", to_pem(root_.certificate.get())); }

  ClientContext context(std::initializer_list<std::string_view> more_roots = {}) {
    ClientOptions options{.extra_roots = {folder_ / "roots.pem"}, .system_roots = false};
    for (std::string_view each : more_roots) options.extra_roots.push_back(folder_ / each);
    auto made = ClientContext::make(options, authority_);
    EXPECT_TRUE(made) << made.error().message();
    return std::move(*made);
  }

  Outcome dial(const ClientContext& context, const Origin& origin, const std::string& host = "origin.test") {
    auto ssl = context.new_session({host, 443});
    EXPECT_TRUE(ssl) << ssl.error().message();
    return shake(ssl->get(), origin.new_session().get(), host);
  }
  Outcome dial(const Origin& origin, const std::string& host = "origin.test") {
    return dial(context(), origin, host);
  }

  void expect_refused(const Outcome& outcome, Code code, std::string_view text) {
    ASSERT_TRUE(outcome.client) << "the certificate was accepted";
    EXPECT_EQ(outcome.client->code(), code) << outcome.client->message();
    EXPECT_THAT(outcome.client->context(), HasSubstr(std::string(text)));
    EXPECT_EQ(ERR_peek_error(), 0U) << "the error queue is not empty";
  }

  /// Signs again after a test has bent the certificate.
  static Identity resigned(Identity identity, const Identity& issuer) {
    X509_sign(identity.certificate.get(), issuer.key.get(), EVP_sha256());
    return identity;
  }

  static EVP_PKEY* dh_group(const char* name) {
    Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free> maker(EVP_PKEY_CTX_new_from_name(nullptr, "DH", nullptr));
    EVP_PKEY* out = nullptr;
    OSSL_PARAM parameters[] = {OSSL_PARAM_utf8_string("group", const_cast<char*>(name), 0), OSSL_PARAM_END};
    EVP_PKEY_paramgen_init(maker.get());
    EVP_PKEY_CTX_set_params(maker.get(), parameters);
    EVP_PKEY_paramgen(maker.get(), &out);
    return out;
  }

  static std::vector<X509Ptr> chain(std::initializer_list<const Identity*> identities) {
    std::vector<X509Ptr> out;
    for (const Identity* each : identities) out.push_back(share(each->certificate.get()));
    return out;
  }

  TempFolder folder_;
  Identity root_ = make_authority("Root");
  Authority authority_ = *Authority::load_or_create(folder_ / "ca");
};

TEST_F(ClientContextTest, AcceptsGoodCertificates) {
  EXPECT_TRUE(dial({make_server(&root_)}).ok());
  EXPECT_TRUE(dial({make_server(&root_, {}, rsa_key(2048))}).ok());
  EXPECT_TRUE(dial({.identity = make_server(&root_), .max_version = TLS1_2_VERSION}).ok());
}

TEST_F(ClientContextTest, AcceptsChainsInAnyOrder) {
  Identity upper = make_authority("Upper", &root_);
  Identity lower = make_authority("Lower", &upper);
  EXPECT_TRUE(dial({make_server(&lower), chain({&lower, &upper})}).ok());
  EXPECT_TRUE(dial({make_server(&lower), chain({&upper, &lower})}).ok());
  EXPECT_TRUE(dial({make_server(&lower), chain({&lower, &upper, &root_})}).ok());
}

TEST_F(ClientContextTest, NamesAndWildcards) {
  struct Row {
    std::string in_certificate;
    std::string dialled;
    bool accepted;
  } rows[] = {
      {"origin.test", "origin.test", true},
      {"ORIGIN.test", "origin.test", true},
      {"*.origin.test", "a.origin.test", true},
      {"*.origin.test", "a.b.origin.test", false},
      {"*.origin.test", "origin.test", false},
      {"*.test", "origin.test", false},
      {"wild*.origin.test", "wildcard.origin.test", false},
      {"*card.origin.test", "wildcard.origin.test", false},
      {"a.*.test", "a.origin.test", false},
      {"my_host.test", "my_host.test", true},
      {"other.test", "origin.test", false},
      {"origin.test.evil.example", "origin.test", false},
      {"192.0.2.7", "192.0.2.7", true},
      {"2001:db8::1", "2001:db8::1", true},
      {"192.0.2.8", "192.0.2.7", false},
      {"192.0.2.7", "origin.test", false},
      {"origin.test", "192.0.2.7", false},
  };
  ClientContext trusting = context();
  for (const Row& row : rows) {
    Outcome outcome = dial(trusting, {make_server(&root_, {.names = {row.in_certificate}})}, row.dialled);
    EXPECT_EQ(outcome.ok(), row.accepted) << row.in_certificate << " for " << row.dialled;
    if (row.accepted) continue;
    expect_refused(outcome, Code::upstream_cert_name_mismatch, row.in_certificate + ", not " + row.dialled);
  }
}

TEST_F(ClientContextTest, RefusesAnAddressInADnsName) {
  Identity server = make_server(&root_, {.common_name = "192.0.2.7", .names = {}});
  GENERAL_NAMES* names = GENERAL_NAMES_new();
  GENERAL_NAME* name = GENERAL_NAME_new();
  ASN1_IA5STRING* text = ASN1_IA5STRING_new();
  ASN1_STRING_set(text, "192.0.2.7", -1);
  GENERAL_NAME_set0_value(name, GEN_DNS, text);
  sk_GENERAL_NAME_push(names, name);
  X509_add1_ext_i2d(server.certificate.get(), NID_subject_alt_name, names, 0, X509V3_ADD_APPEND);
  GENERAL_NAMES_free(names);
  expect_refused(dial({resigned(std::move(server), root_)}, "192.0.2.7"), Code::upstream_cert_name_mismatch,
                 "192.0.2.7");
}

TEST_F(ClientContextTest, RefusesCommonNameAlone) {
  for (const char* host : {"origin.test", "192.0.2.7"}) {
    Outcome outcome = dial({make_server(&root_, {.common_name = host, .names = {}})}, host);
    expect_refused(outcome, Code::upstream_cert_name_mismatch, "no subjectAltName");
  }
}

TEST_F(ClientContextTest, RefusesWrongDates) {
  ServerRecipe expired{.from = 0, .until = 1704153600};
  expect_refused(dial({make_server(&root_, expired)}), Code::upstream_cert_expired,
                 "origin.test: the certificate expired on 2024-01-02");
  ServerRecipe early{.from = 4102444800, .until = 4102444800 + kDay};
  expect_refused(dial({make_server(&root_, early)}), Code::upstream_cert_not_yet_valid,
                 "valid only from 2100-01-01");
}

TEST_F(ClientContextTest, NamesTheExpiredIntermediate) {
  PkeyPtr key = ec_key();
  X509Ptr old = *Draft()
                     .subject("", "Old middle")
                     .issuer(root_.certificate.get())
                     .valid(0, 1704153600)
                     .key(key.get())
                     .authority(-1)
                     .key_usage({5})
                     .sign(root_.key.get());
  Identity middle{std::move(old), std::move(key)};
  expect_refused(dial({make_server(&middle), chain({&middle})}), Code::upstream_cert_expired,
                 "the issuing certificate \"CN=Old middle\" expired on 2024-01-02");
}

TEST_F(ClientContextTest, RefusesUntrustedIssuers) {
  Identity stranger = make_authority("Stranger");
  expect_refused(dial({make_server(&stranger)}), Code::upstream_cert_untrusted, "CN=Stranger,O=Test");
  expect_refused(dial({make_server(&stranger), chain({&stranger})}), Code::upstream_cert_untrusted,
                 "self-signed certificate in the chain: \"CN=Stranger,O=Test\"");
  expect_refused(dial({make_server(nullptr)}), Code::upstream_cert_untrusted,
                 "self-signed certificate \"CN=origin\"");
  Identity middle = make_authority("Middle", &root_);
  expect_refused(dial({make_server(&middle)}), Code::upstream_cert_untrusted,
                 "left an intermediate certificate out");
  Identity namesake = make_authority("Root");
  expect_refused(dial({make_server(&namesake)}), Code::upstream_cert_invalid, "signature");
}

TEST_F(ClientContextTest, RefusesWeakCryptography) {
  expect_refused(dial({make_server(&root_, {.digest = EVP_sha1()})}), Code::upstream_cert_invalid,
                 "weak signature (ecdsa-with-SHA1)");
  Identity rsa_root = make_authority("RSA Root", nullptr, -1, rsa_key(2048));
  write_text(folder_ / "rsa.pem", to_pem(rsa_root.certificate.get()));
  Outcome md5 = dial(context({"rsa.pem"}), {make_server(&rsa_root, {.digest = EVP_md5()})});
  expect_refused(md5, Code::upstream_cert_invalid, "weak signature (md5WithRSAEncryption)");
  expect_refused(dial({make_server(&root_, {}, rsa_key(1024))}), Code::upstream_cert_invalid,
                 "weak key of 1024 bits");
}

TEST_F(ClientContextTest, RefusesWrongPurpose) {
  expect_refused(dial({make_server(&root_, {.usage = NID_client_auth})}), Code::upstream_cert_invalid,
                 "not meant for TLS servers");
}

TEST_F(ClientContextTest, RefusesALeafAsIssuer) {
  Identity leaf = make_server(&root_, {.common_name = "no CA"});
  expect_refused(dial({make_server(&leaf), chain({&leaf})}), Code::upstream_cert_invalid, "CN=no CA");
}

TEST_F(ClientContextTest, RefusesBrokenConstraints) {
  Identity upper = make_authority("Upper", &root_, 0);
  Identity lower = make_authority("Lower", &upper);
  expect_refused(dial({make_server(&lower), chain({&lower, &upper})}), Code::upstream_cert_invalid,
                 "path length");

  Identity limited = make_authority("Limited", &root_);
  Owned<NAME_CONSTRAINTS, NAME_CONSTRAINTS_free> limits(NAME_CONSTRAINTS_new());
  limits->permittedSubtrees = sk_GENERAL_SUBTREE_new_null();
  GENERAL_SUBTREE* subtree = GENERAL_SUBTREE_new();
  ASN1_IA5STRING* text = ASN1_IA5STRING_new();
  ASN1_STRING_set(text, "allowed.test", -1);
  GENERAL_NAME_set0_value(subtree->base, GEN_DNS, text);
  sk_GENERAL_SUBTREE_push(limits->permittedSubtrees, subtree);
  X509_add1_ext_i2d(limited.certificate.get(), NID_name_constraints, limits.get(), 1, X509V3_ADD_APPEND);
  limited = resigned(std::move(limited), root_);
  expect_refused(dial({make_server(&limited), chain({&limited})}), Code::upstream_cert_invalid,
                 "permitted subtree");
  EXPECT_TRUE(
      dial({make_server(&limited, {.common_name = "", .names = {"a.allowed.test"}}), chain({&limited})},
           "a.allowed.test")
          .ok());
}

TEST_F(ClientContextTest, RefusesUnknownCriticalExtensions) {
  Identity server = make_server(&root_);
  Owned<ASN1_OBJECT, ASN1_OBJECT_free> unknown(OBJ_txt2obj("1.3.6.1.4.1.55555.1", 1));
  Owned<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free> body(ASN1_OCTET_STRING_new());
  ASN1_OCTET_STRING_set(body.get(), reinterpret_cast<const unsigned char*>("\x05\x00"), 2);
  Owned<X509_EXTENSION, X509_EXTENSION_free> extension(
      X509_EXTENSION_create_by_OBJ(nullptr, unknown.get(), 1, body.get()));
  X509_add_ext(server.certificate.get(), extension.get(), -1);
  expect_refused(dial({resigned(std::move(server), root_)}), Code::upstream_cert_invalid,
                 "critical extension");
}

TEST_F(ClientContextTest, RefusesOldVersionsAndCiphers) {
  expect_refused(dial({.identity = make_server(&root_), .max_version = TLS1_1_VERSION}),
                 Code::upstream_tls_failed, "");
  for (const char* ciphers : {"ADH-AES128-SHA256:@SECLEVEL=0", "ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0"}) {
    Origin origin{.identity = make_server(&root_), .max_version = TLS1_2_VERSION, .ciphers = ciphers};
    expect_refused(dial(origin), Code::upstream_tls_failed, "refused the handshake");
  }
}

TEST_F(ClientContextTest, RefusesShortDiffieHellmanGroups) {
  for (const char* group : {"modp_1536", "modp_2048"}) {
    Origin origin{.identity = make_server(&root_, {}, rsa_key(2048)),
                  .max_version = TLS1_2_VERSION,
                  .ciphers = "DHE-RSA-AES128-GCM-SHA256"};
    SslPtr server = origin.new_session();
    EVP_PKEY* parameters = dh_group(group);
    ASSERT_EQ(SSL_set0_tmp_dh_pkey(server.get(), parameters), 1);
    ClientContext client = context();
    Outcome outcome = shake(client.new_session({"origin.test", 443})->get(), server.get());
    if (group == std::string_view("modp_2048")) {
      EXPECT_TRUE(outcome.ok());
    } else {
      expect_refused(outcome, Code::upstream_tls_failed, "Diffie-Hellman key is too small");
    }
  }
}

TEST_F(ClientContextTest, RefusesOurOwnCaThoughTheSystemTrustsIt) {
  auto server = ServerContext::make();
  auto leaf = mint(authority_, "origin.test");
  ASSERT_TRUE(server && leaf);
  for (bool trusted : {true, false}) {
    ClientContext client = trusted ? context({"ca/ca.pem"}) : context();
    auto session = client.new_session({"origin.test", 443});
    Outcome outcome = shake(session->get(), server->new_session(**leaf)->get());
    expect_refused(outcome, Code::upstream_cert_untrusted, "Weir's own CA");
  }
}

TEST_F(ClientContextTest, RefusesRetiredAndCrossSignedCas) {
  std::filesystem::copy_file(folder_ / "ca/ca.pem", folder_ / "old.pem");
  Identity old{share(authority_.certificate()), share(authority_.signing_key())};
  PkeyPtr own_key = share(authority_.signing_key());
  // Our name and key, vouched for by a root that everybody trusts.
  X509Ptr cross = *Draft()
                       .subject("Weir", "cross")
                       .issuer(root_.certificate.get())
                       .valid(0, ::time(nullptr) + kDay)
                       .key(own_key.get())
                       .authority(0)
                       .key_usage({5})
                       .sign(root_.key.get());
  Identity crossed{std::move(cross), std::move(own_key)};
  expect_refused(dial({make_server(&crossed), chain({&crossed})}), Code::upstream_cert_untrusted,
                 "Weir's own CA");

  authority_ = *Authority::rotate(folder_ / "ca");
  expect_refused(dial(context({"old.pem"}), {make_server(&old)}), Code::upstream_cert_untrusted,
                 "Weir's own CA");
}

TEST_F(ClientContextTest, AnExceptionPassesAndSaysWhatIsWrong) {
  ClientContext client = context();
  Origin origin{make_server(&root_, {.from = 0, .until = 1704153600})};
  auto session = client.new_session({"origin.test", 443}, true);
  SslPtr server = origin.new_session();
  EXPECT_TRUE(shake(session->get(), server.get()).ok());
  TlsFacts seen = facts(session->get());
  EXPECT_THAT(seen.problem, HasSubstr("expired on 2024-01-02"));
  EXPECT_EQ(seen.subject, "CN=origin");
  EXPECT_EQ(seen.issuer, "CN=Root,O=Test");
  EXPECT_EQ(seen.not_after, "2024-01-02T00:00:00Z");
  EXPECT_EQ(seen.sha256.size(), 64U);
  // The exception leaves nothing behind for sessions without it.
  EXPECT_EQ(transfer(server.get(), session->get(), "ticket"), "ticket");
  expect_refused(dial(client, origin), Code::upstream_cert_expired, "2024-01-02");
}

TEST_F(ClientContextTest, AServerThatEndsOrSpeaksPlainHttp) {
  ClientContext client = context();
  auto session = client.new_session({"origin.test", 443});
  BIO* in = BIO_new(BIO_s_mem());
  BIO_puts(in, "HTTP/1.1 400 Bad Request\r\n\r\n");
  SSL_set_bio(session->get(), in, BIO_new(BIO_s_mem()));
  Outcome outcome;
  EXPECT_FALSE(step(session->get(), Side::upstream, "origin.test", outcome.client));
  expect_refused(outcome, Code::upstream_tls_failed, "does not speak TLS");

  auto ended = client.new_session({"origin.test", 443});
  BIO* empty = BIO_new(BIO_s_mem());
  BIO_set_mem_eof_return(empty, 0);
  SSL_set_bio(ended->get(), empty, BIO_new(BIO_s_mem()));
  Outcome end;
  EXPECT_FALSE(step(ended->get(), Side::upstream, "origin.test", end.client));
  expect_refused(end, Code::upstream_tls_failed, "ended in the middle");
}

TEST_F(ClientContextTest, ExtraRootsMustBeReadable) {
  write_text(folder_ / "empty.pem", "nothing\n");
  for (const char* name : {"missing.pem", "empty.pem"}) {
    auto made = ClientContext::make({.extra_roots = {folder_ / name}, .system_roots = false}, authority_);
    ASSERT_FALSE(made);
    EXPECT_THAT(made.error().context(), HasSubstr(name));
  }
}

TEST_F(ClientContextTest, HonoursSslCertFile) {
  const char* before = ::getenv("SSL_CERT_FILE");
  std::string saved = before ? before : "";
  ::setenv("SSL_CERT_FILE", (folder_ / "roots.pem").c_str(), 1);
  auto made = ClientContext::make({}, authority_);
  before ? ::setenv("SSL_CERT_FILE", saved.c_str(), 1) : ::unsetenv("SSL_CERT_FILE");
  ASSERT_TRUE(made);
  EXPECT_TRUE(dial(*made, {make_server(&root_)}).ok());
}

}  // namespace
}  // namespace weir::tls
