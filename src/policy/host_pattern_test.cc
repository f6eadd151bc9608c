#include "policy/host_pattern.h"

#include <gtest/gtest.h>

namespace weir::policy {
namespace {

struct Row {
  const char* pattern;
  const char* target;
  bool matches;
};

class HostPatternTable : public testing::TestWithParam<Row> {};

TEST_P(HostPatternTable, Row) {
  const Row& row = GetParam();
  auto pattern = HostPattern::parse(row.pattern);
  ASSERT_TRUE(pattern) << pattern.error().message();
  auto target = parse_host_port(row.target, 443);
  ASSERT_TRUE(target) << row.target;
  EXPECT_EQ(pattern->matches(HostSubject(*target)), row.matches) << row.pattern << " against " << row.target;
}

INSTANTIATE_TEST_SUITE_P(
    All, HostPatternTable,
    testing::Values(
        // odd spellings of addresses in patterns
        Row{"2130706433", "127.0.0.1", true}, Row{"0x7f000001", "127.0.0.1", true},
        Row{"0x7F.1", "127.0.0.1", true}, Row{"0177.0.0.1", "127.0.0.1", true},
        Row{"127.1", "127.0.0.1", true}, Row{"127.1:8080", "127.0.0.1:8080", true},
        Row{"127.1:8080", "127.0.0.1:443", false}, Row{"127.0.0.1.", "127.0.0.1", true},
        // a mapped address is the address it means, on both sides
        Row{"10.0.0.1", "[::ffff:10.0.0.1]", true}, Row{"[::ffff:10.0.0.1]", "10.0.0.1", true},
        Row{"::ffff:a00:1", "10.0.0.1", true}, Row{"10.0.0.0/8", "[::ffff:a00:1]:80", true},
        Row{"10.0.0.1", "[::10.0.0.1]", false}, Row{"fe80::1", "[FE80:0::0:1]", true},
        // Unicode stands for A-labels
        Row{"bücher.example", "xn--bcher-kva.example", true},
        Row{"*.BÜCHER.example", "a.xn--bcher-kva.example", true},
        Row{"*.bücher.example", "xn--bcher-kva.example", false},
        Row{"bücher。example", "xn--bcher-kva.example", true},
        Row{"XN--BCHER-KVA.example", "xn--bcher-kva.example", true}, Row{"１２７.0.0.1", "127.0.0.1", true},
        Row{"straße.de", "xn--strae-oqa.de", true}),
    [](const auto& info) { return "n" + std::to_string(info.index); });

TEST(HostPattern, RefusalsSayWhatToWrite) {
  struct {
    const char* pattern;
    const char* says;
  } rows[] = {{"https://example.com", "scope = \"url\""},
              {"user@example.com", "user information"},
              {"fe80::1%eth0", "zone"},
              {"", "write a name"},
              {"*.127.1", "write a range"},
              {"a\u200e.example", "xn--"},
              {"exa_mple..com", "label"},
              {"1.2.3.4.5", "IPv4"}};
  for (const auto& row : rows) {
    auto pattern = HostPattern::parse(row.pattern);
    ASSERT_FALSE(pattern) << row.pattern;
    EXPECT_EQ(pattern.error().code(), Code::bad_config);
    EXPECT_NE(pattern.error().context().find(row.says), std::string::npos) << pattern.error().context();
  }
}

}  // namespace
}  // namespace weir::policy
