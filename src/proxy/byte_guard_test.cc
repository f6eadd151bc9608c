#include <gtest/gtest.h>

#include "base/hash.h"
#include "proxy/leak_search.h"
#include "tests/support/fake_secrets.h"
#include "tests/support/splits.h"

namespace weir::proxy {
namespace {

using testing::kPlaceholder, testing::kSecret;

class ByteGuardTest : public ::testing::Test {
 protected:
  void open() {
    guard =
        guard_bytes({secrets, {}, [](broker::Guarded) { return Error(Code::placeholder_leak, "found"); }});
  }
  /// What passes; "!" behind it where something was found.
  std::string send(std::string_view bytes) {
    std::string out;
    while (!bytes.empty()) {
      auto cleared = guard->look(bytes);
      if (!cleared) return out + "!";
      out.append(cleared->held).append(cleared->fresh);
    }
    return out;
  }

  testing::FakeSecrets secrets;
  std::unique_ptr<TunnelGuard> guard;
};

TEST_F(ByteGuardTest, nothing_of_a_find_passes_however_it_is_cut) {
  const std::string before = "EHLO, ";
  for (const std::string& text : {kPlaceholder, kSecret, base64(kPlaceholder), hex(kSecret)})
    test::for_each_split(before + text + " and more", [&](const auto& parts, const std::string& how) {
      open();
      std::string passed;
      for (std::string_view part : parts)
        if (!passed.ends_with("!")) passed += send(part);
      EXPECT_TRUE(passed.ends_with("!")) << how << ": " << text;
      // Three characters of base64 may be another text's.
      EXPECT_LE(passed.size() - 1, before.size() + 3 + broker::Sieve::kMayPass) << how << ": " << passed;
    });
}

TEST_F(ByteGuardTest, what_is_harmless_passes) {
  const std::string text = "ghp_weird, ghp_weirAbC1, g" + std::string(300'000, 'h') + " ghp_weirAb";
  for (std::size_t cut : {std::size_t{0}, std::size_t{5}, std::size_t{17}, text.size() - 4}) {
    open();
    std::string passed =
        send(std::string_view(text).substr(0, cut)) + send(std::string_view(text).substr(cut));
    EXPECT_EQ(passed.size(), text.size() - 10) << "the end may be the beginning of something";
    EXPECT_TRUE(passed + std::string(guard->rest()) == text);
  }
}

TEST_F(ByteGuardTest, of_tls_only_the_beginning_is_looked_at) {
  open();
  EXPECT_EQ(send("\x16\x03\x01 a name: " + kPlaceholder), "!");
  open();
  std::string hello = "\x16\x03\x01" + std::string(20 << 10, 'x');
  EXPECT_EQ(send(hello).size(), hello.size());
  EXPECT_EQ(send(kPlaceholder), kPlaceholder) << "whatever this is, it is not in clear";
  open();
  std::string first = "\x16\x03\x01" + std::string((17 << 10) - 3 - 5, 'x') + "ghp_w";
  EXPECT_EQ(send(first).size(), first.size()) << "nothing is held back at the end of what is looked at";
}

TEST_F(ByteGuardTest, says_nothing_at_the_end) {
  open();
  EXPECT_EQ(guard->last_words(Error(Code::placeholder_leak, "")), "");
}

}  // namespace
}  // namespace weir::proxy
