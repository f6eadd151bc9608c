#include "llm/price_table.h"

#include <gtest/gtest.h>

#include "llm/price_data.h"

namespace weir::llm {
namespace {

constexpr WallNanos kDay = 86'400'000'000'000;
constexpr WallNanos kHour = 3'600'000'000'000;

std::string table_with(std::string_view model) {
  return R"({"source":"test","date":"2026-01-02","providers":[{"id":"p","models":[)" + std::string(model) +
         "]}]}";
}

PriceTable parsed(std::string_view json) {
  auto table = PriceTable::parse(json);
  EXPECT_TRUE(table) << table.error().message();
  return table ? std::move(*table) : PriceTable();
}

TEST(ModelPattern, StarsAndDigits) {
  EXPECT_TRUE(matches_pattern("gpt-6-####-##-##", "gpt-6-2026-01-02"));
  EXPECT_FALSE(matches_pattern("gpt-6-####-##-##", "gpt-6-2026-01-0x"));
  EXPECT_FALSE(matches_pattern("gpt-6-####-##-##", "gpt-6-2026-01-021"));
  EXPECT_TRUE(matches_pattern("*ab*", "xxaabxx"));
  EXPECT_TRUE(matches_pattern("a*b*c", "abbbcbc"));
  EXPECT_FALSE(matches_pattern("a*b*c", "abbbcb"));
  EXPECT_TRUE(matches_pattern("*", ""));
  EXPECT_FALSE(matches_pattern("", "x"));
  // Many stars take no more than the product of the sizes.
  std::string stars;
  for (int i = 0; i < 250; ++i) stars += "*a";
  EXPECT_FALSE(matches_pattern(stars + "b", std::string(500, 'a')));
}

TEST(ModelPattern, OfRegularExpressions) {
  EXPECT_EQ(pattern_of_regex(R"(^gpt-5\.6-sol-\d{4}-\d{2}-\d{2}$)"), "gpt-5.6-sol-####-##-##");
  EXPECT_EQ(pattern_of_regex(R"(^gemini-3\.5-flash-\d)"), "gemini-3.5-flash-#*");
  EXPECT_EQ(pattern_of_regex("GLM"), "*glm*");
  for (std::string_view beyond :
       {R"(a|b)", R"((?:a)b)", "a+", ".*", R"(\d{99999})", R"(\d{)", R"(\)", R"(a\w)"})
    EXPECT_EQ(pattern_of_regex(beyond), std::nullopt) << beyond;
}

TEST(PriceTable, MatchRules) {
  PriceTable table = parsed(table_with(R"x(
    {"id":"1","match":{"equals":"One"},"prices":{}},
    {"id":"2","match":{"or":[{"starts_with":"two-"},{"ends_with":"-zwei"}]},"prices":{}},
    {"id":"3","match":{"and":[{"contains":"three"},{"regex":"^(?!.*-[tT][tT][sS](?:$|-))"}]},"prices":{}},
    {"id":"4","match":{"or":[{"and":[{"contains":"four"},{"ends_with":"!"}]}]},"prices":{}})x"));
  auto id = [&](std::string_view name) {
    auto found = table.find("p", name);
    return found ? found.model->id : "";
  };
  EXPECT_EQ(id("ONE"), "1");
  EXPECT_EQ(id("ones"), "");
  EXPECT_EQ(id("Two-a"), "2");
  EXPECT_EQ(id("a-ZWEI"), "2");
  EXPECT_EQ(id("a-three-b"), "3");
  EXPECT_EQ(id("a-three-tts"), "");
  EXPECT_EQ(id("three-tts-b"), "");
  EXPECT_EQ(id("three-ttsx"), "3");
  EXPECT_EQ(id("four!"), "4");
  EXPECT_EQ(id("four"), "");
  EXPECT_FALSE(table.find("q", "one"));
}

TEST(PriceTable, WhatCannotBeUnderstoodIsLeftOutAndCounted) {
  PriceTable table = parsed(table_with(R"(
    {"id":"ok","match":{"equals":"ok"},"prices":{"input_mtok":1}},
    {"match":{"equals":"no-id"},"prices":{}},
    {"id":"regex","match":{"regex":"a|b"},"prices":{}},
    {"id":"deep","match":{"or":[{"or":[{"equals":"x"}]}]},"prices":{}},
    {"id":"empty","match":{"or":[]},"prices":{}},
    {"id":"negative","match":{"equals":"n"},"prices":{"input_mtok":-1}},
    {"id":"huge","match":{"equals":"h"},"prices":{"input_mtok":1e300}},
    {"id":"text","match":{"equals":"t"},"prices":{"input_mtok":"1"}},
    {"id":"tier","match":{"equals":"u"},"prices":{"input_mtok":{"base":1,"tiers":[{"start":-5,"price":1}]}}},
    {"id":"date","match":{"equals":"d"},"prices":[{"constraint":{"start_date":"2026-02-31"},"prices":{}}]},
    {"id":"time","match":{"equals":"e"},"prices":[{"constraint":{"start_time":"25:00:00Z"},"prices":{}}]},
    {"id":"none","match":{"equals":"o"},"prices":[]})"));
  EXPECT_EQ(table.skipped(), 11u);
  EXPECT_TRUE(table.find("p", "ok"));
}

TEST(PriceTable, RefusesWhatIsNoTable) {
  for (std::string_view bad :
       {"", "[", "{}", "[]", "[{}]", R"([{"id":"p","models":[]}])", R"({"providers":3})"})
    EXPECT_FALSE(PriceTable::parse(bad)) << bad;
}

TEST(PriceTable, PricesAreExact) {
  PriceTable table = parsed(table_with(
      R"({"id":"m","match":{"equals":"m"},"prices":{"input_mtok":0.003625,"output_mtok":0.18000000000000002,
          "web_searches_kcount":10,"cache_read_mtok":null,"input_image_mtok":3}})"));
  const Prices& prices = table.find("p", "m").model->at(0);
  EXPECT_EQ(prices.of(Unit::input, 0), 3625);
  EXPECT_EQ(prices.of(Unit::output, 0), 180'000);
  EXPECT_EQ(prices.of(Unit::web_search, 0), 10'000'000'000);  // one cent
  EXPECT_EQ(prices.of(Unit::cache_read, 0), std::nullopt);
}

TEST(PriceTable, TiersAreCliffsAboveTheirStart) {
  PriceTable table = parsed(table_with(
      R"({"id":"m","match":{"equals":"m"},"prices":{"output_mtok":
          {"base":1,"tiers":[{"start":500,"price":3},{"start":200,"price":2}]}}})"));
  const Prices& prices = table.find("p", "m").model->at(0);
  EXPECT_EQ(prices.of(Unit::output, 0), 1'000'000);
  EXPECT_EQ(prices.of(Unit::output, 200), 1'000'000);
  EXPECT_EQ(prices.of(Unit::output, 201), 2'000'000);
  EXPECT_EQ(prices.of(Unit::output, 501), 3'000'000);
}

TEST(PriceTable, TheLastThatHoldsDecides) {
  PriceTable table = parsed(table_with(R"({"id":"m","match":{"equals":"m"},"prices":[
      {"prices":{"input_mtok":1}},
      {"constraint":{"start_date":"1970-01-03"},"prices":{"input_mtok":2}},
      {"constraint":{"start_time":"22:00:00Z","end_time":"02:30:00Z"},"prices":{"input_mtok":3}}]})"));
  const PricedModel& model = *table.find("p", "m").model;
  auto at = [&](WallNanos when) { return *model.at(when).of(Unit::input, 0) / 1'000'000; };
  EXPECT_EQ(at(12 * kHour), 1);
  EXPECT_EQ(at(2 * kDay + 12 * kHour - 1), 2);
  EXPECT_EQ(at(2 * kDay + 12 * kHour), 2);
  EXPECT_EQ(at(22 * kHour), 3);
  EXPECT_EQ(at(22 * kHour - 1), 1);
  EXPECT_EQ(at(kDay + 2 * kHour), 3);
  EXPECT_EQ(at(kDay + 5 * kHour / 2), 1);
  EXPECT_EQ(at(-kDay), 3);  // a clock before 1970 is midnight
}

TEST(PriceTable, SpellingsOfModels) {
  auto all = [](std::string_view model) {
    std::string joined;
    for (const std::string& each : model_spellings(model).names) joined += each + " ";
    return joined;
  };
  EXPECT_EQ(all("gpt-4o"), "gpt-4o ");
  EXPECT_EQ(all("GPT-4o-20240513"), "gpt-4o-20240513 gpt-4o-2024-05-13 gpt-4o ");
  EXPECT_EQ(all("gpt-4o-2024-05-13"), "gpt-4o-2024-05-13 gpt-4o ");
  EXPECT_EQ(all("models/gemini-3-pro"), "models/gemini-3-pro gemini-3-pro ");
  EXPECT_EQ(all("claude-sonnet-4-5@20250929"), "claude-sonnet-4-5@20250929 claude-sonnet-4-5 ");
  EXPECT_EQ(all("us.anthropic.claude-opus-4-1-20250805-v1:0"),
            "us.anthropic.claude-opus-4-1-20250805-v1:0 us.anthropic.claude-opus-4-1-20250805-v1 "
            "claude-opus-4-1-20250805-v1 claude-opus-4-1-20250805 claude-opus-4-1 ");
  EXPECT_EQ(all(""), "");
  EXPECT_EQ(all("-latest"), "-latest ");
  EXPECT_EQ(all(std::string(513, 'x')), "");
  EXPECT_EQ(all("a-v1-v1-v1"), "a-v1-v1-v1 a-v1-v1 a-v1 a ");
}

TEST(PriceTable, BuiltIn) {
  PriceTable table = parsed(price_data());
  EXPECT_EQ(table.skipped(), 0u);
  EXPECT_TRUE(table.source().starts_with("@pydantic/genai-prices "));
  EXPECT_EQ(table.date().size(), 10u);
  for (std::string_view id :
       {"anthropic", "openai", "google", "azure", "deepseek", "x-ai", "mistral", "groq", "cohere"})
    EXPECT_TRUE(table.provider(id)) << id;
}

}  // namespace
}  // namespace weir::llm
