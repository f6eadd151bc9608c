#include "policy/pattern_finder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tuple>

namespace weir::policy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using Match = std::tuple<std::size_t, std::size_t, std::size_t>;

PatternFinder finder_of(const std::vector<std::string>& patterns) {
  PatternFinder finder;
  for (const std::string& pattern : patterns) EXPECT_TRUE(finder.add(pattern)) << pattern;
  finder.compile();
  return finder;
}

std::vector<Match> matches(const PatternFinder& finder, std::string_view text) {
  std::vector<Match> out;
  finder.find(text, [&](std::size_t number, std::size_t begin, std::size_t end) {
    out.emplace_back(number, begin, end);
  });
  return out;
}

TEST(PatternFinder, FindsEveryMatchOfEveryPattern) {
  PatternFinder few = finder_of({"a+", "b."});
  EXPECT_THAT(matches(few, "aa.ab\n"), ElementsAre(Match(0, 0, 2), Match(0, 3, 4), Match(1, 4, 6)));
  PatternFinder many = finder_of({"ghp_[a-z]{3}", "zz+", "nowhere", "(?i)KEY", "x$", "^gh"});
  EXPECT_THAT(matches(many, "ghp_abc ghp_abcd key zzz zz"),
              UnorderedElementsAre(Match(0, 0, 7), Match(0, 8, 15), Match(1, 21, 24), Match(1, 25, 27),
                                   Match(3, 17, 20), Match(5, 0, 2)));
  EXPECT_THAT(matches(many, ""), IsEmpty());
  EXPECT_THAT(matches(many, "nothing of it"), IsEmpty());
}

TEST(PatternFinder, WhatTooManyStatesAreNeededForIsFoundAllTheSame) {
  // A set of these gives up: each needs a state for every choice of the bytes before.
  std::vector<std::string> patterns;
  for (char c : std::string_view("abcdefgh")) patterns.push_back(std::string("[ab]") + c + ".{150}z");
  PatternFinder finder = finder_of(patterns);
  std::string text;
  for (unsigned i = 0, seed = 1; i < 20'000; ++i) text += "abcdefgh"[(seed = seed * 1664525 + 1) >> 29];
  text += "bc" + std::string(150, 'q') + "z";
  bool found = false;
  for (auto [number, begin, end] : matches(finder, text)) found |= number == 2 && end == text.size();
  EXPECT_TRUE(found);
}

TEST(PatternFinder, RefusesWhatItCannotUse) {
  PatternFinder finder;
  EXPECT_THAT(finder.add("(").error().context(), HasSubstr("no regular expression (RE2): missing )"));
  EXPECT_THAT(finder.add("(?=a)").error().context(), HasSubstr("no regular expression"));
  for (const char* everywhere : {"", "a*", "(a|)", "^", "\\A\\z"})
    EXPECT_THAT(finder.add(everywhere).error().context(), HasSubstr("matches an empty text")) << everywhere;
  EXPECT_TRUE(finder.empty());
}

TEST(PatternFinder, EmptyMatchesInsideATextAreNone) {
  PatternFinder finder;
  ASSERT_TRUE(finder.add("\\b"));  // not in an empty text
  EXPECT_THAT(matches(finder, "a b"), IsEmpty());
}

}  // namespace
}  // namespace weir::policy
