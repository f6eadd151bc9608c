#include "base/hash.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(Base64, ComesBackAsItWas) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(from_base64(base64(bytes)), bytes);
    bytes += static_cast<char>(i * 37);
  }
  EXPECT_EQ(from_base64("Zm9vYg=="), "foob");  // RFC 4648 section 10
  EXPECT_EQ(from_base64("Zm9vYmE="), "fooba");
}

TEST(Base64, WhatIsNoneIsRefused) {
  for (std::string_view text : {"Z", "Zm9", "Zm9vYg=", "Zm9vYg", "====", "Z===", "Zm9vYg==Zm9v", "Zm9v\n",
                                "Zm9-", "Zm 9", "=m9v", "Zm=v", "Zh==", "Zm9vYmF="})
    EXPECT_FALSE(from_base64(text)) << text;
}

}  // namespace
}  // namespace weir
