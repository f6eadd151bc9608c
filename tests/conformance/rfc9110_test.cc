// RFC 9110: HTTP semantics. What a proxy is told to do, section by section.
#include "tests/conformance/table.h"

namespace weir::testing {
namespace {

Row passes(const char* section, const char* what, const std::string& fields) {
  return {section, what, get(fields), get_seen(fields)};
}

Row answer_passes(const char* section, const char* what, const std::string& answer) {
  return {section, what, get(), get_seen(), answer, answer};
}

TEST(Rfc9110, Section5_Fields) {
  run(std::vector<Row>{
      passes("5.1", "fields nobody has heard of",
             "X-Unheard-Of: 1\r\nsec-ch-ua: \"a\"\r\n!#$%&'*+-.^_`|~09: b\r\n"),
      passes("5.1", "the case and the order of names", "zZ: 1\r\nAa: 2\r\naA: 3\r\nB: 4\r\n"),
      passes("5.3", "lines of one name stay apart and in order", "A: 1\r\nB: 2\r\nA: 3, 4\r\nA: \r\n"),
      answer_passes("5.3", "Set-Cookie above all",
                    ok("Set-Cookie: a=b, c\r\nSet-Cookie: d=e; Expires=Wed, 09 Jun 2027 10:18:14 GMT\r\n"
                       "Content-Length: 0\r\n")),
      passes("5.5", "bytes above ASCII in values", "A: \xC3\xA9\xFF\x80\r\n"),
      passes("5.5", "tabs and every visible byte in values",
             "A: a\tb !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\r\n"),
      passes("5.6.1", "lists with empty elements", "A: ,a, ,b,,\r\n"),
  });
}

TEST(Rfc9110, Section6_Messages) {
  run(std::vector<Row>{
      answer_passes("6.6.1", "the origin's Date, right or wrong",
                    ok("Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 0\r\n")),
      passes("6.6.1", "a Date of the client", "Date: yesterday\r\n"),
      {"6.6.2", "Trailer", post("Trailer: X-A\r\nTransfer-Encoding: chunked\r\n", "0\r\nX-A: 1\r\n\r\n"),
       post_seen("Trailer: X-A\r\nTransfer-Encoding: chunked\r\n", "0\r\nX-A: 1\r\n\r\n")},
      {"6.4.1", "content of a GET",
       "GET http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 2\r\n\r\nhi",
       "GET / HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 2\r\n\r\nhi"},
      {"6.4.1", "content of a DELETE",
       "DELETE http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\nTransfer-Encoding: "
       "chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
       "DELETE / HTTP/1.1\r\nHost: {origin}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"},
  });
}

TEST(Rfc9110, Section7_6_1_Connection) {
  run(std::vector<Row>{
      {"7.6.1", "the field itself, and those it names", get("Connection: a, B\r\nA: 1\r\nb: 2\r\nC: 3\r\n"),
       get_seen("C: 3\r\n")},
      {"7.6.1", "several fields of it", get("Connection: a\r\nA: 1\r\nconnection: b\r\nB: 2\r\n"),
       get_seen()},
      {"7.6.1", "a name that is not there", get("Connection: nothing\r\nA: 1\r\n"), get_seen("A: 1\r\n")},
      {"7.6.1", "every line of a name", get("A: 1\r\nConnection: a\r\nA: 2\r\nB: 3\r\n"),
       get_seen("B: 3\r\n")},
      {"7.6.1", "fields known to be of one connection",
       get("Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: gzip\r\nUpgrade: x\r\nA: 1\r\n"),
       get_seen("A: 1\r\n")},
      {"7.6.1", "in responses", get(), get_seen(),
       ok("Connection: a, keep-alive\r\nA: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: x\r\nB: 2\r\n"
          "Content-Length: 0\r\n"),
       ok("B: 2\r\nContent-Length: 0\r\n")},
      {"7.6.1", "never what framing and identity rest on",
       post("Connection: host, content-length, authorization, cookie, cache-control\r\nAuthorization: a\r\n"
            "Cookie: b\r\nCache-Control: c\r\nContent-Length: 2\r\n",
            "hi"),
       post_seen("Authorization: a\r\nCookie: b\r\nCache-Control: c\r\nContent-Length: 2\r\n", "hi")},
      {"7.6.1", "nor the framing of responses", get(), get_seen(),
       ok("Connection: content-length, set-cookie\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\n", "ok"),
       ok("Set-Cookie: a=b\r\nContent-Length: 2\r\n", "ok")},
      {"7.6.1", "options that are no names", get("Connection: ,, close-ish ;x, \"a\"\r\nA: 1\r\n"),
       get_seen("A: 1\r\n")},
      {"11.7.1", "Proxy-Authenticate is for the next client only", get(), get_seen(),
       ok("Proxy-Authenticate: Basic\r\nContent-Length: 0\r\n"), ok("Content-Length: 0\r\n")},
      {"11.7.2", "Proxy-Authorization is for Weir only", get("Proxy-Authorization: Basic YTpi\r\n"),
       get_seen()},
      passes("11.6.2", "Authorization is for the origin", "Authorization: Basic YTpi\r\n"),
  });
}

// Weir is to be as good as absent (mission, Fidelity): it leaves no trace in Via and counts no hops, it adds
// no Date, and transforms nothing. Where that departs from a MUST of the RFC, it does so on purpose.
TEST(Rfc9110, DeparturesForFidelity) {
  run(std::vector<Row>{
      passes("7.6.3", "Via is not added to", "A: 1\r\n"),
      passes("7.6.3", "nor taken away", "Via: 1.1 a, 1.0 b\r\n"),
      answer_passes("7.6.3", "in responses", ok("Via: 1.1 cache\r\nContent-Length: 0\r\n")),
      answer_passes("6.6.1", "no Date is added", ok("Content-Length: 0\r\n")),
      {"7.6.2", "Max-Forwards is not counted",
       "OPTIONS http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\nMax-Forwards: 5\r\n\r\n",
       "OPTIONS / HTTP/1.1\r\nHost: {origin}\r\nMax-Forwards: 5\r\n\r\n"},
      {"7.6.2", "not even when it is used up",
       "TRACE http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\nMax-Forwards: 0\r\n\r\n",
       "TRACE / HTTP/1.1\r\nHost: {origin}\r\nMax-Forwards: 0\r\n\r\n"},
      passes("7.6.2", "of other methods it means nothing", "Max-Forwards: 0\r\n"),
  });
}

TEST(Rfc9110, Section7_7_NothingIsTransformed) {
  const std::string coded = "\x1f\x8b\x08 whatever it is";
  run(std::vector<Row>{
      answer_passes("7.7", "coded content",
                    ok("Content-Encoding: gzip\r\nETag: W/\"a\"\r\nContent-Length: 18\r\n", coded)),
      answer_passes("8.4", "codings nobody has heard of",
                    ok("Content-Encoding: odd\r\nContent-Length: 2\r\n", "hi")),
      {"7.7", "coded requests", post("Content-Encoding: gzip\r\nContent-Length: 18\r\n", coded),
       post_seen("Content-Encoding: gzip\r\nContent-Length: 18\r\n", coded)},
      answer_passes("7.7", "no-transform", ok("Cache-Control: no-transform\r\nContent-Length: 0\r\n")),
      passes("13.1", "conditions",
             "If-None-Match: \"a\"\r\nIf-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n"),
      {"14.2", "ranges", get("Range: bytes=0-1\r\n"), get_seen("Range: bytes=0-1\r\n"),
       "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n\r\nok",
       "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n\r\nok"},
      passes("12.5.3", "an Accept-Encoding Weir can read", "Accept-Encoding: gzip;q=0.5, br\r\n"),
      passes("12.5.1", "what else the client would accept", "Accept: a/b;q=0.1\r\nAccept-Language: de\r\n"),
  });
}

TEST(Rfc9110, Section7_8_Upgrade) {
  const std::string offer = "Connection: Upgrade\r\nUpgrade: foo/1\r\n";
  const std::string websocket =
      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
      "Sec-WebSocket-Version: 13\r\n";
  const std::string websocket_seen =
      "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\nConnection: Upgrade\r\n"
      "Upgrade: websocket\r\n";
  run(std::vector<Row>{
      {"7.8", "an offer passes, an origin may pass over it", get(offer), get_seen(offer)},
      {"7.8", "one of WebSocket too", get(websocket), get_seen(websocket_seen)},
      {"7.8", "an offer that is not named in Connection is none", get("Upgrade: foo/1\r\n"), get_seen()},
      {"7.8", "Connection: upgrade without an offer", get("Connection: upgrade\r\n"), get_seen()},
      {"7.8", "an HTTP/1.0 client offers nothing",
       "GET http://{origin}/ HTTP/1.0\r\nHost: {origin}\r\n" + offer + "\r\n", get_seen(), kOk, kOkLast,
       Then::ends},
      {"7.8", "an offer of h2c would leave HTTP as Weir reads it",
       get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
       get_seen()},
      {"7.8", "an offer beside a body is left out", post(offer + "Content-Length: 2\r\n", "hi"),
       post_seen("Content-Length: 2\r\n", "hi")},
      {"7.8", "an origin's own offer is for Weir only", get(), get_seen(),
       ok("Connection: Upgrade\r\nUpgrade: h2,h2c\r\nContent-Length: 0\r\n"), ok("Content-Length: 0\r\n")},
  });
  run(std::vector<Rejection>{
      {"15.2.2", "101, though nobody asked", "HTTP/1.1 101 Switching Protocols\r\n" + offer + "\r\n"},
  });
}

TEST(Rfc9110, Section8_6_ContentLength) {
  run(std::vector<Row>{
      {"8.6", "none in 1xx", get(), get_seen(),
       "HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\nLink: </a>\r\n\r\n" + std::string(kOk),
       "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + std::string(kOk)},
      {"8.6", "none in 204", get(), get_seen(), "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
       "HTTP/1.1 204 No Content\r\n\r\n"},
      answer_passes("8.6", "in 304 it is of what a 200 would have",
                    "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n"),
  });
}

TEST(Rfc9110, Section9_Methods) {
  auto of = [](const std::string& method, const std::string& rest) {
    return method + " http://{origin}/ HTTP/1.1\r\nHost: {origin}\r\n" + rest + "\r\n";
  };
  auto seen = [](const std::string& method, const std::string& rest) {
    return method + " / HTTP/1.1\r\nHost: {origin}\r\n" + rest + "\r\n";
  };
  const std::string none = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
  run(std::vector<Row>{
      {"9.3.2", "HEAD", of("HEAD", ""), seen("HEAD", ""), none, none},
      {"9.3.4", "PUT of nothing", of("PUT", "Content-Length: 0\r\n"), seen("PUT", "Content-Length: 0\r\n")},
      {"9.3.5", "DELETE", of("DELETE", ""), seen("DELETE", "")},
      {"9.3.7", "OPTIONS", of("OPTIONS", ""), seen("OPTIONS", "")},
      {"9.3.8", "TRACE", of("TRACE", ""), seen("TRACE", "")},
      {"9.1", "PATCH, PROPFIND and the rest", of("PROPFIND", "Depth: 1\r\n"),
       seen("PROPFIND", "Depth: 1\r\n")},
      {"9.1", "head is not HEAD", of("head", ""), seen("head", ""), kOk, kOk},
  });
  run(std::vector<Refusal>{
      {"9.3.6", "a body in a CONNECT",
       "CONNECT {tunnel} HTTP/1.1\r\nHost: {tunnel}\r\nContent-Length: 2\r\n\r\nhi", 400,
       Code::ambiguous_framing},
      {"9.3.6", "chunks in a CONNECT",
       "CONNECT {tunnel} HTTP/1.1\r\nHost: {tunnel}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
       Code::ambiguous_framing},
  });
}

TEST(Rfc9110, Section10_1_1_Expect) {
  const std::string expect = "Expect: 100-continue\r\nContent-Length: 2\r\n";
  run(std::vector<Row>{
      {"10.1.1", "100, then the answer, to a client that did not wait", post(expect, "hi"),
       post_seen(expect, "hi"), "HTTP/1.1 100 Continue\r\n\r\n" + std::string(kOk),
       "HTTP/1.1 100 Continue\r\n\r\n" + std::string(kOk)},
      {"10.1.1", "no 100 at all", post(expect, "hi"), post_seen(expect, "hi")},
      {"10.1.1", "an HTTP/1.0 client expects nothing",
       "POST http://{origin}/ HTTP/1.0\r\nHost: {origin}\r\n" + expect + "\r\nhi",
       post_seen("Content-Length: 2\r\n", "hi"), kOk, kOkLast, Then::ends},
      {"10.1.1", "an expectation nobody has heard of is the origin's to judge", get("Expect: miracles\r\n"),
       get_seen("Expect: miracles\r\n"), "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n",
       "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n"},
      {"10.1.1", "an expectation without a body", get("Expect: 100-continue\r\n"),
       get_seen("Expect: 100-continue\r\n"), "HTTP/1.1 100 Continue\r\n\r\n" + std::string(kOk),
       "HTTP/1.1 100 Continue\r\n\r\n" + std::string(kOk)},
  });
}

TEST(Rfc9110, Section10_1_1_TheBodyWaitsForTheOriginsWord) {
  const std::string expect = "Expect: 100-continue\r\nContent-Length: 2\r\n";
  Playbook play(make_memory_stage());
  auto& client = play.client();
  client.sends(post(expect));
  auto& upstream = play.upstream();
  upstream.expects(post_seen(expect));
  client.expects_silence();  // 100 is the origin's to say
  upstream.sends("HTTP/1.1 100 Continue\r\n\r\n");
  client.expects("HTTP/1.1 100 Continue\r\n\r\n");
  client.sends("hi");
  upstream.expects("hi");
  upstream.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200, .request_body = "hi"});
}

TEST(Rfc9110, Section15_2_InterimResponses) {
  const std::string final = kOk;
  auto interim = [&](const char* what, const std::string& first) {
    return answer_passes("15.2", what, first + "\r\n\r\n" + final);
  };
  run(std::vector<Row>{
      interim("100 that nobody waits for", "HTTP/1.1 100 Continue"),
      interim("102", "HTTP/1.1 102 Processing"),
      interim("103 with fields", "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload"),
      interim("one nobody has heard of", "HTTP/1.1 199 Odd\r\nA: b"),
      interim(
          "several",
          "HTTP/1.1 103 Early Hints\r\nA: 1\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints"),
      {"15.2", "an HTTP/1.0 client gets none", "GET http://{origin}/ HTTP/1.0\r\nHost: {origin}\r\n\r\n",
       get_seen(), "HTTP/1.1 103 Early Hints\r\n\r\n" + final, kOkLast, Then::ends},
      {"7.6.1", "what is of one connection is so in 1xx too", get(), get_seen(),
       "HTTP/1.1 103 Early Hints\r\nConnection: A\r\nA: 1\r\nB: 2\r\nTransfer-Encoding: chunked\r\n\r\n" +
           final,
       "HTTP/1.1 103 Early Hints\r\nB: 2\r\n\r\n" + final},
  });
}

}  // namespace
}  // namespace weir::testing
