#include "llm/json_cursor.h"

#include <gtest/gtest.h>

#include <vector>

namespace weir::llm {
namespace {

TEST(JsonCursor, ReadsWhatIsWantedAndSkipsTheRest) {
  JsonCursor json(
      R"( {"skip":{"a":[1,"]}\"",{}]},"n": -12 ,"f":1.5,"s":"aA\n","t":true,"z":null,"list":[1,2]} )");
  std::int64_t n = 0;
  double f = 0;
  std::string s;
  bool t = false;
  std::vector<std::int64_t> list;
  EXPECT_TRUE(json.each_member([&](std::string_view key) {
    if (key == "n") n = json.integer().value_or(0);
    if (key == "f") f = json.number().value_or(0);
    if (key == "s") json.read(s);
    if (key == "t") t = json.boolean().value_or(false);
    if (key == "z") EXPECT_EQ(json.integer(), std::nullopt);
    if (key == "list") json.each_element([&] { list.push_back(*json.integer()); });
  }));
  EXPECT_FALSE(json.broken());
  EXPECT_EQ(n, -12);
  EXPECT_EQ(f, 1.5);
  EXPECT_EQ(s, "aA\n");
  EXPECT_TRUE(t);
  EXPECT_EQ(list, (std::vector<std::int64_t>{1, 2}));
}

TEST(JsonCursor, AValueOfAnotherKindIsSkipped) {
  JsonCursor json(R"({"a":"text","b":[1],"c":{"x":1},"d":1})");
  std::int64_t d = 0;
  json.each_member([&](std::string_view key) {
    if (key == "a") EXPECT_EQ(json.integer(), std::nullopt);
    if (key == "b") EXPECT_FALSE(json.each_member([](std::string_view) {}));
    if (key == "c") EXPECT_EQ(json.string(), std::nullopt);
    if (key == "d") d = json.integer().value_or(0);
  });
  EXPECT_EQ(d, 1);
  EXPECT_FALSE(json.broken());
}

TEST(JsonCursor, WholeNumbersHoweverSpelled) {
  for (auto [text, value] : {std::pair{"12 ", 12}, {"12.0 ", 12}, {"1e2 ", 100}, {"-3 ", -3}})
    EXPECT_EQ(JsonCursor(text).integer(), value) << text;
  for (const char* text : {"1.5 ", "99999999999999999999 ", "1e30 ", "- ", "1x ", "\"1\" "})
    EXPECT_EQ(JsonCursor(text).integer(), std::nullopt) << text;
}

// Every beginning of a text ends as cut, and what came before is there.
TEST(JsonCursor, ATextThatIsCutOff) {
  std::string_view text = R"({"a":1,"b":{"c":"xy\"z","d":[true,{"e":"f"}]},"g":"hi"})";
  for (std::size_t size = 0; size < text.size(); ++size) {
    JsonCursor json(text.substr(0, size));
    std::optional<std::int64_t> a;
    json.each_member([&](std::string_view key) {
      if (key == "a") a = json.integer();
    });
    EXPECT_TRUE(json.cut()) << size;
    EXPECT_FALSE(json.malformed()) << size;
    if (size > 7) EXPECT_EQ(a, 1) << size;
  }
  JsonCursor half(R"("half a str)");
  EXPECT_EQ(half.string()->raw, "half a str");
  EXPECT_TRUE(half.cut());
}

TEST(JsonCursor, WhatIsNoJsonEndsTheWalk) {
  for (const char* text :
       {"{1:2}", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "[1 2]", "{\"a\":}", "<html>", "{\"a\":x}"}) {
    JsonCursor json(text);
    json.each_member([](std::string_view) {});
    JsonCursor array(text);
    array.each_element([] {});
    EXPECT_TRUE(json.broken() || array.broken()) << text;
  }
}

TEST(JsonCursor, DepthCostsNothing) {
  std::string deep(1 << 20, '[');
  JsonCursor json(deep);
  json.skip();
  EXPECT_TRUE(json.cut());
}

TEST(JsonString, Decoding) {
  auto decoded = [](std::string_view raw) { return JsonString{raw, true}.str(); };
  EXPECT_EQ(decoded(R"(a\"\\\/\b\f\n\r\t)"), "a\"\\/\b\f\n\r\t");
  EXPECT_EQ(decoded(R"(\u00e9\u20ac\ud83d\ude00)"), "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  EXPECT_EQ(decoded(R"(\ud83d x)"), "\xEF\xBF\xBD x");
  EXPECT_EQ(decoded(R"(\ud83d\u0041)"),
            "\xEF\xBF\xBD"
            "A");
  EXPECT_EQ(decoded(R"(\ude00)"), "\xEF\xBF\xBD");
  EXPECT_EQ(decoded(R"(\u12)"),
            "\xEF\xBF\xBD"
            "12");
  EXPECT_EQ(decoded("\\"), "\xEF\xBF\xBD");
  EXPECT_EQ(JsonString{"a\xFF"
                       "b"}
                .str(),
            "a\xEF\xBF\xBD"
            "b");
}

TEST(JsonString, NeverCutWithinACharacter) {
  std::string out;
  EXPECT_EQ(append_decoded(out,
                           {"ab\xC3\xA9"
                            "c"},
                           3),
            5u);
  EXPECT_EQ(out, "ab");
  out.clear();
  EXPECT_EQ(append_decoded(out,
                           {"ab\xC3\xA9"
                            "c"},
                           4),
            5u);
  EXPECT_EQ(out, "ab\xC3\xA9");
  out.clear();
  EXPECT_EQ(append_decoded(out, {R"(\ud83d\ude00abc)", true}, 3), 7u);
  EXPECT_EQ(out, "");
}

}  // namespace
}  // namespace weir::llm
