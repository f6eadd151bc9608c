#include "policy/budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::policy {
namespace {

using ::testing::HasSubstr;
using Answer = BudgetBook::Answer;

constexpr std::int64_t kUsd = 1'000'000'000'000;
constexpr WallNanos kSecond = 1'000'000'000;

Budget budget(std::string_view text) {
  auto out = parse_budget(text);
  EXPECT_TRUE(out) << text;
  return out.value_or(Budget());
}

TEST(ParseBudget, amounts_units_times_and_actions) {
  Budget day = budget("5usd/day");
  EXPECT_EQ(day.measure, Measure::usd);
  EXPECT_EQ(day.limit, 5 * kUsd);
  EXPECT_EQ(day.window, Window::day);
  EXPECT_EQ(day.action, OnBudget::block);
  EXPECT_EQ(budget("$0.25").limit, kUsd / 4);
  EXPECT_EQ(budget("$0.25").window, Window::session);
  EXPECT_EQ(budget("2Mtok/hour:warn").limit, 2'000'000);
  EXPECT_EQ(budget("2Mtok/hour:warn").action, OnBudget::warn);
  EXPECT_EQ(budget(" 1.5 GB / month : ask ").limit, 1'500'000'000);
  EXPECT_EQ(budget("1GiB").limit, 1 << 30);
  EXPECT_EQ(budget("100calls/total").measure, Measure::calls);
  EXPECT_EQ(budget("100 requests/week").window, Window::week);
}

TEST(ParseBudget, what_is_none_is_told) {
  for (std::string_view text : {"", "5", "usd", "0usd", "-5usd", "5eur", "5usd/minute", "5usd:stop", "1e9usd",
                                "99999999999usd", "nanusd", "5usd/day/day", "inf usd"}) {
    auto out = parse_budget(text);
    ASSERT_FALSE(out) << text;
    EXPECT_EQ(out.error().code(), Code::bad_config) << text;
  }
  EXPECT_THAT(parse_budget("5eur").error().context(), HasSubstr("such as \"5usd/day\""));
}

TEST(ParseBudget, comes_back_as_it_was_written) {
  for (std::string_view text : {"5usd/day", "0.125usd/session", "2000000tokens/hour", "1500000000B/month",
                                "7calls/total", "9requests/week"})
    EXPECT_EQ(limit_text(budget(text)), text);
}

TEST(WindowStart, by_local_time) {
  // Wednesday 2026-11-25 01:30:00 UTC.
  constexpr WallNanos now = 1'795'570'200 * kSecond;
  EXPECT_EQ(window_start(Window::hour, now, 0), 1'795'568'400 * kSecond);
  EXPECT_EQ(window_start(Window::day, now, 0), 1'795'564'800 * kSecond);
  // In New York it is still Tuesday evening.
  EXPECT_EQ(window_start(Window::day, now, -5 * 3600), (1'795'564'800 - 24 * 3600) * kSecond)
      << "its own calendar's, whatever the zone";
  EXPECT_EQ(window_start(Window::week, now, 0), (1'795'564'800 - 2 * 86'400) * kSecond);
  EXPECT_EQ(window_start(Window::month, now, 0), (1'795'564'800 - 24 * 86'400) * kSecond);
  EXPECT_EQ(window_start(Window::session, now, 0), 0);
  EXPECT_EQ(window_start(Window::total, now, 3600), 0);
}

class Book : public ::testing::Test {
 protected:
  void keep(std::vector<Budget> budgets) {
    auto made = BudgetBook::make(std::move(budgets));
    ASSERT_TRUE(made) << made.error().context();
    book_.emplace(std::move(*made));
  }
  BudgetAccounts accounts() { return book_->accounts(spender_, now_, 0); }
  BudgetBook::Judgement take(const Spending& wanted, std::vector<const BudgetAccount*> approved = {}) {
    return book_->take(accounts(), wanted, approved);
  }
  static Spending call(std::int64_t usd, std::int64_t tokens = 0) { return {.usd = usd, .tokens = tokens}; }

  std::optional<BudgetBook> book_;
  Spender spender_{
      .session = "s1", .host = {"api.test", 443}, .process = "node", .model = "big-1", .call = true};
  WallNanos now_ = 1'795'570'200 * kSecond;
};

TEST_F(Book, takes_what_fits_and_not_a_picodollar_more) {
  keep({budget("1usd")});
  EXPECT_EQ(take(call(kUsd)).answer, Answer::pass);
  auto no = take(call(1));
  EXPECT_EQ(no.answer, Answer::block);
  EXPECT_EQ(no.wanted, 1);
  EXPECT_EQ(accounts()[0]->held, kUsd) << "what was refused is not counted";
}

TEST_F(Book, what_was_held_is_settled_by_what_it_came_to) {
  keep({budget("1usd"), budget("1000tokens")});
  ASSERT_EQ(take(call(kUsd, 900)).answer, Answer::pass);
  EXPECT_EQ(take(call(0, 200)).answer, Answer::block);
  book_->settle(accounts(), call(kUsd, 900), call(kUsd / 10, 100));
  EXPECT_EQ(accounts()[0]->held, 0);
  EXPECT_EQ(accounts()[0]->spent, kUsd / 10);
  EXPECT_EQ(accounts()[1]->spent, 100);
  EXPECT_EQ(take(call(kUsd * 9 / 10, 900)).answer, Answer::pass);
}

TEST_F(Book, one_that_refuses_takes_from_none) {
  keep({budget("1usd"), budget("10tokens")});
  EXPECT_EQ(take(call(kUsd / 2, 11)).answer, Answer::block);
  EXPECT_EQ(accounts()[0]->held, 0);
}

TEST_F(Book, the_severest_no_is_the_one_that_is_told) {
  keep({budget("1usd:ask"), budget("10tokens:block")});
  auto no = take(call(2 * kUsd, 11));
  EXPECT_EQ(no.answer, Answer::block);
  EXPECT_EQ(no.account->budget, 1u);
}

TEST_F(Book, a_warning_lets_pass_and_is_said_once) {
  keep({budget("1usd:warn")});
  EXPECT_TRUE(take(call(kUsd)).warnings.empty());
  auto first = take(call(1));
  EXPECT_EQ(first.answer, Answer::pass);
  EXPECT_EQ(first.warnings.size(), 1u);
  EXPECT_TRUE(take(call(1)).warnings.empty());
}

TEST_F(Book, a_yes_grants_a_fifth_more_or_what_it_takes) {
  keep({budget("1usd:ask")});
  ASSERT_EQ(take(call(kUsd)).answer, Answer::pass);
  auto asked = take(call(1));
  ASSERT_EQ(asked.answer, Answer::ask);
  EXPECT_EQ(take(call(1), {asked.account.get()}).answer, Answer::pass);
  EXPECT_EQ(take(call(kUsd / 5 - 1)).answer, Answer::pass);
  auto again = take(call(10 * kUsd));
  ASSERT_EQ(again.answer, Answer::ask);
  EXPECT_EQ(take(call(10 * kUsd), {again.account.get()}).answer, Answer::pass);
}

TEST_F(Book, a_call_without_a_price_is_asked_about_or_counted_by_its_tokens) {
  keep({budget("1usd")});
  Spending unpriced{.usd = std::nullopt, .tokens = 1000};
  auto asked = take(unpriced);
  EXPECT_EQ(asked.answer, Answer::ask);
  EXPECT_TRUE(asked.unpriced);
  EXPECT_EQ(take(unpriced, {asked.account.get()}).answer, Answer::pass);
  EXPECT_EQ(accounts()[0]->used(), 0);

  Budget counted = budget("1usd");
  counted.unknown_price = kUsd / 1000;  // a dollar for 1,000 tokens
  keep({counted});
  EXPECT_EQ(take(unpriced).answer, Answer::pass);
  EXPECT_EQ(accounts()[0]->held, kUsd);
  EXPECT_EQ(take({.usd = std::nullopt, .tokens = INT64_MAX}).answer, Answer::block) << "no overflow";
}

TEST_F(Book, what_others_spend_counts) {
  keep({budget("1usd/day")});
  accounts()[0]->others = kUsd * 3 / 4;
  EXPECT_EQ(take(call(kUsd / 2)).answer, Answer::block);
  EXPECT_EQ(take(call(kUsd / 4)).answer, Answer::pass);
}

TEST_F(Book, each_model_has_an_account_of_its_own) {
  Budget each = budget("10tokens");
  each.per = BudgetPer::model;
  keep({each});
  EXPECT_EQ(take(call(0, 10)).answer, Answer::pass);
  spender_.model = "other";
  EXPECT_EQ(take(call(0, 10)).answer, Answer::pass);
  spender_.model = "big-1";
  EXPECT_EQ(take(call(0, 1)).answer, Answer::block);
}

TEST_F(Book, a_new_day_begins_anew) {
  keep({budget("10tokens/day")});
  EXPECT_EQ(take(call(0, 10)).answer, Answer::pass);
  book_->settle(accounts(), call(0, 10), call(0, 10));
  EXPECT_EQ(take(call(0, 1)).answer, Answer::block);
  now_ += 86'400 * kSecond;
  EXPECT_EQ(take(call(0, 1)).answer, Answer::pass);
}

TEST_F(Book, concerns_what_its_patterns_say) {
  Budget narrow = budget("1tokens");
  narrow.host = "*.test";
  narrow.model = "BIG-*";
  narrow.process = "no*e";
  keep({narrow});
  EXPECT_EQ(accounts().size(), 1u);
  spender_.process = "nodes";
  EXPECT_EQ(accounts().size(), 0u);
  spender_.process = "node";
  spender_.model = "small";
  EXPECT_EQ(accounts().size(), 0u);
  EXPECT_TRUE(book_->need(spender_).body) << "the model is known only when the body was read";
  EXPECT_TRUE(book_->need(spender_).process);
  spender_.host = {"api.example", 443};
  EXPECT_FALSE(book_->need(spender_).any);
}

TEST_F(Book, dollars_are_of_calls_and_requests_of_all) {
  keep({budget("1usd"), budget("2requests")});
  spender_.call = false;
  EXPECT_FALSE(book_->need(spender_).body);
  EXPECT_TRUE(book_->need(spender_).any);
  EXPECT_EQ(accounts().size(), 1u);
  EXPECT_EQ(take({}).answer, Answer::pass);
  EXPECT_EQ(take({}).answer, Answer::pass);
  EXPECT_EQ(take({}).answer, Answer::block);
  EXPECT_EQ(accounts()[0]->spent, 2);
}

TEST_F(Book, uploads_are_counted_as_they_come) {
  keep({budget("10B")});
  spender_.call = false;
  EXPECT_EQ(take({.upload = 11}).answer, Answer::block) << "known before it comes";
  ASSERT_EQ(take({.upload = 4}).answer, Answer::pass);
  EXPECT_TRUE(book_->upload(accounts(), 6));
  EXPECT_FALSE(book_->upload(accounts(), 1));
}

TEST_F(Book, two_that_ask_need_a_yes_each) {
  keep({budget("1usd"), budget("2usd/day")});
  Spending unpriced{.usd = std::nullopt, .tokens = 10};
  auto first = take(unpriced);
  ASSERT_EQ(first.answer, Answer::ask);
  auto second = take(unpriced, {first.account.get()});
  ASSERT_EQ(second.answer, Answer::ask);
  EXPECT_NE(first.account, second.account);
  EXPECT_EQ(take(unpriced, {first.account.get(), second.account.get()}).answer, Answer::pass);
}

TEST_F(Book, a_model_that_nobody_could_read_is_every_models) {
  Budget narrow = budget("10tokens");
  narrow.model = "big-*";
  keep({narrow});
  spender_.model = "";
  EXPECT_EQ(take(call(0, 11)).answer, Answer::block);
}

TEST_F(Book, what_only_warns_is_charged_when_it_has_ended) {
  keep({budget("10tokens:warn"), budget("5calls")});
  EXPECT_FALSE(book_->need(spender_).body) << "there is no no, and nothing to wait for";
  spender_.unread = true;
  EXPECT_EQ(accounts().size(), 1u) << "calls are counted all the same";
  spender_.unread = false;
  EXPECT_EQ(book_->charge(accounts(), call(0, 11)).size(), 1u);
}

TEST_F(Book, an_upload_that_was_not_sent_is_given_back) {
  keep({budget("10B")});
  spender_.call = false;
  ASSERT_EQ(take({.upload = 10}).answer, Answer::pass);
  book_->give_back(accounts(), 7);
  EXPECT_EQ(accounts()[0]->spent, 3);
}

TEST_F(Book, what_providers_say_never_gives_anything_back) {
  keep({budget("10tokens")});
  ASSERT_EQ(take(call(0, 5)).answer, Answer::pass);
  book_->settle(accounts(), call(0, 5), call(-100, -100));
  EXPECT_EQ(accounts()[0]->spent, 0);
  book_->settle(accounts(), call(0, 0), call(INT64_MAX, INT64_MAX));
  book_->settle(accounts(), call(0, 0), call(INT64_MAX, INT64_MAX));
  EXPECT_EQ(take(call(0, 1)).answer, Answer::block);
}

TEST_F(Book, accounts_that_are_known_stay_what_they_are_when_there_are_too_many) {
  Budget each = budget("1requests");
  each.per = BudgetPer::host;
  keep({each, budget("3requests/total")});
  spender_.call = false;
  EXPECT_EQ(take({}).answer, Answer::pass);
  for (int i = 0; i < 3000; ++i) {
    spender_.host.host = "h" + std::to_string(i) + ".test";
    accounts();
  }
  spender_.host.host = "api.test";
  EXPECT_EQ(accounts()[0]->spent, 1);
  EXPECT_EQ(accounts()[1]->spent, 1) << "one for all has no key, and none of the others";
}

TEST_F(Book, the_number_of_accounts_has_an_end) {
  Budget each = budget("1requests");
  each.per = BudgetPer::host;
  keep({each});
  spender_.call = false;
  for (int i = 0; i < 6000; ++i) {
    spender_.host.host = "h" + std::to_string(i) + ".test";
    take({});
  }
  EXPECT_LE(book_->all().size(), 2049u);
  spender_.host.host = "one-more.test";
  EXPECT_EQ(take({}).answer, Answer::block) << "those beyond share one";
}

TEST_F(Book, what_counts_the_same_is_one_account) {
  auto two = BudgetBook::make({budget("1usd:warn"), budget("2usd")});
  ASSERT_TRUE(two) << "to warn first, and to block then";
  EXPECT_EQ(two->budgets()[0].account, two->budgets()[1].account)
      << "whatever the limit, it is the same money";
  Budget dollars = budget("1usd/day"), bytes = budget("1GB/day");
  dollars.name = bytes.name = "daily";
  auto named = BudgetBook::make({dollars, bytes});
  ASSERT_TRUE(named);
  EXPECT_NE(named->budgets()[0].account, named->budgets()[1].account) << "dollars are no bytes";
  EXPECT_FALSE(BudgetBook::make([] {
    Budget bad = budget("1usd");
    bad.host = "a..b:";
    return std::vector{bad};
  }()));
}

TEST(BudgetTexts, for_people) {
  EXPECT_EQ(amount_text(Measure::usd, 5 * kUsd), "$5.00");
  EXPECT_EQ(amount_text(Measure::usd, kUsd / 1000), "$0.001");
  EXPECT_EQ(amount_text(Measure::usd, kUsd / 100), "$0.01");
  EXPECT_EQ(amount_text(Measure::tokens, 1'234'567), "1,234,567 tokens");
  EXPECT_EQ(amount_text(Measure::upload, 3 << 20), "3.0 MiB");
  Budget one = budget("5usd/day");
  one.per = BudgetPer::model;
  one.host = "*.test";
  EXPECT_EQ(describe(one), "$5.00 a day, each model, host *.test");
  EXPECT_EQ(describe(budget("1GiB/total")), "1.00 GiB of uploads in total");
}

}  // namespace
}  // namespace weir::policy
