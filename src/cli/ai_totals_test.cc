#include "cli/ai_totals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

store::ModelRecord call(const char* model, std::int64_t input, std::int64_t output,
                        std::optional<std::int64_t> pico) {
  store::ModelRecord out;
  out.call.model_served = model;
  out.call.status = 200;
  out.call.usage.input = input;
  out.call.usage.output = output;
  out.cost_pico = pico;
  return out;
}

TEST(AiTotals, TheDearestFirstAndAllBelow) {
  AiTotals totals(AiGroup::model);
  totals.add("s", call("cheap", 10, 1, 1'000'000));
  totals.add("s", call("dear", 20, 2, 2'000'000'000'000));
  totals.add("s", call("dear", 30, 3, 500'000'000'000));
  std::string text = totals.text();
  EXPECT_LT(text.find("dear"), text.find("cheap"));
  EXPECT_THAT(text, HasSubstr("$2.500000"));
  EXPECT_THAT(text, HasSubstr("$2.500001"));
  EXPECT_THAT(text, Not(HasSubstr("no price")));
}

TEST(AiTotals, WhatHasNoPriceIsNotFree) {
  AiTotals totals(AiGroup::model);
  auto unpriced = call("new", 10, 1, std::nullopt);
  unpriced.unpriced = "unknown_model";
  totals.add("s", unpriced);
  totals.add("s", call("old", 10, 1, 1'000'000'000'000));
  EXPECT_THAT(totals.text(), HasSubstr("1 of 2 calls have no price (unknown_model 1)"));
  EXPECT_THAT(totals.text(), HasSubstr("$1.000000+"));
  EXPECT_THAT(totals.csv(), HasSubstr("new,1,0,0,1,0,10,0,0,1,0,\n"));
  std::string json;
  JsonWriter writer(json);
  totals.write(writer);
  EXPECT_THAT(json, HasSubstr(R"("usd":null)"));
  EXPECT_THAT(json, HasSubstr(R"("usd":1.000000)"));
}

TEST(AiTotals, HostileNamesAndNumbersDoNoHarm) {
  AiTotals totals(AiGroup::model);
  totals.add("s", call("a\x1b[31m,\"b\"\n", INT64_MAX, INT64_MAX, INT64_MAX));
  totals.add("s", call("a\x1b[31m,\"b\"\n", INT64_MAX, -5, INT64_MAX));
  EXPECT_THAT(totals.text(), Not(HasSubstr("\x1b")));
  EXPECT_THAT(totals.csv(), HasSubstr("\"a\x1b[31m,\"\"b\"\"\n\",2,"));
  EXPECT_THAT(totals.csv(), HasSubstr(",9223372036854775807,"));
}

TEST(AiTotals, ByOtherThingsThanModels) {
  store::ModelRecord one = call("m", 1, 1, 1);
  one.call.provider = "anthropic";
  one.process = "agent";
  one.call.client = "claude-cli";
  for (auto [group, key] : {std::pair(AiGroup::provider, "anthropic"), std::pair(AiGroup::process, "agent"),
                            std::pair(AiGroup::client, "claude-cli"), std::pair(AiGroup::session, "s1"),
                            std::pair(AiGroup::day, "1970-01-0")}) {
    AiTotals totals(group);
    totals.add("s1", one);
    EXPECT_THAT(totals.csv(), HasSubstr(key));
    EXPECT_THAT(totals.csv(), testing::StartsWith(std::string(name(group)) + ",calls,"));
  }
}

}  // namespace
}  // namespace weir::cli
