// Framings by which a request has been smuggled past some proxy. Each is either refused, with the code given
// here, or is exactly one request with exactly one body and not a byte left over; and what Weir would then
// send on says the same to a strict reader. "Refused" ends the connection, so what follows a refused request
// is never looked at.
#include <gtest/gtest.h>

#include "http/h1/body_decoder.h"
#include "http/h1/encoder.h"
#include "http/h1/framing.h"
#include "http/h1/head.h"
#include "tests/support/splits.h"

namespace weir::http::h1 {
namespace {

using namespace std::string_literals;

// One client connection inside a tunnel, as far as bytes go.
class Connection {
 public:
  /// Empty, or the code that ended it.
  std::string feed(std::string_view bytes) {
    buffer_.append(bytes);
    for (;;) {
      auto progress = body_ ? read_body() : read_head();
      if (!progress) return std::string(info(progress.error().code()).name);
      if (!*progress) return "";
    }
  }

  struct Request {
    RequestHead head;
    BodyLength length;
    std::string body;
    Fields trailers;
  };
  std::vector<Request> requests;

  bool idle() const { return !body_ && buffer_.empty(); }

 private:
  Result<bool> read_head() {
    auto length = scanner_.scan(buffer_);
    if (!length) return pass(length);
    if (!*length) return false;
    auto head = parse_request_head(std::string_view(buffer_).substr(0, **length), {}, {&tunnel_});
    if (!head) return pass(head);
    auto body = request_body_length(*head);
    if (!body) return pass(body);
    requests.push_back({std::move(*head), *body, "", {}});
    buffer_.erase(0, **length);
    scanner_.reset();
    body_.emplace(*body, Side::client);
    return true;
  }

  Result<bool> read_body() {
    if (!body_->done()) {
      auto step = body_->step(buffer_);
      if (!step) return pass(step);
      requests.back().body.append(step->data);
      buffer_.erase(0, step->consumed);
      if (!body_->done()) return step->consumed > 0;
    }
    requests.back().trailers = body_->trailers();
    body_.reset();
    return true;
  }

  Origin tunnel_{Scheme::https, {"a.example", 443}};
  HeadScanner scanner_;
  std::optional<BodyDecoder> body_;
  std::string buffer_;
};

// What Weir would send upstream for it.
std::string forwarded(const Connection::Request& request) {
  RequestHead head = request.head;
  remove_hop_by_hop(head.fields);
  bool chunked = request.length.kind == BodyLength::Kind::chunked;
  if (chunked) head.fields.add("Transfer-Encoding", "chunked");
  std::string out;
  append_request_head(out, head);
  if (!chunked) return out + request.body;
  std::array<char, 20> buffer;
  if (!request.body.empty())
    out.append(chunk_line(buffer, request.body.size())).append(request.body).append("\r\n");
  append_last_chunk(out, request.trailers);
  return out;
}

// The code it is refused with; "one:BODY" for exactly one whole request; else a complaint.
std::string outcome(const std::vector<std::string_view>& parts) {
  Connection connection;
  for (std::string_view part : parts)
    if (std::string code = connection.feed(part); !code.empty()) return code;
  if (connection.requests.size() != 1) return std::to_string(connection.requests.size()) + " requests";
  if (!connection.idle()) return "bytes are left over, or missing";
  const auto& request = connection.requests.front();
  Connection origin;
  if (std::string code = origin.feed(forwarded(request)); !code.empty()) return "forwarded as " + code;
  if (origin.requests.size() != 1 || !origin.idle() || origin.requests.front().body != request.body)
    return "forwarded as another message";
  return "one:" + request.body;
}

struct Row {
  const char* what;
  std::string bytes;
  const char* outcome;
};

void expect(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    test::for_each_split(row.bytes, [&](const auto& parts, const std::string& how) {
      EXPECT_EQ(outcome(parts), row.outcome) << row.what << ", " << how;
    });
  }
}

std::string post(const std::string& fields, const std::string& body = "") {
  return "POST / HTTP/1.1\r\nHost: a.example\r\n" + fields + "\r\n" + body;
}
std::string chunked(const std::string& body) { return post("Transfer-Encoding: chunked\r\n", body); }

const std::string kInner = "GET /admin HTTP/1.1\r\nHost: a.example\r\n\r\n";

TEST(Smuggling, LengthAndCodingTogether) {
  expect({
      {"CL.TE", post("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\nG"),
       "ambiguous_framing"},
      {"TE.CL", post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "1\r\nG\r\n0\r\n\r\n"),
       "ambiguous_framing"},
      {"CL 0 and TE", post("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
       "ambiguous_framing"},
      {"invalid CL and TE", post("Content-Length: x\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
       "ambiguous_framing"},
      {"CL and unknown TE", post("Content-Length: 3\r\nTransfer-Encoding: x\r\n", "abc"),
       "ambiguous_framing"},
      {"CL and TE identity", post("Content-Length: 3\r\nTransfer-Encoding: identity\r\n", "abc"),
       "ambiguous_framing"},
      {"TE in HTTP/1.0", "POST / HTTP/1.0\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       "ambiguous_framing"},
      {"GET with CL and TE",
       "GET / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\nTransfer-Encoding: "
       "chunked\r\n\r\n0\r\n\r\n",
       "ambiguous_framing"},
      {"TE named in Connection",
       post("Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n", "1\r\na\r\n0\r\n\r\n"),
       "one:a"},
      {"CL named in Connection", post("Connection: Content-Length\r\nContent-Length: 3\r\n", "abc"),
       "one:abc"},
      {"Host named in Connection", post("Connection: host\r\nContent-Length: 3\r\n", "abc"), "one:abc"},
  });
}

TEST(Smuggling, ContentLength) {
  auto length = [](const std::string& value) { return post("Content-Length: " + value + "\r\n", "abc"); };
  expect({
      {"plain", length("3"), "one:abc"},
      {"leading zeros", length("0003"), "one:abc"},
      {"space around", length(" \t3 \t"), "one:abc"},
      {"no space", post("Content-Length:3\r\n", "abc"), "one:abc"},
      {"plus", length("+3"), "ambiguous_framing"},
      {"minus", length("-3"), "ambiguous_framing"},
      {"minus zero", length("-0"), "ambiguous_framing"},
      {"hexadecimal", length("0x3"), "ambiguous_framing"},
      {"exponent", length("3e0"), "ambiguous_framing"},
      {"fraction", length("3.0"), "ambiguous_framing"},
      {"underscore", length("1_0"), "ambiguous_framing"},
      {"quotes", length("\"3\""), "ambiguous_framing"},
      {"list of equals", length("3, 3"), "ambiguous_framing"},
      {"list", length("3, 4"), "ambiguous_framing"},
      {"trailing comma", length("3,"), "ambiguous_framing"},
      {"leading comma", length(",3"), "ambiguous_framing"},
      {"semicolon", length("3;"), "ambiguous_framing"},
      {"inner space", length("0 3"), "ambiguous_framing"},
      {"empty", length(""), "ambiguous_framing"},
      {"2^64 + 3", length("18446744073709551619"), "ambiguous_framing"},
      {"2^32 + 3 waits for all of it", length("4294967299"), "bytes are left over, or missing"},
      {"no-break space",
       length("\xA0"
              "3"),
       "ambiguous_framing"},
      {"full-width digit", length("\xEF\xBC\x93"), "ambiguous_framing"},
      {"form feed", length("\f3"), "bad_request"},
      {"vertical tab", length("3\v"), "bad_request"},
      {"NUL", length("3\0"s), "bad_request"},
      {"two equal", post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), "ambiguous_framing"},
      {"two different", post("Content-Length: 0\r\nContent-Length: 3\r\n", "abc"), "ambiguous_framing"},
      {"two in other case", post("Content-Length: 3\r\ncontent-length: 0\r\n", "abc"), "ambiguous_framing"},
      {"underscore in the name is another field", post("Content_Length: 9\r\nContent-Length: 3\r\n", "abc"),
       "one:abc"},
  });
}

TEST(Smuggling, TransferEncoding) {
  auto coding = [](const std::string& value) {
    return post("Transfer-Encoding: " + value + "\r\n", "1\r\na\r\n0\r\n\r\n");
  };
  expect({
      {"plain", coding("chunked"), "one:a"},
      {"upper case", coding("CHUNKED"), "one:a"},
      {"space around", coding("\t chunked \t"), "one:a"},
      {"two codings", coding("gzip, chunked"), "ambiguous_framing"},
      {"chunked first", coding("chunked, gzip"), "ambiguous_framing"},
      {"twice", coding("chunked, chunked"), "ambiguous_framing"},
      {"identity", coding("identity, chunked"), "ambiguous_framing"},
      {"leading comma", coding(", chunked"), "ambiguous_framing"},
      {"trailing comma", coding("chunked,"), "ambiguous_framing"},
      {"parameter", coding("chunked; foo=bar"), "ambiguous_framing"},
      {"quoted", coding("\"chunked\""), "ambiguous_framing"},
      {"single quotes", coding("'chunked'"), "ambiguous_framing"},
      {"prefix", coding("xchunked"), "ambiguous_framing"},
      {"suffix", coding("chunkedx"), "ambiguous_framing"},
      {"cut", coding("chunke"), "ambiguous_framing"},
      {"empty", coding(""), "ambiguous_framing"},
      {"no-break space",
       coding("\xA0"
              "chunked"),
       "ambiguous_framing"},
      {"byte 255", coding("chunked\xFF"), "ambiguous_framing"},
      {"Kelvin sign",
       coding("chun\xE2\x84\xAA"
              "ed"),
       "ambiguous_framing"},
      {"vertical tab", coding("\vchunked"), "bad_request"},
      {"form feed", coding("chunked\f"), "bad_request"},
      {"NUL", coding("chunked\0"s), "bad_request"},
      {"bare CR", coding("\rchunked"), "bad_request"},
      {"bare LF", coding("\nchunked"), "bad_request"},
      {"obs-fold", coding("\r\n chunked"), "bad_request"},
      {"obs-fold after", coding("chunked\r\n , identity"), "bad_request"},
      {"space before the colon", post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"), "bad_request"},
      {"tab before the colon", post("Transfer-Encoding\t: chunked\r\n", "0\r\n\r\n"), "bad_request"},
      {"space before the name", post("A: b\r\n Transfer-Encoding: chunked\r\n", "0\r\n\r\n"), "bad_request"},
      {"NUL in the name", post("Transfer\0-Encoding: chunked\r\n"s, "0\r\n\r\n"), "bad_request"},
      {"name above ASCII", post("Transfer\xAD-Encoding: chunked\r\n", "0\r\n\r\n"), "bad_request"},
      {"two lines", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
       "ambiguous_framing"},
      {"second line identity",
       post("Transfer-Encoding: chunked\r\nTransfer-encoding: identity\r\n", "0\r\n\r\n"),
       "ambiguous_framing"},
      {"first line cow", post("Transfer-Encoding: cow\r\nTransfer-encoding: chunked\r\n", "0\r\n\r\n"),
       "ambiguous_framing"},
      {"underscore in the name is another field",
       post("Transfer_Encoding: chunked\r\nContent-Length: 3\r\n", "abc"), "one:abc"},
  });
}

TEST(Smuggling, Chunks) {
  expect({
      {"plain", chunked("3\r\nabc\r\n0\r\n\r\n"), "one:abc"},
      {"extensions are dropped", chunked("3;a=\"b\"\r\nabc\r\n0;c\r\n\r\n"), "one:abc"},
      {"inner request is body", chunked("28\r\n" + kInner + "\r\n0\r\n\r\n"),
       "one:GET /admin HTTP/1.1\r\nHost: a.example\r\n\r\n"},
      {"trailers", chunked("3\r\nabc\r\n0\r\nA: b\r\n\r\n"), "one:abc"},
      {"framing in trailers is dropped",
       chunked("3\r\nabc\r\n0\r\nContent-Length: 50\r\nTransfer-Encoding: x\r\n\r\n"), "one:abc"},
      {"LF in the size line", chunked("3\nabc\r\n0\r\n\r\n"), "bad_chunk"},
      {"CR in the size line", chunked("3\rabc\r\n0\r\n\r\n"), "bad_chunk"},
      {"LF in an extension", chunked("3;\nabc\r\n0\r\n\r\n"), "bad_chunk"},
      {"CR in an extension", chunked("3;a\rb\r\nabc\r\n0\r\n\r\n"), "bad_chunk"},
      {"LF hidden in a quoted extension", chunked("3;a=\"\n\"\r\nabc\r\n0\r\n\r\n"), "bad_chunk"},
      {"0x", chunked("0x3\r\nabc\r\n0\r\n\r\n"), "bad_chunk"},
      {"plus", chunked("+3\r\nabc\r\n0\r\n\r\n"), "bad_chunk"},
      {"minus", chunked("-3\r\nabc\r\n0\r\n\r\n"), "bad_chunk"},
      {"space before", chunked(" 3\r\nabc\r\n0\r\n\r\n"), "bad_chunk"},
      {"space after", chunked("3 \r\nabc\r\n0\r\n\r\n"), "bad_chunk"},
      {"wraps at 32 bits", chunked("100000003\r\nabc\r\n0\r\n\r\n"), "bytes are left over, or missing"},
      {"wraps at 64 bits", chunked("10000000000000003\r\nabc\r\n0\r\n\r\n"), "bad_chunk"},
      {"negative in 64 bits", chunked("fffffffffffffffd\r\nabc\r\n0\r\n\r\n"), "bad_chunk"},
      {"empty size", chunked("\r\nabc\r\n0\r\n\r\n"), "bad_chunk"},
      {"CRLF missing after data", chunked("3\r\nabc0\r\n\r\n"), "bad_chunk"},
      {"LF after data", chunked("3\r\nabc\n0\r\n\r\n"), "bad_chunk"},
      {"any two bytes after data", chunked("3\r\nabcXX0\r\n\r\n"), "bad_chunk"},
      {"LF ends the body", chunked("0\n\n"), "bad_chunk"},
      {"LF ends the trailers", chunked("0\r\n\n"), "bad_chunk"},
      {"CR ends the trailers", chunked("0\r\n\r\r"), "bad_chunk"},
      {"next request in the trailers", chunked("0\r\n" + kInner), "bad_chunk"},
      {"folded trailer", chunked("0\r\nA: b\r\n c\r\n\r\n"), "bad_chunk"},
  });
}

TEST(Smuggling, LinesAndStartLines) {
  const std::string get = "GET / HTTP/1.1\r\nHost: a.example\r\n";
  expect({
      {"plain", get + "\r\n", "one:"},
      {"one empty line before", "\r\n" + get + "\r\n", "one:"},
      {"two empty lines before", "\r\n\r\n" + get + "\r\n", "bad_request"},
      {"LF before", "\n" + get + "\r\n", "bad_request"},
      {"LF ends the head", get + "\n" + kInner, "bad_request"},
      {"LF ends a line", "GET / HTTP/1.1\r\nHost: a.example\nA: b\r\n\r\n", "bad_request"},
      {"LF LF after an empty value", get + "A:\n\n" + kInner, "bad_request"},
      {"CR CR LF", get + "A: b\r\r\n\r\n", "bad_request"},
      {"a line in a value", get + "A: b\rTransfer-Encoding: chunked\r\n\r\n", "bad_request"},
      {"no colon", get + "A\r\n\r\n", "bad_request"},
      {"empty name", get + ": a\r\n\r\n", "bad_request"},
      {"line of spaces", get + " \r\n\r\n", "bad_request"},
      {"HTTP/0.9", "GET /\r\n", "bad_request"},
      {"version 1.2", "GET / HTTP/1.2\r\nHost: a.example\r\n\r\n", "unsupported_version"},
      {"version 1.01", "GET / HTTP/1.01\r\nHost: a.example\r\n\r\n", "bad_request"},
      {"request line within the target", "GET /a HTTP/1.1 /b HTTP/1.1\r\nHost: a.example\r\n\r\n",
       "bad_target"},
      {"tab in the request line", "GET /\tHTTP/1.1 HTTP/1.1\r\nHost: a.example\r\n\r\n", "bad_target"},
      {"no Host", "GET / HTTP/1.1\r\n\r\n", "bad_host"},
      {"two Hosts", get + "Host: b.example\r\n\r\n", "bad_host"},
      {"Host with space before the colon", "GET / HTTP/1.1\r\nHost : a.example\r\n\r\n", "bad_request"},
      {"absolute-form with another Host", "GET https://a.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n",
       "one:"},
      {"CONNECT inside", "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n", "bad_target"},
      {"GET with a body", get + "Content-Length: 3\r\n\r\nabc", "one:abc"},
      {"HEAD with a body", "HEAD / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\nabc", "one:abc"},
      {"HTTP/1.0 with a body", "POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc", "one:abc"},
      {"body that nothing announces is the next request", get + "\r\nabc\r\n", "bad_request"},
  });
}

// Not smuggling, but its opposite: what is two requests stays two (security of T18, pipelining).
TEST(Smuggling, PipelinedRequestsStayApart) {
  const std::string text =
      post("Content-Length: 3\r\n", "abc") + chunked("1\r\nd\r\n0\r\n\r\n") + "\r\n" + kInner;
  test::for_each_split(text, [&](const auto& parts, const std::string& how) {
    Connection connection;
    for (std::string_view part : parts) ASSERT_EQ(connection.feed(part), "") << how;
    ASSERT_EQ(connection.requests.size(), 3U) << how;
    EXPECT_TRUE(connection.idle());
    EXPECT_EQ(connection.requests[0].body, "abc");
    EXPECT_EQ(connection.requests[1].body, "d");
    EXPECT_EQ(connection.requests[2].head.target, "/admin");
  });
}

}  // namespace
}  // namespace weir::http::h1
