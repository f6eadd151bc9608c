#include "broker/guard.h"

#include <gtest/gtest.h>

#include <map>

#include "base/ascii.h"
#include "base/hash.h"

namespace weir::broker {
namespace {

using What = Guarded::What;
constexpr Guarded kPlaceholder{0, What::placeholder};
constexpr Guarded kSecret{0, What::secret};
constexpr Guarded kOther{1, What::secret};

const std::string kStandIn = "ghp_weirAbC123xyzAbC123xyzAbC123xyzAbC12";
const std::string kReal = "s3cr+t/\"v\\l~ \xC3\xBF!";

Guard guard_of(const std::vector<std::pair<Guarded, std::string>>& values) {
  Guard out;
  for (const auto& [thing, value] : values) out.add(thing, value);
  out.compile();
  return out;
}

std::string upper(std::string text) {
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return text;
}

std::string replaced(std::string text, const std::map<char, std::string>& by) {
  std::string out;
  for (char c : text) {
    auto found = by.find(c);
    out += found == by.end() ? std::string(1, c) : found->second;
  }
  return out;
}

/// Every byte behind `mark`, in hexadecimal.
std::string escaped(std::string_view text, std::string_view mark, bool capitals = false) {
  std::string out;
  for (char c : text) {
    std::string digits = hex({&c, 1});
    out.append(mark).append(capitals ? upper(digits) : digits);
  }
  return out;
}

std::map<std::string, std::string> spellings(const std::string& value) {
  std::map<std::string, std::string> out = {
      {"as it is", value},
      {"in lower case", lower(value)},
      {"percent, all of it", escaped(value, "%")},
      {"percent, in capitals", escaped(value, "%", true)},
      {"percent, twice", escaped(escaped(value, "%"), "%")},
      {"percent, one byte", escaped(value.substr(0, 1), "%") + value.substr(1)},
      {"percent, the last byte",
       value.substr(0, value.size() - 1) + escaped(value.substr(value.size() - 1), "%")},
      {"percent, of a percent", "%25" + escaped(value.substr(0, 1), "") + value.substr(1)},
      {"a form", replaced(value, {{' ', "+"}})},
      {"hexadecimal", hex(value)},
      {"hexadecimal, in capitals", upper(hex(value))},
      {"JSON", replaced(value, {{'"', "\\\""}, {'\\', "\\\\"}})},
      {"JSON with slashes", replaced(value, {{'"', "\\\""}, {'\\', "\\\\"}, {'/', "\\/"}})},
      {"JSON in JSON",
       replaced(replaced(value, {{'"', "\\\""}, {'\\', "\\\\"}}), {{'"', "\\\""}, {'\\', "\\\\"}})},
      {"JavaScript", escaped(value, "\\x")},
  };
  for (std::size_t before = 0; before < 3; ++before) {
    std::string text = base64(std::string(before, 'u') + value + "uuu");
    out["base64 behind " + std::to_string(before)] = text;
    out["base64 for addresses behind " + std::to_string(before)] = replaced(text, {{'+', "-"}, {'/', "_"}});
    out["base64 in a query behind " + std::to_string(before)] =
        replaced(text, {{'+', "%2B"}, {'/', "%2f"}, {'=', "%3D"}});
  }
  return out;
}

TEST(Guard, FindsEverySpelling) {
  Guard guard = guard_of({{kPlaceholder, kStandIn}, {kSecret, kReal}});
  for (const auto& [thing, value] : {std::pair(kPlaceholder, kStandIn), std::pair(kSecret, kReal)})
    for (const auto& [what, text] : spellings(value)) {
      EXPECT_EQ(guard.find(text, {}), thing) << what;
      EXPECT_EQ(guard.find("before " + text + " after", {}), thing) << what;
    }
  // What JSON's escapes say in ASCII.
  EXPECT_EQ(guard.find(escaped(kStandIn, "\\u00"), {}), kPlaceholder);
  EXPECT_EQ(guard.find(escaped(kStandIn, "\\u00", true), {}), kPlaceholder);
}

TEST(Guard, FindsNothingElse) {
  Guard guard = guard_of({{kPlaceholder, kStandIn}, {kSecret, kReal}});
  for (const std::string& text :
       {std::string(), std::string("ghp_weir"), kStandIn.substr(1), kStandIn.substr(0, kStandIn.size() - 1),
        kReal.substr(1), "ghp_weirAbC 123xyzAbC123xyzAbC123xyzAbC12" + std::string(), std::string(64, '%'),
        std::string(64, '\\'), std::string("\\u")})
    EXPECT_FALSE(guard.find(text, {})) << text;
  EXPECT_FALSE(Guard().find(kStandIn, {}));
  EXPECT_FALSE(guard_of({}).find(kStandIn, {}));
}

TEST(Guard, LetsPassWhatIsAllowedAndNothingElse) {
  Guard guard = guard_of({{kPlaceholder, kStandIn}, {kSecret, kReal}, {kOther, "another-secret"}});
  Allowed allowed;
  allowed.add(kSecret);
  for (const auto& [what, text] : spellings(kReal)) EXPECT_FALSE(guard.find(text, allowed)) << what;
  EXPECT_EQ(guard.find(kStandIn, allowed), kPlaceholder) << "the secret of a binding is not its placeholder";
  EXPECT_EQ(guard.find(kReal + "another-secret", allowed), kOther) << "that it touches is no way past";
  EXPECT_EQ(guard.find(base64(kReal + "another-secret"), allowed), kOther);
  EXPECT_EQ(guard.find("another-secret" + kReal + kStandIn, allowed), kOther) << "the first of two";
}

// One token for two services: it belongs to either.
TEST(Guard, ATextOfTwoMayPassForEither) {
  Guard guard = guard_of({{kSecret, "one-and-the-same"}, {kOther, "one-and-the-same"}});
  EXPECT_EQ(guard.find("one-and-the-same", {}), kSecret);
  for (Guarded thing : {kSecret, kOther}) {
    Allowed allowed;
    allowed.add(thing);
    EXPECT_FALSE(guard.find("one-and-the-same", allowed));
    EXPECT_FALSE(guard.find("one%2Dand-the-same", allowed));
    EXPECT_FALSE(guard.find(base64("one-and-the-same"), allowed));
  }
}

TEST(Guard, WhatOverlapsSomethingAllowedIsFound) {
  Guard guard =
      guard_of({{kSecret, "abcdefghij"}, {kOther, "abcdefghijklmno"}, {{2, What::secret}, "ijklmnopq"}});
  Allowed allowed;
  allowed.add(kSecret);
  EXPECT_FALSE(guard.find("abcdefghij klm", allowed));
  EXPECT_EQ(guard.find("abcdefghijklmno", allowed), kOther) << "it begins with one that may pass";
  EXPECT_EQ(guard.find("abcdefghijklmnopq", allowed), kOther);
  allowed.add(kOther);
  EXPECT_EQ(guard.find("abcdefghijklmnopq", allowed), (Guarded{2, What::secret}));
  EXPECT_FALSE(guard.find("abcdefghijklmno", allowed));
  Allowed longer;
  longer.add(kOther);
  EXPECT_FALSE(guard.find("abcdefghijklmno", longer)) << "the short one is part of what may pass";
  EXPECT_EQ(guard.find("abcdefghijklmn", longer), kSecret);
}

TEST(Guard, ShortValuesAreNotLookedFor) {
  Guard guard = guard_of({{kSecret, "1234567"}, {kOther, "12345678"}, {kPlaceholder, ""}});
  EXPECT_FALSE(guard.find("1234567", {}));
  EXPECT_FALSE(guard.find("", {}));
  EXPECT_EQ(guard.find("12345678", {}), kOther);
}

// Wherever a text is cut, the first part is kept back from the beginning of the find on.
TEST(Guard, KnowsTheBeginningOfEverySpelling) {
  Guard guard = guard_of({{kPlaceholder, kStandIn}, {kSecret, kReal}});
  for (const std::string& value : {kStandIn, kReal})
    for (const auto& [what, text] : spellings(value)) {
      if (what.starts_with("base64")) continue;  // its first characters may be another text's
      const std::string before = "before: ";
      for (std::size_t cut = 1; cut < text.size(); ++cut) {
        std::string part = before + text.substr(0, cut);
        if (guard.find(part, {})) break;
        EXPECT_LE(guard.unfinished(part), before.size()) << what << " cut at " << cut;
      }
    }
  EXPECT_EQ(guard.unfinished("nothing of the kind."), 20U);
  EXPECT_EQ(guard.unfinished(""), 0U);
}

}  // namespace
}  // namespace weir::broker
