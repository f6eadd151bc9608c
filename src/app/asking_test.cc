#include "app/asking.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "control/unix_socket.h"

namespace weir::app {
namespace {

namespace fs = std::filesystem;

class AskingFolder : public ::testing::Test {
 protected:
  AskingFolder() {
    std::string name = (fs::temp_directory_path() / "weir-asking-XXXXXX").string();
    project = ::mkdtemp(name.data());
  }
  ~AskingFolder() override { fs::remove_all(project); }
  fs::path folder(const std::string& name) {
    fs::create_directory(project / name);
    fs::permissions(project / name, fs::perms::owner_all);
    return project / name;
  }

  fs::path project;
};

TEST_F(AskingFolder, is_made_and_removed_where_nothing_is_recorded) {
  Asking asking;
  EXPECT_EQ(asking.socket(), nullptr);
  ASSERT_TRUE(asking.open({.project_dir = project, .session = {}}, nullptr));
  ASSERT_NE(asking.socket(), nullptr);
  fs::path socket = *asking.socket();
  EXPECT_EQ(socket, project / ("asking-" + std::to_string(::getpid())) / "ask.sock");
  EXPECT_TRUE(control::connect_unix(socket));
  asking.close();
  EXPECT_FALSE(fs::exists(socket.parent_path()));
}

TEST_F(AskingFolder, those_of_the_dead_are_removed_and_no_others) {
  // No process has a number as high as this one's.
  fs::path dead = folder("asking-99999999"), alive = folder("asking-" + std::to_string(::getppid()));
  fs::path foreign = folder("asking-for-trouble"), served = folder("asking-99999998");
  ASSERT_TRUE(control::listen_unix(dead / "ask.sock"));
  auto elsewhere = control::listen_unix(served / "ask.sock");
  ASSERT_TRUE(elsewhere);
  Asking asking;
  ASSERT_TRUE(asking.open({.project_dir = project, .session = {}}, nullptr));
  EXPECT_FALSE(fs::exists(dead));
  EXPECT_TRUE(fs::exists(alive)) << "it may be about to listen";
  EXPECT_TRUE(fs::exists(foreign));
  EXPECT_TRUE(fs::exists(served / "ask.sock")) << "by a process of another container";
  asking.close();
}

}  // namespace
}  // namespace weir::app
