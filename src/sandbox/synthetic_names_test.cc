#include "sandbox/synthetic_names.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <string.h>

#include <barrier>
#include <set>
#include <thread>
#include <vector>

#include "base/log.h"

namespace weir::sandbox {
namespace {

using Limits = SyntheticNames::Limits;

std::string text(const in_addr& address) {
  char out[INET_ADDRSTRLEN];
  return ::inet_ntop(AF_INET, &address, out, sizeof out);
}
std::string text(const in6_addr& address) {
  char out[INET6_ADDRSTRLEN];
  return ::inet_ntop(AF_INET6, &address, out, sizeof out);
}
std::string v4_of(SyntheticNames& names, const std::string& name) {
  auto given = names.addresses_of(name);
  return given ? text(given->v4) : given.error().message();
}
std::string v6_of(SyntheticNames& names, const std::string& name) {
  auto given = names.addresses_of(name);
  return given ? text(given->v6) : given.error().message();
}

TEST(SyntheticNames, ANameHasOneAddressOfEachFamily) {
  SyntheticNames names({}, 0);
  EXPECT_EQ(v4_of(names, "a.example"), "198.18.0.16");
  EXPECT_EQ(v6_of(names, "a.example"), "fd43:e4f2:7f03::10");
  EXPECT_EQ(v4_of(names, "b.example"), "198.18.0.17");
  EXPECT_EQ(v6_of(names, "b.example"), "fd43:e4f2:7f03::11");
  EXPECT_EQ(v4_of(names, "A.Example."), "198.18.0.16") << "one name, however it is written";
  EXPECT_EQ(names.counts().handed_out, 2U);
}

TEST(SyntheticNames, AnAddressHasItsName) {
  SyntheticNames names({}, 0);
  v4_of(names, "A.example");
  v4_of(names, "b.example");
  for (const char* address : {"198.18.0.16", "::ffff:198.18.0.16", "::ffff:c612:10", "fd43:e4f2:7f03::10",
                              "fd43:e4f2:7f03:0:0:0:0:10"})
    EXPECT_EQ(names.name_of(address), "a.example") << address;
  EXPECT_EQ(names.name_of("198.18.0.17"), "b.example");
  in6_addr mapped{};
  ASSERT_EQ(::inet_pton(AF_INET6, "::ffff:198.18.0.17", &mapped), 1);
  EXPECT_EQ(names.name_of(mapped), "b.example");
}

// What was not handed out must be told from what lies outside: the first is refused, the second judged.
TEST(SyntheticNames, AnAddressInRangeWithoutANameIsNobodys) {
  SyntheticNames names({}, 0);
  v4_of(names, "a.example");
  for (const char* address :
       {"198.18.0.0", "198.18.0.15", "198.18.0.17", "198.19.255.254", "198.19.255.255", "::ffff:198.18.0.17",
        "fd43:e4f2:7f03::", "fd43:e4f2:7f03::f", "fd43:e4f2:7f03::11", "fd43:e4f2:7f03:0:1::10",
        "fd43:e4f2:7f03:0:ffff:ffff:ffff:ffff", "fd43:e4f2:7f03::2:10"}) {
    EXPECT_TRUE(SyntheticNames::is_synthetic(address)) << address;
    EXPECT_EQ(names.name_of(address), std::nullopt) << address;
  }
  for (const char* address : {"198.17.255.255", "198.20.0.0", "127.0.0.1", "fd43:e4f2:7f03:1::10",
                              "fd43:e4f2:7f02::10", "::198.18.0.16", "64:ff9b::198.18.0.16", "2002:c612:10::",
                              "::", "", "a.example", "198.18.16", "0306.18.0.16", "fd43:e4f2:7f03::10%1"}) {
    EXPECT_FALSE(SyntheticNames::is_synthetic(address)) << address;
    EXPECT_EQ(names.name_of(address), std::nullopt) << address;
  }
  EXPECT_FALSE(SyntheticNames::is_synthetic(std::string_view("198.18.0.16\0x", 13)));
}

TEST(SyntheticNames, RefusesWhatIsNoName) {
  SyntheticNames names;
  for (std::string name : {"", ".", "a b", "a..b", "192.0.2.1", "198.18.0.16", "::1", "[::1]", "2130706433",
                           "0x7f.1", "a\\.b"}) {
    auto given = names.addresses_of(name);
    ASSERT_FALSE(given) << name;
    EXPECT_EQ(given.error().code(), Code::bad_host) << name;
  }
  EXPECT_FALSE(names.addresses_of(std::string_view("a\0b", 3)));
  EXPECT_EQ(names.counts().handed_out, 0U);
  EXPECT_EQ(names.counts().refused, 0U) << "those are of names";
}

TEST(SyntheticNames, SpentIsSpentAndWhatIsKnownStays) {
  log::set_output(-1);
  SyntheticNames names({.names = 2, .names_a_domain = 10}, 0);
  v4_of(names, "a.test");
  v4_of(names, "b.test");
  auto third = names.addresses_of("c.test");
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code(), Code::overloaded);
  EXPECT_EQ(v4_of(names, "a.test"), "198.18.0.16");
  EXPECT_EQ(names.name_of("198.18.0.17"), "b.test");
  EXPECT_EQ(names.name_of("198.18.0.18"), std::nullopt) << "a refused name has no place";
  EXPECT_EQ(names.counts().handed_out, 2U);
  EXPECT_EQ(names.counts().refused, 1U);
  log::set_output(2);
}

class Heard final : public log::Listener {
 public:
  void heard(const log::Line& line) override { lines.emplace_back(line.text); }
  std::vector<std::string> lines;
};

// Data sent out as names must not use up the session's table, and is told of once.
TEST(SyntheticNames, OneDomainCannotTakeAllPlaces) {
  auto heard = std::make_shared<Heard>();
  log::set_output(-1);
  log::set_listener(heard);
  SyntheticNames names({.names = 100, .names_a_domain = 3}, 0);
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(names.addresses_of(fmt::format("x{}.y.evil.test", i)).has_value(), i < 3);
  EXPECT_FALSE(names.addresses_of("evil.test")) << "the domain itself is of it";
  EXPECT_TRUE(names.addresses_of("other.test"));
  EXPECT_TRUE(names.addresses_of("notevil.test"));
  EXPECT_TRUE(names.addresses_of("single"));
  EXPECT_EQ(v4_of(names, "x0.y.evil.test"), "198.18.0.16") << "what is known stays";
  log::set_listener(nullptr);
  log::set_output(2);
  ASSERT_EQ(heard->lines.size(), 1U);
  EXPECT_NE(heard->lines[0].find("evil.test"), std::string::npos) << heard->lines[0];
  EXPECT_EQ(names.counts().refused, 8U);
}

// The whole range, from its middle: each address once, never one of those kept back.
TEST(SyntheticNames, NeverGivesAnAddressTwice) {
  log::set_output(-1);
  constexpr std::uint32_t kStart = 70'000;
  SyntheticNames names({.names = 1U << 20, .names_a_domain = 1U << 20}, kStart);
  std::set<std::uint32_t> seen;
  for (std::uint32_t i = 0; i < SyntheticNames::kMostNames; ++i) {
    std::string name = fmt::format("n{}.test", i);
    auto given = names.addresses_of(name);
    ASSERT_TRUE(given) << i;
    std::uint32_t v4 = ntohl(given->v4.s_addr);
    ASSERT_GE(v4, 0xC6120010U);
    ASSERT_LE(v4, 0xC613FFFEU);
    std::uint32_t low;
    memcpy(&low, given->v6.s6_addr + 12, sizeof low);
    ASSERT_EQ(ntohl(low), v4 & 0x1FFFF) << "one place in both ranges";
    ASSERT_TRUE(seen.insert(v4).second);
    ASSERT_EQ(names.name_of(given->v6), name);
  }
  EXPECT_FALSE(names.addresses_of("one.more.test"));
  EXPECT_EQ(names.name_of("198.18.0.16"), fmt::format("n{}.test", SyntheticNames::kMostNames - kStart));
  log::set_output(2);
}

// An address kept from another session, such as in a cache on disk, is most likely nobody's in this one.
TEST(SyntheticNames, SessionsStartInDifferentPlaces) {
  std::set<std::string> first;
  for (int i = 0; i < 8; ++i) {
    SyntheticNames names;
    first.insert(v4_of(names, "a.example"));
  }
  EXPECT_GT(first.size(), 1U);
}

// Two lookups of a new name at once: a table that looks first and adds later gives it two addresses.
TEST(SyntheticNames, ManyThreadsSeeOneTable) {
  constexpr int kThreads = 4, kNames = 500;
  SyntheticNames names({}, 0);
  std::vector<std::vector<std::string>> given(kThreads);
  std::barrier start(kThreads);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t)
      threads.emplace_back([&, t] {
        start.arrive_and_wait();
        for (int i = 0; i < kNames; ++i) {
          std::string name = fmt::format("n{}.test", i);
          given[t].push_back(v4_of(names, name));
          EXPECT_EQ(names.name_of(given[t].back()), name);
        }
      });
  }
  for (int t = 1; t < kThreads; ++t) EXPECT_EQ(given[t], given[0]);
  EXPECT_EQ(names.counts().handed_out, static_cast<std::uint64_t>(kNames));
}

}  // namespace
}  // namespace weir::sandbox
