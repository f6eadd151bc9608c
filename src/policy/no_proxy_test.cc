#include "policy/no_proxy.h"

#include <gtest/gtest.h>

namespace weir::policy {
namespace {

struct Row {
  const char* entry;
  const char* target;
  bool direct;
};

class NoProxyTable : public testing::TestWithParam<Row> {};

TEST_P(NoProxyTable, Row) {
  const Row& row = GetParam();
  auto compiled = NoProxy::compile(std::vector<std::string>{row.entry});
  ASSERT_TRUE(compiled) << compiled.error().message();
  auto target = parse_host_port(row.target, 443);
  ASSERT_TRUE(target) << row.target;
  EXPECT_EQ(compiled->matches(*target), row.direct) << row.entry << " against " << row.target;
}

INSTANTIATE_TEST_SUITE_P(
    All, NoProxyTable,
    testing::Values(
        Row{"example.com", "example.com", true}, Row{"example.com", "www.example.com", true},
        Row{"example.com", "notexample.com", false}, Row{"example.com", "example.com.evil.net", false},
        Row{".example.com", "www.example.com", true}, Row{".example.com", "example.com", true},
        Row{"*.example.com", "www.example.com", true}, Row{"Example.COM.", "www.example.com", true},
        Row{" example.com ", "example.com", true}, Row{"www.example.com", "example.com", false},
        Row{"example.com:8443", "example.com:8443", true}, Row{"example.com:8443", "example.com", false},
        Row{".example.com:8443", "a.example.com:8443", true}, Row{"localhost", "localhost:3000", true},
        Row{"*", "any.net", true}, Row{"*", "10.0.0.1", true}, Row{"", "any.net", false},
        Row{"127.0.0.1", "127.0.0.1:80", true}, Row{"127.0.0.1", "127.0.0.2", false},
        Row{"127.0.0.1:80", "127.0.0.1:80", true}, Row{"127.0.0.1:80", "127.0.0.1:81", false},
        Row{"::1", "[::1]:80", true}, Row{"[::1]", "[::1]:80", true}, Row{"[::1]:80", "[::1]:80", true},
        Row{"[::1]:80", "[::1]:81", false}, Row{"10.0.0.0/8", "10.9.9.9", true},
        Row{"10.0.0.0/8", "11.9.9.9", false}, Row{"10.0.0.0/8", "10.example.com", false},
        Row{"fd00::/8", "[fd00::2]:80", true}),
    [](const auto& info) { return "n" + std::to_string(info.index); });

TEST(NoProxy, ErrorNamesTheBadEntry) {
  for (std::string bad : {"10.0.0.0/40", "0.0.1", "a b", "x:0", "foo*bar", "http://a.com", "a:b:c:zz"}) {
    auto result = NoProxy::compile(std::vector<std::string>{"good.com", bad});
    ASSERT_FALSE(result) << bad;
    EXPECT_NE(result.error().context().find(bad), std::string::npos) << result.error().context();
  }
}

TEST(NoProxy, EmptyMatchesNothing) { EXPECT_FALSE(NoProxy().matches({"example.com", 443})); }

}  // namespace
}  // namespace weir::policy
