#include "config/paths.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace weir::config {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::StartsWith;

/// A home of its own; the variables that the functions read are set here and restored at the end.
class PathsTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "weir-paths-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    home_ = name;
    ::setenv("HOME", home_.c_str(), 1);
    for (const char* name : {"XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"}) ::unsetenv(name);
  }
  void TearDown() override {
    fs::remove_all(home_);
    for (const char* name : {"HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"}) ::unsetenv(name);
  }
  std::string home_;
};

TEST_F(PathsTest, BelowHome) {
  EXPECT_EQ(data_root().value(), home_ + "/.local/state/weir");
  EXPECT_EQ(config_file().value(), home_ + "/.config/weir/config.toml");
  EXPECT_EQ(default_ca_dir().value(), home_ + "/.local/share/weir/ca");
}

TEST_F(PathsTest, XdgFoldersWin) {
  ::setenv("XDG_STATE_HOME", "/s", 1);
  ::setenv("XDG_CONFIG_HOME", "/c", 1);
  ::setenv("XDG_DATA_HOME", "/d", 1);
  EXPECT_EQ(data_root().value(), "/s/weir");
  EXPECT_EQ(config_file().value(), "/c/weir/config.toml");
  EXPECT_EQ(default_ca_dir().value(), "/d/weir/ca");
}

TEST_F(PathsTest, RelativeOrEmptyXdgFoldersCountAsUnset) {
  ::setenv("XDG_STATE_HOME", "relative", 1);
  ::setenv("XDG_CONFIG_HOME", "", 1);
  EXPECT_EQ(data_root().value(), home_ + "/.local/state/weir");
  EXPECT_EQ(config_file().value(), home_ + "/.config/weir/config.toml");
}

TEST_F(PathsTest, WithoutHomeThePasswordDatabaseIsAsked) {
  ::unsetenv("HOME");
  auto home = home_dir();
  if (!home) GTEST_SKIP() << "this user has no home there: " << home.error().message();
  EXPECT_THAT(*home, StartsWith("/"));
  EXPECT_NE(*home, home_);
}

TEST_F(PathsTest, ProjectFoldersAreReadableStableAndDistinct) {
  // printf '%s' /srv/shop | sha256sum
  EXPECT_EQ(project_folder_name("/srv/shop"), "shop-e7c7ea0b");
  EXPECT_EQ(project_folder_name("/srv/./x/../shop/"), project_folder_name("/srv/shop"));
  EXPECT_NE(project_folder_name("/home/shop"), project_folder_name("/srv/shop"));
  EXPECT_THAT(project_folder_name("/"), StartsWith("root-"));
  EXPECT_EQ(project_data_dir("/srv/shop").value(), home_ + "/.local/state/weir/projects/shop-e7c7ea0b");
}

TEST_F(PathsTest, FindsTheNearestAncestorWithData) {
  EXPECT_EQ(find_project_data_dir("/srv/shop/src").value(), project_data_dir("/srv/shop/src").value());
  fs::create_directories(project_data_dir("/srv").value());
  EXPECT_EQ(find_project_data_dir("/srv/shop/src").value(), project_data_dir("/srv").value());
  fs::create_directories(project_data_dir("/srv/shop").value());
  EXPECT_EQ(find_project_data_dir("/srv/shop/src").value(), project_data_dir("/srv/shop").value());
  EXPECT_EQ(find_project_data_dir("/elsewhere").value(), project_data_dir("/elsewhere").value());
  fs::create_directories(project_data_dir("/").value());
  EXPECT_EQ(find_project_data_dir("/elsewhere").value(), project_data_dir("/").value());
}

mode_t mode_of(const std::string& path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
}

TEST_F(PathsTest, PrivateDirsAre0700AndExistingOnesKeepTheirMode) {
  fs::create_directory(home_ + "/open");
  ::chmod((home_ + "/open").c_str(), 0755);
  ASSERT_TRUE(make_private_dirs(home_ + "/open/a/b/"));
  EXPECT_EQ(mode_of(home_ + "/open"), 0755u);
  EXPECT_EQ(mode_of(home_ + "/open/a"), 0700u);
  EXPECT_EQ(mode_of(home_ + "/open/a/b"), 0700u);
  EXPECT_TRUE(make_private_dirs(home_ + "/open/a/b")) << "a second time";
}

TEST_F(PathsTest, PrivateDirsNamesThePartThatFailed) {
  std::ofstream(home_ + "/file") << "x";
  auto made = make_private_dirs(home_ + "/file/a/b");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), Code::io);
  EXPECT_THAT(made.error().context(), HasSubstr(home_ + "/file: exists, but is no folder"));
  made = make_private_dirs("/proc/weir/a");
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().context(), HasSubstr("/proc/weir: "));
}

}  // namespace
}  // namespace weir::config
