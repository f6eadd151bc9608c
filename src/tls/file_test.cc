#include "tls/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "tls/testing.h"

namespace weir::tls {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using namespace tls::testing;

std::size_t files_in(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST(File, IsReplacedWholeWithItsMode) {
  TempFolder folder;
  fs::path path = folder / "file";
  ASSERT_TRUE(write_atomically(path, "old and long", 0600));
  ASSERT_TRUE(write_atomically(path, "new", 0644));
  EXPECT_EQ(read_file(path, 100).value(), "new");
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0644U);
  EXPECT_EQ(files_in(folder / ""), 1U) << "no temporary file is left";
}

TEST(File, AFailedReplacementLeavesNothing) {
  TempFolder folder;
  fs::create_directory(folder / "taken");
  auto written = write_atomically(folder / "taken", "text", 0600);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code(), Code::io);
  EXPECT_THAT(written.error().context(), HasSubstr("taken"));
  EXPECT_EQ(files_in(folder / ""), 1U);
}

TEST(File, ReadingIsBoundedAndSaysWhatIsMissing) {
  TempFolder folder;
  write_text(folder / "file", std::string(1000, 'x'));
  EXPECT_EQ(read_file(folder / "file", 1000)->size(), 1000U);
  EXPECT_EQ(read_file(folder / "file", 999).error().code(), Code::io);
  EXPECT_EQ(read_file(folder / "missing", 1).error().code(), Code::not_found);
}

TEST(File, ALockIsHeldUntilItIsClosed) {
  TempFolder folder;
  auto lock = lock_file(folder / "lock");
  ASSERT_TRUE(lock);
  UniqueFd other(::open((folder / "lock").c_str(), O_RDWR | O_CLOEXEC));
  EXPECT_EQ(::flock(other.get(), LOCK_EX | LOCK_NB), -1);
  lock->reset();
  EXPECT_EQ(::flock(other.get(), LOCK_EX | LOCK_NB), 0);
}

}  // namespace
}  // namespace weir::tls
