#include "cli/ca_bake.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "tls/certificate.h"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::Each;
using testing::Field;
using testing::HasSubstr;
using testing::Not;

class Bake : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "weir-bake-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    top_ = name;
    root_ = top_ / "root";
    put("etc/ssl/certs/ca-certificates.crt", "roots\n");
    put("etc/environment", "PATH=/bin\n");
    put("usr/lib/python3/dist-packages/certifi/cacert.pem", "certifi\n");
    put("opt/venv/site-packages/pip/_vendor/certifi/cacert.pem", "vendored\n");
    put("opt/other/cacert.pem", "not certifi\n");
    authority_.emplace(tls::Authority::load_or_create(top_ / "ca").value());
  }
  void TearDown() override { fs::remove_all(top_); }

  void put(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  std::string text(const std::string& path) const {
    std::ostringstream out;
    out << std::ifstream(root_ / path).rdbuf();
    return out.str();
  }
  std::vector<Baked> baked() {
    auto root = RootTree::open(root_);
    auto rows = bake(*root, *authority_);
    EXPECT_TRUE(rows) << rows.error().message();
    return rows.value_or(std::vector<Baked>());
  }
  std::vector<Baked> unbaked() {
    auto root = RootTree::open(root_);
    return unbake(*root).value();
  }
  /// Every file and link of the root, with what is in it.
  std::string snapshot() const {
    std::vector<std::string> all;
    for (const auto& entry : fs::recursive_directory_iterator(root_)) {
      if (entry.is_directory()) continue;
      std::string path = fs::relative(entry.path(), root_);
      std::string held = entry.is_symlink() ? fs::read_symlink(entry).string() : text(path);
      all.push_back(path + ": " + held);
    }
    std::ranges::sort(all);
    std::string out;
    for (const std::string& each : all) out += each + "\n";
    return out;
  }

  fs::path top_, root_;
  std::optional<tls::Authority> authority_;
};

TEST_F(Bake, puts_the_ca_where_programs_look) {
  baked();
  const std::string& pem = authority_->pem();
  EXPECT_EQ(text("usr/local/share/ca-certificates/weir.crt"), pem);
  EXPECT_THAT(text("etc/ssl/certs/ca-certificates.crt"), AllOf(HasSubstr("roots\n#"), HasSubstr(pem)));
  EXPECT_THAT(text("usr/lib/python3/dist-packages/certifi/cacert.pem"), HasSubstr(pem));
  EXPECT_THAT(text("opt/venv/site-packages/pip/_vendor/certifi/cacert.pem"), HasSubstr(pem));
  EXPECT_EQ(text("opt/other/cacert.pem"), "not certifi\n");
  EXPECT_THAT(
      text("etc/environment"),
      AllOf(HasSubstr("PATH=/bin\n"), HasSubstr("\nSSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt\n"),
            HasSubstr("\nNODE_EXTRA_CA_CERTS=/usr/local/share/ca-certificates/weir.crt\n"),
            Not(HasSubstr("proxy"))));
  EXPECT_THAT(text("etc/profile.d/weir.sh"), HasSubstr("\nexport REQUESTS_CA_BUNDLE=/etc/ssl/certs/"));
}

TEST_F(Bake, gives_openssl_a_link_by_the_subject) {
  baked();
  std::string name = fmt::format("{:08x}.0", tls::subject_hash(authority_->certificate()));
  EXPECT_EQ(fs::read_symlink(root_ / "etc/ssl/certs" / name), "weir.pem");
}

TEST_F(Bake, leaves_the_link_of_another_ca_with_the_same_subject) {
  std::string name = fmt::format("etc/ssl/certs/{:08x}.", tls::subject_hash(authority_->certificate()));
  put(name + "0", "another\n");
  baked();
  EXPECT_EQ(text(name + "0"), "another\n");
  EXPECT_EQ(fs::read_symlink(root_ / (name + "1")), "weir.pem");
}

TEST_F(Bake, once_more_changes_nothing) {
  baked();
  std::string before = snapshot();
  EXPECT_THAT(baked(), Each(Field(&Baked::deed, Baked::Deed::as_it_was)));
  EXPECT_EQ(snapshot(), before);
}

TEST_F(Bake, with_another_ca_replaces_the_one_before) {
  baked();
  std::string old = authority_->pem();
  authority_.emplace(tls::Authority::rotate(top_ / "ca").value());
  baked();
  EXPECT_THAT(snapshot(), AllOf(Not(HasSubstr(old)), HasSubstr(authority_->pem())));
}

TEST_F(Bake, can_be_undone) {
  std::string before = snapshot();
  baked();
  unbaked();
  EXPECT_EQ(snapshot(), before);
  EXPECT_TRUE(unbaked().empty());
}

TEST_F(Bake, knows_the_places_of_fedora) {
  fs::create_directories(root_ / "etc/pki/ca-trust/source/anchors");
  put("etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "fedora\n");
  baked();
  EXPECT_EQ(text("etc/pki/ca-trust/source/anchors/weir.crt"), authority_->pem());
  EXPECT_THAT(text("etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"), HasSubstr(authority_->pem()));
}

TEST_F(Bake, works_in_an_empty_root) {
  fs::remove_all(root_);
  fs::create_directories(root_);
  baked();
  EXPECT_THAT(text("etc/environment"),
              HasSubstr("SSL_CERT_FILE=/usr/local/share/ca-certificates/weir.crt\n"));
  unbaked();
  EXPECT_EQ(snapshot(), "");
}

TEST_F(Bake, keeps_the_mode) {
  fs::permissions(root_ / "etc/environment", fs::perms::owner_read | fs::perms::owner_write);
  baked();
  EXPECT_EQ(fs::status(root_ / "etc/environment").permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(Bake, goes_through_links_as_the_guest_would) {
  fs::rename(root_ / "etc/ssl/certs/ca-certificates.crt", root_ / "bundle.pem");
  fs::create_symlink("/bundle.pem", root_ / "etc/ssl/certs/ca-certificates.crt");
  baked();
  EXPECT_THAT(text("bundle.pem"), HasSubstr(authority_->pem()));
  EXPECT_TRUE(fs::is_symlink(root_ / "etc/ssl/certs/ca-certificates.crt"));
}

TEST_F(Bake, never_leaves_the_folder) {
  std::ofstream(top_ / "outside") << "host\n";
  fs::create_directories(top_ / "outer");
  fs::remove(root_ / "etc/ssl/certs/ca-certificates.crt");
  fs::create_symlink("../../../../outside", root_ / "etc/ssl/certs/ca-certificates.crt");
  fs::remove(root_ / "etc/environment");
  fs::create_symlink(top_ / "outside", root_ / "etc/environment");
  fs::create_directory_symlink(top_ / "outer", root_ / "etc/profile.d");
  auto root = RootTree::open(root_);
  [[maybe_unused]] auto rows = bake(*root, *authority_);
  std::ostringstream held;
  held << std::ifstream(top_ / "outside").rdbuf();
  EXPECT_EQ(held.str(), "host\n");
  EXPECT_TRUE(fs::is_empty(top_ / "outer"));
}

TEST_F(Bake, says_what_is_no_file) {
  fs::remove(root_ / "etc/environment");
  fs::create_directories(root_ / "etc/environment");
  auto root = RootTree::open(root_);
  auto rows = bake(*root, *authority_);
  ASSERT_FALSE(rows);
  EXPECT_THAT(rows.error().context(), HasSubstr("etc/environment is no file"));
}

}  // namespace
}  // namespace weir::cli
