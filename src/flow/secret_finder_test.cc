#include "flow/secret_finder.h"

#include <gtest/gtest.h>

#include <random>

#include "flow/spellings.h"

namespace weir::flow {
namespace {

/// Whether anything is found when every escape is undone, whether that matters or not.
bool found_by_undoing_all(const Needles& needles, std::string_view text, int depth = 0) {
  if (!needles.find_each(text).empty()) return true;
  for (Spelling spelling : {Spelling::percent, Spelling::json}) {
    auto plain = depth < 2 ? unescaped(text, spelling) : std::nullopt;
    if (plain && found_by_undoing_all(needles, *plain, depth + 1)) return true;
  }
  return false;
}

struct Spelled {
  explicit Spelled(const std::string& value) {
    finder.add_value(value, 0);
    finder.compile();
    needles.add(value, 0);
    needles.build();
  }
  SecretFinder finder;
  Needles needles;
};

/// One byte as any writer could have it.
std::string written(char c, std::mt19937& random) {
  static constexpr char kDigits[] = "0123456789abcdef";
  auto byte = static_cast<unsigned char>(c);
  std::string digits = {kDigits[byte >> 4], kDigits[byte & 15]};
  switch (random() % 8) {
    case 0: return "%" + digits;
    case 1: return "\\u00" + digits;
    case 2: return "\\x" + digits;
    case 3: return c == '"' || c == '\\' || c == '/' ? std::string("\\") + c : std::string(1, c);
    default: return {c};
  }
}

std::string written(std::string_view text, std::mt19937& random) {
  std::string out;
  for (char c : text) out += written(c, random);
  return out;
}

// The short cut must never cut off a find: texts of escapes, values in any mixture of them, once or twice.
TEST(SecretFinder, LeavesOutNoEscapeThatMatters) {
  std::mt19937 random(4711);
  const std::string pieces[] = {"\\", "\\\\",    "\"",  "%",       "%25",      "\\u",    "\\u00", "\\x",
                                "/",  "\\/",     "u",   "6",       "x",        "\\n",    "\\\"",  " ",
                                "a",  "\\u005c", "%5c", "\\u0025", "\xC3\xA9", "\\u00e9"};
  int hits = 0;
  for (const char* value : {"ghp_weirAbC", "pa\"ss\\wo/rd%41", "key+/=0815==", "a\nb\tc d&e"}) {
    Spelled spelled{value};
    for (int round = 0; round < 6000; ++round) {
      std::string text;
      auto noise = [&] {
        for (unsigned i = random() % 6; i > 0; --i) text += pieces[random() % std::size(pieces)];
      };
      noise();
      std::string inner = random() % 2 ? written(value, random) : std::string(value);
      text += random() % 2 ? written(inner, random) : inner;
      noise();
      if (random() % 4 == 0) text.erase(random() % text.size(), 1);
      bool wanted = found_by_undoing_all(spelled.needles, text);
      hits += wanted;
      EXPECT_EQ(!spelled.finder.find_each_value(text).empty(), wanted) << text;
      EXPECT_EQ(!spelled.finder.find_values(text).empty(), wanted) << text;
    }
  }
  EXPECT_GT(hits, 5000);
}

TEST(SecretFinder, SeesThatMostEscapesDoNotMatter) {
  WantedBytes wanted;
  for (char c : std::string_view("abcXYZ019_\\/+-")) wanted.bytes.set(static_cast<unsigned char>(c));
  for (std::string_view text : {"a line\\nand \\\"another\\\"\\t\\r", "C:\\\\Documents", "\\u00e9\\u20ac",
                                "\\\\n\\\\\\n", "no escape at all"})
    EXPECT_FALSE(undoing_matters(text, Spelling::json, wanted)) << text;
  for (std::string_view text :
       {"\\u0061", "\\x61", "\\/", "\\\\u0061", "\\\\\\\\u0061", "\\\\/", "\\u005cx61"})
    EXPECT_TRUE(undoing_matters(text, Spelling::json, wanted)) << text;
  EXPECT_FALSE(undoing_matters("100%, %20 and %0A", Spelling::percent, wanted));
  EXPECT_TRUE(undoing_matters("%61", Spelling::percent, wanted));
  EXPECT_TRUE(undoing_matters("%2561", Spelling::percent, wanted));
}

// Wherever a text with a value in it is cut, its beginning is known to be unfinished, however long the text
// is.
TEST(SecretFinder, KnowsWhatIsUnfinishedInALongText) {
  Spelled spelled{"ghp_weirAbC"};
  std::mt19937 random(815);
  for (int round = 0; round < 300; ++round) {
    std::string before(20000, 'n');
    std::string value = written("ghp_weirAbC", random);
    std::size_t cut = 1 + random() % (value.size() - 1);
    std::string text = before + value.substr(0, cut);
    if (spelled.finder.find_each_value(text).empty())
      EXPECT_LE(spelled.finder.unfinished(text), before.size()) << value << " cut at " << cut;
  }
}

}  // namespace
}  // namespace weir::flow
