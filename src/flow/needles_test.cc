#include "flow/needles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/hash.h"

namespace weir::flow {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Needles needles_of(const std::vector<std::string>& values) {
  Needles needles;
  for (std::uint32_t i = 0; i < values.size(); ++i) needles.add(values[i], i);
  needles.build();
  return needles;
}

std::string url_safe(std::string text) {
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

TEST(Needles, FindsAValueInEveryForm) {
  const std::string value = "S3cr?t>~ \xC3\xBF!";  // with '+' and '/' in its base64
  Needles needles = needles_of({value});
  for (const std::string& form : {value, std::string("s3cr?t>~ \xC3\xBF!"), std::string("S3cr?t>~+\xC3\xBF!"),
                                  hex(value), std::string("533363723F743E7E20C3BF21")}) {
    std::string text = "ab " + form + " cd";
    EXPECT_THAT(needles.find(text), ElementsAre(Find(3, 3 + form.size(), 0))) << form;
    EXPECT_THAT(needles.find(form), ElementsAre(Find(0, form.size(), 0))) << form;
  }
  EXPECT_THAT(needles.find("S3cr?t>~ \xC3\xBF"), IsEmpty());
  EXPECT_THAT(needles.find(""), IsEmpty());
}

// No character that holds a bit of the value may stay, wherever the value stands.
TEST(Needles, FindsAValueInBase64) {
  for (const std::string value : {"key!", "a-key-of-some-length", "\xFF\xFE\xFB\xEF~~?>>?"}) {
    Needles needles = needles_of({value});
    for (std::size_t before = 0; before < 7; ++before) {
      for (std::size_t after = 0; after < 4; ++after) {
        std::string text = base64(std::string(before, 'u') + value + std::string(after, 'v'));
        for (const std::string& written : {text, url_safe(text)}) {
          Finds finds = needles.find(written);
          ASSERT_EQ(finds.size(), 1u) << written;
          EXPECT_LE(finds[0].begin * 6, before * 8);
          EXPECT_GT((finds[0].begin + 1) * 6, before * 8);
          EXPECT_GE(finds[0].end * 6, (before + value.size()) * 8);
        }
      }
    }
  }
}

TEST(Needles, ManyValuesAtOnce) {
  std::vector<std::string> values;
  for (int i = 0; i < 300; ++i) values.push_back("prefix-" + std::to_string(i * 7919) + "-suffix");
  Needles needles = needles_of(values);
  for (std::uint32_t i = 0; i < values.size(); ++i)
    EXPECT_THAT(needles.find("x" + values[i] + "prefix-"), ElementsAre(Find(1, 1 + values[i].size(), i)));
}

TEST(Needles, FindsThatOverlapBecomeOne) {
  Needles needles = needles_of({"abcdef", "defghi", "abcdefgh"});
  EXPECT_THAT(needles.find("abcdefghi abcdef"), ElementsAre(Find(0, 9, 0), Find(10, 16, 0)));
  EXPECT_THAT(needles.find("abcdefabcdef"), ElementsAre(Find(0, 12, 0)));
  EXPECT_THAT(needles.find("defghiabcdef"), ElementsAre(Find(0, 6, 1), Find(6, 12, 0)));
}

TEST(Needles, TheBeginningOfAValueAtTheEnd) {
  Needles needles = needles_of({"secret-one", "other"});
  std::string_view text = "nothing";
  EXPECT_EQ(needles.unfinished(text), text.size());
  EXPECT_EQ(needles.unfinished("a text: secret-on"), 8u);
  EXPECT_EQ(needles.unfinished("a text: s"), 8u);
  EXPECT_EQ(needles.unfinished("secret-o"), 0u);
  EXPECT_EQ(needles.unfinished(""), 0u);
  // "xsecret" in base64, cut: the first character of its own has a neighbour with bits of it.
  std::string coded = base64("xsecret-one");
  EXPECT_LE(needles.unfinished("<< " + coded.substr(0, 6)), 3u + 1u);
}

TEST(Needles, EveryBeginningAtTheEnd) {
  Needles needles = needles_of({"secret-one", "another value", "four"});
  for (const std::string& form : {std::string("secret-one"), hex("another value"), std::string("four")})
    for (std::size_t size = 1; size < form.size(); ++size)
      EXPECT_EQ(needles.unfinished("!! " + form.substr(0, size)), 3u) << form << ", " << size;
  EXPECT_EQ(needles.unfinished("!! secret-one!"), 14u);
  EXPECT_EQ(needles.unfinished("!! secret-secret-on"), 10u);
  EXPECT_EQ(Needles().unfinished("text"), 4u);
}

TEST(Needles, EachByItself) {
  Needles needles = needles_of({"abcdef", "defghi", "abcdef"});
  EXPECT_THAT(needles.find_each("abcdefghi"),
              testing::UnorderedElementsAre(Find(0, 6, 0), Find(0, 6, 2), Find(3, 9, 1)));
  EXPECT_THAT(needles.find("abcdef"), ElementsAre(Find(0, 6, 0))) << "merged, the first rule's";
}

// The texts lie in memory apart, which they take with them.
TEST(Needles, FindAsBeforeWhenTheyAreMoved) {
  const std::string value = "a-value-of-some-length";
  Needles needles = needles_of({value, "another-value"});
  Needles moved = std::move(needles);
  EXPECT_THAT(moved.find("x " + value + " y"), ElementsAre(Find(2, 2 + value.size(), 0)));
  EXPECT_THAT(moved.find(base64("u" + value)), testing::SizeIs(1));
  EXPECT_THAT(moved.find("another-value"), ElementsAre(Find(0, 13, 1)));
  EXPECT_EQ(moved.unfinished("x a-val"), 2U);
  Needles other = needles_of({"something-else"});
  other = std::move(moved);
  EXPECT_THAT(other.find("x " + value + " something-else"), ElementsAre(Find(2, 2 + value.size(), 0)));
  Needles unbuilt;
  unbuilt.add(value, 3);
  EXPECT_FALSE(unbuilt.empty());
  Needles built = std::move(unbuilt);
  built.build();
  EXPECT_THAT(built.find(value), ElementsAre(Find(0, value.size(), 3)));
}

// More than a page of them.
TEST(Needles, AreAsManyAsThereIsMemoryFor) {
  std::vector<std::string> values;
  for (int i = 0; i < 500; ++i)
    values.push_back(std::to_string(i) + std::string(100, 'x') + std::to_string(i));
  Needles needles = needles_of(values);
  for (std::uint32_t i = 0; i < values.size(); ++i)
    EXPECT_THAT(needles.find(hex(values[i])), testing::Contains(Find(0, 2 * values[i].size(), i)));
}

TEST(Needles, NoneFindNothing) {
  Needles needles = needles_of({});
  EXPECT_TRUE(needles.empty());
  EXPECT_THAT(needles.find("some text"), IsEmpty());
  EXPECT_EQ(needles.unfinished("some text"), 9u);
}

}  // namespace
}  // namespace weir::flow
