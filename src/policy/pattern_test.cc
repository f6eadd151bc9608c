#include "policy/pattern.h"

#include <gtest/gtest.h>

#include <chrono>

namespace weir::policy {
namespace {

struct Row {
  const char* glob;
  const char* text;
  bool matches;
};

class GlobTable : public testing::TestWithParam<Row> {};

TEST_P(GlobTable, Row) {
  const Row& row = GetParam();
  auto pattern = Pattern::glob(row.glob);
  ASSERT_TRUE(pattern) << row.glob << ": " << pattern.error().message();
  EXPECT_EQ(pattern->matches(row.text), row.matches) << row.glob << " against " << row.text;
  RE2 same(pattern->as_regex(), regex_options(Pattern::Case::sensitive));
  EXPECT_EQ(RE2::PartialMatch(row.text, same), row.matches) << pattern->as_regex() << " against " << row.text;
}

INSTANTIATE_TEST_SUITE_P(
    All, GlobTable,
    testing::Values(
        // one segment
        Row{"/a", "/a", true}, Row{"/a", "/a/", false}, Row{"/a", "/A", false}, Row{"/a*", "/abc", true},
        Row{"/a*", "/a/b", false}, Row{"/*/c", "/b/c", true}, Row{"/*/c", "/a/b/c", false},
        Row{"*.x", "a.b.x", true}, Row{"a.x", "abx", false}, Row{"/a?c", "/abc", true},
        Row{"/a?c", "/a/c", false}, Row{"/a?c", "/ac", false}, Row{"***", "abc", true},
        // segments
        Row{"**", "", true}, Row{"**", "/a/b", true}, Row{"/**", "/", true}, Row{"/**", "/a/b", true},
        Row{"/a/**", "/a", true}, Row{"/a/**", "/a/", true}, Row{"/a/**", "/a/b/c", true},
        Row{"/a/**", "/ab", false}, Row{"/a/**", "/b/a/c", false}, Row{"/a/**/d", "/a/d", true},
        Row{"/a/**/d", "/a/b/c/d", true}, Row{"/a/**/d", "/a/bd", false}, Row{"**/d", "d", true},
        Row{"**/d", "/a/d", true}, Row{"**/d", "/ad", false}, Row{"/**/**", "/a/b", true},
        Row{"/a/**/**", "/a/b", true}, Row{"/*/**", "/a", true}, Row{"/*/**", "/a/b", true},
        Row{"/a**", "/abc", true}, Row{"/a**", "/a/b", false}, Row{"/**b", "/a/b", false},
        Row{"/**b", "/ab", true},
        // classes
        Row{"[ab]", "a", true}, Row{"[ab]", "c", false}, Row{"[a-c]x", "bx", true}, Row{"[!a-c]", "d", true},
        Row{"[^a-c]", "b", false}, Row{"[!a]", "/", false}, Row{"[]]", "]", true}, Row{"[a-]", "-", true},
        Row{"[-a]", "-", true}, Row{"[\\]]", "]", true}, Row{"[\\d]", "5", false}, Row{"[\\d]", "d", true},
        Row{"[.^$]", "$", true}, Row{"[[:alpha:]", "l", true}, Row{"[a-c-e]", "-", true},
        // alternatives
        Row{"{a,b}", "a", true}, Row{"{a,b}", "b", true}, Row{"{a,b}", "{a,b}", false},
        Row{"x{a,b{c,d}}y", "xbdy", true}, Row{"x{a,b{c,d}}y", "xby", false}, Row{"{a*,b}", "axx", true},
        Row{"{,x}a", "a", true}, Row{"a,b", "a,b", true}, Row{"a}", "a}", true},
        Row{"/{a,b}/**", "/b/c", true},
        // letters that regular expressions would read
        Row{"a+b*", "a+bc", true}, Row{"a+b*", "aab", false}, Row{"(a|b)*", "a", false},
        Row{"(a|b)*", "(a|b)x", true}, Row{"\\*", "*", true}, Row{"\\*", "a", false},
        Row{"\\{a\\}*", "{a}", true}, Row{"a*\n", "ab\n", true}, Row{"a*$", "ab", false}),
    [](const auto& info) { return "n" + std::to_string(info.index); });

TEST(Glob, Malformed) {
  for (const char* bad : {"[", "[a", "[!", "{a", "{a,{b}", "a\\*\\", "[z-a]*", "[a/b]", "[+-9]"}) {
    auto pattern = Pattern::glob(bad);
    ASSERT_FALSE(pattern) << bad;
    EXPECT_EQ(pattern.error().code(), Code::bad_config);
    EXPECT_FALSE(pattern.error().context().empty());
  }
}

TEST(Regex, Malformed) {
  for (const char* bad : {"(", "a**+(", "[a", "(?=x)", "\\1", "((a{1000}){1000}){1000}"})
    EXPECT_FALSE(Pattern::regex(bad, Pattern::Case::sensitive)) << bad;
}

TEST(Regex, MatchesAnywhereAndByCase) {
  EXPECT_TRUE(Pattern::regex("B+c", Pattern::Case::insensitive)->matches("abbcd"));
  EXPECT_FALSE(Pattern::regex("B+c", Pattern::Case::sensitive)->matches("abbcd"));
  EXPECT_FALSE(Pattern::regex("^b", Pattern::Case::sensitive)->matches("ab"));
}

// Matchers that go back take more than a lifetime for each of these.
TEST(Pattern, HostilePatternsStayLinear) {
  std::string stars, classes, braces = "a";
  for (int i = 0; i < 60; ++i) {
    stars += "a*";
    classes += "[ab]*";
  }
  for (int i = 0; i < 7; ++i) braces = "{" + braces + "," + braces + "*}";
  const std::string text(20'000, 'a');
  auto start = std::chrono::steady_clock::now();
  for (const std::string& glob : {stars, classes, braces + "*", std::string("/**/*a*/**/*a*/**/*a*/b")})
    EXPECT_FALSE(Pattern::glob(glob + "!")->matches(text)) << glob.substr(0, 40);
  EXPECT_FALSE(Pattern::regex("(a+)+(a*)*(a|aa)+$!", Pattern::Case::sensitive)->matches(text));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

}  // namespace
}  // namespace weir::policy
