#include "http/fields.h"

#include <gtest/gtest.h>

#include "http/syntax.h"

namespace weir::http {
namespace {

std::string written(const Fields& fields) {
  std::string out;
  for (Fields::View field : fields) out.append(field.name).append("=").append(field.value).append(";");
  return out;
}

Fields sample() {
  Fields fields;
  fields.add("Host", "a");
  fields.add("X-a", "1");
  fields.add("x-A", "2");
  fields.add("Accept", "");
  return fields;
}

TEST(Fields, KeepsOrderCaseAndRepeats) {
  Fields fields = sample();
  EXPECT_EQ(written(fields), "Host=a;X-a=1;x-A=2;Accept=;");
  EXPECT_EQ(fields.size(), 4U);
  EXPECT_EQ(fields[2].name, "x-A");
  EXPECT_EQ(fields.get("HOST"), "a");
  EXPECT_EQ(fields.get("x-a"), "1");
  EXPECT_EQ(fields.get("accept"), "");
  EXPECT_EQ(fields.get("Hos"), std::nullopt);
  EXPECT_FALSE(fields.has(""));
  EXPECT_EQ(fields.count("X-A"), 2U);
  EXPECT_EQ(fields.count("none"), 0U);
}

TEST(Fields, SetReplacesInPlace) {
  Fields fields = sample();
  fields.set("x-a", "3");
  EXPECT_EQ(written(fields), "Host=a;X-a=3;Accept=;");
  fields.set("ACCEPT", "*/*");
  EXPECT_EQ(written(fields), "Host=a;X-a=3;Accept=*/*;");
  fields.set("Via", "1.1 weir");
  EXPECT_EQ(written(fields), "Host=a;X-a=3;Accept=*/*;Via=1.1 weir;");
}

TEST(Fields, Remove) {
  Fields fields = sample();
  EXPECT_EQ(fields.remove("X-A"), 2U);
  EXPECT_EQ(fields.remove("X-A"), 0U);
  EXPECT_EQ(written(fields), "Host=a;Accept=;");
  EXPECT_EQ(fields.remove_if([](Fields::View field) { return field.value.empty(); }), 1U);
  EXPECT_EQ(written(fields), "Host=a;");
  fields.clear();
  EXPECT_TRUE(fields.empty());
  EXPECT_FALSE(fields.has("Host"));
}

TEST(Fields, TokensOverAllLines) {
  Fields fields;
  fields.add("Connection", "keep-alive, ,\tUpgrade ");
  fields.add("connection", "x");
  EXPECT_TRUE(fields.has_token("connection", "upgrade"));
  EXPECT_TRUE(fields.has_token("Connection", "X"));
  EXPECT_FALSE(fields.has_token("Connection", "up"));
  EXPECT_FALSE(fields.has_token("Connection", ""));
  EXPECT_FALSE(fields.has_token("Other", "x"));
}

// A value may be given as a view into the same list, also when adding it makes the arena move.
TEST(Fields, TakesViewsOfItself) {
  Fields fields;
  fields.add("Name", "a value that is longer than any string keeps inside itself");
  for (int i = 0; i < 50; ++i) fields.add(fields[0].name, fields[0].value);
  for (int i = 0; i < 50; ++i) fields.set(fields[0].name, fields[0].value);
  EXPECT_EQ(written(fields), "Name=a value that is longer than any string keeps inside itself;");
}

TEST(Fields, CopiesAreApart) {
  Fields fields = sample();
  Fields copy = fields;
  copy.set("Host", "b");
  EXPECT_EQ(fields.get("Host"), "a");
  Fields moved = std::move(copy);
  EXPECT_EQ(moved.get("Host"), "b");
}

TEST(Fields, ReserveMakesRoom) {
  Fields fields;
  fields.reserve(8, 256);
  std::size_t memory = fields.memory();
  for (int i = 0; i < 8; ++i) fields.add("0123456789abcdef", "0123456789abcdef");
  EXPECT_EQ(fields.memory(), memory);
}

TEST(Syntax, FindsEveryControlByteAtEveryPlace) {
  for (int c = 0; c < 256; ++c) {
    bool control = (c < 0x20 && c != '\t') || c == 0x7F;
    EXPECT_EQ(is_control(static_cast<char>(c)), control) << c;
    for (std::size_t size : {1UZ, 7UZ, 8UZ, 9UZ, 24UZ}) {
      for (std::size_t at = 0; at < size; ++at) {
        // Neighbours that could raise a false alarm: tabs, spaces, bytes with the high bit.
        std::string text;
        while (text.size() < size) text += "\t \x80\xFF~!"[text.size() % 6];
        text[at] = static_cast<char>(c);
        EXPECT_EQ(find_control(text), control ? at : size) << c << " at " << at;
        EXPECT_EQ(find_control(text, at + 1), size);
      }
    }
  }
  EXPECT_EQ(find_control("a\nb\nc", 2), 3U);
  EXPECT_EQ(find_control(""), 0U);
}

// What lies behind a value is looked at while the list that let it go still has that memory.
TEST(Fields, ASecretIsOverwrittenWhereItWas) {
  Fields fields;
  fields.add("Host", "a");
  fields.add_secret("Authorization", "Bearer hush-hush");
  EXPECT_TRUE(fields.secret());
  EXPECT_FALSE(fields.secret(0));
  EXPECT_TRUE(fields.secret(1));
  EXPECT_EQ(fields.get("authorization"), "Bearer hush-hush");
  Fields copy = fields;
  EXPECT_TRUE(copy.secret(1));
  const char* where = copy.get("authorization")->data();
  copy.clear();  // keeps its memory
  EXPECT_NE(std::string_view(where, 6), "Bearer");
  EXPECT_FALSE(copy.secret());
  Fields moved = std::move(fields);
  EXPECT_EQ(written(moved), "Host=a;Authorization=Bearer hush-hush;");
  moved.reserve(10, 4096);
  EXPECT_EQ(written(moved), "Host=a;Authorization=Bearer hush-hush;");
  moved = sample();
  EXPECT_FALSE(moved.secret());
}

TEST(Syntax, Tokens) {
  EXPECT_TRUE(is_token("M-SEARCH"));
  EXPECT_FALSE(is_token(""));
  for (int c = 0; c < 256; ++c) {
    bool token = std::isalnum(c) != 0 && c < 128;
    token = token || (c != 0 && std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) !=
                                    std::string_view::npos);
    EXPECT_EQ(is_token_byte(static_cast<char>(c)), token) << c;
  }
}

}  // namespace
}  // namespace weir::http
