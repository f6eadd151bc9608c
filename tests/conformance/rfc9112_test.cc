// RFC 9112: HTTP/1.1. What a proxy is told to do, section by section. Where the RFC leaves a choice between
// refusing and mending, Weir refuses requests.
#include "tests/conformance/table.h"

namespace weir::testing {
namespace {

using namespace std::string_literals;

TEST(Rfc9112, Section2_Messages) {
  run(std::vector<Row>{
      {"2.2", "an empty line before the request line is ignored", "\r\n" + get(), get_seen()},
      {"2.2", "as are several", "\r\n\r\n\r\n" + get(), get_seen()},
      {"2.3", "the version sent on is Weir's own", "GET http://{origin}/ HTTP/1.0\r\nHost: {origin}\r\n\r\n",
       get_seen(), kOk, kOkLast, Then::ends},
      {"2.3", "and so it is towards the client", get(), get_seen(),
       "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", kOk, Then::keeps, Then::ends},
  });
  run(std::vector<Refusal>{
      {"2.2", "a line that ends in LF alone", "GET http://{origin}/ HTTP/1.1\nHost: {origin}\n\n", 400,
       Code::bad_request},
      {"2.2", "a bare CR in a field", get("A: b\rc\r\n"), 400, Code::bad_request},
      {"2.2", "space before the first field", "GET http://{origin}/ HTTP/1.1\r\n Host: {origin}\r\n\r\n", 400,
       Code::bad_request},
      {"2.2", "NUL in a field", get("A: b\0c\r\n"s), 400, Code::bad_request},
      {"2.3", "HTTP/0.9", "GET http://{origin}/\r\n", 400, Code::bad_request},
      {"2.3", "a higher minor version", "GET http://{origin}/ HTTP/1.2\r\nHost: {origin}\r\n\r\n", 505,
       Code::unsupported_version},
      {"2.3", "another major version", "GET http://{origin}/ HTTP/3.0\r\nHost: {origin}\r\n\r\n", 505,
       Code::unsupported_version},
      {"2.3", "the name of the protocol has a case",
       "GET http://{origin}/ http/1.1\r\nHost: {origin}\r\n\r\n", 400, Code::bad_request},
  });
  run(std::vector<Rejection>{
      {"2.2", "lines that end in LF alone", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"},
      {"2.2", "a bare CR in a field", ok("A: b\rc\r\nContent-Length: 0\r\n")},
      {"2.2", "NUL in a field", ok("A: b\0c\r\nContent-Length: 0\r\n"s)},
      {"2.2", "space before the first field", "HTTP/1.1 200 OK\r\n A: b\r\nContent-Length: 0\r\n\r\n"},
      {"2.3", "a higher version", "HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n"},
      {"2.3", "another protocol", "SSH-2.0-OpenSSH_9.2\r\n\r\n"},
  });
}

TEST(Rfc9112, Section3_RequestLine) {
  const std::string long_path = "/" + std::string(8000, 'p');
  run(std::vector<Row>{
      {"3.1", "methods nobody has heard of pass",
       "BREW-2 http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\n\r\n",
       "BREW-2 / HTTP/1.1\r\nHost: {origin}\r\n\r\n"},
      {"3.1", "methods have a case", "get http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\n\r\n",
       "get / HTTP/1.1\r\nHost: {origin}\r\n\r\n"},
      {"3", "a request line of 8,000 bytes passes",
       "GET http://{origin}" + long_path + " HTTP/1.1\r\nHost: {origin}\r\n\r\n",
       "GET " + long_path + " HTTP/1.1\r\nHost: {origin}\r\n\r\n"},
      {"3.2", "the target passes as it came",
       "GET http://{origin}/%7Ea/../b//c;d=1/%2e?e=%00&f=[g]{h}|\"<> HTTP/1.1\r\nHost: {origin}\r\n\r\n",
       "GET /%7Ea/../b//c;d=1/%2e?e=%00&f=[g]{h}|\"<> HTTP/1.1\r\nHost: {origin}\r\n\r\n"},
  });
  run(std::vector<Refusal>{
      {"3", "two spaces", "GET  http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\n\r\n", 400, Code::bad_target},
      {"3", "a tab", "GET\thttp://{origin}/\tHTTP/1.1\r\nHost: {origin}\r\n\r\n", 400, Code::bad_request},
      {"3", "space at the end", "GET http://{origin}/ HTTP/1.1 \r\nHost: {origin}\r\n\r\n", 400,
       Code::bad_request},
      {"3.1", "a method that is no token", "G@T http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\n\r\n", 400,
       Code::bad_request},
      {"3", "a target over the limit",
       "GET http://{origin}/" + std::string(20'000, 'p') + " HTTP/1.1\r\nHost: {origin}\r\n\r\n", 414,
       Code::uri_too_long},
      {"3.2", "a space in the target", "GET http://{origin}/a b HTTP/1.1\r\nHost: {origin}\r\n\r\n", 400,
       Code::bad_target},
      {"3.2", "a byte above ASCII in the target",
       "GET http://{origin}/\xC3\xA9 HTTP/1.1\r\nHost: {origin}\r\n\r\n", 400, Code::bad_target},
      {"3.2", "a fragment", "GET http://{origin}/a#b HTTP/1.1\r\nHost: {origin}\r\n\r\n", 400,
       Code::bad_target},
  });
}

TEST(Rfc9112, Section3_2_Host) {
  const std::string line = "GET http://{origin}/ HTTP/1.1\r\n";
  run(std::vector<Row>{
      {"3.2.2", "the target's authority takes the place of Host",
       line + "A: 1\r\nHost: else.test\r\nB: 2\r\n\r\n",
       "GET / HTTP/1.1\r\nA: 1\r\nHost: {origin}\r\nB: 2\r\n\r\n"},
      {"3.2", "HTTP/1.0 without Host is given one",
       "GET http://{origin}/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", get_seen(), kOk,
       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok"},
      {"3.2", "a Host that says the same in another way",
       "GET http://A.TEST:80/ HTTP/1.1\r\nHost: A.Test\r\n\r\n", get_seen()},
  });
  run(std::vector<Refusal>{
      {"3.2", "no Host", line + "\r\n", 400, Code::bad_host},
      {"3.2", "two Hosts", line + "Host: {origin}\r\nHost: {origin}\r\n\r\n", 400, Code::bad_host},
      {"3.2", "two Hosts in different case", line + "Host: {origin}\r\nhOST: else.test\r\n\r\n", 400,
       Code::bad_host},
      {"3.2", "an empty Host", line + "Host:\r\n\r\n", 400, Code::bad_host},
      {"3.2", "user information in Host", line + "Host: a@{origin}\r\n\r\n", 400, Code::bad_host},
      {"3.2", "a path in Host", line + "Host: {origin}/b\r\n\r\n", 400, Code::bad_host},
      {"3.2", "a list in Host", line + "Host: {origin}, else.test\r\n\r\n", 400, Code::bad_host},
      {"3.2", "a port that is none", line + "Host: {origin}:99999\r\n\r\n", 400, Code::bad_host},
      {"3.2", "two Hosts in HTTP/1.0",
       "GET http://{origin}/ HTTP/1.0\r\nHost: {origin}\r\nHost: else.test\r\n\r\n", 400, Code::bad_host},
  });
}

TEST(Rfc9112, Section3_2_TargetForms) {
  const std::string host = "Host: {origin}\r\n\r\n";
  const std::string in_tunnel = "Host: {tunnel}\r\n\r\n";
  run(std::vector<Row>{
      {"3.2.2", "an empty path is /", "GET http://{origin} HTTP/1.1\r\n" + host, get_seen()},
      {"3.2.2", "an empty path before a query", "GET http://{origin}?a=b HTTP/1.1\r\n" + host,
       "GET /?a=b HTTP/1.1\r\n" + host},
      {"3.2.2", "the scheme has no case", "GET HTTP://{origin}/ HTTP/1.1\r\n" + host, get_seen()},
      {"3.2.4", "OPTIONS without a path is *", "OPTIONS http://{origin} HTTP/1.1\r\n" + host,
       "OPTIONS * HTTP/1.1\r\n" + host},
      {"3.2.4", "OPTIONS of a path", "OPTIONS http://{origin}/ HTTP/1.1\r\n" + host,
       "OPTIONS / HTTP/1.1\r\n" + host},
  });
  run(std::vector<Refusal>{
      {"3.2.1", "a path alone does not tell a proxy where to go", "GET / HTTP/1.1\r\n" + host, 400,
       Code::bad_target},
      {"3.2.2", "a scheme Weir does not speak", "GET ftp://{origin}/ HTTP/1.1\r\n" + host, 400,
       Code::bad_target},
      {"3.2.2", "user information", "GET http://me:secret@{origin}/ HTTP/1.1\r\n" + host, 400,
       Code::bad_target},
      {"3.2.2", "no authority", "GET http:///a HTTP/1.1\r\n" + host, 400, Code::bad_target},
      {"3.2.3", "authority-form without CONNECT", "GET {origin}:80 HTTP/1.1\r\n" + host, 400,
       Code::bad_target},
      {"3.2.3", "CONNECT without a port", "CONNECT {origin} HTTP/1.1\r\n" + host, 400, Code::bad_target},
      {"3.2.3", "CONNECT to port 0", "CONNECT {origin}:0 HTTP/1.1\r\n" + host, 400, Code::bad_target},
      {"3.2.3", "CONNECT with a path", "CONNECT {origin}:80/ HTTP/1.1\r\n" + host, 400, Code::bad_target},
      {"3.2.3", "CONNECT with a scheme", "CONNECT http://{origin}:80 HTTP/1.1\r\n" + host, 400,
       Code::bad_target},
      {"3.2.4", "* without OPTIONS", "GET * HTTP/1.1\r\n" + host, 400, Code::bad_target},
      {"3.2.4", "OPTIONS * of the proxy itself", "OPTIONS * HTTP/1.1\r\n" + host, 400, Code::bad_target},
  });
  // What the tunnel leads to is asked in the other forms.
  const auto with = [&](const char* line) { return line + in_tunnel; };
  run(std::vector<Row>{
      {"3.2.1", "a path in a tunnel", with("GET /a?b HTTP/1.1\r\n"), with("GET /a?b HTTP/1.1\r\n"), kOk, kOk,
       Then::closes, Then::keeps, At::tunnel},
      {"3.2.4", "OPTIONS * in a tunnel", with("OPTIONS * HTTP/1.1\r\n"), with("OPTIONS * HTTP/1.1\r\n"), kOk,
       kOk, Then::closes, Then::keeps, At::tunnel},
      {"3.2.2", "a whole URL in a tunnel", with("GET http://{tunnel}/a HTTP/1.1\r\n"),
       with("GET /a HTTP/1.1\r\n"), kOk, kOk, Then::closes, Then::keeps, At::tunnel},
      {"3.2.2", "a URL in a tunnel that leads elsewhere",
       "GET http://else.test/a HTTP/1.1\r\nHost: {tunnel}\r\n\r\n",
       "GET /a HTTP/1.1\r\nHost: else.test\r\n\r\n", kOk, kOk, Then::closes, Then::keeps, At::tunnel,
       "host_mismatch"},
  });
  run(std::vector<Refusal>{
      {"3.2.3", "CONNECT in a tunnel", with("CONNECT {tunnel} HTTP/1.1\r\n"), 400, Code::bad_target,
       At::tunnel},
  });
}

TEST(Rfc9112, Section4_StatusLine) {
  auto answered = [](const std::string& line) { return line + "\r\nContent-Length: 0\r\n\r\n"; };
  run(std::vector<Row>{
      {"4", "an empty reason is filled in", get(), get_seen(), answered("HTTP/1.1 404 "),
       answered("HTTP/1.1 404 Not Found")},
      {"4", "a reason left out with its space", get(), get_seen(), answered("HTTP/1.1 404"),
       answered("HTTP/1.1 404 Not Found")},
      {"4", "a reason of one's own", get(), get_seen(), answered("HTTP/1.1 200 F\xC3\xBCr dich,\tja"),
       answered("HTTP/1.1 200 F\xC3\xBCr dich,\tja")},
      {"4", "a status nobody has heard of", get(), get_seen(), answered("HTTP/1.1 299 Odd"),
       answered("HTTP/1.1 299 Odd")},
      {"4", "a status beyond the classes", get(), get_seen(), answered("HTTP/1.1 799 Odd"),
       answered("HTTP/1.1 799 Odd")},
  });
  run(std::vector<Rejection>{
      {"4", "two digits", answered("HTTP/1.1 20 OK")},
      {"4", "four digits", answered("HTTP/1.1 2000 OK")},
      {"4", "no digits", answered("HTTP/1.1 abc OK")},
      {"4", "a sign", answered("HTTP/1.1 +20 OK")},
      {"4", "below 100", answered("HTTP/1.1 099 OK")},
      {"4", "two spaces", answered("HTTP/1.1  200 OK")},
      {"4", "a control byte in the reason", answered("HTTP/1.1 200 O\x01K")},
      {"4", "no status at all", answered("HTTP/1.1")},
  });
}

TEST(Rfc9112, Section5_Fields) {
  run(std::vector<Row>{
      {"5", "space around values is left out", get("A: \t b c \t \r\nB:d\r\nC:\r\nD:   \r\n"),
       get_seen("A: b c\r\nB: d\r\nC: \r\nD: \r\n")},
      {"5.1", "space before a colon is taken out of a response", get(), get_seen(),
       ok("A : b\r\nC\t: d\r\nContent-Length : 2\r\n", "ok"),
       ok("A: b\r\nC: d\r\nContent-Length: 2\r\n", "ok")},
  });
  run(std::vector<Refusal>{
      {"5.1", "space before a colon", get("A : b\r\n"), 400, Code::bad_request},
      {"5.1", "an empty name", get(": b\r\n"), 400, Code::bad_request},
      {"5.1", "a name that is no token", get("A(b): c\r\n"), 400, Code::bad_request},
      {"5.1", "a name above ASCII", get("\xC3\xA9: c\r\n"), 400, Code::bad_request},
      {"5.1", "no colon", get("A\r\n"), 400, Code::bad_request},
      {"5.2", "a folded line", get("A: b\r\n c\r\n"), 400, Code::bad_request},
      {"5.2", "a line folded by a tab", get("A: b\r\n\tc\r\n"), 400, Code::bad_request},
      {"5.4", "a field over the limit", get("A: " + std::string(70'000, 'a') + "\r\n"), 431,
       Code::head_too_large},
      {"5.4", "too many fields", get([] {
         std::string out;
         for (int i = 0; i < 300; ++i) out += "A: b\r\n";
         return out;
       }()),
       431, Code::head_too_large},
  });
  run(std::vector<Rejection>{
      {"5.1", "an empty name", ok(": b\r\nContent-Length: 0\r\n")},
      {"5.1", "no colon", ok("A\r\nContent-Length: 0\r\n")},
      {"5.2", "a folded line", ok("A: b\r\n c\r\nContent-Length: 0\r\n")},
  });
}

TEST(Rfc9112, Section6_RequestBody) {
  run(std::vector<Row>{
      {"6.3", "neither length nor coding: no body", post(""), post_seen("")},
      {"6.2", "a length", post("Content-Length: 2\r\n", "hi"), post_seen("Content-Length: 2\r\n", "hi")},
      {"6.2", "a length of 0 is said on", post("Content-Length: 0\r\n"), post_seen("Content-Length: 0\r\n")},
      {"6.1", "chunks", post("Transfer-Encoding: chunked\r\n", "2\r\nhi\r\n0\r\n\r\n"),
       post_seen("Transfer-Encoding: chunked\r\n", "2\r\nhi\r\n0\r\n\r\n")},
      {"6.1", "the name of the coding has no case",
       post("transfer-encoding: ChunkeD\r\n", "2\r\nhi\r\n0\r\n\r\n"),
       post_seen("Transfer-Encoding: chunked\r\n", "2\r\nhi\r\n0\r\n\r\n")},
      {"6.3", "a length with leading zeros is said plainly", post("Content-Length: 002\r\n", "hi"),
       post_seen("Content-Length: 2\r\n", "hi")},
  });
  const std::string chunks = "2\r\nhi\r\n0\r\n\r\n";
  run(std::vector<Refusal>{
      {"6.1", "length and coding together",
       post("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", chunks), 400, Code::ambiguous_framing},
      {"6.1", "a coding Weir does not know", post("Transfer-Encoding: gzip, chunked\r\n", chunks), 400,
       Code::ambiguous_framing},
      {"6.1", "chunked is not the last coding", post("Transfer-Encoding: chunked, gzip\r\n", chunks), 400,
       Code::ambiguous_framing},
      {"6.1", "chunked twice", post("Transfer-Encoding: chunked, chunked\r\n", chunks), 400,
       Code::ambiguous_framing},
      {"6.1", "a coding in HTTP/1.0",
       "POST http://{origin}/ HTTP/1.0\r\nHost: {origin}\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks, 400,
       Code::ambiguous_framing},
      {"6.3", "a length that is no number", post("Content-Length: two\r\n", "hi"), 400,
       Code::ambiguous_framing},
      {"6.3", "different lengths", post("Content-Length: 2\r\nContent-Length: 3\r\n", "hi"), 400,
       Code::ambiguous_framing},
      {"6.3", "a length beyond all numbers", post("Content-Length: 99999999999999999999\r\n", "hi"), 400,
       Code::ambiguous_framing},
  });
}

TEST(Rfc9112, Section6_ResponseBody) {
  const std::string head = "HEAD http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\n\r\n";
  const std::string head_seen = "HEAD / HTTP/1.1\r\nHost: {origin}\r\n\r\n";
  auto same = [](const char* what, const std::string& answer) {
    return Row{"6.3", what, get(), get_seen(), answer, answer};
  };
  run(std::vector<Row>{
      {"6.3", "HEAD has a length and no body", head, head_seen, ok("Content-Length: 99\r\n"),
       ok("Content-Length: 99\r\n")},
      {"6.3", "HEAD of a chunked resource has no body", head, head_seen, ok("Transfer-Encoding: chunked\r\n"),
       "HTTP/1.1 200 OK\r\n\r\n"},
      {"6.3", "HEAD without any length", head, head_seen, ok("A: b\r\n"), ok("A: b\r\n")},
      same("304 has a length and no body",
           "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nETag: \"a\"\r\n\r\n"),
      same("304 without a length", "HTTP/1.1 304 Not Modified\r\n\r\n"),
      same("204 has no body", "HTTP/1.1 204 No Content\r\n\r\n"),
      {"6.3", "204 has no length either (9110 8.6)", get(), get_seen(),
       "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"},
      {"6.1", "204 has no coding", get(), get_seen(),
       "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"},
      same("205 with a length of 0", "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n"),
      same("205 of no chunks", "HTTP/1.1 205 Reset Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
      same("a length", ok("Content-Length: 2\r\n", "hi")),
      same("a length of 0", ok("Content-Length: 0\r\n")),
      same("chunks", ok("Transfer-Encoding: chunked\r\n", "2\r\nhi\r\n0\r\n\r\n")),
      {"6.3", "a length repeated is said once", get(), get_seen(),
       ok("Content-Length: 2\r\nContent-Length: 2\r\n", "hi"), ok("Content-Length: 2\r\n", "hi")},
      {"6.3", "a list of the same length too", get(), get_seen(), ok("Content-Length: 2, 2\r\n", "hi"),
       ok("Content-Length: 2\r\n", "hi")},
      {"6.3", "a length with leading zeros is said plainly", get(), get_seen(),
       ok("Content-Length: 002\r\n", "hi"), ok("Content-Length: 2\r\n", "hi")},
      {"6.3", "no length at all: until the end", get(), get_seen(), ok("", "hi"),
       ok("Transfer-Encoding: chunked\r\n", "2\r\nhi\r\n0\r\n\r\n"), Then::keeps, Then::closes},
      {"6.3", "no length and not a byte", get(), get_seen(), ok(""),
       ok("Transfer-Encoding: chunked\r\n", "0\r\n\r\n"), Then::keeps, Then::closes},
  });
  run(std::vector<Rejection>{
      {"6.3", "length and coding together",
       ok("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "2\r\nhi\r\n0\r\n\r\n")},
      {"6.1", "a coding nobody asked for", ok("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n")},
      {"6.1", "chunked is not the last coding", ok("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n")},
      {"6.1", "a coding in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"6.3", "different lengths", ok("Content-Length: 2\r\nContent-Length: 3\r\n", "hi")},
      {"6.3", "a list of different lengths", ok("Content-Length: 2, 3\r\n", "hi")},
      {"6.3", "a length that is no number", ok("Content-Length: +2\r\n", "hi")},
      {"6.3", "an empty length", ok("Content-Length: \r\n", "hi")},
  });
}

TEST(Rfc9112, Section7_Chunks) {
  auto sent = [](const std::string& body) { return post("Transfer-Encoding: chunked\r\n", body); };
  auto seen = [](const std::string& body) { return post_seen("Transfer-Encoding: chunked\r\n", body); };
  auto answer = [](const std::string& body) { return ok("Transfer-Encoding: chunked\r\n", body); };
  run(std::vector<Row>{
      {"7.1", "sizes in capitals and with zeros", sent("000A\r\n0123456789\r\n00\r\n\r\n"),
       seen("a\r\n0123456789\r\n0\r\n\r\n")},
      {"7.1.1", "extensions are dropped", sent("2;a;b=c;d=\"e;f\"\r\nhi\r\n0;g\r\n\r\n"),
       seen("2\r\nhi\r\n0\r\n\r\n")},
      {"7.1.1", "in responses too", get(), get_seen(), answer("2;a=b\r\nhi\r\n0;c\r\n\r\n"),
       answer("2\r\nhi\r\n0\r\n\r\n")},
      {"7.1.2", "trailers pass", sent("2\r\nhi\r\n0\r\nX-A: 1\r\nx-b: 2\r\n\r\n"),
       seen("2\r\nhi\r\n0\r\nX-A: 1\r\nx-b: 2\r\n\r\n")},
      {"7.1.2", "those of responses too", get("TE: trailers\r\nConnection: TE\r\n"),
       get_seen("TE: trailers\r\nConnection: TE\r\n"), answer("2\r\nhi\r\n0\r\nX-A: 1\r\n\r\n"),
       answer("2\r\nhi\r\n0\r\nX-A: 1\r\n\r\n")},
      {"7.1.2", "but those that frame or route", sent("0\r\nContent-Length: 9\r\nHost: b\r\nX-A: 1\r\n\r\n"),
       seen("0\r\nX-A: 1\r\n\r\n")},
      {"7.1.2", "the same for responses", get(), get_seen(),
       answer("0\r\nTransfer-Encoding: x\r\nSet-Cookie: a=b\r\nX-A: 1\r\n\r\n"),
       answer("0\r\nX-A: 1\r\n\r\n")},
      {"7.1", "old servers pad their sizes", get(), get_seen(), answer("2  \r\nhi\r\n0   \r\n\r\n"),
       answer("2\r\nhi\r\n0\r\n\r\n")},
  });
  run(std::vector<Refusal>{
      {"7.1", "no size", sent("\r\nhi\r\n0\r\n\r\n"), 400, Code::bad_chunk},
      {"7.1", "a size that is no number", sent("0x2\r\nhi\r\n0\r\n\r\n"), 400, Code::bad_chunk},
      {"7.1", "a size beyond all numbers", sent("fffffffffffffffff\r\nhi\r\n0\r\n\r\n"), 400,
       Code::bad_chunk},
      {"7.1", "a size line that ends in LF", sent("2\nhi\r\n0\r\n\r\n"), 400, Code::bad_chunk},
      {"7.1.1", "a line end in an extension", sent("2;a=\"\n\"\r\nhi\r\n0\r\n\r\n"), 400, Code::bad_chunk},
      {"7.1.2", "a folded trailer", sent("0\r\nA: b\r\n c\r\n\r\n"), 400, Code::bad_chunk},
  });
}

TEST(Rfc9112, Section7_4_NegotiatingCodings) {
  run(std::vector<Row>{
      {"7.4", "a wish for trailers passes", get("TE: trailers\r\nConnection: TE\r\n"),
       get_seen("TE: trailers\r\nConnection: TE\r\n")},
      {"7.4", "a wish for codings does not", get("TE: gzip, deflate;q=0.5\r\nConnection: TE\r\n"),
       get_seen()},
      {"7.4", "of both, the one", get("TE: gzip, trailers\r\nConnection: TE\r\n"),
       get_seen("TE: trailers\r\nConnection: TE\r\n")},
  });
}

TEST(Rfc9112, Section9_Persistence) {
  auto with_connection = [](const std::string& options) { return get("Connection: " + options + "\r\n"); };
  run(std::vector<Row>{
      {"9.3", "the client's close is its own", with_connection("close"), get_seen(), kOk, kOkLast,
       Then::ends},
      {"9.3", "close among others", with_connection("x, CLOSE ,y"), get_seen(), kOk, kOkLast, Then::ends},
      {"9.3", "the origin's close is its own", get(), get_seen(), kOkLast, kOk, Then::keeps, Then::ends},
      {"9.3", "HTTP/1.0 ends", "GET http://{origin}/ HTTP/1.0\r\n\r\n", get_seen(), kOk, kOkLast, Then::ends},
      {"9.3", "close is stronger than keep-alive",
       "GET http://{origin}/ HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", get_seen(), kOk, kOkLast,
       Then::ends},
      {"C.2.2", "Proxy-Connection means nothing", get("Proxy-Connection: close\r\n"), get_seen()},
      {"9.3", "an HTTP/1.0 origin that keeps alive", get(), get_seen(),
       "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", kOk},
  });
}

TEST(Rfc9112, Section8_IncompleteMessages) {
  {
    Playbook play(make_memory_stage());
    auto& client = play.client();
    client.sends(post("Content-Length: 4\r\n", "ab"));
    auto& upstream = play.upstream();
    upstream.expects(post_seen("Content-Length: 4\r\n", "ab"));
    client.half_closes();
    EXPECT_EQ(client.expects_answer().head.status, 400);
    EXPECT_EQ(upstream.reads_all(), "") << "section 8: an incomplete request never becomes whole";
    play.records({.status = 400, .error = Code::body_incomplete, .request_body = "ab"});
  }
  {
    Playbook play(make_memory_stage());
    auto& client = play.client();
    client.sends(kGetSent);
    auto& upstream = play.upstream();
    upstream.expects(kGetSeen);
    upstream.sends(ok("Transfer-Encoding: chunked\r\n", "2\r\nhi\r\n"));
    upstream.closes();
    EXPECT_EQ(client.reads_all(), ok("Transfer-Encoding: chunked\r\n", "2\r\nhi\r\n"))
        << "section 8: no last chunk";
    play.records({.status = 200, .error = Code::upstream_body_incomplete, .response_body = "hi"});
  }
  {
    Playbook play(make_memory_stage());
    auto& client = play.client();
    client.sends(kGetSent);
    auto& upstream = play.upstream();
    upstream.expects(kGetSeen);
    upstream.sends(ok("Content-Length: 5\r\n", "hi"));
    upstream.closes();
    EXPECT_EQ(client.reads_all(), ok("Content-Length: 5\r\n", "hi"));
    play.records({.status = 200, .error = Code::upstream_body_incomplete, .response_body = "hi"});
  }
}

TEST(Rfc9112, Section9_3_2_Pipelining) {
  Playbook play(make_memory_stage());
  auto& client = play.client();
  client.sends(post("Content-Length: 2\r\n", "hi") + get("A: 1\r\n") + get("A: 2\r\n"));
  auto& upstream = play.upstream();
  upstream.expects(post_seen("Content-Length: 2\r\n", "hi"));
  upstream.sends(ok("Content-Length: 1\r\n", "0"));
  upstream.expects(get_seen("A: 1\r\n"));
  upstream.sends("HTTP/1.1 500 Oh\r\nContent-Length: 1\r\n\r\n1");
  upstream.expects(get_seen("A: 2\r\n"));
  upstream.sends(ok("Content-Length: 1\r\n", "2"));
  client.expects(ok("Content-Length: 1\r\n", "0"));
  client.expects("HTTP/1.1 500 Oh\r\nContent-Length: 1\r\n\r\n1");
  client.expects(ok("Content-Length: 1\r\n", "2"));
  for (int status : {200, 500, 200}) play.records({.status = status});
}

TEST(Rfc9112, Section9_6_NothingIsReadBehindClose) {
  Playbook play(make_memory_stage());
  auto& client = play.client();
  client.sends(get("Connection: close\r\n") + get("A: 1\r\n"));
  auto& upstream = play.upstream();
  upstream.expects(get_seen());
  upstream.sends(kOk);
  client.expects_last(kOkLast);
  upstream.expects_silence();
  play.records({.status = 200});
}

}  // namespace
}  // namespace weir::testing
