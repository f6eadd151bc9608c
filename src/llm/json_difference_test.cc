#include "llm/json_difference.h"

#include <gtest/gtest.h>

namespace weir::llm {
namespace {

std::string at(std::string_view before, std::string_view after) {
  auto found = json_difference(before, after);
  return found ? found->path + "@" + std::to_string(found->at) : "same";
}

TEST(JsonDifference, IsWhereTheValuesPart) {
  EXPECT_EQ(at(R"({"a":1})", R"({"a":1})"), "same");
  EXPECT_EQ(at(R"({"a":1})", R"({"a":2})"), ".a@0");
  EXPECT_EQ(at(R"({"a":["x","hello"]})", R"({"a":["x","help"]})"), ".a[1]@3");
  EXPECT_EQ(at(R"({"a":{"b":true}})", R"({"a":{"b":[]}})"), ".a.b@0");
  EXPECT_EQ(at(R"([1,2])", R"([1])"), "[1]@0");
  EXPECT_EQ(at(R"({"a":1,"b":2})", R"({"a":1})"), ".b@0");
  EXPECT_EQ(at(R"({"a":1})", R"({"a":1,"b":2})"), ".b@0");
}

TEST(JsonDifference, IsNotWhatCachesDoNotSee) {
  EXPECT_EQ(at(R"({"a": 1, "b": [1, 2]})", R"({"a":1,"b":[1,2]})"), "same");
  EXPECT_EQ(at(R"({"type":"text","text":"hi","cache_control":{"type":"ephemeral"}})",
               R"({"type":"text","text":"hi"})"),
            "same");
  EXPECT_EQ(at(R"({"content":[{"text":"hi"},{"cachePoint":{"type":"default"}}]})",
               R"({"content":[{"text":"hi"}]})"),
            "same");
  EXPECT_EQ(at(R"({"role":"user","content":"hi"})",
               R"({"role":"user","content":[{"type":"text","text":"hi","cache_control":{}}]})"),
            "same");
  EXPECT_EQ(at(R"({"content":[{"type":"text","text":"hi"}]})", R"({"content":"ho"})"), ".content@1");
  EXPECT_EQ(at(R"({"content":"hi","role":"user"})", R"({"role":"user","content":"hi"})"), "same");
}

TEST(JsonDifference, CountsTheOrderOfFreeJson) {
  auto found = json_difference(R"({"name":"t","input_schema":{"properties":{"a":{},"b":{}}}})",
                               R"({"name":"t","input_schema":{"properties":{"b":{},"a":{}}}})");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->path, ".input_schema.properties");
  EXPECT_EQ(found->at, 2u);
  EXPECT_TRUE(found->reordered);
}

TEST(JsonDifference, TellsWhatOnlyGoesOn) {
  EXPECT_TRUE(
      json_difference(R"({"content":[{"text":"a"}]})", R"({"content":[{"text":"a"},{"text":"b"}]})")->added);
  EXPECT_TRUE(json_difference(R"("once")", R"("once upon")")->added);
  EXPECT_FALSE(
      json_difference(R"({"content":[{"text":"a"}]})", R"({"content":[{"text":"b"},{"text":"b"}]})")->added);
  EXPECT_FALSE(json_difference(R"(["a","b"])", R"(["aa","b"])")->added);
}

TEST(JsonDifference, ComparesWhatIsTooDeepOrBrokenAsItIsSpelled) {
  std::string deep = std::string(100'000, '['), other = deep;
  other.back() = '{';
  EXPECT_NE(at(deep, other), "same");
  EXPECT_NE(at(R"({"a":"x)", R"({"a":"y)"), "same");
  EXPECT_NE(at("", "1"), "same");
  EXPECT_NE(at("}", "]"), "same");
}

// Members that differ in marks alone are walked through once a level, however they are ordered.
TEST(JsonDifference, TakesLinearTime) {
  std::string before = R"({"cache_control":1})", after = "{}";
  for (int i = 0; i < 40; ++i) {
    before = R"({"a":)" + before + R"(,"b":1})";
    after = R"({"b":1,"a":)" + after + "}";
  }
  EXPECT_NE(at(before, after), "");
}

}  // namespace
}  // namespace weir::llm
