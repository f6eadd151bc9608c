#include "store/retention.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <atomic>
#include <thread>

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

// The tests' clock, which days pass on.
std::atomic<WallNanos> g_now = 0;

/// A live session with full files behind it.
class OwnRetentionTest : public RetentionTest {
 protected:
  OwnRetentionTest() { g_now = wall_now(); }

  SessionStore::Options options() const {
    auto options = StoreTest::options();
    options.now = [] { return g_now.load(); };
    options.retention_interval = std::chrono::hours(1);  // the tests say when
    return options;
  }
  // One flow each day; the last file is the one being written.
  std::unique_ptr<SessionStore> record_days(SessionStore::Options options, int days) const {
    auto store = record(options);
    for (int day = 1; day <= days; ++day) {
      store->closed(boxed(sample_flow(static_cast<flow::FlowId>(day))));
      EXPECT_TRUE(store->flush());
      if (day == days) break;
      g_now += 86'400 * kSecond;
      while (!fs::exists(file(*store, day + 1))) {
        store->connection(std::make_unique<flow::Connection>());
        EXPECT_TRUE(store->flush());
      }
    }
    return store;
  }
  static fs::path file(const SessionStore& store, int number) {
    return store.directory() / session_file_name(number);
  }
  static void keep_house_until_gone(SessionStore& store, const fs::path& file) {
    while (fs::exists(file)) store.keep_house();  // what is full becomes spent after the flush
  }
};

TEST_F(OwnRetentionTest, ItsOldFilesGoTheOthersStay) {
  auto options = this->options();
  options.retention_days = 30;
  auto store = record_days(options, 4);
  for (int number : {1, 2}) set_age(file(*store, number), 40);
  for (int number : {1, 2}) keep_house_until_gone(*store, file(*store, number));
  store->keep_house();
  EXPECT_TRUE(fs::exists(file(*store, 3)));
  EXPECT_TRUE(fs::exists(file(*store, 4)));
  EXPECT_EQ(ids(), (std::vector<flow::FlowId>{3, 4}));
  store->closed(boxed(sample_flow(5)));
  store->close();
  EXPECT_EQ(ids(), (std::vector<flow::FlowId>{3, 4, 5}));
  EXPECT_EQ(ask(catalog(), "SELECT files FROM sessions"),
            static_cast<std::int64_t>(session_files(store->directory()).size()));
}

TEST_F(OwnRetentionTest, BeyondTheSizeItsOldestFilesGoButNeverTheCurrentOne) {
  auto options = this->options();
  options.retention_bytes = 1;
  auto store = record_days(options, 3);
  set_age(file(*store, 3), 1000);
  for (int number : {1, 2}) keep_house_until_gone(*store, file(*store, number));
  store->keep_house();
  EXPECT_TRUE(fs::exists(file(*store, 3)));
  EXPECT_EQ(ids(), (std::vector<flow::FlowId>{3}));
}

TEST_F(OwnRetentionTest, AFileThatAFlowIsStillOpenInStays) {
  auto options = this->options();
  options.retention_bytes = 1;
  auto store = record(options);
  store->opened(boxed_open(1));
  ASSERT_TRUE(store->flush());
  g_now += 86'400 * kSecond;
  while (!fs::exists(file(*store, 2))) {
    store->closed(boxed(sample_flow(2)));
    ASSERT_TRUE(store->flush());
  }
  store->keep_house();
  EXPECT_TRUE(fs::exists(file(*store, 1)));
  store->closed(boxed(sample_flow(1)));
  ASSERT_TRUE(store->flush());
  keep_house_until_gone(*store, file(*store, 1));
}

TEST_F(OwnRetentionTest, AnotherLiveSessionKeepsItsFullFiles) {
  auto other = record_days(options(), 3);
  auto options = this->options();
  options.retention_bytes = 1;
  auto store = record(options);
  store->keep_house();
  EXPECT_EQ(session_files(other->directory()).size(), 3u);
}

TEST_F(OwnRetentionTest, AThreadDoesItAtIntervals) {
  auto options = this->options();
  options.retention_days = 30;
  options.retention_interval = std::chrono::milliseconds(1);
  auto store = record(options);
  fs::path ended = session_aged(1);
  EXPECT_TRUE(fs::exists(ended));
  g_now += 40 * 86'400 * kSecond;
  while (fs::exists(ended)) std::this_thread::yield();
}

TEST_F(OwnRetentionTest, AFileThatIsFullWakesTheThread) {
  auto options = this->options();
  options.retention_bytes = 1;
  auto store = record_days(options, 2);
  while (fs::exists(file(*store, 1))) std::this_thread::yield();
}

TEST_F(RetentionTest, ASessionIsRemovedWhole) {
  fs::path session = session_aged(1);
  std::uint64_t bytes = fs::file_size(session / "flows-0001.db");
  EXPECT_EQ(remove_session(session, catalog()).value(), bytes);
  EXPECT_FALSE(fs::exists(session));
  EXPECT_EQ(ask(catalog(), "SELECT count(*) FROM sessions WHERE files = 0 AND bytes = 0"), 1);
}

TEST_F(RetentionTest, TheSocketOfADeadProcessDoesNotKeepAFolder) {
  fs::path session = session_aged(31);
  ASSERT_EQ(::mknod((session / "ask.sock").c_str(), S_IFSOCK | 0600, 0), 0);
  EXPECT_EQ(apply(30, 0), 1u);
  EXPECT_FALSE(fs::exists(session));
}

TEST_F(RetentionTest, ALiveSessionIsNotRemoved) {
  auto store = record();
  auto removed = remove_session(store->directory(), catalog());
  ASSERT_FALSE(removed);
  EXPECT_NE(removed.error().context().find("in use"), std::string::npos);
  EXPECT_TRUE(fs::exists(store->directory() / "flows-0001.db"));
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
