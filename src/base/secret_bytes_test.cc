#include "base/secret_bytes.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace weir {
namespace {

class SecretFile : public ::testing::Test {
 protected:
  SecretFile() {
    std::string name = (std::filesystem::temp_directory_path() / "weir-secret-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~SecretFile() override { std::filesystem::remove_all(folder_); }
  std::string file(std::string_view text, mode_t mode = 0600) {
    std::string path = folder_ / "token";
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }
  std::filesystem::path folder_;
};

TEST(SecretBytes, is_what_was_put_in) {
  std::string text = "s3cret";
  const char* where = text.data();
  auto secret = SecretBytes::take(text);
  ASSERT_TRUE(secret);
  EXPECT_EQ(secret->reveal(), "s3cret");
  EXPECT_TRUE(text.empty());
  EXPECT_EQ(std::string_view(where, 6), std::string_view("\0\0\0\0\0\0", 6))
      << "nothing is left where it was";
  EXPECT_NE(secret->keeping(), SecretBytes::Keeping::none);
}

TEST(SecretBytes, moves_and_goes) {
  std::string text = "s3cret";
  SecretBytes first = *SecretBytes::take(text);
  SecretBytes second = std::move(first);
  EXPECT_EQ(second.reveal(), "s3cret");
  EXPECT_TRUE(first.empty());
  second = SecretBytes();
  EXPECT_TRUE(second.empty());
}

TEST(SecretBytes, holds_what_there_is_room_for) {
  SecretBytes secret = *SecretBytes::make(4);
  secret.append("abc");
  secret.append("def");
  EXPECT_EQ(secret.reveal(), "abcd");
}

TEST(SecretBytes, white_space_goes) {
  std::string text = " \r\n a b\t\n";
  SecretBytes secret = *SecretBytes::take(text);
  secret.trim();
  EXPECT_EQ(secret.reveal(), "a b");
  std::string blank = "\n \n";
  secret = *SecretBytes::take(blank);
  secret.trim();
  EXPECT_TRUE(secret.empty());
}

TEST(SecretBytes, a_child_does_not_have_it) {
  std::string text = "s3cret";
  SecretBytes secret = *SecretBytes::take(text);
  auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  auto there = [&] {
    unsigned char resident;
    return ::mincore(const_cast<char*>(secret.reveal().data()), page, &resident) == 0 || errno != ENOMEM;
  };
  EXPECT_TRUE(there());
  pid_t child = ::fork();
  if (child == 0) ::_exit(there() ? 1 : 0);
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(secret.reveal(), "s3cret");
}

TEST(SameSecret, only_where_all_is_the_same) {
  EXPECT_TRUE(same_secret("abc", "abc"));
  EXPECT_TRUE(same_secret("", ""));
  EXPECT_FALSE(same_secret("abc", "abd"));
  EXPECT_FALSE(same_secret("abc", "ab"));
}

TEST_F(SecretFile, is_read_and_trimmed) {
  auto secret = read_secret_file(file("  token\n"));
  ASSERT_TRUE(secret) << secret.error().context();
  EXPECT_EQ(secret->reveal(), "token");
}

TEST_F(SecretFile, is_refused_where_others_may_read_it) {
  auto secret = read_secret_file(file("token", 0640));
  ASSERT_FALSE(secret);
  EXPECT_TRUE(secret.error().context().contains("chmod 600"));
  EXPECT_FALSE(secret.error().context().contains(": token"));
}

TEST_F(SecretFile, links_folders_and_what_is_too_long_are_refused) {
  std::string path = file("token");
  std::filesystem::create_symlink(path, folder_ / "link");
  EXPECT_FALSE(read_secret_file(folder_ / "link"));
  EXPECT_FALSE(read_secret_file(folder_));
  EXPECT_FALSE(read_secret_file(file(std::string(101, 'x')), 100));
  EXPECT_TRUE(read_secret_file(file(std::string(100, 'x')), 100));
  EXPECT_EQ(read_secret_file(folder_ / "none").error().code(), Code::not_found);
}

}  // namespace
}  // namespace weir
