#include "tls/leaf_cache.h"

#include <gtest/gtest.h>
#include <time.h>

#include <atomic>
#include <barrier>
#include <string>
#include <thread>

namespace weir::tls {
namespace {

constexpr std::int64_t kDay = 24 * 60 * 60;

LeafPtr leaf(std::string host, std::int64_t days_left = 100) {
  return std::make_shared<const Leaf>(
      Leaf{.host = std::move(host), .not_after = ::time(nullptr) + days_left * kDay + 60});
}

TEST(LeafCache, KeepsWhatLands) {
  LeafCache cache;
  EXPECT_EQ(cache.find("a.example"), nullptr);
  LeafPtr a = leaf("a.example");
  cache.land("a.example", a);
  EXPECT_EQ(cache.find("a.example"), a);
  EXPECT_EQ(cache.find("b.example"), nullptr);
}

TEST(LeafCache, TheFirstMintsAndAllGetTheResult) {
  LeafCache cache;
  LeafPtr a = leaf("a.example");
  int done = 0;
  auto count = [&](Result<LeafPtr> result) { done += result && *result == a; };
  EXPECT_TRUE(cache.join("a.example", count));
  EXPECT_FALSE(cache.join("a.example", count));
  EXPECT_TRUE(cache.join("b.example", [](Result<LeafPtr>) { FAIL() << "b never landed"; }));
  EXPECT_EQ(done, 0);
  cache.land("a.example", a);
  EXPECT_EQ(done, 2);
  EXPECT_FALSE(cache.join("a.example", count)) << "it has arrived";
  EXPECT_EQ(done, 3) << "inside join";
}

TEST(LeafCache, ErrorsReachAllAndAreNotKept) {
  LeafCache cache;
  int failed = 0;
  auto count = [&](Result<LeafPtr> result) {
    failed += !result && result.error().code() == Code::bad_certificate;
  };
  EXPECT_TRUE(cache.join("a.example", count));
  EXPECT_FALSE(cache.join("a.example", count));
  cache.land("a.example", fail(Code::bad_certificate));
  EXPECT_EQ(failed, 2);
  EXPECT_EQ(cache.find("a.example"), nullptr);
  EXPECT_TRUE(cache.join("a.example", count)) << "the next one tries again";
  cache.land("a.example", leaf("a.example"));
}

TEST(LeafCache, ACallbackMayJoinAgain) {
  LeafCache cache;
  bool again = false;
  EXPECT_TRUE(cache.join("a.example",
                         [&](Result<LeafPtr>) { again = cache.join("a.example", [](Result<LeafPtr>) {}); }));
  cache.land("a.example", fail(Code::io));
  EXPECT_TRUE(again);
}

TEST(LeafCache, ForgetsTheLeastRecentlyUsed) {
  LeafCache cache(3, 1);
  for (const char* host : {"a", "b", "c"}) cache.land(host, leaf(host));
  EXPECT_NE(cache.find("a"), nullptr);
  cache.land("d", leaf("d"));
  EXPECT_EQ(cache.find("b"), nullptr);
  for (const char* host : {"a", "c", "d"}) EXPECT_NE(cache.find(host), nullptr) << host;
  EXPECT_EQ(cache.size(), 3U);
}

TEST(LeafCache, IsBoundedUnderManyNames) {
  LeafCache cache(256);
  for (int i = 0; i < 10000; ++i) cache.land(std::to_string(i), leaf(std::to_string(i)));
  EXPECT_LE(cache.size(), 256U);
  EXPECT_GE(cache.size(), 200U) << "the shards share the names evenly";
}

TEST(LeafCache, ALandingReplacesTheOldLeaf) {
  LeafCache cache(2, 1);
  cache.land("a", leaf("a"));
  LeafPtr newer = leaf("a");
  cache.land("a", newer);
  EXPECT_EQ(cache.find("a"), newer);
  EXPECT_EQ(cache.size(), 1U);
}

TEST(LeafCache, ALeafWithLessThanADayIsAbsent) {
  LeafCache cache;
  cache.land("a", leaf("a", 0));
  EXPECT_EQ(cache.find("a"), nullptr);
  LeafPtr lasting = leaf("a", 1);
  cache.land("a", lasting);
  EXPECT_EQ(cache.find("a"), lasting);
}

TEST(LeafCache, MintsOnceForManyThreads) {
  constexpr int kThreads = 8;
  constexpr int kHosts = 50;
  LeafCache cache;
  std::atomic<int> mints = 0;
  std::atomic<int> answers = 0;
  std::barrier start(kThreads);
  auto worker = [&] {
    start.arrive_and_wait();
    for (int i = 0; i < kHosts; ++i) {
      std::string host = std::to_string(i);
      auto done = [&, host](Result<LeafPtr> result) { answers += result && (*result)->host == host; };
      if (!cache.join(host, done)) continue;
      ++mints;
      cache.land(host, leaf(host));
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) threads.emplace_back(worker);
  }
  EXPECT_EQ(mints, kHosts);
  EXPECT_EQ(answers, kThreads * kHosts);
}

}  // namespace
}  // namespace weir::tls
