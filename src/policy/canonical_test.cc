#include "policy/canonical.h"

#include <gtest/gtest.h>

#include "policy/policy.h"

namespace weir::policy {
namespace {

struct Row {
  const char* target;
  const char* canonical;
};

class CanonicalTarget : public testing::TestWithParam<Row> {};

TEST_P(CanonicalTarget, Row) {
  EXPECT_EQ(canonical_target(GetParam().target), GetParam().canonical) << GetParam().target;
  EXPECT_EQ(canonical_target(GetParam().canonical), GetParam().canonical);
}

INSTANTIATE_TEST_SUITE_P(
    All, CanonicalTarget,
    testing::Values(Row{"/", "/"}, Row{"", ""}, Row{"*", "*"}, Row{"/a?b=c", "/a?b=c"}, Row{"/?", "/?"},
                    // RFC 3986 section 6.2.2
                    Row{"/%61dmin", "/admin"}, Row{"/%7euser/%7E", "/~user/~"}, Row{"/a%2fb", "/a%2Fb"},
                    Row{"/%c3%bc", "/%C3%BC"}, Row{"/\xC3\xBC", "/%C3%BC"}, Row{"/a b", "/a%20b"},
                    Row{"/%2561", "/%2561"}, Row{"/100%", "/100%25"}, Row{"/%zz", "/%25zz"},
                    Row{"/%%32e", "/%252e"}, Row{"/%3f%23%00", "/%3F%23%00"}, Row{"/a#b", "/a%23b"},
                    // dot segments, also in disguise
                    Row{"/a/./b", "/a/b"}, Row{"/a/../b", "/b"}, Row{"/a/%2e%2E/b", "/b"}, Row{"/..", "/"},
                    Row{"/../../a", "/a"}, Row{"/a/..", "/"}, Row{"/a/b/..", "/a/"}, Row{"/a/.", "/a/"},
                    Row{"/a/...", "/a/..."}, Row{"/.a/..b", "/.a/..b"}, Row{"/a/%2e", "/a/"},
                    // empty segments
                    Row{"//a///b//", "/a/b/"}, Row{"//", "/"}, Row{"/a//../b", "/b"},
                    Row{"//evil.net/x", "/evil.net/x"},
                    // the query keeps its segments
                    Row{"/a/../b?c=/../%7e//", "/b?c=/../~//"}, Row{"/a?b?c", "/a?b?c"},
                    Row{"/a%3Fb", "/a%3Fb"}, Row{"/a\\..\\b", "/a\\..\\b"}),
    [](const auto& info) { return "n" + std::to_string(info.index); });

TEST(CanonicalUrl, DropsTheStandardPort) {
  using http::Scheme;
  EXPECT_EQ(canonical_url({Scheme::https, {"a.net", 443}}, "/x/../y"), "https://a.net/y");
  EXPECT_EQ(canonical_url({Scheme::http, {"a.net", 80}}, "/"), "http://a.net/");
  EXPECT_EQ(canonical_url({Scheme::http, {"a.net", 443}}, "/"), "http://a.net:443/");
  EXPECT_EQ(canonical_url({Scheme::https, {"::1", 8443}}, "/"), "https://[::1]:8443/");
  EXPECT_EQ(canonical_url({Scheme::https, {"::ffff:10.0.0.1", 443}}, "/"), "https://10.0.0.1/");
}

}  // namespace
}  // namespace weir::policy
