#include "policy/canonical.h"

#include <gtest/gtest.h>

#include <cstdio>

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

struct Marked {
  const char* target;
  const char* mark;
};

class Ambiguity : public testing::TestWithParam<Marked> {};

TEST_P(Ambiguity, Row) { EXPECT_EQ(ambiguity(GetParam().target), GetParam().mark) << GetParam().target; }

constexpr const char* kDot = "a dot segment";
constexpr const char* kSlash = "an encoded slash";
constexpr const char* kBack = "an encoded backslash";
constexpr const char* kTwice = "an escape that is encoded itself";
constexpr const char* kControl = "a control character";
constexpr const char* kLong = "an encoding of ASCII that is too long";

INSTANTIATE_TEST_SUITE_P(
    Clear, Ambiguity,
    testing::Values(Marked{"", ""}, Marked{"*", ""}, Marked{"/", ""}, Marked{"/a/b.c?d", ""},
                    // all servers decode these, none sees a border in them
                    Marked{"/%61/%C3%BC/a%20b/%40x", ""}, Marked{"/\xC3\xBC", ""}, Marked{"/a%3Fb%23c", ""},
                    // parameters, empty segments, dots and percent signs that move nothing
                    Marked{"/a;v=1/b..;c", ""}, Marked{"/a//b/", ""}, Marked{"/.a/a./..a/a../", ""},
                    Marked{"/100%25/x%25", ""}, Marked{"/100%/%zz", ""}, Marked{"/M%FCnchen/%E9%E8", ""},
                    Marked{"/%E0%A4%85/%F0%9F%98%80", ""},
                    // queries are compared as they are
                    Marked{"/a?b=..%2f/../\\;%252e#", ""}),
    [](const auto& info) { return "n" + std::to_string(info.index); });

INSTANTIATE_TEST_SUITE_P(
    Marked, Ambiguity,
    testing::Values(Marked{"/a/../b", kDot}, Marked{"/./a", kDot}, Marked{"/a/..", kDot},
                    Marked{"/a/%2e%2E/b", kDot}, Marked{"/a/.%2e", kDot}, Marked{"/..;/a", kDot},
                    Marked{"/a/.;x=1/b", kDot}, Marked{"/%2e%2e;x/a", kDot}, Marked{"/a/;/b", kDot},
                    Marked{"/a/;x/b", kDot}, Marked{"/a/..%3b/b", kDot}, Marked{"/a/...", kDot},
                    Marked{"/a/..%20/b", kDot}, Marked{"/a/%20../b", kDot}, Marked{"/a/..%3Fb", kDot},
                    Marked{"/a/..%23b", kDot}, Marked{"/a/.. /b", kDot}, Marked{"/a/..?b", kDot},
                    //
                    Marked{"/a%2fb", kSlash}, Marked{"/a%2Fb", kSlash}, Marked{"/a/..%2f/../b", kSlash},
                    Marked{"/a\\b", "a backslash"}, Marked{"/a%5cb", kBack}, Marked{"/a/%5C../b", kBack},
                    //
                    Marked{"/%252e%252e/a", kTwice}, Marked{"/a%252fb", kTwice},
                    Marked{"/a%25%32%66b", kTwice}, Marked{"/%%32e/a", kTwice}, Marked{"/%25252e/a", kTwice},
                    Marked{"/%2%35%32e", kTwice}, Marked{"/%u002e/a", kTwice}, Marked{"/%25u002e/a", kTwice},
                    //
                    Marked{"/a%00b", kControl}, Marked{"/a%0a", kControl}, Marked{"/a%0Db", kControl},
                    Marked{"/a\tb", kControl}, Marked{"/%1f", kControl}, Marked{"/%7f", kControl},
                    //
                    Marked{"/%c0%af", kLong}, Marked{"/%C0%AE%C0%AE/a", kLong}, Marked{"/%c1%9c", kLong},
                    Marked{"/%e0%80%af", kLong}, Marked{"/%E0%9F%BF", kLong}, Marked{"/%f0%80%80%af", kLong},
                    Marked{"/%f8%80%80%80%af", kLong}, Marked{"/%fc%80%80%80%80%af", kLong},
                    Marked{"/\xC0\xAF", kLong},
                    //
                    Marked{"//a/b", "two slashes at its start"}, Marked{"///", "two slashes at its start"},
                    Marked{"/a#b", "a number sign"}),
    [](const auto& info) { return "n" + std::to_string(info.index); });

/// Of every byte, bare and encoded, between letters: the marks are these and no more.
TEST(Ambiguity, EveryByte) {
  for (int byte = 0; byte < 256; ++byte) {
    char escape[8];
    std::snprintf(escape, sizeof escape, "%%%02x", byte);
    bool control = byte < 0x20 || byte == 0x7F;
    bool always = control || byte == '\\' || byte == 0xC0 || byte == 0xC1;
    EXPECT_EQ(is_ambiguous(std::string("/a") + escape + "z"), always || byte == '/') << escape;
    EXPECT_EQ(is_ambiguous(std::string("/a") + static_cast<char>(byte) + "b"), always || byte == '#') << byte;
  }
}

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
