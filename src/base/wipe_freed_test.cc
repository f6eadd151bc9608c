#include "base/wipe_freed.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/secret_text.h"

namespace weir {
namespace {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WEIR_SANITIZED 1
#include <sanitizer/allocator_interface.h>
#endif
#endif

constexpr std::size_t kSize = 40'000;

std::unique_ptr<char[]> full_block() {
  auto bytes = std::make_unique<char[]>(kSize);
  std::fill_n(bytes.get(), kSize, 'S');
  return bytes;
}

#ifdef WEIR_SANITIZED
// Freed memory may not be looked at; hooks are called in the order in which they came.
thread_local const volatile void* t_watched;
thread_local char t_seen;

void look(const volatile void* at) {
  if (at == t_watched && at != nullptr) t_seen = static_cast<const volatile char*>(at)[kSize / 2];
}

bool is_left_behind() {
  static const int installed = __sanitizer_install_malloc_and_free_hooks([](auto...) {}, look);
  EXPECT_NE(installed, 0);
  t_seen = '?';
  {
    auto block = full_block();
    t_watched = block.get();
  }
  t_watched = nullptr;
  EXPECT_NE(t_seen, '?');
  return t_seen == 'S';
}
#else
// A block that is given back and asked for again at once is the same one.
bool is_left_behind() {
  for (int tries = 0; tries < 100; ++tries) {
    auto at = reinterpret_cast<std::uintptr_t>(full_block().get());
    std::unique_ptr<char[]> again(new char[kSize]);  // not initialised
    if (reinterpret_cast<std::uintptr_t>(again.get()) != at) continue;
    const volatile char* bytes = again.get();
    return bytes[kSize / 2] == 'S';  // the allocator's own notes are at the beginning
  }
  ADD_FAILURE() << "no block came back";
  return false;
}
#endif

TEST(WipeFreed, overwrites_what_is_given_back_while_it_is_there) {
  EXPECT_TRUE(is_left_behind());
  {
    WipeFreed wipe;
    EXPECT_FALSE(is_left_behind());
  }
  EXPECT_TRUE(is_left_behind());
}

TEST(WipeFreed, is_of_its_thread_alone) {
  WipeFreed wipe;
  std::thread([] { EXPECT_TRUE(is_left_behind()); }).join();
}

TEST(WipeFreed, may_be_nested) {
  WipeFreed outer;
  {
    WipeFreed inner;
  }
  EXPECT_FALSE(is_left_behind());
}

TEST(WipeFreed, every_form_of_delete) {
  WipeFreed wipe;
  struct alignas(128) Wide {
    char bytes[256];
  };
  delete new std::string("one");
  delete[] new int[7];
  delete new Wide;
  delete[] new Wide[3];
  std::vector<std::string> grown;
  for (int i = 0; i < 1000; ++i) grown.emplace_back(static_cast<std::size_t>(i), 'x');
  EXPECT_EQ(grown.back().size(), 999U);
}

TEST(SecretText, copies_share_what_they_hold) {
  SecretText secret("s3cret"), copy = secret;
  EXPECT_EQ(copy.reveal().data(), secret.reveal().data());
  EXPECT_EQ(copy, "s3cret");
  secret = "another";
  EXPECT_EQ(copy, "s3cret");
  EXPECT_FALSE(copy == secret);
  EXPECT_TRUE(SecretText().empty());
  EXPECT_TRUE(SecretText("").empty());
  EXPECT_EQ(SecretText(), SecretText(""));
}

}  // namespace
}  // namespace weir
