#include "base/hash.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

// RFC 4231 sections 4.2, 4.3 and 4.7.
TEST(Hmac, KnownAnswers) {
  auto mac = [](std::string_view key, std::string_view message) {
    Sha256 out = hmac_sha256(key, message);
    return hex({reinterpret_cast<const char*>(out.data()), out.size()});
  };
  EXPECT_EQ(mac(std::string(20, '\x0b'), "Hi There"),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(mac("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(mac(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

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
