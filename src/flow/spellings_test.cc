#include "flow/spellings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::flow {
namespace {

using namespace std::string_view_literals;
using testing::ElementsAre;

struct Case {
  std::string_view text;
  std::string_view plain;  ///< the same as `text`: it has no escape
};

void check(Spelling spelling, std::span<const Case> cases) {
  for (auto [text, plain] : cases) {
    auto out = unescaped(text, spelling);
    EXPECT_EQ(out.has_value(), text != plain) << text;
    EXPECT_EQ(out.value_or(std::string(text)), plain) << text;
  }
}

TEST(Spellings, PercentEncoding) {
  constexpr Case kCases[] = {{"", ""},
                             {"plain", "plain"},
                             {"%61", "a"},
                             {"x%2fy%2Fz", "x/y/z"},
                             {"100%", "100"},
                             {"100% sure", "100% sure"},
                             {"%zz%6", "%zz"},
                             {"%2541", "%41"},
                             {"%c3%A9", "\xC3\xA9"},
                             {"a+b", "a+b"},
                             {"%%61", "%a"}};
  check(Spelling::percent, kCases);
}

TEST(Spellings, AnEscapeThatTheEndCutsShort) {
  struct Row {
    Spelling spelling;
    std::string_view text;
    std::size_t at;
  };
  constexpr auto kPercent = Spelling::percent, kJson = Spelling::json;
  for (const Row& row : {Row{kPercent, "", 0}, Row{kPercent, "ab", 2}, Row{kPercent, "ab%", 2},
                         Row{kPercent, "ab%6", 2}, Row{kPercent, "ab%67", 5}, Row{kPercent, "ab%6g", 5},
                         Row{kPercent, "%41%4", 3}, Row{kPercent, "%%4", 1}, Row{kPercent, "%", 0},
                         Row{kJson, R"(ab\\)", 4}, Row{kJson, R"(ab\)", 2}, Row{kJson, R"(\\\)", 2},
                         Row{kJson, R"(a\u00)", 1}, Row{kJson, R"(a\u0067)", 7}, Row{kJson, R"(a\x6)", 1},
                         Row{kJson, R"(a\ud83d)", 1}, Row{kJson, R"(a\ud83d\u)", 1}, Row{kJson, R"(a\q)", 3}})
    EXPECT_EQ(cut_escape(row.text, row.spelling), row.at) << row.text;
}

TEST(Spellings, JsonEscapes) {
  constexpr Case kCases[] = {{R"(plain / text)", "plain / text"},
                             {R"(a\/b\\c\"d\n\t\r\b\f)", "a/b\\c\"d\n\t\r\b\f"},
                             {R"(\u0061\u00E9\u20ac)", "a\xC3\xA9\xE2\x82\xAC"},
                             {R"(\ud83D\ude00!)", "\xF0\x9F\x98\x80!"},
                             {R"(\ud83d)", ""},  // the other half may be on its way
                             {R"(\ud83d\ude)", ""},
                             {R"(\ud83d no pair)", R"(\ud83d no pair)"},
                             {R"(\ude00\ud83d\u0061)", R"(\ude00\ud83da)"},
                             {R"(\x2fa\'b)", "/a'b"},
                             {R"(\d\ \uzzzz\x1)", R"(\d\ \uzzzz)"},
                             {R"(cut\)", "cut"},
                             {R"(cut\u00)", "cut"},
                             {R"(\\u0061)", R"(\u0061)"}};
  check(Spelling::json, kCases);
  EXPECT_EQ(unescaped(R"(\u0000x)", Spelling::json), "\0x"sv);
}

Finds carried(std::string_view text, Spelling spelling, Finds finds) {
  carry_back(text, spelling, finds);
  return finds;
}

TEST(Spellings, FindsAreCarriedBack) {
  // unescaped: ab/cd/
  std::string_view text = "a%62%2fcd%2f";
  EXPECT_THAT(carried(text, Spelling::percent, {{0, 1, 7}}), ElementsAre(Find(0, 1, 7)));
  EXPECT_THAT(carried(text, Spelling::percent, {{1, 2, 7}}), ElementsAre(Find(1, 4, 7)));
  EXPECT_THAT(carried(text, Spelling::percent, {{0, 6, 7}}), ElementsAre(Find(0, 12, 7)));
  EXPECT_THAT(carried(text, Spelling::percent, {{0, 2, 1}, {2, 4, 2}, {4, 5, 3}, {5, 6, 4}}),
              ElementsAre(Find(0, 4, 1), Find(4, 8, 2), Find(8, 9, 3), Find(9, 12, 4)));
  EXPECT_THAT(carried("no escape", Spelling::percent, {{3, 5, 0}}), ElementsAre(Find(3, 5, 0)));
}

TEST(Spellings, AnEscapeIsCarriedBackWhole) {
  // Two bytes of one escape, of which a find has the second or the first.
  EXPECT_THAT(carried(R"(x\u00e9y)", Spelling::json, {{2, 4, 0}}), ElementsAre(Find(1, 8, 0)));
  EXPECT_THAT(carried(R"(x\u00e9y)", Spelling::json, {{0, 2, 0}}), ElementsAre(Find(0, 7, 0)));
}

}  // namespace
}  // namespace weir::flow
