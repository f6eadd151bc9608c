#include "cli/live_sessions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace weir::cli {
namespace {

using ::testing::HasSubstr;

const std::string kHash(64, 'a'), kOther(64, 'b');

class LiveSessionsTest : public ::testing::Test {
 protected:
  LiveSessionsTest() {
    std::string folder = (std::filesystem::temp_directory_path() / "weir-sessions-XXXXXX").string();
    folder_ = ::mkdtemp(folder.data());
    file_ = folder_ / "sessions.toml";
  }
  ~LiveSessionsTest() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& text) { std::ofstream(file_, std::ios::trunc) << text; }

  std::filesystem::path folder_, file_;
  std::string told_;
  proxy::RelaySessions sessions_;
};

std::string session(const std::string& id, const std::string& hash) {
  return "[[session]]\nid = \"" + id + "\"\ntoken_sha256 = \"" + hash + "\"\n";
}

TEST_F(LiveSessionsTest, FollowTheirFile) {
  LiveSessions live(file_, sessions_, [&](const std::string& text) { told_ += text + "\n"; });
  auto look = [&] {  // as often as is needed for a change to count
    live.reload_if_changed();
    live.reload_if_changed();
  };
  write(session("one", kHash));
  ASSERT_TRUE(live.load());
  auto one = sessions_.all().at(0);
  look();
  EXPECT_EQ(told_, "");  // nothing has changed

  write(session("one", kHash) + session("two", kOther));
  live.reload_if_changed();
  EXPECT_EQ(sessions_.all().size(), 1u);  // it may be half written
  live.reload_if_changed();
  EXPECT_EQ(sessions_.all().size(), 2u);
  EXPECT_EQ(sessions_.all().at(0), one);
  EXPECT_EQ(told_, "the sessions were read again: 2\n");

  write(session("two", kOther));
  look();
  EXPECT_FALSE(one->stands(0));
}

TEST_F(LiveSessionsTest, AMistakeKeepsTheOldOnes) {
  LiveSessions live(file_, sessions_, [&](const std::string& text) { told_ += text + "\n"; });
  write(session("one", kHash));
  ASSERT_TRUE(live.load());
  write("[[session]]\nid = \"one\"\n");
  live.reload();
  EXPECT_EQ(sessions_.all().size(), 1u);
  EXPECT_THAT(told_, HasSubstr("sessions.toml:1:1: token_sha256 is missing"));
  EXPECT_THAT(told_, HasSubstr("the sessions stay as they were\n"));
  std::filesystem::remove(file_);
  live.reload();
  EXPECT_EQ(sessions_.all().size(), 1u);
  EXPECT_THAT(told_, HasSubstr("there is no such file"));
}

TEST_F(LiveSessionsTest, WithoutAFileThereIsNoStart) {
  LiveSessions live(file_, sessions_, [](const std::string&) {});
  EXPECT_FALSE(live.load());
}

}  // namespace
}  // namespace weir::cli
