#include "tls/trust_bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <sys/stat.h>

#include <map>

#include "tls/testing.h"

namespace weir::tls {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using namespace tls::testing;

/// Big-endian numbers and texts of a Java key store.
class JavaReader {
 public:
  explicit JavaReader(std::string bytes) : bytes_(std::move(bytes)) {}

  std::uint64_t number(int size) {
    std::uint64_t value = 0;
    for (char c : take(static_cast<std::size_t>(size))) value = value << 8 | static_cast<unsigned char>(c);
    return value;
  }
  std::string take(std::size_t size) {
    EXPECT_LE(at_ + size, bytes_.size());
    std::string out = bytes_.substr(at_, size);
    at_ += size;
    return out;
  }
  std::string text() { return take(number(2)); }
  std::string before() const { return bytes_.substr(0, at_); }
  bool at_end() const { return at_ == bytes_.size(); }

 private:
  std::string bytes_;
  std::size_t at_ = 0;
};

/// Alias to DER; checks the digest.
std::map<std::string, std::string> read_java_store(const fs::path& path, std::string_view password) {
  JavaReader in(read_text(path));
  EXPECT_EQ(in.number(4), 0xFEEDFEEDU);
  EXPECT_EQ(in.number(4), 2U);
  std::map<std::string, std::string> out;
  for (std::uint64_t left = in.number(4); left > 0; --left) {
    EXPECT_EQ(in.number(4), 2U);
    std::string alias = in.text();
    EXPECT_NEAR(static_cast<double>(in.number(8)) / 1000, static_cast<double>(::time(nullptr)), 60);
    EXPECT_EQ(in.text(), "X.509");
    EXPECT_TRUE(out.emplace(alias, in.take(in.number(4))).second) << "alias twice: " << alias;
  }
  std::string hashed;
  for (char c : password) hashed += std::string(1, '\0') + c;
  hashed += "Mighty Aphrodite" + in.before();
  unsigned char digest[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<const unsigned char*>(hashed.data()), hashed.size(), digest);
  EXPECT_EQ(in.take(SHA_DIGEST_LENGTH), std::string(reinterpret_cast<char*>(digest), sizeof digest));
  EXPECT_TRUE(in.at_end());
  return out;
}

class TrustBundleTest : public ::testing::Test {
 protected:
  TrustBundleTest() {
    if (const char* before = ::getenv("SSL_CERT_FILE")) saved_ = before;
    write_text(system_, to_pem(one_.certificate.get()) + "# a remark\n" + to_pem(two_.certificate.get()));
    ::setenv("SSL_CERT_FILE", system_.c_str(), 1);
  }
  ~TrustBundleTest() override {
    saved_ ? ::setenv("SSL_CERT_FILE", saved_->c_str(), 1) : ::unsetenv("SSL_CERT_FILE");
  }

  /// A file that is written again is another file: it came by rename.
  static ino_t identity_of(const fs::path& path) {
    struct stat status{};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    return status.st_ino;
  }

  TempFolder folder_;
  Identity one_ = make_authority("One");
  Identity two_ = make_authority("Two");
  fs::path system_ = folder_ / "system.pem";
  fs::path bundle_ = folder_ / "bundle.pem";
  fs::path store_ = folder_ / "trust.jks";
  Authority authority_ = *Authority::load_or_create(folder_ / "ca");
  std::optional<std::string> saved_;
};

TEST_F(TrustBundleTest, TheSystemBundleIsThatOfOurEnvironment) {
  EXPECT_EQ(system_bundle().value(), system_);
  ::setenv("SSL_CERT_FILE", (folder_ / "missing").c_str(), 1);
  auto other = system_bundle();
  if (other) EXPECT_NE(*other, folder_ / "missing");
  if (!other) EXPECT_EQ(other.error().code(), Code::not_found);
}

TEST_F(TrustBundleTest, HasTheSystemsRootsAndOurs) {
  ASSERT_TRUE(write_bundle(bundle_, authority_));
  auto certificates = parse_certificates(read_text(bundle_), "bundle");
  ASSERT_TRUE(certificates) << certificates.error().message();
  ASSERT_EQ(certificates->size(), 3U);
  EXPECT_EQ(X509_cmp((*certificates)[0].get(), one_.certificate.get()), 0);
  EXPECT_EQ(X509_cmp((*certificates)[2].get(), authority_.certificate()), 0);
  struct stat status{};
  ASSERT_EQ(::stat(bundle_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0644U);
}

TEST_F(TrustBundleTest, ASystemBundleWithoutFinalNewlineDoesNotSwallowOurs) {
  std::string pem = to_pem(one_.certificate.get());
  write_text(system_, pem.substr(0, pem.size() - 1));
  ASSERT_TRUE(write_bundle(bundle_, authority_));
  EXPECT_EQ(parse_certificates(read_text(bundle_), "bundle")->size(), 2U);
}

TEST_F(TrustBundleTest, IsWrittenAgainOnlyWhenSomethingChanged) {
  for (bool java : {false, true}) {
    fs::path path = java ? store_ : bundle_;
    auto write = [&] {
      return java ? write_java_trust_store(path, "changeit", authority_) : write_bundle(path, authority_);
    };
    ASSERT_TRUE(write());
    ino_t first = identity_of(path);
    std::string link = path.string() + ".kept";  // keeps the inode number from being used again
    fs::create_hard_link(path, link);
    ASSERT_TRUE(write());
    EXPECT_EQ(identity_of(path), first) << "nothing changed";
    write_text(system_, to_pem(one_.certificate.get()));
    ASSERT_TRUE(write());
    ino_t second = identity_of(path);
    EXPECT_NE(second, first) << "the system's roots changed";
    fs::remove(path);
    ASSERT_TRUE(write());
    EXPECT_TRUE(fs::exists(path)) << "the file was gone";
    fs::create_hard_link(path, link + "2");
    second = identity_of(path);
    authority_ = *Authority::rotate(folder_ / "ca");
    ASSERT_TRUE(write());
    EXPECT_NE(identity_of(path), second) << "the CA changed";
    write_text(system_, to_pem(one_.certificate.get()) + to_pem(two_.certificate.get()));
  }
}

TEST_F(TrustBundleTest, ALostStampMeansWritingAgain) {
  ASSERT_TRUE(write_bundle(bundle_, authority_));
  write_text(bundle_, "damaged by a crash");
  write_text(bundle_.string() + ".stamp", "");
  ASSERT_TRUE(write_bundle(bundle_, authority_));
  EXPECT_THAT(read_text(bundle_), HasSubstr(authority_.pem()));
}

TEST_F(TrustBundleTest, JavaStoreReadsBack) {
  write_text(system_, to_pem(one_.certificate.get()) + to_pem(one_.certificate.get()) + authority_.pem());
  ASSERT_TRUE(write_java_trust_store(store_, "changeit", authority_));
  auto entries = read_java_store(store_, "changeit");
  ASSERT_EQ(entries.size(), 2U) << "each certificate once";
  EXPECT_EQ(entries["weir"], authority_.der());
  EXPECT_EQ(std::next(entries.begin(), entries.begin()->first == "weir")->second,
            to_der(one_.certificate.get()));
}

TEST_F(TrustBundleTest, JavaStoreOfAnotherPasswordIsAnother) {
  ASSERT_TRUE(write_java_trust_store(store_, "first1", authority_));
  ASSERT_TRUE(write_java_trust_store(store_, "second", authority_));
  EXPECT_EQ(read_java_store(store_, "second").size(), 3U);
}

TEST_F(TrustBundleTest, KeytoolReadsTheJavaStore) {
  if (::system("command -v keytool >/dev/null 2>&1") != 0) GTEST_SKIP() << "keytool is not installed";
  ASSERT_TRUE(write_java_trust_store(store_, "changeit", authority_));
  std::string command =
      "LC_ALL=C keytool -list -storetype JKS -storepass changeit -keystore '" + store_.string() + "' 2>&1";
  FILE* tool = ::popen(command.c_str(), "r");
  ASSERT_NE(tool, nullptr);
  std::string said;
  char buffer[4096];
  while (std::size_t got = ::fread(buffer, 1, sizeof buffer, tool)) said.append(buffer, got);
  EXPECT_EQ(::pclose(tool), 0) << said;
  EXPECT_THAT(said, HasSubstr("contains 3 entries"));
  EXPECT_THAT(said, HasSubstr("weir, "));
}

TEST_F(TrustBundleTest, ABrokenSystemBundleIsNamed) {
  write_text(system_, "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n");
  auto written = write_java_trust_store(store_, "changeit", authority_);
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().context(), HasSubstr(system_.string()));
  EXPECT_FALSE(fs::exists(store_));
}

TEST_F(TrustBundleTest, AnUnwritablePlaceIsNamed) {
  auto written = write_bundle(folder_ / "missing" / "bundle.pem", authority_);
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().context(), HasSubstr("missing/bundle.pem"));
}

}  // namespace
}  // namespace weir::tls
