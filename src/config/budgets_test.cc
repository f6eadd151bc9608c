#include "config/budgets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "config/load.h"

namespace weir::config {
namespace {

using policy::Budget;
using policy::Measure;
using ::testing::HasSubstr;

class BudgetFile : public ::testing::Test {
 protected:
  BudgetFile() {
    std::string name = (std::filesystem::temp_directory_path() / "weir-config-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~BudgetFile() override { std::filesystem::remove_all(folder_); }

  auto loaded(const std::string& text, std::vector<std::string> flags = {}) {
    std::ofstream(folder_ / "config.toml") << text;
    Sources sources{.file = (folder_ / "config.toml").string(), .file_required = true};
    if (!flags.empty()) sources.overrides.push_back({"budget.limits", std::move(flags), "--budget"});
    return load(sources);
  }
  std::vector<Budget> good(const std::string& text, std::vector<std::string> flags = {}) {
    auto out = loaded(text, std::move(flags));
    EXPECT_TRUE(out) << out.error().front().text;
    return out ? all_budgets(out->settings.budget) : std::vector<Budget>();
  }
  std::string bad(const std::string& text, std::vector<std::string> flags = {}) {
    auto out = loaded(text, std::move(flags));
    EXPECT_FALSE(out);
    return out ? "" : out.error().front().text;
  }
  std::filesystem::path folder_;
};

TEST_F(BudgetFile, is_read_whole) {
  auto budgets = good(R"([[budget.limits]]
limit = "5usd/day"
name = "mine"
per = "model"
action = "ask"
host = "*.test"
model = "big-*"
process = "node"
unknown_price = "0.5"
[[budget.limits]]
limit = "1GB/hour"
)");
  ASSERT_EQ(budgets.size(), 2u);
  const Budget& one = budgets[0];
  EXPECT_EQ(one.name, "mine");
  EXPECT_EQ(one.per, policy::BudgetPer::model);
  EXPECT_EQ(one.action, policy::OnBudget::ask);
  EXPECT_EQ(one.host, "*.test");
  EXPECT_EQ(one.unknown_price, 500'000);
  EXPECT_THAT(one.source, HasSubstr("config.toml:1"));
  EXPECT_EQ(budgets[1].measure, Measure::upload);
}

TEST_F(BudgetFile, flags_are_added) {
  auto budgets = good("[[budget.limits]]\nlimit = \"5usd/day\"\n", {"1usd:warn", "9calls"});
  ASSERT_EQ(budgets.size(), 3u);
  EXPECT_EQ(budgets[0].source, "--budget");
  EXPECT_EQ(budgets[0].action, policy::OnBudget::warn);
  EXPECT_EQ(budgets[0].layer, policy::Layer::command_line);
  EXPECT_EQ(budgets[2].layer, policy::Layer::user);
}

TEST_F(BudgetFile, what_is_wrong_is_told) {
  EXPECT_THAT(bad("[[budget.limits]]\nper = \"model\"\n"), HasSubstr("limit is missing"));
  EXPECT_THAT(bad("[[budget.limits]]\nlimit = \"5eur\"\n"), HasSubstr("such as \"5usd/day\""));
  EXPECT_THAT(bad("[[budget.limits]]\nlimit = \"5usd\"\nper = \"day\"\n"), HasSubstr("\"session\""));
  EXPECT_THAT(bad("[[budget.limits]]\nlimit = \"5tok\"\nunknown_price = 15\n"), HasSubstr("limit in usd"));
  EXPECT_THAT(bad("[[budget.limits]]\nlimit = \"5MB\"\nmodel = \"x\"\n"), HasSubstr("only calls of models"));
  EXPECT_THAT(bad("[[budget.limits]]\nlimit = \"5usd\"\nmost = 1\n"), HasSubstr("most"));
  EXPECT_THAT(bad("", {"5"}), HasSubstr("\"5\" is no budget"));
}

TEST_F(BudgetFile, comes_back_as_it_was_written) {
  auto first = good(R"([[budget.limits]]
limit = "5usd/day"
per = "process"
action = "warn"
model = "big-*"
unknown_price = "0.5"
)");
  ASSERT_EQ(first.size(), 1u);
  std::vector<Budget> again;
  Value value;
  value.list = true;
  value.items.push_back(to_table(first[0]));
  ASSERT_TRUE(read_budgets(value, {}, again).empty());
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(policy::describe(again[0]), policy::describe(first[0]));
  EXPECT_EQ(again[0].unknown_price, first[0].unknown_price);
  EXPECT_EQ(again[0].action, first[0].action);
}

}  // namespace
}  // namespace weir::config
