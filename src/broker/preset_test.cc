#include "broker/preset.h"

#include <gtest/gtest.h>

#include <set>

#include "base/ascii.h"
#include "base/json.h"
#include "http/syntax.h"
#include "policy/host_pattern.h"

namespace weir::broker {
namespace {

const std::string kKey = "0123456789abcdef0123456789abcdef";

TEST(Preset, EachIsFoundByItsName) {
  for (const Preset& preset : presets()) EXPECT_EQ(find_preset(preset.name), &preset);
  EXPECT_EQ(find_preset(""), nullptr);
  EXPECT_EQ(find_preset("GitHub"), nullptr);
  EXPECT_EQ(find_preset("github "), nullptr);
}

TEST(Preset, EachIsWhole) {
  for (const Preset& preset : presets()) {
    EXPECT_FALSE(preset.title.empty()) << preset.name;
    for (std::string_view host : preset.hosts) {
      auto pattern = policy::HostPattern::parse(std::string(host));
      ASSERT_TRUE(pattern) << host;
      EXPECT_NE(pattern->kind, policy::HostPattern::Kind::every) << host;
    }
    for (std::string_view field : preset.fields) EXPECT_TRUE(http::is_token(field)) << field;
    for (std::string_view variable : preset.variables)
      EXPECT_EQ(variable.find_first_of("= \""), variable.npos);
    if (preset.use == Use::aws_signature) continue;
    EXPECT_FALSE(preset.fields.empty()) << preset.name;
    EXPECT_TRUE(preset.injected.contains("{secret}") || preset.injected.contains("{user:secret}"))
        << preset.name;
  }
}

TEST(Preset, PlaceholdersHaveTheShapeOfTheRealThing) {
  for (const Preset& preset : presets()) {
    std::string text = placeholder(kKey, "name", preset.shape);
    EXPECT_EQ(text.size(), preset.shape.size) << preset.name;
    EXPECT_TRUE(text.starts_with(preset.shape.prefix)) << text;
    bool upper = preset.shape.alphabet == Alphabet::upper_base32;
    std::string_view rest = std::string_view(text).substr(preset.shape.prefix.size());
    EXPECT_TRUE(rest.starts_with(upper ? "WEIR" : "weir")) << text;
    for (char c : rest) {
      bool fits = upper ? (c >= 'A' && c <= 'Z') || (c >= '2' && c <= '7') : is_alpha(c) || is_digit(c);
      EXPECT_TRUE(fits) << text;
    }
    // What is left to guess has more than 60 bits.
    EXPECT_GE(rest.size() - 4, upper ? 12U : 11U) << preset.name;
  }
}

TEST(Preset, PlaceholdersStayAndDiffer) {
  for (const Preset& preset : presets()) {
    std::string text = placeholder(kKey, "name", preset.shape);
    EXPECT_EQ(placeholder(kKey, "name", preset.shape), text) << "always the same";
    EXPECT_NE(placeholder(kKey, "Name", preset.shape), text);
    EXPECT_NE(placeholder(kKey, "name/secret", preset.shape), text);
    EXPECT_NE(placeholder(kKey, std::string_view("name\0", 5), preset.shape), text);
    EXPECT_NE(placeholder(std::string(32, 'x'), "name", preset.shape), text) << "of another user";
    EXPECT_NE(placeholder("", "name", preset.shape), text);
  }
  std::set<std::string> all;
  for (int i = 0; i < 1000; ++i)
    all.insert(placeholder(kKey, std::to_string(i), {"AKIA", 20, Alphabet::upper_base32}));
  EXPECT_EQ(all.size(), 1000U);
}

// Placeholders may be written into files.
TEST(Preset, PlaceholdersStayFromVersionToVersion) {
  EXPECT_EQ(placeholder(kKey, "github", find_preset("github")->shape),
            "ghp_weireMpGBot7kB9AyCKgJ6KYm1amxVqmB5vm");
}

// Of a name there is one at a time.
TEST(Preset, NoPlaceholderIsPartOfAnothers) {
  std::vector<std::string> all;
  for (const Preset& preset : presets())
    for (const char* name : {"a", "b", "github"})
      all.push_back(placeholder(kKey, name + std::string(preset.name), preset.shape));
  for (std::size_t i = 0; i < all.size(); ++i)
    for (std::size_t j = 0; j < all.size(); ++j)
      EXPECT_TRUE(i == j || !lower(all[i]).contains(lower(all[j]))) << all[i] << " " << all[j];
}

// What is found of it in a request is all of it, however the client wrote it down.
TEST(Preset, NoSpellingChangesAPlaceholder) {
  for (const Preset& preset : presets()) {
    std::string text = placeholder(kKey, "name", preset.shape);
    for (char c : text) EXPECT_TRUE(is_alpha(c) || is_digit(c) || c == '-' || c == '_') << text;
    std::string json;
    JsonWriter(json).value(text);
    EXPECT_EQ(json, '"' + text + '"');
  }
}

}  // namespace
}  // namespace weir::broker
