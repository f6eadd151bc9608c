#include "policy/host_patterns.h"

#include <gtest/gtest.h>

namespace weir::policy {
namespace {

HostPatterns compiled(std::vector<std::string> patterns) {
  auto out = HostPatterns::compile(patterns);
  EXPECT_TRUE(out) << out.error().message();
  return out.value_or(HostPatterns());
}

struct Row {
  const char* pattern;
  const char* target;
  bool matches;
};

class HostPatternsTable : public testing::TestWithParam<Row> {};

TEST_P(HostPatternsTable, Row) {
  const Row& row = GetParam();
  auto target = parse_host_port(row.target, 443);
  ASSERT_TRUE(target) << row.target;
  EXPECT_EQ(compiled({row.pattern}).matches(*target), row.matches)
      << row.pattern << " against " << row.target;
}

INSTANTIATE_TEST_SUITE_P(
    All, HostPatternsTable,
    testing::Values(
        // exact
        Row{"api.example.com", "api.example.com", true}, Row{"api.example.com", "API.Example.COM.", true},
        Row{"API.example.com.", "api.example.com", true}, Row{"example.com", "api.example.com", false},
        Row{"example.com", "notexample.com", false}, Row{"example.com", "example.com.evil.net", false},
        Row{"api.example.com", "example.com", false},
        // below
        Row{"*.example.com", "a.example.com", true}, Row{"*.example.com", "a.b.c.example.com", true},
        Row{"*.Example.com.", "A.example.com", true}, Row{"*.example.com", "example.com", false},
        Row{"*.example.com", "notexample.com", false}, Row{"*.example.com", "a.notexample.com", false},
        Row{"*.example.com", "a.example.com.evil.net", false}, Row{"*.com", "example.com", true},
        Row{"*.com", "com", false},
        // ports
        Row{"example.com:8443", "example.com:8443", true}, Row{"example.com:8443", "example.com:443", false},
        Row{"example.com", "example.com:8443", true}, Row{"*.example.com:8443", "a.example.com:8443", true},
        Row{"*.example.com:8443", "a.example.com:443", false}, Row{"*:8443", "any.net:8443", true},
        Row{"*:8443", "any.net:443", false},
        // everything
        Row{"*", "any.net", true}, Row{"*", "10.0.0.1:1", true}, Row{"*", "[::1]:1", true},
        // addresses
        Row{"127.0.0.1", "127.0.0.1", true}, Row{"127.0.0.1", "127.0.0.2", false},
        Row{"127.0.0.1:80", "127.0.0.1:443", false}, Row{"[::1]", "[::1]:443", true},
        Row{"::1", "[0:0::1]:443", true}, Row{"[::1]:80", "[::1]:80", true},
        Row{"[::1]:80", "[::1]:443", false}, Row{"10.0.0.0/8", "10.255.0.1", true},
        Row{"10.0.0.0/8", "11.0.0.1", false}, Row{"10.1.2.3/12", "10.15.9.9", true},
        Row{"10.1.2.3/12", "10.16.0.0", false}, Row{"10.0.0.0/8", "10.example.com", false},
        Row{"0.0.0.0/0", "8.8.8.8", true}, Row{"0.0.0.0/0", "[::1]:443", false},
        Row{"10.0.0.0/8", "[::ffff:10.0.0.1]:443", true}, Row{"fd00::/8", "[fd12::1]:443", true},
        Row{"fd00::/8", "[fe80::1]:443", false}),
    [](const auto& info) { return "n" + std::to_string(info.index); });

TEST(HostPatterns, SuffixThatLooksLikeAnAddressIsRefused) {
  for (const char* bad : {"*.10.0.0.1", "*.0.1.2.3"})
    EXPECT_FALSE(HostPatterns::compile(std::vector<std::string>{bad}));
}

TEST(HostPatterns, SamePatternWithSeveralPorts) {
  HostPatterns patterns = compiled({"example.com:1", "example.com:2", "*.example.com:3"});
  EXPECT_TRUE(patterns.matches({"example.com", 1}));
  EXPECT_TRUE(patterns.matches({"example.com", 2}));
  EXPECT_FALSE(patterns.matches({"example.com", 3}));
  EXPECT_TRUE(patterns.matches({"a.example.com", 3}));
}

TEST(HostPatterns, EmptyMatchesNothing) {
  EXPECT_TRUE(HostPatterns().empty());
  EXPECT_FALSE(HostPatterns().matches({"example.com", 443}));
  EXPECT_FALSE(compiled({"10.0.0.0/8"}).empty());
  EXPECT_FALSE(compiled({"*"}).empty());
}

TEST(HostPatterns, ErrorNamesTheBadPattern) {
  for (std::string bad : {"", "*.", "**", "a*.example.com", "*.*.example.com", "foo.*", "example.com:0",
                          "example.com:99999", "example.com:", "https://example.com", "10.0.0.0/33", "x/8",
                          "a..b", "a b", "256.1.1.1", "[::1", "[::1]x", "fd00::/129", "*.0.1"}) {
    auto result = HostPatterns::compile(std::vector<std::string>{"good.example.com", bad});
    ASSERT_FALSE(result) << bad;
    EXPECT_EQ(result.error().code(), Code::bad_config);
    EXPECT_NE(result.error().context().find('"' + bad + '"'), std::string::npos) << result.error().context();
  }
}

}  // namespace
}  // namespace weir::policy
