#include "cli/ai_budgets.h"

#include <gtest/gtest.h>

#include "base/json_reader.h"

namespace weir::cli {
namespace {

constexpr WallNanos kNow = 1'795'570'200'000'000'000;  // 2026-11-25 01:30 UTC
constexpr WallNanos kToday = 1'795'564'800'000'000'000;

std::vector<policy::Budget> budgets(std::initializer_list<const char*> limits) {
  std::vector<policy::Budget> out;
  for (const char* limit : limits) out.push_back(*policy::parse_budget(limit));
  auto book = policy::BudgetBook::make(out);
  return {book->budgets().begin(), book->budgets().end()};
}

TEST(BudgetState, shows_what_is_left_today) {
  auto all = budgets({"5usd/day", "10requests:warn"});
  const store::LedgerTotal ledger[] = {
      {{"usd a day", "", kToday, 1'000'000'000'000, 500'000'000'000}, 9},
      {{"usd a day", "", kToday - 86'400'000'000'000, 77, 0}, 1},
      {{"another", "", kToday, 77, 0}, 1},
  };
  BudgetState state(all, ledger, kNow, 0);
  EXPECT_EQ(state.text(),
            "BUDGET                 OF        USED         LEFT        LIMIT  THEN\n"
            "$5.00 a day            -        $1.50        $3.50        $5.00  block\n"
            "10 requests a session  -   0 requests  10 requests  10 requests  warn\n"
            "Used is with what calls under way may still cost; of those that were cut off, too.\n");
}

TEST(BudgetState, of_sessions_the_latest) {
  auto all = budgets({"10requests"});
  std::vector<store::LedgerTotal> ledger;
  for (int i = 0; i < 9; ++i) ledger.push_back({{"requests a session", "s" + std::to_string(i), 0, i, 0}, i});
  std::string json;
  JsonWriter writer(json, 0);
  BudgetState(all, ledger, kNow, 0).write(writer);
  auto document = JsonDocument::parse(json, {});
  ASSERT_TRUE(document);
  std::vector<std::string> keys;
  for (JsonValue line : document->root()) keys.push_back(std::string(line["key"].string().value_or("")));
  EXPECT_EQ(keys, (std::vector<std::string>{"s8", "s7", "s6", "s5", "s4"}));
}

}  // namespace
}  // namespace weir::cli
