#include "llm/cost.h"

#include <gtest/gtest.h>

#include <chrono>

#include "llm/price_data.h"

namespace weir::llm {
namespace {

using namespace std::chrono_literals;

const PriceTable& built_in() {
  static const PriceTable table = PriceTable::parse(price_data()).value_or(PriceTable());
  return table;
}

WallNanos at(int year, unsigned month, unsigned day, std::chrono::seconds time = 12h) {
  std::chrono::sys_days days = std::chrono::year(year) / static_cast<int>(month) / static_cast<int>(day);
  return std::chrono::nanoseconds(days.time_since_epoch() + time).count();
}

struct Tokens {
  std::int64_t fresh = 0, read = 0, write_5m = 0, write_1h = 0, output = 0;
};

ModelCall call_of(std::string_view provider, std::string_view model, Tokens tokens, WallNanos when) {
  ModelCall call;
  call.provider = provider;
  call.model_served = model;
  call.started = when;
  call.usage.input_fresh = tokens.fresh;
  call.usage.cache_read = tokens.read;
  call.usage.cache_write = tokens.write_5m + tokens.write_1h;
  call.usage.cache_write_1h = tokens.write_1h;
  call.usage.output = tokens.output;
  call.usage.settle();
  return call;
}

struct Row {
  std::string_view provider, model;
  WallNanos when;
  Tokens tokens;
  PicoUsd amount;  ///< worked out by hand
  CostSource source = CostSource::table;
};

// USD for a million tokens times tokens is microdollars; the last six digits are their fractions.
TEST(Cost, WorkedOutByHand) {
  const WallNanos now = at(2026, 10, 1);
  const Row rows[] = {
      // 1000 x 3 + 10000 x 0.3 + 2000 x 3.75 + 500 x 15 = 21000 microdollars
      {"anthropic", "claude-sonnet-4-5-20250929", now, {1000, 10'000, 2000, 0, 500}, 21'000'000'000},
      // 100 x 3 + 1000 x 6 (kept an hour) + 10 x 15 = 6450
      {"anthropic", "claude-sonnet-4-5", now, {100, 0, 0, 1000, 10}, 6'450'000'000},
      // 200000 in all is not above 200000: 100000 x 3 + 100000 x 0.3 = 330000
      {"anthropic", "claude-sonnet-4-5", now, {100'000, 100'000, 0, 0, 0}, 330'000'000'000},
      // one more, and all of it costs the other price: 100001 x 6 + 100000 x 0.6 + 10 x 22.5 = 660231
      {"anthropic", "claude-sonnet-4-5", now, {100'001, 100'000, 0, 0, 10}, 660'231'000'000},
      // Opus 4.6 had the tier until 2026-03-13: 300000 x 10 + 100 x 37.5 = 3003750
      {"anthropic", "claude-opus-4-6", at(2026, 3, 12), {300'000, 0, 0, 0, 100}, 3'003'750'000'000},
      // then 300000 x 5 + 100 x 25 = 1502500
      {"anthropic", "claude-opus-4-6", at(2026, 3, 13, 0h), {300'000, 0, 0, 0, 100}, 1'502'500'000'000},
      // Fable 5.1 reads from cache at 0.25, a fortieth of its input price: 1000 x 10 + 100000 x 0.25 + 100 x
      // 50 = 40000
      {"anthropic", "claude-fable-5-1-20260901", now, {1000, 100'000, 0, 0, 100}, 40'000'000'000},
      // 10 x 4 + 1000 x 0.2 + 20 x 20 = 640
      {"anthropic", "claude-opus-5-5", now, {10, 1000, 0, 0, 20}, 640'000'000},
      // 7 x 0.25 + 3 x 1.25 = 5.5 microdollars
      {"anthropic", "claude-3-haiku-20240307", now, {7, 0, 0, 0, 3}, 5'500'000},
      // 1000 x 2.5 + 3000 x 1.25 + 200 x 10 = 8250
      {"openai", "gpt-4o-2024-08-06", now, {1000, 3000, 0, 0, 200}, 8'250'000'000},
      // 1 x 0.05 + 1 x 0.005 + 1 x 0.4 = 0.455 microdollars
      {"openai", "gpt-5-nano-2025-08-07", now, {1, 1, 0, 0, 1}, 455'000},
      // o3 cost 10 and 40 before 2025-06-10: 100 x 10 + 10 x 40 = 1400; then 100 x 2 + 10 x 8 = 280
      {"openai", "o3-2025-04-16", at(2025, 6, 9, 23h), {100, 0, 0, 0, 10}, 1'400'000'000},
      {"openai", "o3-2025-04-16", at(2025, 6, 10, 0h), {100, 0, 0, 0, 10}, 280'000'000},
      // above 272000: 272001 x 4 + 10 x 15 = 1088154
      {"openai", "gpt-6-sol-2026-09-09", now, {272'001, 0, 0, 0, 10}, 1'088'154'000'000},
      // at 272000: 272000 x 2 + 10 x 10 = 544100
      {"openai", "gpt-6-sol", now, {272'000, 0, 0, 0, 10}, 544'100'000'000},
      // 500 x 0.02 = 10
      {"openai", "text-embedding-3-small", now, {500, 0, 0, 0, 0}, 10'000'000},
      // 150000 x 2.5 (total 200001) + 50001 x 0.25 + 100 x 15 = 389000.25
      {"google-gemini", "gemini-2.5-pro", now, {150'000, 50'001, 0, 0, 100}, 389'000'250'000},
      // introductory until 2027: 1000 x 0.75 + 1000 x 3.75 = 4500; then 1000 x 1.5 + 1000 x 7.5 = 9000
      {"google-vertex", "gemini-3.7-flash", at(2026, 12, 31, 23h), {1000, 0, 0, 0, 1000}, 4'500'000'000},
      {"google-vertex", "gemini-3.7-flash", at(2027, 1, 1, 0h), {1000, 0, 0, 0, 1000}, 9'000'000'000},
      // Claude on Vertex, by the provider's fallback: 1000 x 5 + 100 x 25 = 7500
      {"google-vertex", "claude-opus-4-5@20251101", now, {1000, 0, 0, 0, 100}, 7'500'000'000},
      // and on Azure: 1000 x 1 + 10 x 5 = 1050
      {"azure-openai", "claude-haiku-4-5", now, {1000, 0, 0, 0, 10}, 1'050'000'000},
      // peak hours: 1000 x 1.32 + 1000 x 0.044 + 1000 x 3.96 = 5324; else 1000 x 0.66 + 1000 x 0.022 + 1000
      // x 1.98 = 2662
      {"deepseek", "deepseek-v4-pro", at(2026, 10, 1, 2h), {1000, 1000, 0, 0, 1000}, 5'324'000'000},
      {"deepseek", "deepseek-v4-pro", at(2026, 10, 1, 4h), {1000, 1000, 0, 0, 1000}, 2'662'000'000},
      // before 2026-08-17: 1000 x 0.003625 = 3.625 microdollars
      {"deepseek", "deepseek-v4-pro", at(2026, 8, 1, 12h), {0, 1000, 0, 0, 0}, 3'625'000},
      // 100 x 1.25 + 100 x 0.2 + 10 x 2.5 = 170
      {"xai", "grok-4.3-20260401", now, {100, 100, 0, 0, 10}, 170'000'000},
      // 1000 x 0.5 + 100 x 1.5 = 650
      {"mistral", "mistral-large-2512", now, {1000, 0, 0, 0, 100}, 650'000'000},
      // no price for cached input: it costs what input does: 300 x 0.05 + 10 x 0.08 = 15.8
      {"groq", "llama-3.1-8b-instant", now, {100, 200, 0, 0, 10}, 15'800'000},
      // 62 x 0.0375 + 10 x 0.15 = 3.825
      {"cohere", "command-r7b-12-2024", now, {62, 0, 0, 0, 10}, 3'825'000},
      // a date that the table does not know: the undated price, said to be an estimate. 10 x 2 + 10 x 8 = 100
      {"openai", "gpt-4.1-2026-01-01", now, {10, 0, 0, 0, 10}, 100'000'000, CostSource::estimated},
  };
  Pricing pricing(built_in());
  for (const Row& row : rows) {
    Cost cost = pricing.price(call_of(row.provider, row.model, row.tokens, row.when));
    EXPECT_EQ(cost.amount, row.amount) << row.provider << " " << row.model << " " << name(cost.reason);
    EXPECT_EQ(name(cost.source), name(row.source)) << row.model;
  }
}

TEST(Cost, NothingIsNotZero) {
  Pricing pricing(built_in());
  auto reason = [&](const ModelCall& call) {
    Cost cost = pricing.price(call);
    EXPECT_EQ(cost.amount, std::nullopt);
    EXPECT_EQ(cost.source, CostSource::none);
    return name(cost.reason);
  };
  Tokens some{.fresh = 10, .output = 1};
  EXPECT_EQ(reason(call_of("openai", "gpt-99", some, 0)), "unknown_model");
  EXPECT_EQ(reason(call_of("openai", std::string(600, 'x'), some, 0)), "unknown_model");
  EXPECT_EQ(reason(call_of("acme", "gpt-4o", some, 0)), "unknown_provider");
  EXPECT_EQ(reason(call_of("", "gpt-4o", some, 0)), "unknown_provider");
  EXPECT_EQ(reason(call_of("openai", "", some, 0)), "no_model");
  ModelCall silent;
  silent.provider = "openai";
  silent.model_served = "gpt-4o";
  EXPECT_EQ(reason(silent), "no_usage");
}

TEST(Cost, WhoeverBillsUnknownIsEstimatedByTheProtocolsMaker) {
  ModelCall call = call_of("", "gpt-4o", {.fresh = 100}, 0);
  call.protocol = Protocol::openai_chat;
  Cost cost = Pricing(built_in()).price(call);
  EXPECT_EQ(cost.amount, 250'000'000);
  EXPECT_EQ(cost.source, CostSource::estimated);
  call.provider = "github-copilot";
  EXPECT_EQ(Pricing(built_in()).price(call).source, CostSource::estimated);
}

TEST(Cost, TheModelAskedForWhereTheServedOneIsUnknown) {
  ModelCall call = call_of("openai", "internal-name", {.fresh = 100}, 0);
  call.model_asked = "gpt-4o";
  EXPECT_EQ(Pricing(built_in()).price(call).amount, 250'000'000);
}

TEST(Cost, WhatTheProviderStatesWins) {
  ModelCall call = call_of("openrouter", "no/such-model", {.fresh = 100}, 0);
  call.usage.cost_usd = 0.00014985;
  Cost cost = Pricing(built_in()).price(call);
  EXPECT_EQ(cost.amount, 149'850'000);
  EXPECT_EQ(cost.source, CostSource::provider);
  for (double absurd : {-1.0, 1e30, std::numeric_limits<double>::quiet_NaN()}) {
    call.usage.cost_usd = absurd;
    EXPECT_EQ(Pricing(built_in()).price(call).amount, std::nullopt) << absurd;
  }
}

TEST(Cost, OwnPricesGoFirst) {
  Prices cheap{{{Unit::input, -1, 7}, {Unit::output, -1, 11}}};
  Pricing pricing(built_in(), {{"", "gpt-4o*", cheap}, {"local", "my-*", cheap}});
  Cost cost = pricing.price(call_of("openai", "GPT-4o-mini", {.fresh = 100, .output = 10}, 0));
  EXPECT_EQ(cost.amount, 810);
  EXPECT_EQ(cost.source, CostSource::own);
  EXPECT_EQ(pricing.price(call_of("local", "my-model", {.fresh = 1}, 0)).amount, 7);
  EXPECT_EQ(pricing.price(call_of("local", "other", {.fresh = 1}, 0)).source, CostSource::local);
  EXPECT_EQ(pricing.price(call_of("groq", "my-model", {.fresh = 1}, 0)).reason, Unpriced::unknown_model);
}

TEST(Cost, HalfPriceTiersAndBrokenStreamsAreEstimates) {
  ModelCall call = call_of("openai", "gpt-4o", {.fresh = 100}, 0);
  Pricing pricing(built_in());
  for (std::string_view tier : {"batch", "flex"}) {
    call.service_tier = tier;
    EXPECT_EQ(pricing.price(call).amount, 125'000'000);
    EXPECT_EQ(pricing.price(call).source, CostSource::estimated);
  }
  for (std::string_view tier : {"", "default", "standard"}) {
    call.service_tier = tier;
    EXPECT_EQ(pricing.price(call).amount, 250'000'000);
    EXPECT_EQ(pricing.price(call).source, CostSource::table);
  }
  call.service_tier = "priority";
  EXPECT_EQ(pricing.price(call).source, CostSource::estimated);
  call.service_tier = "";
  call.partial = true;
  EXPECT_EQ(pricing.price(call).source, CostSource::estimated);
}

TEST(Cost, RatesHoldForTokensAlone) {
  Pricing pricing(built_in());
  ModelCall call = call_of("anthropic", "claude-opus-5", {.fresh = 100, .output = 10}, 0);
  call.usage.set_detail("server_tool_use.web_search_requests", 1);
  call.service_tier = "batch", call.speed = "fast", call.place = "us";
  Cost cost = pricing.price(call);
  EXPECT_EQ(cost.amount, 825'000'000 + 10'000'000'000);  // (500 + 250) / 2 * 2 * 1.1 millionths
  EXPECT_TRUE(cost.assumed.rate);
  EXPECT_FALSE(cost.assumed.biller || cost.assumed.version || cost.assumed.unfinished);
  call.provider = "google-vertex";  // where nobody says so
  EXPECT_EQ(pricing.price(call).amount, 375'000'000);
  EXPECT_TRUE(pricing.price(call).assumed.rate);
}

TEST(Cost, StepsAreAddedEachAtItsOwnPrice) {
  Prices cheap{{{Unit::input, -1, 7}, {Unit::output, -1, 11}, {Unit::web_search, -1, 1000}}};
  Pricing pricing(built_in(), {{"", "mine", cheap}});
  ModelCall call = call_of("anthropic", "mine", {.fresh = 1}, 0);
  call.usage.set_detail("server_tool_use.web_search_requests", 2);
  UsageStep step{.kind = "message", .model = {}, .usage = call.usage};
  step.usage.details.clear();
  call.steps = {step, step};
  EXPECT_EQ(pricing.price(call).amount, 7 + 7 + 2000);
  EXPECT_EQ(pricing.price(call).source, CostSource::own);
  call.steps[1].model = "claude-haiku-4-5";
  EXPECT_EQ(pricing.price(call).amount, 7 + 1'000'000 + 2000);
  EXPECT_EQ(pricing.price(call).source, CostSource::table);
  call.steps[1].usage.input_fresh = INT64_MAX;
  EXPECT_GT(pricing.price(call).amount, 0);
  call.steps[1].model = "nobodys";
  EXPECT_EQ(pricing.price(call).amount, std::nullopt);
  EXPECT_EQ(pricing.price(call).reason, Unpriced::unknown_model);
}

TEST(Cost, PartsAreDisjointWhateverIsSaid) {
  Usage usage;
  usage.input = 100;
  usage.cache_read = 1000;  // more than there is
  usage.output = 5;
  usage.reasoning = 50;
  usage.set_detail("prompt_tokens_details.audio_tokens", -7);
  Billable parts = Billable::of(usage);
  EXPECT_EQ(parts.fresh, 0);
  EXPECT_EQ(parts.cache_read, 1000);
  EXPECT_EQ(parts.reasoning, 5);
  EXPECT_EQ(parts.output, 0);
  EXPECT_EQ(parts.input_audio, 0);
  usage.input_fresh = INT64_MAX;
  usage.output = INT64_MAX;
  usage.cache_write_5m = INT64_MIN;
  parts = Billable::of(usage);
  EXPECT_GT(parts.total_input(), 0);
  EXPECT_EQ(amount_of({{{Unit::input, -1, kPicoPerUsd}, {Unit::output, -1, kPicoPerUsd}}}, parts), INT64_MAX);
}

TEST(Cost, AudioSearchesReasoningAndRequests) {
  Usage usage;
  usage.input = 100;
  usage.output = 50;
  usage.reasoning = 20;
  usage.set_detail("prompt_tokens_details.audio_tokens", 40);
  usage.set_detail("completion_tokens_details.audio_tokens", 10);
  usage.set_detail("server_tool_use.web_search_requests", 2);
  Prices prices{{{Unit::input, -1, 1},
                 {Unit::input_audio, -1, 100},
                 {Unit::output, -1, 10},
                 {Unit::output_audio, -1, 1000},
                 {Unit::reasoning, -1, 3},
                 {Unit::web_search, -1, 5000},
                 {Unit::request, -1, 9}}};
  // 60 + 40 x 100 + 20 x 10 + 10 x 1000 + 20 x 3 + 2 x 5000 + 9
  EXPECT_EQ(amount_of(prices, Billable::of(usage)), 60 + 4000 + 200 + 10'000 + 60 + 10'000 + 9);
}

TEST(Cost, Dollars) {
  EXPECT_EQ(dollars(0), "$0.000000");
  EXPECT_EQ(dollars(455'000), "$0.000000455");
  EXPECT_EQ(dollars(1), "$0.000000000001");
  EXPECT_EQ(dollars(21'000'000'000), "$0.021000");
  EXPECT_EQ(dollars(21'000'500'000), "$0.021001");
  EXPECT_EQ(dollars(1'999'999'500'000), "$2.000000");
  EXPECT_EQ(dollars(INT64_MAX), "$9223372.036855");
}

}  // namespace
}  // namespace weir::llm
