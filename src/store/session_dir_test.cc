#include "store/session_dir.h"

#include <sys/resource.h>

#include <algorithm>

#include "store/test_recording.h"

namespace weir::store {
namespace {

namespace fs = std::filesystem;

using SessionDirTest = StoreTest;

TEST_F(SessionDirTest, NamesSayWhenInUtc) {
  auto session = SessionDir::create(data_dir(), 1'738'367'999 * kSecond);
  ASSERT_TRUE(session);
  EXPECT_EQ(session->id.substr(0, 16), "20250131-235959-");
  EXPECT_EQ(session->id.size(), 20u);
  EXPECT_EQ(session->id.find_first_not_of("0123456789abcdef", 16), std::string::npos) << session->id;
  EXPECT_EQ(session->path, data_dir() / "sessions" / session->id);
}

TEST_F(SessionDirTest, StatesFollowTheLock) {
  auto session = SessionDir::create(data_dir(), kNoon);
  ASSERT_TRUE(session);
  EXPECT_EQ(session_state(session->path), SessionState::live);
  EXPECT_FALSE(SessionLock::take_orphan(session->path));
  fs::path path = session->path;
  session = fail(Code::cancelled);  // the lock goes, its file stays
  EXPECT_EQ(session_state(path), SessionState::orphaned);
  {
    auto lock = SessionLock::take_orphan(path);
    ASSERT_TRUE(lock);
    EXPECT_EQ(session_state(path), SessionState::live);
    lock->remove();
  }
  EXPECT_EQ(session_state(path), SessionState::ended);
  EXPECT_FALSE(SessionLock::take_orphan(path));
}

TEST_F(SessionDirTest, ALockThatCannotBeLookedAtIsTakenForHeld) {
  auto session = SessionDir::create(data_dir(), kNoon);
  ASSERT_TRUE(session);
  rlimit usual;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &usual), 0);
  rlimit none{0, usual.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  SessionState state = session_state(session->path);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &usual), 0);
  EXPECT_EQ(state, SessionState::live);
}

TEST_F(SessionDirTest, EndsOfIdsDifferWithinAProject) {
  std::vector<std::string> ends;
  for (int i = 0; i < 200; ++i) {
    auto session = SessionDir::create(data_dir(), kNoon + i * kSecond);
    ASSERT_TRUE(session);
    ends.push_back(session->id.substr(16));
  }
  std::ranges::sort(ends);
  EXPECT_EQ(std::ranges::adjacent_find(ends), ends.end());
}

TEST_F(SessionDirTest, ListsOnlyWhatItMadeInOrder) {
  fs::path sessions = data_dir() / "sessions";
  for (auto name :
       {"20250102-000000-00aa", "20250101-000000-ffff", ".20250101-000000-aaaa", "20250101-000000-FFFF", "x"})
    fs::create_directories(sessions / name);
  EXPECT_EQ(session_folders(data_dir()),
            (std::vector<fs::path>{sessions / "20250101-000000-ffff", sessions / "20250102-000000-00aa"}));
  fs::path session = sessions / "20250101-000000-ffff";
  for (auto name :
       {"flows-10000.db", "flows-9999.db", "flows-0002.db", "flows-0002.db-wal", "flows-.db", "flows-x.db"})
    std::ofstream(session / name) << "";
  EXPECT_EQ(session_files(session),
            (std::vector<fs::path>{session / "flows-0002.db", session / "flows-9999.db",
                                   session / "flows-10000.db"}));
}

}  // namespace
}  // namespace weir::store
