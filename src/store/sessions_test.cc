#include "store/sessions.h"

#include <gtest/gtest.h>

#include <utility>

#include "store/test_recording.h"

namespace weir::store {
namespace {

namespace fs = std::filesystem;
using Ids = std::vector<std::string>;

constexpr WallNanos kDay = 86'400 * kSecond;

class SessionsTest : public StoreTest {
 protected:
  std::vector<SessionAccount> accounts() const {
    fs::path data = data_dir();
    return session_accounts(std::span(&data, 1), catalog());
  }
  // A session of `flows` flows that has ended.
  std::string ended(int flows) const {
    auto store = record();
    for (int id = 1; id <= flows; ++id) store->closed(boxed(sample_flow(static_cast<flow::FlowId>(id))));
    store->close();
    return store->session_id();
  }
};

TEST_F(SessionsTest, TellsWhatTheFilesHold) {
  EXPECT_TRUE(accounts().empty());
  WallNanos before = wall_now();
  std::string id = ended(3);
  ASSERT_EQ(accounts().size(), 1u);
  SessionAccount account = accounts()[0];
  EXPECT_EQ(account.record.id, id);
  EXPECT_EQ(account.directory, data_dir() / "sessions" / id);
  EXPECT_EQ(account.record.project_dir, data_dir());
  EXPECT_EQ(account.fate, SessionFate::ended);
  EXPECT_EQ(account.record.flows, 3);
  EXPECT_EQ(account.record.files, 1);
  EXPECT_EQ(account.record.bytes,
            static_cast<std::int64_t>(fs::file_size(account.directory / "flows-0001.db")));
  EXPECT_GE(account.record.started, before);
  EXPECT_GE(account.record.ended, account.record.started);
  EXPECT_EQ(account.record.version, "test");
  EXPECT_FALSE(account.damaged);
}

TEST_F(SessionsTest, ALiveSessionHasNotEnded) {
  auto store = record();
  store->closed(boxed(sample_flow(1)));
  ASSERT_TRUE(store->flush());
  SessionAccount account = accounts().at(0);
  EXPECT_EQ(account.fate, SessionFate::live);
  EXPECT_EQ(account.record.ended, 0);
  EXPECT_EQ(account.record.flows, 1);
  EXPECT_EQ(account.record.pid, ::getpid());
}

TEST_F(SessionsTest, ADeadSessionIsCrashedUntilItIsAdopted) {
  std::string id = ended(1);
  std::ofstream(data_dir() / "sessions" / id / "session.lock").close();  // nobody holds it
  auto catalog_file = Database::open(catalog(), Database::Access::write, 1000);
  ASSERT_TRUE(catalog_file && catalog_file->execute("UPDATE sessions SET ended = NULL, clean = 0"));
  EXPECT_EQ(accounts().at(0).fate, SessionFate::crashed);
  EXPECT_GT(accounts().at(0).record.ended, 0) << "when its files were last written";
  adopt_orphans(data_dir(), catalog());
  EXPECT_EQ(accounts().at(0).fate, SessionFate::adopted);
  EXPECT_EQ(accounts().at(0).record.flows, 1);
}

TEST_F(SessionsTest, WithoutACatalogTheFilesSayEnough) {
  std::string id = ended(2);
  fs::remove(catalog());
  SessionAccount account = accounts().at(0);
  EXPECT_EQ(account.fate, SessionFate::ended);
  EXPECT_EQ(account.record.flows, 2);
  EXPECT_EQ(account.record.started, session_start(id));
  EXPECT_GE(account.record.ended, account.record.started);
}

TEST_F(SessionsTest, ADamagedFileDoesNotHideTheOthers) {
  std::string bad = ended(1), good = ended(1);
  std::ofstream(data_dir() / "sessions" / bad / "flows-0001.db") << std::string(10'000, 'x');
  auto all = accounts();
  ASSERT_EQ(all.size(), 2u);
  for (const SessionAccount& account : all) EXPECT_EQ(account.damaged, account.record.id == bad);
}

TEST(SessionStart, ReadsTheId) {
  EXPECT_EQ(session_start("20251009-085320-a1b2"), kNoon);
  EXPECT_EQ(session_start(new_session_id(kNoon)), kNoon);
  for (std::string_view text : {"", "20251009", "20251009-085320-xyzw", "x"})
    EXPECT_EQ(session_start(text), 0);
}

// Five sessions, a day and 100 bytes each; the fourth is live.
std::vector<SessionAccount> five() {
  std::vector<SessionAccount> accounts;
  for (int i = 1; i <= 5; ++i) {
    SessionAccount account;
    account.record.id = std::to_string(i);
    account.record.ended = i == 4 ? 0 : kNoon + i * kDay;
    account.record.bytes = 100;
    account.fate = i == 4 ? SessionFate::live : SessionFate::ended;
    accounts.push_back(account);
  }
  return accounts;
}

Ids pruned(const PruneLimits& limits) {
  auto accounts = five();
  Ids ids;
  for (const SessionAccount* account : to_prune(accounts, limits)) ids.push_back(account->record.id);
  return ids;
}

TEST(Prune, ByAgeSizeAndNumber) {
  EXPECT_EQ(pruned({}), Ids{});
  EXPECT_EQ(pruned({.older_than = kNoon + 3 * kDay}), (Ids{"1", "2"}));
  EXPECT_EQ(pruned({.older_than = kNoon + 99 * kDay}), (Ids{"1", "2", "3", "5"})) << "never a live one";
  EXPECT_EQ(pruned({.bytes = 500}), Ids{});
  EXPECT_EQ(pruned({.bytes = 499}), (Ids{"1"}));
  EXPECT_EQ(pruned({.bytes = 300}), (Ids{"1", "2"}));
  EXPECT_EQ(pruned({.bytes = 0}), (Ids{"1", "2", "3", "5"}));
  EXPECT_EQ(pruned({.keep = 2}), (Ids{"1", "2", "3"})) << "alone: all the others go";
  EXPECT_EQ(pruned({.keep = 0}), (Ids{"1", "2", "3", "5"}));
  EXPECT_EQ(pruned({.keep = 9}), Ids{});
  EXPECT_EQ(pruned({.older_than = kNoon + 2 * kDay, .bytes = 300}), (Ids{"1", "2"})) << "either is enough";
  EXPECT_EQ(pruned({.older_than = kNoon + 99 * kDay, .keep = 3}), (Ids{"1", "2"})) << "the newest stay";
  EXPECT_EQ(pruned({.keep = 4, .bytes = 0}), (Ids{"1"}));
}

}  // namespace
}  // namespace weir::store
