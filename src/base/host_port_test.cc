#include "base/host_port.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

using namespace std::string_literals;

TEST(CanonicalHost, OneSpellingForEachPlace) {
  const std::pair<const char*, const char*> rows[] = {
      {"example.com", "example.com"},
      {"EXAMPLE.Com", "example.com"},
      {"example.com.", "example.com"},
      {"localhost", "localhost"},
      {"a_b-c.d1", "a_b-c.d1"},
      {"xn--bcher-kva.example", "xn--bcher-kva.example"},
      {"1.example", "1.example"},
      {"example.1a", "example.1a"},
      {"-a.example", "-a.example"},
      {"127.0.0.1", "127.0.0.1"},
      {"127.0.0.1.", "127.0.0.1"},
      {"[::1]", "::1"},
      {"::1", "::1"},
      {"[0:0:0:0:0:0:0:1]", "::1"},
      {"[2001:DB8::00Ff]", "2001:db8::ff"},
      {"[::ffff:7f00:1]", "::ffff:127.0.0.1"},
      {"[::ffff:127.0.0.1]", "::ffff:127.0.0.1"},
      {"[::]", "::"},
  };
  for (auto [given, canonical] : rows) {
    auto host = canonical_host(given);
    ASSERT_TRUE(host) << given << ": " << host.error().message();
    EXPECT_EQ(*host, canonical);
    EXPECT_EQ(canonical_host(*host).value(), *host) << "canonical is final";
  }
}

TEST(CanonicalHost, Refuses) {
  const std::pair<const char*, std::string> rows[] = {
      {"empty", ""},
      {"dot alone", "."},
      {"two trailing dots", "example.com.."},
      {"empty label", "a..b"},
      {"leading dot", ".example.com"},
      {"label of 64", std::string(64, 'a') + ".com"},
      {"name of 254", std::string(63, 'a') + "." + std::string(63, 'b') + "." + std::string(63, 'c') + "." +
                          std::string(62, 'd')},
      {"hexadecimal and short", "0x7f.1"},
      {"hexadecimal whole", "0x7f000001"},
      {"hexadecimal quad", "0x7f.0.0.0x1"},
      {"decimal whole", "2130706433"},
      {"short", "127.1"},
      {"zero", "0"},
      {"octal", "0177.0.0.1"},
      {"leading zero", "127.0.0.01"},
      {"five parts", "1.2.3.4.5"},
      {"over 255", "256.0.0.1"},
      {"name with a numeric end", "example.123"},
      {"numeric end and dot", "example.0x1."},
      {"full-width digits", "\xEF\xBC\x91\xEF\xBC\x92\xEF\xBC\x97.0.0.1"},
      {"ideographic full stop",
       "127\xE3\x80\x82"
       "0.0.1"},
      {"U-label",
       "b\xC3\xBC"
       "cher.example"},
      {"NUL", "good.com\0.evil.com"s},
      {"NUL in brackets", "[::1\0]"s},
      {"space", "a b"},
      {"tab", "a\tb"},
      {"CR", "a\rb"},
      {"percent", "a%2eb"},
      {"user", "user@host"},
      {"fragment", "evil.com#.good.com"},
      {"backslash", "evil.com\\@good.com"},
      {"slash", "a/b"},
      {"comma", "a,b"},
      {"asterisk", "*.example.com"},
      {"open bracket", "[::1"},
      {"close bracket", "::1]"},
      {"empty brackets", "[]"},
      {"name in brackets", "[localhost]"},
      {"IPv4 in brackets", "[127.0.0.1]"},
      {"brackets twice", "[[::1]]"},
      {"zone", "[fe80::1%eth0]"},
      {"IPv6 with a dot", "[::1]."},
      {"IPv6 too long", "[1:2:3:4:5:6:7:8:9]"},
      {"IPv6 with two gaps", "[1::2::3]"},
  };
  for (const auto& [what, host] : rows) {
    auto result = canonical_host(host);
    ASSERT_FALSE(result) << what << " gave " << *result;
    EXPECT_EQ(result.error().code(), Code::bad_host) << what;
  }
}

TEST(CanonicalHost, Bounds) {
  EXPECT_TRUE(canonical_host(std::string(63, 'a') + ".com"));
  std::string longest = std::string(63, 'a') + "." + std::string(63, 'b') + "." + std::string(63, 'c') + "." +
                        std::string(61, 'd');
  ASSERT_EQ(longest.size(), 253U);
  EXPECT_TRUE(canonical_host(longest));
  EXPECT_TRUE(canonical_host(longest + "."));
}

TEST(ParseHostPort, Accepts) {
  struct Row {
    const char* text;
    std::uint16_t default_port;
    const char* host;
    std::uint16_t port;
  };
  const Row rows[] = {
      {"Example.com:8080", 0, "example.com", 8080},
      {"example.com", 443, "example.com", 443},
      {"example.com.:1", 0, "example.com", 1},
      {"example.com:65535", 80, "example.com", 65535},
      {"example.com:00080", 0, "example.com", 80},
      {"[::1]:8443", 0, "::1", 8443},
      {"[::1]", 80, "::1", 80},
      {"[0::FFFF:7f00:1]:1", 0, "::ffff:127.0.0.1", 1},
      {"127.0.0.1:3128", 0, "127.0.0.1", 3128},
  };
  for (const Row& row : rows) {
    auto place = parse_host_port(row.text, row.default_port);
    ASSERT_TRUE(place) << row.text << ": " << place.error().message();
    EXPECT_EQ(*place, (HostPort{row.host, row.port})) << row.text;
    EXPECT_EQ(parse_host_port(place->str()).value(), *place) << "str() reads back";
  }
}

TEST(ParseHostPort, Refuses) {
  const std::string rows[] = {
      "",
      ":80",
      "a:",
      "a:0",
      "a:65536",
      "a:99999999999999999999",
      "a:-1",
      "a:+1",
      "a: 1",
      "a:1 ",
      "a:1/",
      "a:0x50",
      "a:8080:80",
      "::1",
      "::1:80",
      "[::1",
      "[::1]80",
      "[::1]:",
      "[::1]:x",
      "user@a:80",
      "u:p@a:80",
      "good.com:443@evil.com",
      "a b:80",
      "a:80\0"s,
      "a\0:80"s,
      "a:80\r\n",
      "a:000080",
      "a/b:80",
      "http://a:80",
      "a:\xEF\xBC\x98",
      "a%3a80:80",
      "a#b:80",
      "a?b:80",
      "a:80#b",
      "a:80?b",
      "[fe80::1%25eth0]:80",
  };
  for (const std::string& text : rows) {
    auto place = parse_host_port(text, 443);
    EXPECT_FALSE(place) << testing::PrintToString(text) << " gave " << place->str();
    if (!place) {
      EXPECT_EQ(place.error().code(), Code::bad_host);
    }
  }
  EXPECT_FALSE(parse_host_port("example.com")) << "a port is required";
  EXPECT_FALSE(parse_host_port("[::1]")) << "a port is required";
}

TEST(HostPort, Spellings) {
  EXPECT_EQ((HostPort{"a", 80}.str()), "a:80");
  EXPECT_EQ((HostPort{"::1", 80}.str()), "[::1]:80");
  EXPECT_EQ((HostPort{"a", 443}.authority(true)), "a");
  EXPECT_EQ((HostPort{"a", 443}.authority(false)), "a:443");
  EXPECT_EQ((HostPort{"a", 80}.authority(false)), "a");
  EXPECT_EQ((HostPort{"::1", 80}.authority(false)), "[::1]");
  EXPECT_EQ((HostPort{"::1", 80}.authority(true)), "[::1]:80");
}

TEST(HostPort, Kinds) {
  for (const char* host : {"127.0.0.1", "10.0.0.1", "::1", "::ffff:10.0.0.1"})
    EXPECT_TRUE(is_ip_literal(host)) << host;
  for (const char* host : {"localhost", "1.example", "example.1a", ""})
    EXPECT_FALSE(is_ip_literal(host)) << host;
  for (const char* host : {"localhost", "a.localhost", "127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.2"})
    EXPECT_TRUE(is_loopback_host(host)) << host;
  for (const char* host :
       {"notlocalhost", "localhost.example", "128.0.0.1", "127.example", "::2", "::ffff:10.0.0.1", ""})
    EXPECT_FALSE(is_loopback_host(host)) << host;
}

}  // namespace
}  // namespace weir
