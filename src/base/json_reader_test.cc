#include "base/json_reader.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace weir {
namespace {

// Writes a document again, without recursion on its depth being anybody's worry: the limit bounds it.
void rewrite(JsonWriter& json, JsonValue value) {
  if (value.is_object()) {
    json.begin_object();
    for (JsonValue member : value) {
      json.key(member.name());
      rewrite(json, member);
    }
    json.end_object();
  } else if (value.is_array()) {
    json.begin_array();
    for (JsonValue element : value) rewrite(json, element);
    json.end_array();
  } else if (auto text = value.string()) {
    json.value(*text);
  } else if (auto truth = value.boolean()) {
    json.value(*truth);
  } else if (auto whole = value.integer()) {
    json.value(*whole);
  } else if (auto number = value.number()) {
    json.value(*number);
  } else {
    json.null();
  }
}

std::string read(std::string_view text, const JsonDocument::Limits& limits = {}) {
  auto document = JsonDocument::parse(text, limits);
  if (!document) return std::to_string(document.error().offset) + ": " + std::string(document.error().what);
  std::string out;
  JsonWriter json(out);
  rewrite(json, document->root());
  return out;
}

TEST(JsonReader, ReadsWhatTheGrammarHas) {
  EXPECT_EQ(read("null"), "null");
  EXPECT_EQ(read(" \t\r\n true \n"), "true");
  EXPECT_EQ(read("[]"), "[]");
  EXPECT_EQ(read("{ }"), "{}");
  EXPECT_EQ(read(R"( {"a" : [ 1 , -2.5, "x", null, false, {"b":{}} ], "c":[[],[[]]]} )"),
            R"({"a":[1,-2.5,"x",null,false,{"b":{}}],"c":[[],[[]]]})");
  EXPECT_EQ(read("[0,-0,1e3,1E-2,1.5e+2]"), "[0,0,1000,0.01,150]");
}

TEST(JsonReader, DecodesEscapes) {
  auto text = [](std::string_view json) {
    auto document = JsonDocument::parse(json);
    return document ? std::string(document->root().string().value_or("not a string")) : "refused";
  };
  EXPECT_EQ(text(R"("\"\\\/\b\f\n\r\t")"), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(text(R"("\u0041\u00e9\u20AC\ud83d\ude00")"), "A\u00e9\u20ac\U0001F600");
  EXPECT_EQ(text("\"\\u0000\""), std::string(1, '\0'));
  EXPECT_EQ(text("\"\u00e9\U0001F600\""), "\u00e9\U0001F600");
}

TEST(JsonReader, RefusesAllElseAndSaysWhere) {
  struct Row {
    std::string_view text;
    std::string_view error;
  };
  const Row rows[] = {
      {"", "0: unexpected end"},
      {"  ", "2: unexpected end"},
      {"[1,]", "3: unexpected character"},
      {"[1", "2: expected ',' or ']'"},
      {"[1 2]", "3: expected ',' or ']'"},
      {"{\"a\":1", "6: expected ',' or '}'"},
      {"{\"a\":1,}", "7: expected a member's name"},
      {"{\"a\"}", "4: expected ':'"},
      {"{\"a\":}", "5: unexpected character"},
      {"{a:1}", "1: expected a member's name"},
      {"[", "1: unexpected end"},
      {"]", "0: unexpected character"},
      {"[}", "1: unexpected character"},
      {"[1}", "2: expected ',' or ']'"},
      {"1 2", "2: text after the value"},
      {"{} x", "3: text after the value"},
      {"tru", "0: unexpected character"},
      {"True", "0: unexpected character"},
      {"NaN", "0: unexpected character"},
      {"// x\n1", "0: unexpected character"},
      {"'a'", "0: unexpected character"},
      {"\xEF\xBB\xBF{}", "0: unexpected character"},
      {"01", "0: a number with a leading zero"},
      {"-", "0: unexpected character"},
      {"+1", "0: unexpected character"},
      {".5", "0: unexpected character"},
      {"1.", "0: a number that ends in a point"},
      {"1e", "0: a number without its exponent"},
      {"1e+", "0: a number without its exponent"},
      {"0x10", "1: text after the value"},
      {"\"abc", "4: unterminated string"},
      {"\"a\\", "3: an unknown escape"},
      {"\"\\x\"", "2: an unknown escape"},
      {"\"\\u12\"", "3: a \\u escape without four digits"},
      {"\"\\u12g4\"", "3: a \\u escape without four digits"},
      {"\"\\ud800\"", "7: half a surrogate pair"},
      {"\"\\udc00\"", "7: half a surrogate pair"},
      {"\"\\ud800\\u0041\"", "13: half a surrogate pair"},
      {"\"a\nb\"", "2: a control character in a string"},
      {"\"\x01\"", "1: a control character in a string"},
      {"\"\xff\"", "1: not UTF-8"},
      {"\"\xc0\x80\"", "1: not UTF-8"},
      {"\"\xed\xa0\x80\"", "1: not UTF-8"},
  };
  for (const Row& row : rows) EXPECT_EQ(read(row.text), row.error) << row.text;
}

TEST(JsonReader, EveryLimitHolds) {
  EXPECT_EQ(read("[1,2]", {.bytes = 4}), "4: too long");
  EXPECT_EQ(read("[[1]]", {.depth = 2}), "[[1]]");
  EXPECT_EQ(read("[[[1]]]", {.depth = 2}), "2: nested too deeply");
  EXPECT_EQ(read("{\"a\":{\"b\":{}}}", {.depth = 2}), "10: nested too deeply");
  EXPECT_EQ(read("[1,2]", {.values = 3}), "[1,2]");
  EXPECT_EQ(read("[1,2,3]", {.values = 3}), "5: too many values");
}

TEST(JsonReader, ADeepTextNeedsNoStack) {
  constexpr std::size_t kDepth = 100'000;
  std::string text = std::string(kDepth, '[') + std::string(kDepth, ']');
  EXPECT_EQ(JsonDocument::parse(text).error().what, "nested too deeply");
  auto document = JsonDocument::parse(text, {.depth = kDepth});
  ASSERT_TRUE(document);
  std::size_t depth = 0;
  for (JsonValue value = document->root(); value; ++depth)
    value = value.size() == 0 ? JsonValue() : *value.begin();
  EXPECT_EQ(depth, kDepth);
}

TEST(JsonReader, AsksForWhatIsNotThereGiveNothing) {
  auto document = JsonDocument::parse(R"({"n":1,"s":"x","a":[],"n":2})");
  ASSERT_TRUE(document);
  JsonValue root = document->root();
  EXPECT_EQ(root.size(), 4u);
  EXPECT_EQ(root["n"].integer(), 1) << "the first of two";
  EXPECT_FALSE(root["x"]);
  EXPECT_FALSE(root["x"]["y"].string());
  EXPECT_FALSE(root["n"]["y"]);
  EXPECT_FALSE(root["s"].integer() || root["s"].boolean() || root["n"].string() || root["a"].number());
  EXPECT_FALSE(root["s"].is_null());
  for (JsonValue none : root["s"]) FAIL() << none.name();
  for (JsonValue none : JsonValue()) FAIL() << none.name();
}

TEST(JsonReader, NumbersThatDoNotFitAreNone) {
  auto document = JsonDocument::parse(
      R"([9223372036854775807,9223372036854775808,18446744073709551615,-1,1.0,1e999,18446744073709551616])");
  ASSERT_TRUE(document);
  std::vector<JsonValue> numbers;
  for (JsonValue number : document->root()) numbers.push_back(number);
  EXPECT_EQ(numbers[0].integer(), INT64_MAX);
  EXPECT_FALSE(numbers[1].integer());
  EXPECT_EQ(numbers[1].natural(), 1ULL << 63);
  EXPECT_EQ(numbers[2].natural(), UINT64_MAX);
  EXPECT_FALSE(numbers[3].natural());
  EXPECT_EQ(numbers[3].integer(), -1);
  EXPECT_FALSE(numbers[4].integer());
  EXPECT_EQ(numbers[4].number(), 1.0);
  EXPECT_FALSE(numbers[5].number());
  EXPECT_FALSE(numbers[6].natural());
}

TEST(JsonReader, WhatTheWriterWritesComesBack) {
  std::string every;
  for (int c = 0; c < 0x80; ++c) every += static_cast<char>(c);
  every += "\u0085\u2028\u00e9\U0001F600";
  std::string text;
  append_json_string(text, every);
  auto document = JsonDocument::parse(text);
  ASSERT_TRUE(document);
  EXPECT_EQ(document->root().string(), every);
}

}  // namespace
}  // namespace weir
