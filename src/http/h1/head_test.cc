#include "http/h1/head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/splits.h"

namespace weir::http::h1 {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;

const Origin kTunnel{Scheme::https, {"example.com", 443}};

// What the scanner says of bytes that come in `parts`: a length, "more", or the name of a code.
std::string scan_outcome(const std::vector<std::string_view>& parts, Limits limits = {}) {
  HeadScanner scanner(limits);
  std::string buffer;
  for (std::string_view part : parts) {
    buffer.append(part);
    auto length = scanner.scan(buffer);
    if (!length) return std::string(info(length.error().code()).name);
    if (*length) return std::to_string(**length);
  }
  return "more";
}

void expect_scan(const std::string& text, const std::string& outcome, Limits limits = {}) {
  test::for_each_split(text, [&](const auto& parts, const std::string& how) {
    EXPECT_EQ(scan_outcome(parts, limits), outcome) << how << ": " << testing::PrintToString(text);
  });
}

std::string code_of(const auto& result) { return std::string(info(result.error().code()).name); }

TEST(HeadScanner, FindsTheEndHoweverTheBytesCome) {
  expect_scan("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "27");
  expect_scan("GET / HTTP/1.1\r\n\r\n", "18");
  expect_scan("GET / HTTP/1.1\r\nA: b\tc \x80\xFF\r\n\r\nthe body\n\r", "29");
  expect_scan("\r\nGET / HTTP/1.1\r\n\r\n", "20");  // RFC 9112 section 2.2: one empty line before it
  expect_scan("HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody", "25");
  expect_scan("HTTP/1.1 204\r\n\r\n", "16");
  expect_scan("GET / HTTP/1.1\r\nHost: a\r\n", "more");
  expect_scan("GET / HTTP/1.1\r\nHost: a\r\n\r", "more");
}

TEST(HeadScanner, RefusesWhatNeverBecomesAHead) {
  struct Row {
    const char* section;
    std::string text;
  };
  const Row rows[] = {
      {"RFC 9112 2.2 bare LF", "GET / HTTP/1.1\nHost: a\n\n"},
      {"RFC 9112 2.2 bare LF at the end", "GET / HTTP/1.1\r\nHost: a\r\n\n"},
      {"RFC 9112 2.2 bare CR in the request line", "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"RFC 9112 2.2 bare CR in a value", "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n"},
      {"RFC 9112 2.2 CR CR LF", "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"},
      {"RFC 9112 2.2 two empty lines before", "\r\n\r\nGET / HTTP/1.1\r\n\r\n"},
      {"RFC 9110 5.5 NUL", "GET / HTTP/1.1\r\nA: b\0c\r\n\r\n"s},
      {"RFC 9110 5.5 DEL", "GET / HTTP/1.1\r\nA: b\x7F\r\n\r\n"},
      {"RFC 9110 5.5 vertical tab", "GET / HTTP/1.1\r\nA: b\v\r\n\r\n"},
      {"RFC 9112 3 HTTP/0.9", "GET /\r\n"},
      {"RFC 9112 3 another protocol", "SSH-2.0-OpenSSH_9.2\r\n"},
      {"RFC 9112 4 version elsewhere", "200 OK HTTP/1.1 \r\n"},
      {"RFC 9112 4 bare LF", "HTTP/1.1 200 OK\n\n"},
      {"RFC 9112 3 a line of nothing", "\n"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.section);
    expect_scan(row.text, "bad_request");
  }
}

TEST(HeadScanner, StopsAtTheLimitsAtOnce) {
  Limits limits{.head_bytes = 200, .target_bytes = 40};
  const std::string start = "GET / HTTP/1.1\r\n";
  const std::string fits = start + "A: " + std::string(200 - start.size() - 7, 'x') + "\r\n\r\n";
  ASSERT_EQ(fits.size(), 200U);
  expect_scan(fits, "200", limits);
  expect_scan(start + "A: " + std::string(194 - start.size(), 'x') + "\r\n\r\n", "head_too_large", limits);
  expect_scan(start + std::string(300, 'x'), "head_too_large", limits);
  expect_scan("GET /" + std::string(110, 'x'), "uri_too_long", limits);
  // A fault beyond the limit is not the fault that is named.
  expect_scan("GET /" + std::string(110, 'x') + "\n", "uri_too_long", limits);
}

TEST(HeadScanner, StartsAnewAfterReset) {
  HeadScanner scanner;
  const std::string head = "GET / HTTP/1.1\r\n\r\n";
  ASSERT_EQ(scanner.scan(head).value(), head.size());
  scanner.reset();
  EXPECT_EQ(scanner.scan("HEAD / HTTP/1.1\r\n\r\n").value(), head.size() + 1);
}

struct Accepted {
  const char* name;
  const char* start_line;
  bool tunnel;
  const char* url;
  const char* target;
};

TEST(RequestHead, TargetForms) {
  const Accepted rows[] = {
      {"absolute-form", "GET http://example.com/a?b=c HTTP/1.1", false, "http://example.com/a?b=c", "/a?b=c"},
      {"any case of scheme", "GET HTTP://Example.COM:80/A HTTP/1.1", false, "http://example.com/A", "/A"},
      {"https by the proxy", "GET hTTps://example.com HTTP/1.1", false, "https://example.com/", "/"},
      {"no path", "GET http://example.com HTTP/1.1", false, "http://example.com/", "/"},
      {"query without path", "GET http://example.com?q HTTP/1.1", false, "http://example.com/?q", "/?q"},
      {"port", "GET http://example.com:8080/ HTTP/1.1", false, "http://example.com:8080/", "/"},
      {"IPv6", "GET http://[2001:DB8:0::1]:81/x HTTP/1.1", false, "http://[2001:db8::1]:81/x", "/x"},
      {"colon and at in the path", "GET http://example.com/a:b@c HTTP/1.1", false, "http://example.com/a:b@c",
       "/a:b@c"},
      {"OPTIONS without path", "OPTIONS http://example.com HTTP/1.1", false, "http://example.com", "*"},
      {"OPTIONS with path", "OPTIONS http://example.com/ HTTP/1.1", false, "http://example.com/", "/"},
      {"CONNECT", "CONNECT Example.com.:443 HTTP/1.1", false, "https://example.com:443", ""},
      {"CONNECT IPv6", "CONNECT [::1]:8443 HTTP/1.1", false, "https://[::1]:8443", ""},
      {"origin-form", "GET /a/../b;x=1?y=%00 HTTP/1.1", true, "https://example.com/a/../b;x=1?y=%00",
       "/a/../b;x=1?y=%00"},
      {"two slashes", "GET //evil.example/ HTTP/1.1", true, "https://example.com//evil.example/",
       "//evil.example/"},
      {"asterisk", "OPTIONS * HTTP/1.1", true, "https://example.com", "*"},
      {"absolute-form in a tunnel", "GET https://other.example/ HTTP/1.1", true, "https://other.example/",
       "/"},
      {"unusual method", "M-SEARCH!#$%&'*+.^_`|~9 / HTTP/1.1", true, "https://example.com/", "/"},
      {"bytes that browsers leave raw", "GET /\"<>\\^`{|} HTTP/1.1", true, "https://example.com/\"<>\\^`{|}",
       "/\"<>\\^`{|}"},
  };
  for (const Accepted& row : rows) {
    SCOPED_TRACE(row.name);
    Door door{row.tunnel ? &kTunnel : nullptr};
    auto head = parse_request_head(std::string(row.start_line) + "\r\nHost: example.com\r\n\r\n", {}, door);
    ASSERT_TRUE(head) << head.error().message();
    EXPECT_EQ(head->url(), row.url);
    EXPECT_EQ(head->target, row.target);
    EXPECT_EQ(head->method, std::string_view(row.start_line).substr(0, head->method.size()));
  }
}

struct Refused {
  const char* section;
  std::string start_line;
  bool tunnel;
  const char* code;
};

TEST(RequestHead, RefusesStartLines) {
  const Refused rows[] = {
      {"RFC 9112 3 no version", "GET /", true, "bad_request"},
      {"RFC 9112 3 one word", "GET", true, "bad_request"},
      {"RFC 9112 3 nothing before the method", " GET / HTTP/1.1", true, "bad_request"},
      {"RFC 9112 3 space at the end", "GET / HTTP/1.1 ", true, "bad_request"},
      {"RFC 9112 3 tab for space", "GET\t/\tHTTP/1.1", true, "bad_request"},
      {"RFC 9112 2.3 lower-case name", "GET / http/1.1", true, "bad_request"},
      {"RFC 9112 2.3 no minor version", "GET / HTTP/1", true, "bad_request"},
      {"RFC 9112 2.3 two digits", "GET / HTTP/1.10", true, "bad_request"},
      {"RFC 9112 2.3 letters", "GET / HTTP/x.y", true, "bad_request"},
      {"RFC 9110 2.5 0.9", "GET / HTTP/0.9", true, "unsupported_version"},
      {"RFC 9110 2.5 1.2", "GET / HTTP/1.2", true, "unsupported_version"},
      {"RFC 9113 3.4 preface", "PRI * HTTP/2.0", true, "unsupported_version"},
      {"RFC 9110 9.1 method", "G(T / HTTP/1.1", true, "bad_request"},
      {"RFC 9110 9.1 no method", "/ HTTP/1.1", true, "bad_request"},
      {"RFC 9110 9.1 byte above ASCII", "G\xC3\x89T / HTTP/1.1", true, "bad_request"},
      {"RFC 9112 3.2 no target", "GET  HTTP/1.1", true, "bad_target"},
      {"RFC 9112 3.2 two spaces before", "GET  / HTTP/1.1", true, "bad_target"},
      {"RFC 9112 3.2 two spaces after", "GET /  HTTP/1.1", true, "bad_target"},
      {"RFC 9112 3.2 space within", "GET /a b HTTP/1.1", true, "bad_target"},
      {"RFC 9112 3.2 fragment", "GET /a#b HTTP/1.1", true, "bad_target"},
      {"RFC 9112 3.2 raw UTF-8", "GET /\xC3\xA9 HTTP/1.1", true, "bad_target"},
      {"RFC 9112 3.2.1 relative path", "GET a HTTP/1.1", true, "bad_target"},
      {"RFC 9112 3.2.1 origin-form at a proxy", "GET /a HTTP/1.1", false, "bad_target"},
      {"RFC 9112 3.2.4 asterisk at a proxy", "OPTIONS * HTTP/1.1", false, "bad_target"},
      {"RFC 9112 3.2.4 asterisk without OPTIONS", "GET * HTTP/1.1", true, "bad_target"},
      {"RFC 9112 3.2.3 CONNECT in a tunnel", "CONNECT example.com:443 HTTP/1.1", true, "bad_target"},
      {"RFC 9112 3.2.3 CONNECT without port", "CONNECT example.com HTTP/1.1", false, "bad_target"},
      {"RFC 9112 3.2.3 CONNECT to port 0", "CONNECT example.com:0 HTTP/1.1", false, "bad_target"},
      {"RFC 9112 3.2.3 CONNECT with a path", "CONNECT example.com:443/ HTTP/1.1", false, "bad_target"},
      {"RFC 9112 3.2.3 CONNECT with a scheme", "CONNECT https://example.com:443 HTTP/1.1", false,
       "bad_target"},
      {"RFC 9112 3.2.3 authority-form without CONNECT", "GET example.com:443 HTTP/1.1", false, "bad_target"},
      {"RFC 9110 4.2.4 user", "GET http://good.com@evil.com/ HTTP/1.1", false, "bad_target"},
      {"RFC 9110 4.2.4 user and password", "GET http://a:b@evil.com/ HTTP/1.1", false, "bad_target"},
      {"RFC 9110 4.2.4 port before the user", "GET http://good.com:443@evil/ HTTP/1.1", false, "bad_target"},
      {"RFC 9110 4.2.4 user in CONNECT", "CONNECT a@b:443 HTTP/1.1", false, "bad_target"},
      {"RFC 9110 4.2.1 no host", "GET http:///a HTTP/1.1", false, "bad_target"},
      {"RFC 9110 4.2.1 port alone", "GET http://:80/ HTTP/1.1", false, "bad_target"},
      {"RFC 3986 3.2.2 backslash", "GET http://evil.com\\@good.com/ HTTP/1.1", false, "bad_target"},
      {"RFC 3986 3.2.2 percent in the host", "GET http://a%2eb/ HTTP/1.1", false, "bad_target"},
      {"RFC 3986 3.2.2 open bracket", "GET http://[::1/ HTTP/1.1", false, "bad_target"},
      {"RFC 3986 3.2.3 port too high", "GET http://a:65536/ HTTP/1.1", false, "bad_target"},
      {"RFC 9112 3.2.2 unknown scheme", "GET ftp://example.com/ HTTP/1.1", false, "bad_target"},
      {"RFC 9112 3.2.2 one slash", "GET http:/example.com/ HTTP/1.1", false, "bad_target"},
      {"RFC 9112 3 target over the limit", "GET /" + std::string(16 * 1024, 'a') + " HTTP/1.1", true,
       "uri_too_long"},
  };
  for (const Refused& row : rows) {
    SCOPED_TRACE(row.section);
    Door door{row.tunnel ? &kTunnel : nullptr};
    auto head = parse_request_head(row.start_line + "\r\nHost: example.com\r\n\r\n", {}, door);
    ASSERT_FALSE(head) << head->url();
    EXPECT_EQ(code_of(head), row.code) << head.error().message();
  }
}

TEST(RequestHead, KeepsFieldsInOrderAndCase) {
  auto head = parse_request_head(
      "\r\nPUT / HTTP/1.0\r\nhOsT:example.com\r\nX-A:\t v 1 \t\r\nx-a: \xE9\r\nEmpty:\r\nQ: a:b\r\n\r\n", {},
      {&kTunnel});
  ASSERT_TRUE(head) << head.error().message();
  EXPECT_EQ(head->version, Version::http10);
  std::string seen;
  for (Fields::View field : head->fields) seen.append(field.name).append("=").append(field.value).append("|");
  EXPECT_EQ(seen, "hOsT=example.com|X-A=v 1|x-a=\xE9|Empty=|Q=a:b|");
}

TEST(RequestHead, RefusesFields) {
  struct Row {
    const char* section;
    std::string fields;
  };
  const Row rows[] = {
      {"RFC 9112 5.2 obs-fold", "A: b\r\n c\r\n"},
      {"RFC 9112 5.2 obs-fold with tab", "A: b\r\n\tc\r\n"},
      {"RFC 9112 5.2 fold on the first line", " A: b\r\n"},
      {"RFC 9112 5.2 a line of spaces", "A: b\r\n  \r\n"},
      {"RFC 9112 5.1 space before the colon", "A : b\r\n"},
      {"RFC 9112 5.1 tab before the colon", "A\t: b\r\n"},
      {"RFC 9112 5 no colon", "A\r\n"},
      {"RFC 9110 5.1 empty name", ": b\r\n"},
      {"RFC 9110 5.1 space in the name", "A B: c\r\n"},
      {"RFC 9110 5.1 quote in the name", "\"A\": c\r\n"},
      {"RFC 9110 5.1 name above ASCII", "\xC3\x84: c\r\n"},
      {"RFC 9110 5.5 NUL", "A: \0\r\n"s},
      {"RFC 9110 5.5 ESC", "A: \x1B[31m\r\n"},
      {"RFC 9110 5.5 DEL", "A: \x7F\r\n"},
      {"RFC 9112 2.2 bare CR", "A: b\rC: d\r\n"},
      {"RFC 9112 2.2 bare LF", "A: b\nC: d\r\n"},
      {"RFC 9112 2.1 bytes after the head", "A: b\r\n\r\nC: d\r\n"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.section);
    auto head =
        parse_request_head("GET / HTTP/1.1\r\nHost: example.com\r\n" + row.fields + "\r\n", {}, {&kTunnel});
    ASSERT_FALSE(head);
    EXPECT_EQ(code_of(head), "bad_request");
  }
  EXPECT_FALSE(parse_request_head("", {}, {&kTunnel}));
  EXPECT_FALSE(parse_request_head("GET / HTTP/1.1\r\n", {}, {&kTunnel}));
  EXPECT_FALSE(parse_request_head("GET / HTTP/1.1\r\nHost: example.com\r\n", {}, {&kTunnel}));
}

TEST(RequestHead, ErrorsNameTheLineAndNeverQuoteIt) {
  auto head =
      parse_request_head("GET / HTTP/1.1\r\nHost: a\r\nAuthorization : secret\r\n\r\n", {}, {&kTunnel});
  ASSERT_FALSE(head);
  EXPECT_THAT(head.error().message(), HasSubstr("header field 2: space before the colon"));
  EXPECT_THAT(head.error().message(), testing::Not(HasSubstr("secret")));
}

TEST(RequestHead, HostRules) {
  struct Row {
    const char* section;
    const char* start_line;
    const char* fields;
    bool tunnel;
    const char* host;  // value of the one Host field, or the code
  };
  const Row rows[] = {
      {"RFC 9112 3.2.2 target wins", "GET http://a.example/ HTTP/1.1", "Host: b.example\r\n", false,
       "a.example"},
      {"RFC 9112 3.2.2 port kept", "GET http://a.example:81/ HTTP/1.1", "Host: a.example\r\n", false,
       "a.example:81"},
      {"RFC 9112 3.2.2 default port", "GET http://a.example:80/ HTTP/1.1", "Host: a.example:80\r\n", false,
       "a.example"},
      {"RFC 9112 3.2.2 same port", "GET http://a.example:81/ HTTP/1.1", "Host: a.example:81\r\n", false,
       "a.example:81"},
      {"RFC 9112 3.2.2 IPv6", "GET http://[::1]/ HTTP/1.1", "Host: ::1\r\n", false, "bad_host"},
      {"RFC 9112 3.2.2 IPv6 in brackets", "GET http://[::1]/ HTTP/1.1", "Host: [0::1]\r\n", false, "[::1]"},
      {"RFC 9112 3.2.2 HTTP/1.0", "GET http://a.example/ HTTP/1.0", "", false, "a.example"},
      {"RFC 9112 3.2 kept in a tunnel", "GET / HTTP/1.1", "Host: Other.example:1\r\n", true,
       "Other.example:1"},
      {"RFC 9112 3.2 given in HTTP/1.0", "GET / HTTP/1.0", "", true, "example.com"},
      {"RFC 9112 3.2 CONNECT", "CONNECT a.example:443 HTTP/1.1", "Host: a.example\r\n", false, "a.example"},
      {"RFC 9112 3.2 given in an HTTP/1.0 CONNECT", "CONNECT a.example:444 HTTP/1.0", "", false,
       "a.example:444"},
      {"RFC 9112 3.2 none", "GET / HTTP/1.1", "", true, "bad_host"},
      {"RFC 9112 3.2 none in absolute-form", "GET http://a.example/ HTTP/1.1", "", false, "bad_host"},
      {"RFC 9112 3.2 none in CONNECT", "CONNECT a.example:443 HTTP/1.1", "", false, "bad_host"},
      {"RFC 9112 3.2 two", "GET / HTTP/1.1", "Host: a\r\nHost: b\r\n", true, "bad_host"},
      {"RFC 9112 3.2 two equal", "GET / HTTP/1.1", "Host: a\r\nhost: a\r\n", true, "bad_host"},
      {"RFC 9112 3.2 two in HTTP/1.0", "GET / HTTP/1.0", "Host: a\r\nHost: a\r\n", true, "bad_host"},
      {"RFC 9112 3.2 empty", "GET / HTTP/1.1", "Host:\r\n", true, "bad_host"},
      {"RFC 9112 3.2 list", "GET / HTTP/1.1", "Host: a, b\r\n", true, "bad_host"},
      {"RFC 9112 3.2 user", "GET / HTTP/1.1", "Host: a@b\r\n", true, "bad_host"},
      {"RFC 9112 3.2 path", "GET / HTTP/1.1", "Host: a/b\r\n", true, "bad_host"},
      {"RFC 9112 3.2 scheme", "GET / HTTP/1.1", "Host: http://a\r\n", true, "bad_host"},
      {"RFC 9112 3.2 port too high", "GET / HTTP/1.1", "Host: a:99999\r\n", true, "bad_host"},
      {"RFC 9112 3.2 port that is none", "GET / HTTP/1.1", "Host: a:8x\r\n", true, "bad_host"},
      {"RFC 9112 3.2 beginning like the origin", "GET / HTTP/1.1", "Host: example.com:443x\r\n", true,
       "bad_host"},
      {"RFC 9112 3.2 invalid beside absolute-form", "GET http://a.example/ HTTP/1.1", "Host: x y\r\n", false,
       "bad_host"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.section);
    Door door{row.tunnel ? &kTunnel : nullptr};
    auto head = parse_request_head(std::string(row.start_line) + "\r\n" + row.fields + "\r\n", {}, door);
    if (!head) {
      EXPECT_EQ(code_of(head), row.host);
    } else {
      EXPECT_EQ(head->fields.get("Host"), row.host);
      EXPECT_EQ(head->fields.count("Host"), 1U);
    }
  }
}

TEST(RequestHead, Limits) {
  const std::string start = "GET / HTTP/1.1\r\nHost: example.com\r\n";
  std::string fields;
  for (int i = 0; i < 255; ++i) fields += "A: b\r\n";
  EXPECT_TRUE(parse_request_head(start + fields + "\r\n", {}, {&kTunnel}));
  auto over = parse_request_head(start + fields + "A: b\r\n\r\n", {}, {&kTunnel});
  ASSERT_FALSE(over);
  EXPECT_EQ(code_of(over), "head_too_large");
  over = parse_request_head(start + "A: " + std::string(64 * 1024, 'x') + "\r\n\r\n", {}, {&kTunnel});
  ASSERT_FALSE(over);
  EXPECT_EQ(code_of(over), "head_too_large");
  std::string long_target =
      "GET /" + std::string(16 * 1024 - 1, 'a') + " HTTP/1.1\r\nHost: example.com\r\n\r\n";
  EXPECT_TRUE(parse_request_head(long_target, {}, {&kTunnel}));
  EXPECT_EQ(HeadScanner().scan(long_target).value(), long_target.size());
}

TEST(ResponseHead, StatusLines) {
  struct Row {
    const char* line;
    unsigned status;
    const char* reason;
    Version version;
  };
  const Row rows[] = {
      {"HTTP/1.1 200 OK", 200, "OK", Version::http11},
      {"HTTP/1.0 404 Not  Found ", 404, "Not  Found ", Version::http10},
      {"HTTP/1.1 204 ", 204, "", Version::http11},
      {"HTTP/1.1 304", 304, "", Version::http11},
      {"HTTP/1.1 100 Continue", 100, "Continue", Version::http11},
      {"HTTP/1.1 999 \xC3\xA9", 999, "\xC3\xA9", Version::http11},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.line);
    auto head = parse_response_head(std::string(row.line) + "\r\nA : b\r\n\r\n", {});
    ASSERT_TRUE(head) << head.error().message();
    EXPECT_EQ(head->status, row.status);
    EXPECT_EQ(head->reason, row.reason);
    EXPECT_EQ(head->version, row.version);
    EXPECT_EQ(head->fields.get("A"), "b");  // RFC 9112 section 5.1: the space goes
  }
}

TEST(ResponseHead, Refuses) {
  struct Row {
    const char* section;
    std::string head;
  };
  const Row rows[] = {
      {"RFC 9112 4 other version", "HTTP/1.2 200 OK\r\n\r\n"},
      {"RFC 9112 4 HTTP/2", "HTTP/2 200\r\n\r\n"},
      {"RFC 9112 4 no version", "200 OK\r\n\r\n"},
      {"RFC 9112 4 lower case", "http/1.1 200 OK\r\n\r\n"},
      {"RFC 9112 4 space before", " HTTP/1.1 200 OK\r\n\r\n"},
      {"RFC 9112 2.2 empty line before", "\r\nHTTP/1.1 200 OK\r\n\r\n"},
      {"RFC 9112 4 no status", "HTTP/1.1\r\n\r\n"},
      {"RFC 9112 4 two spaces", "HTTP/1.1  200 OK\r\n\r\n"},
      {"RFC 9112 4 two digits", "HTTP/1.1 20 OK\r\n\r\n"},
      {"RFC 9112 4 four digits", "HTTP/1.1 2000 OK\r\n\r\n"},
      {"RFC 9112 4 sign", "HTTP/1.1 +20 OK\r\n\r\n"},
      {"RFC 9110 15 below 100", "HTTP/1.1 099 OK\r\n\r\n"},
      {"RFC 9112 4 letters after the status", "HTTP/1.1 200OK\r\n\r\n"},
      {"RFC 9112 2.2 bare CR in the status line", "HTTP/1.1 200 O\rK\r\n\r\n"},
      {"RFC 9112 4 NUL in the reason", "HTTP/1.1 200 O\0K\r\n\r\n"s},
      {"RFC 9112 5.2 obs-fold", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"},
      {"RFC 9110 5.1 space alone before the colon", "HTTP/1.1 200 OK\r\n : b\r\n\r\n"},
      {"RFC 9110 5.1 space in the name", "HTTP/1.1 200 OK\r\nA B: c\r\n\r\n"},
      {"RFC 9112 5 no colon", "HTTP/1.1 200 OK\r\nA \r\n\r\n"},
      {"RFC 9112 2.1 no end", "HTTP/1.1 200 OK\r\n"},
      {"RFC 6585 5 too large", "HTTP/1.1 200 OK\r\nA: " + std::string(64 * 1024, 'x') + "\r\n\r\n"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.section);
    auto head = parse_response_head(row.head, {});
    ASSERT_FALSE(head);
    EXPECT_EQ(code_of(head), "upstream_bad_response");
  }
}

}  // namespace
}  // namespace weir::http::h1
