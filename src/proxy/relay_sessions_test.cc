#include "proxy/relay_sessions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::proxy {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kPeer = "192.0.2.1:5000";

RelayGrant grant(const std::string& id, std::string_view token, WallNanos expires = 0,
                 const std::vector<std::string>& hosts = {}) {
  RelayGrant out{.id = id, .token = sha256(token), .expires = expires};
  out.allowed_hosts = *policy::HostPatterns::compile(hosts);
  out.any_host = hosts.empty();
  return out;
}

class RelaySessionsTest : public ::testing::Test {
 protected:
  Result<RelaySessionPtr> admit(std::string_view token, std::string_view peer = kPeer, WallNanos wall = 1) {
    return sessions_.admit(sha256(token), peer, now_, wall);
  }

  RelaySessions sessions_;
  TimePoint now_ = steady_now();
};

TEST_F(RelaySessionsTest, ATokenSaysWhoseItIs) {
  sessions_.replace({grant("a", "token-a"), grant("b", "token-b")});
  EXPECT_EQ((*admit("token-b"))->id, "b");
  auto wrong = admit("token-c");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code(), Code::session_unknown);
  EXPECT_THAT(wrong.error().message(), Not(HasSubstr("token-c")));
  EXPECT_EQ(sessions_.admit(std::nullopt, kPeer, now_, 1).error().code(), Code::session_unknown);
}

TEST_F(RelaySessionsTest, AnEndIsAnEnd) {
  sessions_.replace({grant("a", "token-a", 100)});
  auto session = admit("token-a", kPeer, 99);
  ASSERT_TRUE(session);
  EXPECT_TRUE((*session)->stands(99));
  EXPECT_FALSE((*session)->stands(100));
  EXPECT_EQ(admit("token-a", kPeer, 100).error().code(), Code::session_expired);
  EXPECT_EQ((*session)->may_reach({"a.example", 443}, 100).error().code(), Code::session_expired);
}

TEST_F(RelaySessionsTest, HostsThatAreNotListedAreRefused) {
  sessions_.replace({grant("a", "token-a", 0, {"*.example.com"}), grant("b", "token-b")});
  auto session = *admit("token-a");
  EXPECT_TRUE(session->may_reach({"www.example.com", 443}, 1));
  auto refused = session->may_reach({"example.org", 443}, 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Code::host_not_allowed);
  EXPECT_EQ(deny_reason(refused.error()), "host_not_allowed");
  EXPECT_TRUE((*admit("token-b"))->may_reach({"example.org", 443}, 1));
}

TEST(DenyReason, IsThePolicyOrTheCode) {
  EXPECT_EQ(deny_reason(Error(Code::blocked, "session_limit: no")), "policy");
  for (Code code : {Code::session_expired, Code::session_mismatch, Code::session_limit,
                    Code::host_not_allowed, Code::address_refused})
    EXPECT_EQ(deny_reason(Error(code)), info(code).name);
}

TEST(Denials, AreCountedByReason) {
  Denials denials;
  EXPECT_EQ(denials.told().last, 0);
  denials.note(Error(Code::session_limit, "first"));
  denials.note(Error(Code::blocked, "by a rule"));
  denials.note(Error(Code::blocked, std::string(2000, 'x')));
  Denials::Told told = denials.told();
  EXPECT_EQ(told.counts,
            (std::vector<std::pair<std::string_view, std::uint64_t>>{{"policy", 2}, {"session_limit", 1}}));
  EXPECT_EQ(told.last_reason, "policy");
  EXPECT_EQ(told.last_detail, std::string(500, 'x'));
  EXPECT_GT(told.last, 0);
}

TEST_F(RelaySessionsTest, AMistakeIsToldUntilTheFileIsGood) {
  sessions_.replace({grant("a", "token-a")});
  EXPECT_GT(sessions_.file().read, 0);
  sessions_.keep("line 3");
  EXPECT_EQ(sessions_.file().mistake, "line 3");
  EXPECT_TRUE(admit("token-a"));
  sessions_.replace({});
  EXPECT_EQ(sessions_.file().mistake, "");
}

TEST_F(RelaySessionsTest, AnotherFileChangesWhatIsThere) {
  sessions_.replace({grant("a", "token-a"), grant("b", "token-b"), grant("c", "token-c")});
  auto a = *admit("token-a"), b = *admit("token-b"), c = *admit("token-c");
  sessions_.replace({grant("a", "token-a", 0, {"only.example"}), grant("b", "token-new")});
  EXPECT_TRUE(a->stands(1));
  EXPECT_FALSE(a->may_reach({"other.example", 443}, 1));
  EXPECT_FALSE(b->stands(1));  // its token is another one
  EXPECT_FALSE(c->stands(1));
  EXPECT_EQ((*admit("token-a")), a);
  EXPECT_NE((*admit("token-new")), b);
  EXPECT_FALSE(admit("token-b"));
}

TEST_F(RelaySessionsTest, TheFirstBytesAreOfTheSameSession) {
  sessions_.replace({grant("a", "token-a"), grant("b", "token-b")});
  auto a = *admit("token-a");
  auto confirm = [&](std::string_view id, std::string_view token) {
    return sessions_.confirm(*a, id, sha256(token), kPeer, now_);
  };
  EXPECT_TRUE(confirm("a", "token-a"));
  EXPECT_EQ(confirm("b", "token-b").error().code(), Code::session_mismatch);
  EXPECT_EQ(confirm("a", "token-b").error().code(), Code::session_mismatch);
  EXPECT_EQ(confirm("b", "token-a").error().code(), Code::session_mismatch);
  EXPECT_EQ(sessions_.confirm(*a, "a", std::nullopt, kPeer, now_).error().code(), Code::session_mismatch);
}

TEST_F(RelaySessionsTest, WhoTriesManyTokensIsSlowedDown) {
  sessions_.replace({grant("a", "token-a")});
  int heard = 0;
  for (int i = 0; i < 100; ++i) heard += admit("wrong").error().code() == Code::session_unknown;
  EXPECT_EQ(heard, 5);
  EXPECT_EQ(admit("token-a").error().code(),
            Code::too_many_attempts);  // or the limit would tell right from wrong
  EXPECT_TRUE(admit("token-a", "192.0.2.2:5000"));
  now_ += std::chrono::seconds(1);
  EXPECT_TRUE(admit("token-a"));
}

TEST_F(RelaySessionsTest, RightTokensAreNeverSlowedDown) {
  sessions_.replace({grant("a", "token-a")});
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(admit("token-a"));
}

TEST(AttemptLimit, CountsAnIpv6NetworkAsOne) {
  AttemptLimit limit;
  TimePoint now = steady_now();
  for (int i = 0; i < 5; ++i) limit.failed("[2001:db8:1:2::" + std::to_string(i) + "]:99", now);
  EXPECT_FALSE(limit.may_try("[2001:db8:1:2:ffff::1]:5", now));
  EXPECT_TRUE(limit.may_try("[2001:db8:1:3::1]:5", now));
}

TEST(AttemptLimit, IsBounded) {
  AttemptLimit limit;
  TimePoint now = steady_now();
  for (int i = 0; i < 20000; ++i)
    limit.failed("10." + std::to_string(i >> 8) + "." + std::to_string(i & 255) + ".1:5", now);
  EXPECT_EQ(limit.size(), AttemptLimit::kMostAddresses);
}

}  // namespace
}  // namespace weir::proxy
