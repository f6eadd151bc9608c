// What is left after a process dies, and how it is mended.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <atomic>
#include <csignal>
#include <limits>
#include <random>
#include <thread>

#include "store/test_recording.h"

namespace weir::store {
namespace {

namespace fs = std::filesystem;

// Runs `work` in a child process that ends by SIGKILL, at the latest when `work` returns.
class Victim {
 public:
  template <typename Work>
  explicit Victim(Work&& work) {
    pid_ = ::fork();
    if (pid_ != 0) return;
    work();
    ::kill(::getpid(), SIGKILL);
  }
  ~Victim() { wait(); }
  void kill() { ::kill(pid_, SIGKILL); }
  void wait() {
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_ = 0;
};

// Counters that a child writes and its parent reads.
struct Shared {
  std::atomic<std::uint64_t> stored{0};  // closed flows known to be committed
  std::atomic<std::uint64_t> sent{0};

  static Shared* make() {
    void* memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return new (memory) Shared;
  }
};

// Every third flow is opened first, every thirtieth never closes.
void record_for_ever(SessionStore& store, Shared& shared) {
  for (flow::FlowId id = 1;; ++id) {
    if (id % 3 == 0) store.opened(boxed_open(id));
    flow::Flow flow = sample_flow(id);
    flow.response_body.bytes = "body " + std::to_string(id);
    flow.response_body.size = flow.response_body.bytes.size();
    if (id % 30 != 0) store.closed(boxed(std::move(flow)));
    shared.sent = id;
    if (id % 16 == 0 && store.flush()) shared.stored = id;
  }
}

class CrashTest : public StoreTest {
 protected:
  // A session whose process died with one flow open and one closed.
  void leave_an_orphan() {
    Victim victim([&] {
      auto store = record();
      store->closed(boxed(sample_flow(1)));
      store->opened(boxed_open(2));
      store->flush();
      ::kill(::getpid(), SIGKILL);
    });
  }
  fs::path only_session() const {
    auto sessions = session_folders(data_dir());
    EXPECT_EQ(sessions.size(), 1u);
    return sessions.at(0);
  }
  void expect_whole(const std::vector<Row>& rows) {
    ASSERT_EQ(ids(rows), (std::vector<flow::FlowId>{1, 2}));
    EXPECT_FALSE(rows[0].incomplete);
    EXPECT_TRUE(rows[1].incomplete);
    EXPECT_EQ(rows[1].flow.error, Code::incomplete);
  }
};

TEST_F(CrashTest, ReadersShowAnOrphanAsItIsWithoutTouchingIt) {
  leave_an_orphan();
  EXPECT_EQ(session_state(only_session()), SessionState::orphaned);
  std::string before = slurp(only_session() / "flows-0001.db");
  std::string log_before = slurp(only_session() / "flows-0001.db-wal");
  EXPECT_FALSE(log_before.empty());
  expect_whole(all());
  EXPECT_EQ(ids(all({.errors = true})), (std::vector<flow::FlowId>{2}));
  EXPECT_TRUE(query()->find("2").value().incomplete);
  EXPECT_EQ(slurp(only_session() / "flows-0001.db"), before);
  EXPECT_EQ(slurp(only_session() / "flows-0001.db-wal"), log_before);
}

TEST_F(CrashTest, ARunningSessionAdoptsOneThatDiedBesideIt) {
  auto options = this->options();
  options.retention_interval = std::chrono::hours(1);
  auto store = record(options);
  leave_an_orphan();
  store->keep_house();
  for (const fs::path& session : session_folders(data_dir()))
    EXPECT_EQ(session_state(session),
              session == store->directory() ? SessionState::live : SessionState::ended);
  EXPECT_EQ(ids(), (std::vector<flow::FlowId>{1, 2}));
}

TEST_F(CrashTest, AdoptionCompletesTheSession) {
  leave_an_orphan();
  fs::path session = only_session();
  EXPECT_EQ(adopt_orphans(data_dir(), catalog()), 1u);
  EXPECT_EQ(adopt_orphans(data_dir(), catalog()), 0u);
  EXPECT_EQ(session_state(session), SessionState::ended);
  EXPECT_FALSE(fs::exists(session / "flows-0001.db-wal"));
  EXPECT_EQ(ask_text(session / "flows-0001.db", "PRAGMA journal_mode"), "delete");
  EXPECT_EQ(ask_text(session / "flows-0001.db", "PRAGMA integrity_check"), "ok");
  expect_whole(all());
  EXPECT_EQ(ask(catalog(), "SELECT flows FROM sessions WHERE ended > started AND clean = 0 AND bytes > 0"),
            2);
}

TEST_F(CrashTest, TheNextSessionAdopts) {
  leave_an_orphan();
  fs::path session = only_session();
  auto store = record();
  EXPECT_EQ(session_state(session), SessionState::ended);
  EXPECT_EQ(session_state(store->directory()), SessionState::live);
  EXPECT_EQ(adopt_orphans(data_dir(), catalog()), 0u) << "it is live";
}

TEST_F(CrashTest, AReaderInTheWayOnlyPutsAdoptionOff) {
  leave_an_orphan();
  fs::path file = only_session() / "flows-0001.db";
  {
    auto reader = Database::open(file, Database::Access::read, 0);
    ASSERT_TRUE(reader && reader->integer("SELECT count(*) FROM flows"));
    EXPECT_EQ(adopt_orphans(data_dir(), catalog()), 0u);
    EXPECT_EQ(session_state(only_session()), SessionState::orphaned);
    expect_whole(all());
  }
  EXPECT_EQ(adopt_orphans(data_dir(), catalog()), 1u);
  expect_whole(all());
}

TEST_F(CrashTest, AReaderInTheWayOfCloseLeavesAWholeSession) {
  auto store = record();
  store->closed(boxed(sample_flow(1)));
  store->opened(boxed_open(2));
  ASSERT_TRUE(store->flush());
  {
    auto reader = Database::open(store->directory() / "flows-0001.db", Database::Access::read, 0);
    ASSERT_TRUE(reader && reader->integer("SELECT count(*) FROM flows"));
    store->close();
  }
  EXPECT_EQ(session_state(store->directory()), SessionState::orphaned);
  expect_whole(all());
  EXPECT_EQ(adopt_orphans(data_dir(), catalog()), 1u);
  expect_whole(all());
  EXPECT_EQ(ask(catalog(), "SELECT count(*) FROM sessions WHERE clean = 1 AND ended IS NOT NULL"), 1);
}

TEST_F(CrashTest, ADamagedOrphanDoesNotStopTheNextSession) {
  leave_an_orphan();
  std::ofstream(only_session() / "flows-0001.db", std::ios::trunc) << std::string(8192, 'x');
  fs::remove(only_session() / "flows-0001.db-wal");  // it would heal the file
  auto store = record();
  store->closed(boxed(sample_flow(5)));
  ASSERT_TRUE(store->flush());
  EXPECT_EQ(ids(), (std::vector<flow::FlowId>{5})) << "nor reading the others";
}

TEST_F(CrashTest, KilledAtAnyMomentNothingStoredIsLost) {
  std::mt19937 random(20260101);
  auto give_up = steady_now() + std::chrono::seconds(5);
  int rounds = 0;
  for (; rounds < 50 && steady_now() < give_up; ++rounds) {
    Shared* shared = Shared::make();
    auto options = this->options();
    options.data_dir = data_dir() / std::to_string(rounds);
    options.commit_interval = std::chrono::milliseconds(2);
    options.roll_bytes = 300'000;
    Victim victim([&] {
      auto store = SessionStore::open(options);
      if (store) record_for_ever(**store, *shared);
      shared->sent = std::numeric_limits<std::uint64_t>::max();
    });
    std::uint64_t enough = random() % 400;
    while (shared->sent < enough) std::this_thread::yield();
    victim.kill();
    victim.wait();

    adopt_orphans(options.data_dir, options.catalog);
    std::uint64_t stored = shared->stored;
    ::munmap(shared, sizeof(Shared));
    if (session_folders(options.data_dir).empty()) continue;  // killed before there was a session
    for (const fs::path& file : session_files(session_folders(options.data_dir).at(0)))
      EXPECT_EQ(ask_text(file, "PRAGMA integrity_check"), "ok");
    auto reader = Query::open({{options.data_dir}, {}}, {});
    ASSERT_TRUE(reader);
    std::vector<Row> rows = all(**reader);
    flow::FlowId previous = 0;
    std::uint64_t closed_and_stored = 0;
    for (const Row& row : rows) {
      EXPECT_GT(row.flow.id, previous) << "a flow has one row";
      previous = row.flow.id;
      if (row.incomplete) continue;
      closed_and_stored += row.flow.id <= stored;
      EXPECT_EQ((*reader)->load_body(row, row.response_body).value_or("?"),
                "body " + std::to_string(row.flow.id));
    }
    EXPECT_EQ(closed_and_stored, stored - stored / 30);
  }
  EXPECT_GT(rounds, 0);
}

}  // namespace
}  // namespace weir::store
