#include "control/unix_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <fstream>

namespace weir::control {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class UnixSocket : public ::testing::Test {
 protected:
  UnixSocket() {
    std::string name = (fs::temp_directory_path() / "weir-socket-XXXXXX").string();
    folder = ::mkdtemp(name.data());
    path = folder / "ask.sock";
  }
  ~UnixSocket() override { fs::remove_all(folder); }
  void refuses(std::string_view why) {
    auto socket = listen_unix(path);
    ASSERT_FALSE(socket);
    EXPECT_THAT(socket.error().context(), HasSubstr(path.string()));
    EXPECT_THAT(socket.error().context(), HasSubstr(why));
  }

  fs::path folder, path;
};

TEST_F(UnixSocket, is_its_owners_alone_whatever_the_umask) {
  mode_t before = ::umask(0);
  auto listening = listen_unix(path);
  ::umask(before);
  ASSERT_TRUE(listening) << listening.error().message();
  struct stat found;
  ASSERT_EQ(::lstat(path.c_str(), &found), 0);
  EXPECT_TRUE(S_ISSOCK(found.st_mode));
  EXPECT_EQ(found.st_mode & 07777, 0600u);
  auto connected = connect_unix(path);
  ASSERT_TRUE(connected) << connected.error().message();
  EXPECT_EQ(peer_uid(connected->get()), ::geteuid());
}

TEST_F(UnixSocket, may_have_a_long_path) {
  folder = folder / std::string(100, 'a') / std::string(100, 'b');
  fs::create_directories(folder);
  ::chmod(folder.c_str(), 0700);
  path = folder / "ask.sock";
  auto listening = listen_unix(path);
  ASSERT_TRUE(listening) << listening.error().message();
  EXPECT_TRUE(connect_unix(path));
  folder = folder.parent_path().parent_path();
}

TEST_F(UnixSocket, replaces_one_that_nobody_serves) {
  ASSERT_TRUE(listen_unix(path));
  EXPECT_EQ(connect_unix(path).error().code(), Code::not_found);
  EXPECT_TRUE(listen_unix(path));
}

TEST_F(UnixSocket, leaves_one_alone_that_is_served) {
  auto listening = listen_unix(path);
  ASSERT_TRUE(listening);
  refuses("another process serves it");
  EXPECT_TRUE(connect_unix(path));
}

TEST_F(UnixSocket, follows_no_link_and_replaces_no_file) {
  fs::path other = folder / "other.sock";
  fs::create_symlink(other, path);
  refuses("no socket stands there");
  EXPECT_FALSE(fs::exists(other));
  auto elsewhere = listen_unix(other);
  refuses("no socket stands there");
  fs::remove(path);
  std::ofstream(path) << "precious";
  refuses("no socket stands there");
  EXPECT_EQ(fs::file_size(path), 8u);
}

TEST_F(UnixSocket, wants_a_folder_of_its_own) {
  ::chmod(folder.c_str(), 0750);
  refuses("make it 0700");
  ::chmod(folder.c_str(), 0700);
  fs::path real = folder / "real";
  fs::create_directory(real);
  ::chmod(real.c_str(), 0700);
  fs::create_directory_symlink(real, folder / "link");
  path = folder / "link" / "ask.sock";
  refuses("folder");
  path = folder / "missing" / "ask.sock";
  refuses("folder");
}

TEST_F(UnixSocket, says_that_nobody_listens) {
  EXPECT_EQ(connect_unix(path).error().code(), Code::not_found);
  EXPECT_EQ(connect_unix(folder / "no" / "where").error().code(), Code::not_found);
}

TEST_F(UnixSocket, does_not_take_another_failure_for_nobody) {
  UniqueFd other(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.native().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(other.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(connect_unix(path).error().code(), Code::io);
}

}  // namespace
}  // namespace weir::control
