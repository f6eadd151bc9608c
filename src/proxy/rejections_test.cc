#include "proxy/rejections.h"

#include <gtest/gtest.h>

namespace weir::proxy {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr const char* kClient = "192.0.2.1:50000";
const HostPort kHost{"api.test", 443};

class RejectionsTest : public ::testing::Test {
 protected:
  Standing rejected(Refusal how = Refusal::alert, const char* client = kClient, HostPort host = kHost) {
    return table.rejected(client, host, how, now);
  }
  bool passes(const char* client = kClient, HostPort host = kHost) {
    return table.passes_until(client, host, now).has_value();
  }

  Rejections table{{}};
  TimePoint now{hours(1000)};
};

TEST_F(RejectionsTest, NobodyPassesAtFirst) { EXPECT_FALSE(passes()); }

TEST_F(RejectionsTest, ThreeAlertsPin) {
  EXPECT_FALSE(rejected().pinned);
  EXPECT_FALSE(rejected().pinned);
  EXPECT_FALSE(passes());
  Standing third = rejected();
  EXPECT_TRUE(third.pinned);
  EXPECT_FALSE(third.forbidden);
  EXPECT_EQ(third.in_a_row, 3U);
  EXPECT_EQ(table.passes_until(kClient, kHost, now), now + hours(1));
}

TEST_F(RejectionsTest, SilentEndsCountHalf) {
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(rejected(Refusal::silence).pinned);
  EXPECT_TRUE(rejected(Refusal::silence).pinned);
  rejected(Refusal::alert, "192.0.2.2:1");
  rejected(Refusal::alert, "192.0.2.2:2");
  EXPECT_FALSE(rejected(Refusal::silence, "192.0.2.2:3").pinned);
  EXPECT_TRUE(rejected(Refusal::silence, "192.0.2.2:4").pinned);
}

TEST_F(RejectionsTest, ASuccessForgets) {
  rejected();
  rejected();
  table.accepted("192.0.2.1:61000", kHost);
  EXPECT_EQ(rejected().in_a_row, 1U);
  EXPECT_FALSE(rejected().pinned);
  EXPECT_TRUE(rejected().pinned);
  table.accepted(kClient, kHost);
  EXPECT_FALSE(passes());
}

TEST_F(RejectionsTest, OnlyWhatIsRecentCounts) {
  rejected();
  now += minutes(4);
  rejected();
  now += minutes(6) + seconds(1);
  EXPECT_FALSE(rejected().pinned) << "the first is older than ten minutes";
  now += minutes(3);
  Standing fourth = rejected();
  EXPECT_TRUE(fourth.pinned) << "three within ten minutes";
  EXPECT_EQ(fourth.in_a_row, 4U);
}

TEST_F(RejectionsTest, ThePortOfTheClientDoesNotMatter) {
  rejected(Refusal::alert, "[2001:db8::1]:1");
  rejected(Refusal::alert, "[2001:db8::1]:2");
  EXPECT_TRUE(rejected(Refusal::alert, "[2001:db8::1]:3").pinned);
  EXPECT_TRUE(passes("[2001:db8::1]:4"));
  EXPECT_FALSE(passes("[2001:db8::2]:4"));
}

TEST_F(RejectionsTest, OthersAreNotAffected) {
  for (int i = 0; i < 3; ++i) rejected();
  EXPECT_FALSE(passes("192.0.2.2:50000"));
  EXPECT_FALSE(passes(kClient, {"other.test", 443}));
  EXPECT_FALSE(passes(kClient, {"api.test", 8443}));
  table.accepted("192.0.2.2:50000", kHost);
  EXPECT_TRUE(passes());
}

TEST_F(RejectionsTest, HealsAfterATimeAndRelapsesSooner) {
  for (int i = 0; i < 3; ++i) rejected();
  now += hours(1) - seconds(1);
  EXPECT_TRUE(passes());
  now += seconds(1);
  EXPECT_FALSE(passes()) << "decrypting is tried again";
  EXPECT_FALSE(rejected(Refusal::silence).pinned);
  EXPECT_FALSE(passes());
  EXPECT_TRUE(rejected(Refusal::silence).pinned);
  EXPECT_TRUE(passes());
  now += hours(1);
  EXPECT_TRUE(rejected().pinned) << "one alert is enough";
  now += hours(1);
  table.accepted(kClient, kHost);
  EXPECT_FALSE(rejected().pinned) << "a success begins anew";
}

TEST_F(RejectionsTest, ForbiddenHostsNeverPass) {
  bool forbidden = false;
  Rejections strict({.forbidden = [&](const HostPort& host) { return forbidden && host == kHost; }});
  Standing last;
  for (int i = 0; i < 3; ++i) last = strict.rejected(kClient, kHost, Refusal::alert, now);
  EXPECT_TRUE(strict.passes_until(kClient, kHost, now));
  forbidden = true;  // a rule that came later
  EXPECT_FALSE(strict.passes_until(kClient, kHost, now));
  last = strict.rejected(kClient, kHost, Refusal::alert, now);
  EXPECT_TRUE(last.pinned);
  EXPECT_TRUE(last.forbidden);
}

TEST_F(RejectionsTest, IsBounded) {
  Rejections small({.entries = 2});
  for (int i = 0; i < 3; ++i) small.rejected(kClient, kHost, Refusal::alert, now);
  small.rejected(kClient, {"b.test", 443}, Refusal::alert, now);
  EXPECT_TRUE(small.passes_until(kClient, kHost, now));
  small.rejected(kClient, {"c.test", 443}, Refusal::alert, now);
  EXPECT_FALSE(small.passes_until(kClient, kHost, now)) << "rejected longest ago";
  EXPECT_EQ(small.rejected(kClient, {"b.test", 443}, Refusal::alert, now).in_a_row, 2U);
}

TEST(RejectionsNews, EachIsToldOnce) {
  Rejections rejections({});
  EXPECT_TRUE(rejections.is_news("curl OpenSSL"));
  EXPECT_FALSE(rejections.is_news("curl OpenSSL"));
  EXPECT_TRUE(rejections.is_news("wget GnuTLS"));
  for (int i = 0; i < 300; ++i) rejections.is_news(std::to_string(i));
  EXPECT_FALSE(rejections.is_news("one more"));
}

}  // namespace
}  // namespace weir::proxy
