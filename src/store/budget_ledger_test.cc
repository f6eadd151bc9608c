#include "store/budget_ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <thread>

#include "store/catalog.h"
#include "store/sqlite.h"

namespace weir::store {
namespace {

using ::testing::ElementsAre;

class Ledger : public ::testing::Test {
 protected:
  Ledger() {
    std::string name = (std::filesystem::temp_directory_path() / "weir-ledger-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~Ledger() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path file() const { return folder_ / "state" / "catalog.db"; }

  // What others have, when `session` writes that it has `spent` and `held`.
  std::vector<std::int64_t> write(const std::string& session, std::int64_t spent, std::int64_t held) {
    std::vector<std::int64_t> heard;
    const LedgerRow row{.budget = "b", .key = "k", .window = 5, .spent = spent, .held = held};
    auto done = settle_ledger(file(), session, {&row, 1}, [&](std::span<const LedgerEntry> written) {
      for (const LedgerEntry& one : written) heard.push_back(one.others), own_.push_back(one.own);
      return std::vector<LedgerRow>{row};
    });
    EXPECT_TRUE(done) << done.error().context();
    return heard;
  }

  std::filesystem::path folder_;
  std::vector<std::int64_t> own_;  // what the session itself had written, each time
};

TEST_F(Ledger, others_are_those_of_other_sessions) {
  EXPECT_THAT(write("one", 10, 3), ElementsAre(0));
  EXPECT_THAT(write("two", 5, 0), ElementsAre(13));
  EXPECT_THAT(write("one", 20, 0), ElementsAre(5)) << "written anew, not added to";
  EXPECT_THAT(own_, ElementsAre(0, 0, 10)) << "without what it holds";
  auto all = read_ledger(file());
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 1u);
  EXPECT_EQ(all->front().row.spent, 25);
  EXPECT_EQ(all->front().row.held, 0);
}

TEST_F(Ledger, no_sum_is_lost_between_two_that_look_at_once) {
  constexpr int kEach = 20;
  auto spend = [&](const std::string& session) {
    std::int64_t own = 0;
    for (int i = 0; i < kEach; ++i) {
      LedgerRow row{.budget = "b", .key = "", .window = 0};
      // A third of a second is nothing to wait for the lock: busy is tried again by who writes.
      while (!settle_ledger(file(), session, {&row, 1}, [&](std::span<const LedgerEntry> written) {
        if (written[0].others + own < 2 * kEach - 10) ++own;
        return std::vector<LedgerRow>{{.budget = "b", .spent = own}};
      })) {
      }
    }
  };
  std::thread other([&] { spend("two"); });
  spend("one");
  other.join();
  auto all = read_ledger(file());
  ASSERT_TRUE(all);
  EXPECT_EQ(all->front().row.spent, 2 * kEach - 10) << "the limit both of them kept to";
}

TEST_F(Ledger, sums_that_do_not_fit_are_the_most_there_is) {
  write("one", INT64_MAX, 0);
  write("two", INT64_MAX, 5);
  EXPECT_THAT(write("three", 1, 0), ElementsAre(INT64_MAX));
  EXPECT_TRUE(read_ledger(file()));
}

TEST_F(Ledger, what_is_old_is_forgotten_when_it_is_opened) {
  write("one", 1, 0);
  {
    auto database = Database::open(file(), Database::Access::write, 1000);
    ASSERT_TRUE(database && database->execute("UPDATE ledger SET updated = 1"));
  }
  ASSERT_TRUE(open_ledger(file()));
  EXPECT_TRUE(read_ledger(file())->empty());
}

TEST_F(Ledger, nothing_is_there_before_anything_was_spent) {
  auto none = read_ledger(file());
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->empty());
  EXPECT_FALSE(std::filesystem::exists(file()));
}

TEST_F(Ledger, a_catalog_from_before_gets_one) {
  ASSERT_TRUE(save_session(file(), {.id = "old"}, {}));
  {
    auto database = Database::open(file(), Database::Access::write, 1000);
    ASSERT_TRUE(database);
    ASSERT_TRUE(database->execute("DROP TABLE ledger; PRAGMA user_version=1;"));
  }
  EXPECT_TRUE(read_ledger(file())->empty());
  EXPECT_THAT(write("one", 10, 3), ElementsAre(0));
  EXPECT_EQ(read_ledger(file())->size(), 1u);
  EXPECT_EQ(read_sessions(file())->size(), 1u);
}

TEST_F(Ledger, a_place_that_cannot_be_written_is_an_error) {
  auto nothing = [](std::span<const LedgerEntry>) { return std::vector<LedgerRow>(); };
  auto done = settle_ledger("/proc/none/catalog.db", "one", {}, nothing);
  ASSERT_FALSE(done);
}

}  // namespace
}  // namespace weir::store
