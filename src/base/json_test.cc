#include "base/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace weir {
namespace {

using namespace std::string_literals;

std::string as_json(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(JsonString, Escapes) {
  EXPECT_EQ(as_json(""), R"("")");
  EXPECT_EQ(as_json("plain /text~"), R"("plain /text~")");
  EXPECT_EQ(as_json("\"\\\n\r\t"), R"("\"\\\n\r\t")");
  EXPECT_EQ(as_json("\0\x01\x1F\x7F"s), R"("\u0000\u0001\u001f\u007f")");
  EXPECT_EQ(as_json("\xC2\x80\xC2\x9B\xC2\x9F"), R"("\u0080\u009b\u009f")")
      << "C1 controls drive terminals too";
}

TEST(JsonString, ValidUtf8StaysAsItIs) {
  for (const char* text :
       {"\xC2\xA0", "\xC3\xA9", "\xDF\xBF", "\xE0\xA0\x80", "\xE2\x82\xAC", "\xED\x9F\xBF", "\xEE\x80\x80",
        "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF"})
    EXPECT_EQ(as_json(text), "\"" + std::string(text) + "\"");
}

// RFC 3629: every byte that begins no valid sequence becomes U+FFFD; what follows it is read anew.
TEST(JsonString, OtherBytesAreReplaced) {
  const std::string mark = "\xEF\xBF\xBD";
  EXPECT_EQ(as_json("a\x80"
                    "b"),
            "\"a" + mark + "b\"");
  EXPECT_EQ(as_json("\xC3"), "\"" + mark + "\"") << "cut short";
  EXPECT_EQ(as_json("\xC3\""), "\"" + mark + "\\\"\"") << "a quote is never swallowed";
  EXPECT_EQ(as_json("\xC0\xAF"), "\"" + mark + mark + "\"") << "overlong";
  EXPECT_EQ(as_json("\xC1\xBF"), "\"" + mark + mark + "\"") << "overlong";
  EXPECT_EQ(as_json("\xE0\x9F\xBF"), "\"" + mark + mark + mark + "\"") << "overlong";
  EXPECT_EQ(as_json("\xF0\x8F\xBF\xBF"), "\"" + mark + mark + mark + mark + "\"") << "overlong";
  EXPECT_EQ(as_json("\xED\xA0\x80"), "\"" + mark + mark + mark + "\"") << "surrogate";
  EXPECT_EQ(as_json("\xF4\x90\x80\x80"), "\"" + mark + mark + mark + mark + "\"") << "above U+10FFFF";
  EXPECT_EQ(as_json("\xE2\x82"), "\"" + mark + mark + "\"") << "cut short";
  EXPECT_EQ(as_json("\xF0\x9F\x98"), "\"" + mark + mark + mark + "\"") << "cut short";
  EXPECT_EQ(as_json("\xFE\xFF"), "\"" + mark + mark + "\"");
}

TEST(JsonWriter, CompactDocument) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.field("s", "a\"b").field("i", -1).field("u", std::uint64_t{18446744073709551615U}).field("t", true);
  json.key("n").null();
  json.key("list")
      .begin_array()
      .value(1)
      .value("x")
      .begin_array()
      .end_array()
      .begin_object()
      .end_object()
      .end_array();
  json.key("raw").raw("[1]");
  json.end_object();
  EXPECT_EQ(
      out,
      R"({"s":"a\"b","i":-1,"u":18446744073709551615,"t":true,"n":null,"list":[1,"x",[],{}],"raw":[1]})");
}

TEST(JsonWriter, Numbers) {
  std::string out;
  JsonWriter json(out);
  json.begin_array();
  json.value(0.1).value(1e300).value(-0.5).value(std::nan("")).value(std::numeric_limits<double>::infinity());
  json.value(std::numeric_limits<std::int64_t>::min());
  json.end_array();
  EXPECT_EQ(out, "[0.1,1e+300,-0.5,null,null,-9223372036854775808]");
}

TEST(JsonWriter, LaidOutOverLines) {
  std::string out;
  JsonWriter json(out, 2);
  json.begin_object().field("a", 1).key("b").begin_array().value(1).value(2).end_array();
  json.key("c").begin_object().end_object().end_object();
  EXPECT_EQ(out, "{\n  \"a\": 1,\n  \"b\": [\n    1,\n    2\n  ],\n  \"c\": {}\n}");
}

}  // namespace
}  // namespace weir
