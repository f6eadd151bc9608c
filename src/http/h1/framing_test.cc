#include "http/h1/framing.h"

#include <gtest/gtest.h>

#include <vector>

namespace weir::http::h1 {
namespace {

using Kind = BodyLength::Kind;
using List = std::vector<Fields::View>;

Fields fields_of(const List& list) {
  Fields fields;
  for (const auto& field : list) fields.add(field.name, field.value);
  return fields;
}

List list_of(const Fields& fields) {
  List list;
  for (Fields::View field : fields) list.push_back(field);
  return list;
}

std::string written(const Fields& fields) {
  std::string out;
  for (Fields::View field : fields) out.append(field.name).append(": ").append(field.value).append("\n");
  return out;
}

// "none", "fixed 5", "chunked", "until_close" or the name of the code.
std::string written(const Result<BodyLength>& length) {
  if (!length) return std::string(info(length.error().code()).name);
  switch (length->kind) {
    case Kind::none: return "none";
    case Kind::fixed: return "fixed " + std::to_string(length->bytes);
    case Kind::chunked: return "chunked";
    case Kind::until_close: return "until_close";
  }
  return "";
}

TEST(RequestBodyLength, Table) {
  struct Row {
    const char* section;
    List fields;
    const char* outcome;
    const char* method = "POST";
    Version version = Version::http11;
  };
  const Row rows[] = {
      {"RFC 9112 6.3 nothing said", {}, "none"},
      {"RFC 9112 6.3 length", {{"content-LENGTH", "5"}}, "fixed 5"},
      {"RFC 9112 6.3 zero", {{"Content-Length", "0"}}, "fixed 0"},
      {"RFC 9110 8.6 leading zeros", {{"Content-Length", "007"}}, "fixed 7"},
      {"RFC 9112 6.3 with GET", {{"Content-Length", "5"}}, "fixed 5", "GET"},
      {"RFC 9112 7.1 chunked", {{"Transfer-Encoding", "chunked"}}, "chunked"},
      {"RFC 9112 7 any case", {{"transfer-encoding", "Chunked"}}, "chunked"},
      {"RFC 9110 8.6 largest", {{"Content-Length", "9223372036854775807"}}, "fixed 9223372036854775807"},
      {"RFC 9110 8.6 too large", {{"Content-Length", "9223372036854775808"}}, "ambiguous_framing"},
      {"RFC 9110 8.6 2^64 + 5", {{"Content-Length", "18446744073709551621"}}, "ambiguous_framing"},
      {"RFC 9110 8.6 empty", {{"Content-Length", ""}}, "ambiguous_framing"},
      {"RFC 9110 8.6 plus", {{"Content-Length", "+5"}}, "ambiguous_framing"},
      {"RFC 9110 8.6 minus", {{"Content-Length", "-5"}}, "ambiguous_framing"},
      {"RFC 9110 8.6 hexadecimal", {{"Content-Length", "0x5"}}, "ambiguous_framing"},
      {"RFC 9110 8.6 space", {{"Content-Length", "5 5"}}, "ambiguous_framing"},
      {"RFC 9110 8.6 letters", {{"Content-Length", "5a"}}, "ambiguous_framing"},
      {"RFC 9110 8.6 fraction", {{"Content-Length", "5.0"}}, "ambiguous_framing"},
      {"RFC 9110 8.6 digits above ASCII", {{"Content-Length", "\xEF\xBC\x95"}}, "ambiguous_framing"},
      {"RFC 9112 6.3 list of equals", {{"Content-Length", "5, 5"}}, "ambiguous_framing"},
      {"RFC 9112 6.3 list with an empty element", {{"Content-Length", "5,"}}, "ambiguous_framing"},
      {"RFC 9112 6.3 two equal", {{"Content-Length", "5"}, {"Content-Length", "5"}}, "ambiguous_framing"},
      {"RFC 9112 6.3 two different", {{"Content-Length", "5"}, {"content-length", "6"}}, "ambiguous_framing"},
      {"RFC 9112 6.1 both", {{"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}}, "ambiguous_framing"},
      {"RFC 9112 6.1 both, zero",
       {{"Transfer-Encoding", "chunked"}, {"Content-Length", "0"}},
       "ambiguous_framing"},
      {"RFC 9112 6.1 two codings", {{"Transfer-Encoding", "gzip, chunked"}}, "ambiguous_framing"},
      {"RFC 9112 6.1 chunked twice", {{"Transfer-Encoding", "chunked, chunked"}}, "ambiguous_framing"},
      {"RFC 9112 6.1 two lines",
       {{"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}},
       "ambiguous_framing"},
      {"RFC 9112 6.1 not last", {{"Transfer-Encoding", "chunked, identity"}}, "ambiguous_framing"},
      {"RFC 9112 6.1 identity", {{"Transfer-Encoding", "identity"}}, "ambiguous_framing"},
      {"RFC 9112 6.1 empty", {{"Transfer-Encoding", ""}}, "ambiguous_framing"},
      {"RFC 9112 6.1 empty elements", {{"Transfer-Encoding", ", chunked"}}, "ambiguous_framing"},
      {"RFC 9112 6.1 no-break space",
       {{"Transfer-Encoding",
         "\xA0"
         "chunked"}},
       "ambiguous_framing"},
      {"RFC 9112 6.1 quoted", {{"Transfer-Encoding", "\"chunked\""}}, "ambiguous_framing"},
      {"RFC 9112 6.1 parameter", {{"Transfer-Encoding", "chunked;q=1"}}, "ambiguous_framing"},
      {"RFC 9112 6.1 almost", {{"Transfer-Encoding", "xchunked"}}, "ambiguous_framing"},
      {"RFC 9112 6.1 HTTP/1.0",
       {{"Transfer-Encoding", "chunked"}},
       "ambiguous_framing",
       "POST",
       Version::http10},
      {"RFC 9110 9.3.6 CONNECT", {}, "none", "CONNECT"},
      {"RFC 9110 9.3.6 CONNECT, zero", {{"Content-Length", "0"}}, "none", "CONNECT"},
      {"RFC 9110 9.3.6 CONNECT with a body", {{"Content-Length", "5"}}, "ambiguous_framing", "CONNECT"},
      {"RFC 9110 9.3.6 chunked CONNECT", {{"Transfer-Encoding", "chunked"}}, "ambiguous_framing", "CONNECT"},
  };
  for (const Row& row : rows) {
    RequestHead head{.method = row.method, .version = row.version, .fields = fields_of(row.fields)};
    EXPECT_EQ(written(request_body_length(head)), row.outcome) << row.section;
  }
}

TEST(ResponseBodyLength, Table) {
  struct Row {
    const char* section;
    List fields;
    const char* outcome;
    std::uint16_t status = 200;
    const char* method = "GET";
    Version version = Version::http11;
  };
  const List kFive = {{"Content-Length", "5"}};
  const List kChunked = {{"Transfer-Encoding", "chunked"}};
  const List kBoth = {{"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}};
  const Row rows[] = {
      {"RFC 9112 6.3 length", kFive, "fixed 5"},
      {"RFC 9112 6.3 chunked", kChunked, "chunked"},
      {"RFC 9112 6.3 nothing said", {}, "until_close"},
      {"RFC 9112 6.3 HEAD", kFive, "none", 200, "HEAD"},
      {"RFC 9112 6.3 HEAD, faulty lengths", kBoth, "none", 200, "HEAD"},
      {"RFC 9112 6.3 1xx", kFive, "none", 103},
      {"RFC 9112 6.3 101", {}, "none", 101},
      {"RFC 9112 6.3 204", kFive, "none", 204},
      {"RFC 9112 6.3 304", kFive, "none", 304},
      {"RFC 9112 6.3 205 is as any other", kFive, "fixed 5", 205},
      {"RFC 9112 6.3 CONNECT", kChunked, "none", 200, "CONNECT"},
      {"RFC 9112 6.3 CONNECT refused", kFive, "fixed 5", 403, "CONNECT"},
      {"RFC 9112 6.3 equal list", {{"Content-Length", "5, 5"}}, "fixed 5"},
      {"RFC 9112 6.3 equal lines", {{"Content-Length", "5"}, {"content-length", "05"}}, "fixed 5"},
      {"RFC 9112 6.3 different lines",
       {{"Content-Length", "5"}, {"Content-Length", "6"}},
       "upstream_bad_response"},
      {"RFC 9112 6.3 different list", {{"Content-Length", "5, 6, 6"}}, "upstream_bad_response"},
      {"RFC 9112 6.3 one of two malformed",
       {{"Content-Length", "x"}, {"Content-Length", "5"}},
       "upstream_bad_response"},
      {"RFC 9112 6.3 malformed", {{"Content-Length", "+5"}}, "upstream_bad_response"},
      {"RFC 9112 6.3 empty", {{"Content-Length", ""}}, "upstream_bad_response"},
      {"RFC 9112 6.3 commas alone", {{"Content-Length", ",,"}}, "upstream_bad_response"},
      {"RFC 9112 6.1 both", kBoth, "upstream_bad_response"},
      {"RFC 9112 6.1 coding", {{"Transfer-Encoding", "gzip, chunked"}}, "upstream_bad_response"},
      {"RFC 9112 6.1 HTTP/1.0", kChunked, "upstream_bad_response", 200, "GET", Version::http10},
  };
  for (const Row& row : rows) {
    ResponseHead head{.status = row.status, .version = row.version, .fields = fields_of(row.fields)};
    EXPECT_EQ(written(response_body_length(head, row.method)), row.outcome) << row.section;
  }
}

TEST(KeepsAlive, ByVersionAndConnection) {
  EXPECT_TRUE(keeps_alive(Version::http11, {}));
  EXPECT_FALSE(keeps_alive(Version::http10, {}));
  EXPECT_TRUE(keeps_alive(Version::h2, {}));
  EXPECT_FALSE(keeps_alive(Version::http11, fields_of({{"Connection", "foo, Close"}})));
  EXPECT_FALSE(keeps_alive(Version::http11, fields_of({{"Connection", "a"}, {"connection", "close"}})));
  EXPECT_TRUE(keeps_alive(Version::http11, fields_of({{"Connection", "closed"}})));
  EXPECT_TRUE(keeps_alive(Version::http10, fields_of({{"Connection", "Keep-Alive"}})));
  EXPECT_FALSE(keeps_alive(Version::http10, fields_of({{"Connection", "keep-alive, close"}})));
}

TEST(RemoveHopByHop, Table) {
  struct Row {
    const char* what;
    List before;
    List after;
  };
  const Row rows[] = {
      {"nothing to do", {{"Host", "a"}, {"Accept", "*/*"}}, {{"Host", "a"}, {"Accept", "*/*"}}},
      {"each of RFC 9110 7.6.1",
       {{"connection", "keep-alive"},
        {"Keep-Alive", "5"},
        {"Proxy-Connection", "x"},
        {"A", "b"},
        {"Transfer-Encoding", "chunked"},
        {"Upgrade", "h2c"},
        {"Proxy-Authenticate", "Basic"},
        {"Proxy-Authorization", "Basic x"},
        {"TE", "gzip"}},
       {{"A", "b"}}},
      {"what Connection names",
       {{"X-One", "1"},
        {"Connection", "x-one , X-Two,close"},
        {"x-two", "2"},
        {"X-ONE", "3"},
        {"X-Three", "4"}},
       {{"X-Three", "4"}}},
      {"not what framing or identity rest on",
       {{"Connection", "Host, content-length, Content-Type, Authorization, Cookie, X-Forwarded-For"},
        {"Host", "a"},
        {"Content-Length", "1"},
        {"Content-Type", "t"},
        {"Authorization", "x"},
        {"Cookie", "y"},
        {"X-Forwarded-For", "z"}},
       {{"Host", "a"},
        {"Content-Length", "1"},
        {"Content-Type", "t"},
        {"Authorization", "x"},
        {"Cookie", "y"},
        {"X-Forwarded-For", "z"}}},
      {"TE: trailers stays", {{"te", "gzip;q=0.5, Trailers"}, {"Connection", "TE"}}, {{"TE", "trailers"}}},
      {"equal lengths become one",
       {{"Content-Length", "5"}, {"A", "b"}, {"Content-Length", "5"}},
       {{"Content-Length", "5"}, {"A", "b"}}},
      {"a list of lengths too", {{"Content-Length", "5, 5"}}, {{"Content-Length", "5"}}},
      {"leading zeros go", {{"Content-Length", "010"}, {"A", "b"}}, {{"Content-Length", "10"}, {"A", "b"}}},
      {"of nothing but zeros one stays", {{"Content-Length", "000"}}, {{"Content-Length", "0"}}},
      {"a plain length stays as it is", {{"Content-Length", "100"}}, {{"Content-Length", "100"}}},
  };
  for (const Row& row : rows) {
    Fields fields = fields_of(row.before);
    remove_hop_by_hop(fields);
    EXPECT_EQ(written(fields), written(fields_of(row.after))) << row.what;
    EXPECT_EQ(list_of(fields).size(), row.after.size()) << row.what;
  }
}

}  // namespace
}  // namespace weir::http::h1
