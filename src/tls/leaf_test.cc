#include "tls/leaf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "tls/testing.h"

namespace weir::tls {
namespace {

using ::testing::ElementsAre;
using namespace tls::testing;

class LeafTest : public ::testing::Test {
 protected:
  LeafPtr minted(std::string_view host) {
    auto leaf = mint(authority_, host);
    EXPECT_TRUE(leaf) << leaf.error().message();
    return leaf.value_or(nullptr);
  }

  TempFolder folder_;
  Authority authority_ = *Authority::load_or_create(folder_ / "ca");
};

TEST_F(LeafTest, HasTheShapeOfAServerCertificate) {
  LeafPtr leaf = minted("Api.Example.com.");
  X509* certificate = leaf->certificate.get();
  EXPECT_EQ(leaf->host, "api.example.com");
  EXPECT_THAT(names_of(certificate), ElementsAre("api.example.com"));
  EXPECT_EQ(subject_text(certificate), "CN=api.example.com,O=Weir");
  EXPECT_EQ(X509_get_version(certificate), X509_VERSION_3);
  EXPECT_EQ(X509_check_ca(certificate), 0);
  EXPECT_EQ(X509_get_key_usage(certificate), static_cast<unsigned>(KU_DIGITAL_SIGNATURE));
  EXPECT_EQ(X509_get_extended_key_usage(certificate), static_cast<unsigned>(XKU_SSL_SERVER));
  EXPECT_EQ(X509_get_signature_nid(certificate), NID_ecdsa_with_SHA256);
  EXPECT_EQ(X509_verify(certificate, authority_.signing_key()), 1);
  EXPECT_EQ(X509_check_private_key(certificate, leaf->key.get()), 1);
  EXPECT_EQ(X509_check_host(certificate, "api.example.com", 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, nullptr),
            1);
}

TEST_F(LeafTest, KeyIdentifiersPointToTheCaAndDifferFromIt) {
  X509Ptr certificate = share(minted("a.example")->certificate.get());
  const ASN1_OCTET_STRING* issuer = X509_get0_authority_key_id(certificate.get());
  const ASN1_OCTET_STRING* own = X509_get0_subject_key_id(certificate.get());
  const ASN1_OCTET_STRING* root = X509_get0_subject_key_id(authority_.certificate());
  ASSERT_TRUE(issuer && own && root);
  EXPECT_EQ(ASN1_OCTET_STRING_cmp(issuer, root), 0);
  EXPECT_NE(ASN1_OCTET_STRING_cmp(own, root), 0);
}

TEST_F(LeafTest, IsValidFromADayAgoFor197Days) {
  LeafPtr leaf = minted("a.example");
  std::int64_t now = ::time(nullptr);
  EXPECT_NEAR(not_before_of(leaf->certificate.get()), now - kDay, 60);
  EXPECT_EQ(leaf->not_after + 1 - not_before_of(leaf->certificate.get()), 197 * kDay);
  EXPECT_EQ(leaf->not_after, not_after_of(leaf->certificate.get()));
}

TEST_F(LeafTest, NeverOutlivesTheCa) {
  TempFolder folder;
  std::int64_t until = ::time(nullptr) + 20 * kDay;
  PkeyPtr key = ec_key();
  X509Ptr root = *Draft()
                      .subject("", "Short")
                      .self_issued()
                      .valid(0, until)
                      .key(key.get())
                      .authority(0)
                      .key_usage({5})
                      .sign(key.get());
  write_text(folder / "c", to_pem(root.get()));
  write_text(folder / "k", key_pem(key.get()));
  auto authority = Authority::import(folder / "ca", folder / "c", folder / "k");
  ASSERT_TRUE(authority) << authority.error().message();
  EXPECT_EQ((*mint(*authority, "a.example"))->not_after, until);
}

TEST_F(LeafTest, AddressesGoIntoIpAddressEntries) {
  for (const char* host : {"192.0.2.7", "2001:db8::1"}) {
    LeafPtr leaf = minted(host);
    EXPECT_THAT(names_of(leaf->certificate.get()), ElementsAre(host));
    EXPECT_EQ(X509_check_ip_asc(leaf->certificate.get(), host, 0), 1);
  }
  EXPECT_EQ(minted("[2001:DB8::1]")->host, "2001:db8::1");
}

TEST_F(LeafTest, ALongNameHasNoCommonName) {
  std::string host = std::string(60, 'a') + ".example";
  LeafPtr leaf = minted(host);
  EXPECT_THAT(names_of(leaf->certificate.get()), ElementsAre(host));
  EXPECT_EQ(subject_text(leaf->certificate.get()), "O=Weir");
  std::string longest = std::string(63, 'a') + "." + std::string(63, 'b') + "." + std::string(63, 'c') + "." +
                        std::string(61, 'd');
  EXPECT_THAT(names_of(minted(longest)->certificate.get()), ElementsAre(longest));
}

TEST_F(LeafTest, NothingHostileReachesTheCertificate) {
  using namespace std::string_view_literals;
  for (std::string_view host :
       {"a,DNS:b"sv, "a\0b"sv, ""sv, "a b"sv, "@sec"sv, "*.example"sv, "0x7f.1"sv, "a\nb"sv}) {
    auto leaf = mint(authority_, host);
    ASSERT_FALSE(leaf) << host;
    EXPECT_EQ(leaf.error().code(), Code::bad_host);
  }
}

TEST_F(LeafTest, SerialsAreRandomAndOf127Bits) {
  std::set<std::string> seen;
  for (int i = 0; i < 50; ++i) {
    LeafPtr leaf = minted("a.example");
    BignumPtr serial(ASN1_INTEGER_to_BN(X509_get0_serialNumber(leaf->certificate.get()), nullptr));
    EXPECT_EQ(BN_num_bits(serial.get()), 127);
    EXPECT_EQ(BN_is_negative(serial.get()), 0);
    char* text = BN_bn2hex(serial.get());
    seen.insert(text);
    OPENSSL_free(text);
  }
  EXPECT_EQ(seen.size(), 50U);
}

TEST_F(LeafTest, AnIssuerWithoutKeyIdentifierGivesNone) {
  TempFolder folder;
  Identity root = make_authority("No SKI");
  int at = X509_get_ext_by_NID(root.certificate.get(), NID_subject_key_identifier, -1);
  X509_EXTENSION_free(X509_delete_ext(root.certificate.get(), at));
  X509_sign(root.certificate.get(), root.key.get(), EVP_sha256());
  write_text(folder / "c", to_pem(root.certificate.get()));
  write_text(folder / "k", key_pem(root.key.get()));
  auto authority = Authority::import(folder / "ca", folder / "c", folder / "k");
  ASSERT_TRUE(authority) << authority.error().message();
  EXPECT_EQ(X509_get0_authority_key_id((*mint(*authority, "a.example"))->certificate.get()), nullptr);
}

TEST_F(LeafTest, ThreadsMintAtTheSameTime) {
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 25; ++i) {
        std::string host = fmt::format("h{}-{}.example", t, i);
        auto leaf = mint(authority_, host);
        ASSERT_TRUE(leaf);
        EXPECT_EQ(X509_verify((*leaf)->certificate.get(), authority_.signing_key()), 1);
      }
    });
  }
}

}  // namespace
}  // namespace weir::tls
