// The cuts are in src/proxy/guarded_body_test.cc, of which this is the core.
#include "broker/sieve.h"

#include <gtest/gtest.h>

namespace weir::broker {
namespace {

constexpr Guarded kThing{0, Guarded::What::placeholder};
const std::string kPlaceholder = "ghp_weirAbC123xyz";

class SieveTest : public ::testing::Test {
 protected:
  SieveTest() {
    guard.add(kThing, kPlaceholder);
    guard.compile();
  }
  /// What may go, and a "!" where something was found.
  std::string look(std::string_view part, bool last = false) {
    auto looked = sieve.look(guard, {}, part, last);
    if (looked.found) return "!";
    EXPECT_EQ(looked.held, sieve.held());
    return std::string(looked.text.substr(looked.passed, looked.text.size() - looked.passed - looked.held));
  }

  Guard guard;
  Sieve sieve;
};

TEST_F(SieveTest, holds_back_what_may_be_the_beginning) {
  EXPECT_EQ(look("a text ghp_w"), "a text ");
  EXPECT_EQ(sieve.held(), 5u);
  EXPECT_FALSE(sieve.at_rest());
  EXPECT_EQ(look("eir!"), "ghp_weir!");
  EXPECT_TRUE(sieve.at_rest());
  EXPECT_EQ(look("gh"), "gh") << "so few may go";
  EXPECT_FALSE(sieve.at_rest());
  EXPECT_EQ(look("p_weir"), "") << "and are remembered";
  EXPECT_EQ(look("AbC123xyz"), "!");
}

TEST_F(SieveTest, one_text_says_nothing_of_the_next) {
  EXPECT_EQ(look("ghp_weirAbC"), "");
  EXPECT_EQ(look("", true), "ghp_weirAbC");
  EXPECT_TRUE(sieve.at_rest());
  EXPECT_EQ(look("123xyz", true), "123xyz");
}

}  // namespace
}  // namespace weir::broker
