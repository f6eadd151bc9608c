#include "store/retention.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "store/test_recording.h"

namespace weir::store {
namespace {

namespace fs = std::filesystem;

class RetentionTest : public StoreTest {
 protected:
  // An ended session of one file, last written `days` before now.
  fs::path session_aged(int days) const {
    auto store = record();
    store->closed(boxed(sample_flow(static_cast<flow::FlowId>(days + 1))));
    store->close();
    set_age(store->directory() / "flows-0001.db", days);
    return store->directory();
  }
  static void set_age(const fs::path& file, int days) {
    timespec time{wall_now() / kSecond - days * 86'400, 0};
    timespec times[] = {time, time};
    ASSERT_EQ(::utimensat(AT_FDCWD, file.c_str(), times, 0), 0);
  }
  std::size_t apply(int days, std::uint64_t bytes) const {
    return apply_retention(data_dir(), catalog(), {days, bytes}, wall_now());
  }
};

TEST_F(RetentionTest, OldSessionsGoWithTheirFolders) {
  fs::path old = session_aged(31);
  fs::path young = session_aged(29);
  EXPECT_EQ(apply(0, 0), 0u);
  EXPECT_EQ(apply(30, 0), 1u);
  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(fs::exists(young / "flows-0001.db"));
  EXPECT_EQ(ask(catalog(), "SELECT count(*) FROM sessions WHERE files = 0 AND bytes = 0"), 1);
  EXPECT_EQ(ask(catalog(), "SELECT count(*) FROM sessions WHERE files = 1"), 1);
}

TEST_F(RetentionTest, BeyondTheSizeTheOldestGoFirst) {
  fs::path oldest = session_aged(3);
  fs::path newest = session_aged(1);
  fs::path middle = session_aged(2);
  std::uint64_t one = fs::file_size(newest / "flows-0001.db");
  EXPECT_EQ(apply(30, 3 * one), 0u);
  EXPECT_EQ(apply(30, one + one / 2), 2u);
  EXPECT_FALSE(fs::exists(oldest));
  EXPECT_FALSE(fs::exists(middle));
  EXPECT_TRUE(fs::exists(newest));
}

TEST_F(RetentionTest, ALiveSessionIsNeverTouched) {
  auto store = record();
  store->closed(boxed(sample_flow(1)));
  ASSERT_TRUE(store->flush());
  set_age(store->directory() / "flows-0001.db", 100);
  fs::path ended = session_aged(1);
  EXPECT_EQ(apply(30, 1), 1u);
  EXPECT_TRUE(fs::exists(store->directory() / "flows-0001.db"));
  EXPECT_FALSE(fs::exists(ended)) << "the live one's size counts";
  store->close();
}

TEST_F(RetentionTest, ANewSessionAppliesIt) {
  fs::path old = session_aged(31);
  auto options = this->options();
  options.retention_days = 30;
  auto store = record(options);
  EXPECT_FALSE(fs::exists(old));
}

TEST_F(RetentionTest, EmptyFoldersGoAndForeignFilesStay) {
  fs::path empty = data_dir() / "sessions" / "20200101-000000-abcd";
  fs::create_directories(empty);
  fs::path foreign = data_dir() / "sessions" / "notes";
  fs::create_directories(foreign);
  apply(30, 0);
  EXPECT_FALSE(fs::exists(empty));
  EXPECT_TRUE(fs::exists(foreign));
}

}  // namespace
}  // namespace weir::store
