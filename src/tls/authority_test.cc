#include "tls/authority.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "tls/leaf.h"
#include "tls/testing.h"

namespace weir::tls {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using namespace tls::testing;

mode_t mode_of(const fs::path& path) {
  struct stat status{};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

std::string refusal(const Result<Authority>& result) {
  if (result) return "accepted";
  EXPECT_EQ(result.error().code(), Code::bad_certificate) << result.error().message();
  return result.error().context();
}

Result<Authority> import_identity(const TempFolder& folder, const Identity& identity,
                                  const std::string& more = "") {
  write_text(folder / "in.pem", to_pem(identity.certificate.get()) + more);
  write_text(folder / "in.key", key_pem(identity.key.get()));
  return Authority::import(folder / "ca", folder / "in.pem", folder / "in.key");
}

TEST(Authority, IsMadeOnFirstUseAndFoundAgain) {
  TempFolder folder;
  auto made = Authority::load_or_create(folder / "deep" / "ca");
  ASSERT_TRUE(made) << made.error().message();
  auto found = Authority::load_or_create(folder / "deep" / "ca");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->sha256_hex(), made->sha256_hex());
  EXPECT_EQ(found->pem(), read_text(made->certificate_path()));
  EXPECT_EQ(Authority::load(folder / "deep" / "ca")->sha256_hex(), made->sha256_hex());
  EXPECT_EQ(mode_of(folder / "deep" / "ca"), 0700U);
  EXPECT_EQ(mode_of(folder / "deep" / "ca" / "ca.key"), 0600U);
  EXPECT_EQ(mode_of(folder / "deep" / "ca" / "ca.pem"), 0644U);
  EXPECT_NE(EVP_PKEY_eq(made->leaf_key(), found->leaf_key()), 1) << "a leaf key lives as long as its process";
}

TEST(Authority, HasTheShapeOfARoot) {
  TempFolder folder;
  auto authority = Authority::load_or_create(folder / "ca");
  ASSERT_TRUE(authority);
  X509* certificate = authority->certificate();
  EXPECT_THAT(authority->subject(), MatchesRegex("CN=Weir CA [0-9a-f]{4} \\(.+@.+\\),O=Weir"));
  EXPECT_EQ(X509_check_ca(certificate), 1);
  EXPECT_EQ(X509_get_pathlen(certificate), 0);
  EXPECT_EQ(X509_get_key_usage(certificate), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
  EXPECT_EQ(X509_self_signed(certificate, 1), 1);
  EXPECT_NE(X509_get0_subject_key_id(certificate), nullptr);
  int critical = 0;
  BASIC_CONSTRAINTS_free(static_cast<BASIC_CONSTRAINTS*>(
      X509_get_ext_d2i(certificate, NID_basic_constraints, &critical, nullptr)));
  EXPECT_EQ(critical, 1);
  std::int64_t now = ::time(nullptr);
  EXPECT_NEAR(not_before_of(certificate), now - kDay, 60);
  EXPECT_NEAR(authority->not_after(), now + 3651 * kDay, 60);
  EXPECT_EQ(EVP_PKEY_get_bits(authority->signing_key()), 256);
  EXPECT_TRUE(authority->chain().empty());
}

TEST(Authority, TwoAreNeverAlike) {
  TempFolder folder;
  auto a = Authority::load_or_create(folder / "a");
  auto b = Authority::load_or_create(folder / "b");
  ASSERT_TRUE(a && b);
  EXPECT_NE(a->sha256_hex(), b->sha256_hex());
  EXPECT_NE(EVP_PKEY_eq(a->signing_key(), b->signing_key()), 1);
}

TEST(Authority, ThreadsThatStartAtOnceMakeOne) {
  TempFolder folder;
  std::vector<std::string> seen(8);
  {
    std::vector<std::jthread> threads;
    for (std::string& each : seen)
      threads.emplace_back([&] { each = Authority::load_or_create(folder / "ca").value().sha256_hex(); });
  }
  for (const std::string& each : seen) EXPECT_EQ(each, seen.front());
}

TEST(Authority, ProcessesThatStartAtOnceMakeOne) {
  TempFolder folder;
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    pid_t child = ::fork();
    if (child == 0) {
      auto authority = Authority::load_or_create(folder / "ca");
      if (authority) write_text(folder / std::to_string(i), authority->sha256_hex());
      ::_exit(authority ? 0 : 1);
    }
    children.push_back(child);
  }
  for (pid_t child : children) {
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  for (int i = 0; i < 4; ++i) EXPECT_EQ(read_text(folder / std::to_string(i)), read_text(folder / "0"));
}

TEST(Authority, LoadDoesNotCreate) {
  TempFolder folder;
  auto missing = Authority::load(folder / "ca");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), Code::not_found);
  EXPECT_FALSE(fs::exists(folder / "ca"));
}

TEST(Authority, RefusesAKeyThatOthersCanRead) {
  TempFolder folder;
  ASSERT_TRUE(Authority::load_or_create(folder / "ca"));
  fs::path key = folder / "ca" / "ca.key";
  ::chmod(key.c_str(), 0640);
  EXPECT_THAT(refusal(Authority::load_or_create(folder / "ca")), HasSubstr("chmod 600 " + key.string()));
  ::chmod(key.c_str(), 0600);
  EXPECT_TRUE(Authority::load_or_create(folder / "ca"));
}

TEST(Authority, RefusesAFolderThatOthersCanWrite) {
  TempFolder folder;
  fs::create_directory(folder / "ca");
  ::chmod((folder / "ca").c_str(), 0777);
  EXPECT_THAT(refusal(Authority::load_or_create(folder / "ca")), HasSubstr("chmod 700 "));
}

TEST(Authority, RefusesAPairThatDoesNotMatch) {
  TempFolder folder;
  ASSERT_TRUE(Authority::load_or_create(folder / "a"));
  ASSERT_TRUE(Authority::load_or_create(folder / "b"));
  fs::copy_file(folder / "b" / "ca.pem", folder / "a" / "ca.pem", fs::copy_options::overwrite_existing);
  EXPECT_THAT(refusal(Authority::load_or_create(folder / "a")), HasSubstr("do not belong together"));
}

TEST(Authority, RefusesACertificateWithoutItsKey) {
  TempFolder folder;
  ASSERT_TRUE(Authority::load_or_create(folder / "ca"));
  std::string before = read_text(folder / "ca" / "ca.pem");
  fs::remove(folder / "ca" / "ca.key");
  EXPECT_THAT(refusal(Authority::load_or_create(folder / "ca")), HasSubstr("weir ca rotate"));
  EXPECT_EQ(read_text(folder / "ca" / "ca.pem"), before);
}

TEST(Authority, AKeyAloneGetsACertificate) {  // what a crash between the two files leaves
  TempFolder folder;
  auto made = Authority::load_or_create(folder / "ca");
  ASSERT_TRUE(made);
  fs::remove(folder / "ca" / "ca.pem");
  auto mended = Authority::load_or_create(folder / "ca");
  ASSERT_TRUE(mended) << mended.error().message();
  EXPECT_EQ(EVP_PKEY_eq(mended->signing_key(), made->signing_key()), 1);
}

TEST(Authority, RefusesGarbage) {
  TempFolder folder;
  ASSERT_TRUE(Authority::load_or_create(folder / "ca"));
  std::string key = read_text(folder / "ca" / "ca.key");
  write_text(folder / "ca" / "ca.key", "not a key");
  EXPECT_THAT(refusal(Authority::load_or_create(folder / "ca")), HasSubstr("no private key"));
  write_text(folder / "ca" / "ca.key", key);
  write_text(folder / "ca" / "ca.pem", "not a certificate");
  EXPECT_THAT(refusal(Authority::load_or_create(folder / "ca")), HasSubstr("no PEM certificate"));
}

TEST(Authority, RefusesAnEncryptedKeyWithoutAsking) {
  TempFolder folder;
  auto made = Authority::load_or_create(folder / "ca");
  ASSERT_TRUE(made);
  BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(out.get(), made->signing_key(), EVP_aes_128_cbc(), "secret", 6, nullptr,
                                nullptr);
  write_text(folder / "ca" / "ca.key", contents(out.get()));
  EXPECT_THAT(refusal(Authority::load_or_create(folder / "ca")), HasSubstr("is encrypted"));
}

TEST(Authority, ImportsRsaAndEcAndKeepsTheOldOne) {
  TempFolder folder;
  auto first = Authority::load_or_create(folder / "ca");
  ASSERT_TRUE(first);
  auto rsa = import_identity(folder, make_authority("RSA CA", nullptr, -1, rsa_key(2048)));
  ASSERT_TRUE(rsa) << rsa.error().message();
  EXPECT_EQ(rsa->subject(), "CN=RSA CA,O=Test");
  EXPECT_EQ(read_text(folder / "ca" / ("ca-" + first->sha256_hex().substr(0, 8) + ".pem")), first->pem());
  ASSERT_EQ(rsa->retired().size(), 1U);
  EXPECT_EQ(X509_cmp(rsa->retired().front().get(), first->certificate()), 0);
  EXPECT_EQ(mode_of(folder / "ca" / "ca.key"), 0600U);
  EXPECT_TRUE(mint(*rsa, "a.example"));
  ASSERT_TRUE(import_identity(folder, make_authority("EC CA")));
  EXPECT_EQ(Authority::load(folder / "ca")->subject(), "CN=EC CA,O=Test");
}

TEST(Authority, AnImportedIntermediateBringsItsChain) {
  TempFolder folder;
  Identity root = make_authority("Root");
  Identity middle = make_authority("Middle", &root);
  auto authority = import_identity(folder, middle, to_pem(root.certificate.get()));
  ASSERT_TRUE(authority) << authority.error().message();
  ASSERT_EQ(authority->chain().size(), 1U) << "the root itself is not sent";
  EXPECT_EQ(X509_cmp(authority->chain().front().get(), middle.certificate.get()), 0);
  EXPECT_EQ(Authority::load(folder / "ca")->chain().size(), 1U);
}

TEST(Authority, ImportRefusesWhatLoadWouldRefuse) {
  TempFolder folder;
  EXPECT_THAT(refusal(import_identity(folder, make_server(nullptr))), HasSubstr("is no CA certificate"));
  EXPECT_THAT(refusal(import_identity(folder, make_authority("Weak", nullptr, -1, rsa_key(1024)))),
              HasSubstr("2048"));
  Identity mixed = make_authority("Mixed");
  mixed.key = ec_key();
  EXPECT_THAT(refusal(import_identity(folder, mixed)), HasSubstr("do not belong together"));
  PkeyPtr key = ec_key();
  X509Ptr old = *Draft()
                     .subject("", "Old")
                     .self_issued()
                     .valid(0, 1704153600)
                     .key(key.get())
                     .authority(0)
                     .key_usage({5, 6})
                     .sign(key.get());
  EXPECT_THAT(refusal(import_identity(folder, {std::move(old), std::move(key)})),
              HasSubstr("expired on 2024-01-02"));
  EXPECT_FALSE(fs::exists(folder / "ca")) << "nothing was touched";
}

TEST(Authority, RotateReplacesAndRemembers) {
  TempFolder folder;
  auto first = Authority::load_or_create(folder / "ca");
  auto second = Authority::rotate(folder / "ca");
  auto third = Authority::rotate(folder / "ca");
  ASSERT_TRUE(first && second && third);
  EXPECT_NE(first->sha256_hex(), second->sha256_hex());
  EXPECT_EQ(third->retired().size(), 2U);
  EXPECT_EQ(Authority::load(folder / "ca")->sha256_hex(), third->sha256_hex());
}

TEST(Authority, RotateMendsABrokenFolder) {
  TempFolder folder;
  ASSERT_TRUE(Authority::load_or_create(folder / "ca"));
  write_text(folder / "ca" / "ca.pem", "garbage");
  EXPECT_TRUE(Authority::rotate(folder / "ca"));
  EXPECT_TRUE(Authority::load(folder / "ca"));
}

}  // namespace
}  // namespace weir::tls
