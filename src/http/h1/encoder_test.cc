#include "http/h1/encoder.h"

#include <gtest/gtest.h>

#include "http/h1/head.h"

namespace weir::http::h1 {
namespace {

RequestHead request(std::string method, Scheme scheme, std::string host, std::uint16_t port,
                    std::string target) {
  return {
      .method = std::move(method), .origin = {scheme, {std::move(host), port}}, .target = std::move(target)};
}

std::string written(const RequestHead& head, bool absolute_form = false) {
  std::string out;
  append_request_head(out, head, absolute_form);
  return out;
}

TEST(Encoder, RequestForms) {
  EXPECT_EQ(written(request("GET", Scheme::https, "a", 443, "/x?y")), "GET /x?y HTTP/1.1\r\n\r\n");
  EXPECT_EQ(written(request("GET", Scheme::http, "a", 80, "/x"), true), "GET http://a/x HTTP/1.1\r\n\r\n");
  EXPECT_EQ(written(request("GET", Scheme::http, "::1", 81, "/"), true),
            "GET http://[::1]:81/ HTTP/1.1\r\n\r\n");
  EXPECT_EQ(written(request("OPTIONS", Scheme::http, "a", 80, "*")), "OPTIONS * HTTP/1.1\r\n\r\n");
  EXPECT_EQ(written(request("OPTIONS", Scheme::http, "a", 80, "*"), true),
            "OPTIONS http://a HTTP/1.1\r\n\r\n");
  EXPECT_EQ(written(request("CONNECT", Scheme::https, "a", 443, "")), "CONNECT a:443 HTTP/1.1\r\n\r\n");
  EXPECT_EQ(written(request("CONNECT", Scheme::https, "::1", 443, ""), true),
            "CONNECT [::1]:443 HTTP/1.1\r\n\r\n");
}

TEST(Encoder, AppendsAndAlwaysSays11) {
  RequestHead head = request("GET", Scheme::https, "a", 443, "/");
  head.version = Version::http10;
  head.fields.add("hOsT", "a");
  head.fields.add("Empty", "");
  std::string out = "before|";
  append_request_head(out, head);
  EXPECT_EQ(out, "before|GET / HTTP/1.1\r\nhOsT: a\r\nEmpty: \r\n\r\n");
}

TEST(Encoder, Responses) {
  ResponseHead head{.status = 200, .version = Version::http10};
  head.fields.add("A", "b");
  std::string out;
  append_response_head(out, head);
  EXPECT_EQ(out, "HTTP/1.1 200 OK\r\nA: b\r\n\r\n");
  out.clear();
  append_response_head(out, {.status = 404, .reason = "Gone Fishing"});
  EXPECT_EQ(out, "HTTP/1.1 404 Gone Fishing\r\n\r\n");
  out.clear();
  append_response_head(out, {.status = 799});
  EXPECT_EQ(out, "HTTP/1.1 799 \r\n\r\n");
}

TEST(Encoder, Chunks) {
  std::array<char, 20> buffer;
  EXPECT_EQ(chunk_line(buffer, 1), "1\r\n");
  EXPECT_EQ(chunk_line(buffer, 0x1a2b), "1a2b\r\n");
  EXPECT_EQ(chunk_line(buffer, SIZE_MAX), "ffffffffffffffff\r\n");
  std::string out;
  append_last_chunk(out, {});
  EXPECT_EQ(out, "0\r\n\r\n");
  Fields trailers;
  trailers.add("A", "b");
  append_last_chunk(out, trailers);
  EXPECT_EQ(out, "0\r\n\r\n0\r\nA: b\r\n\r\n");
}

TEST(Encoder, ValidField) {
  EXPECT_TRUE(valid_field("X-a!#$%&'*+.^_`|~9", "v \t \x80\xFF"));
  EXPECT_TRUE(valid_field("A", ""));
  EXPECT_FALSE(valid_field("", "v"));
  EXPECT_FALSE(valid_field("A B", "v"));
  EXPECT_FALSE(valid_field("A:", "v"));
  EXPECT_FALSE(valid_field("\xC3\x84", "v"));
  for (int c = 0; c < 0x20; ++c) {
    if (c != '\t') {
      EXPECT_FALSE(valid_field("A", std::string("0123456789") + static_cast<char>(c) + "x")) << c;
    }
  }
  EXPECT_FALSE(valid_field("A", "\x7F"));
}

TEST(Encoder, RequestRoundTrip) {
  const Origin tunnel{Scheme::https, {"example.com", 8443}};
  const char* heads[] = {
      "GET /a?b=c HTTP/1.1\r\nHost: example.com:8443\r\nX-a: b\r\nx-A:\r\n\r\n",
      "OPTIONS * HTTP/1.1\r\nhost: example.com:8443\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: example.com:8443\r\nCookie: a=b; c=\xC3\xA9\r\nContent-Length: 3\r\n\r\n",
  };
  for (const char* text : heads) {
    auto first = parse_request_head(text, {}, {&tunnel});
    ASSERT_TRUE(first) << first.error().message();
    for (bool absolute_form : {false, true}) {
      std::string wire = written(*first, absolute_form);
      auto second = parse_request_head(wire, {}, {absolute_form ? nullptr : &tunnel});
      ASSERT_TRUE(second) << second.error().message() << wire;
      EXPECT_EQ(second->url(), first->url());
      EXPECT_EQ(second->target, first->target);
      EXPECT_EQ(written(*second), written(*first));
    }
  }
}

TEST(Encoder, ResponseRoundTrip) {
  const std::string wire = "HTTP/1.1 299 Fine  then\r\nSet-Cookie: a\r\nset-cookie: b\r\nX:\t\r\n\r\n";
  auto first = parse_response_head(wire, {});
  ASSERT_TRUE(first);
  std::string out;
  append_response_head(out, *first);
  EXPECT_EQ(out, "HTTP/1.1 299 Fine  then\r\nSet-Cookie: a\r\nset-cookie: b\r\nX: \r\n\r\n");
}

}  // namespace
}  // namespace weir::http::h1
