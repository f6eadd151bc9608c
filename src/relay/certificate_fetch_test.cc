// The bundle; the fetch itself is tests/clients/relay_test.py's.
#include "relay/certificate_fetch.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>

#include "tls/file.h"

namespace weir::relay {
namespace {

namespace fs = std::filesystem;

class Bundle : public ::testing::Test {
 protected:
  Bundle() {
    std::string name = (fs::temp_directory_path() / "weir-bundle-XXXXXX").string();
    folder = ::mkdtemp(name.data());
  }
  ~Bundle() override { fs::remove_all(folder); }
  std::string text(const fs::path& path) { return tls::read_file(path, 1 << 20).value_or("?"); }

  fs::path folder;
  const std::string pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
};

TEST_F(Bundle, is_the_systems_and_the_gateways) {
  for (std::string system : {"roots\n", "roots"}) {
    ASSERT_TRUE(tls::write_atomically(folder / "system", system, 0600));
    fs::path out = folder / system / "down" / "bundle.crt";
    ASSERT_TRUE(write_relay_bundle(out, folder / "system", pem));
    EXPECT_EQ(text(out), "roots\n\n" + pem);
    struct stat status;
    ASSERT_EQ(::stat(out.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0644u);
    // One that has it already does not grow.
    ASSERT_TRUE(write_relay_bundle(out, out, pem));
    EXPECT_EQ(text(out), "roots\n\n" + pem);
  }
}

TEST_F(Bundle, a_named_file_must_be_there) {
  auto written = write_relay_bundle(folder / "out", folder / "nowhere", pem);
  ASSERT_FALSE(written);
  EXPECT_TRUE(written.error().context().contains("nowhere"));
  EXPECT_FALSE(fs::exists(folder / "out"));
}

TEST_F(Bundle, a_folder_that_cannot_be_made_is_an_error) {
  ASSERT_TRUE(tls::write_atomically(folder / "file", "x", 0600));
  EXPECT_FALSE(write_relay_bundle(folder / "file" / "out", "", pem));
}

}  // namespace
}  // namespace weir::relay
