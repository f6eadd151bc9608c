// Framings that play with where a request begins, where it goes, and what follows it.
#include <fmt/format.h>

#include "tests/conformance/framings.h"

namespace weir::testing::smuggling {
namespace {

using namespace std::string_literals;

std::vector<Framing> lines() {
  const std::string line = "GET http://a.test/row HTTP/1.1\r\n";
  const std::vector<std::string> row = {"GET /row"};
  auto start = [](const std::string& text) { return text + "\r\n" + kHost + "\r\n"; };
  return {
      passes("plain", line + kHost + "\r\n", row),
      passes("an empty line before", "\r\n" + line + kHost + "\r\n", row),
      passes("five empty lines before", "\r\n\r\n\r\n\r\n\r\n" + line + kHost + "\r\n", row),
      refused("LF before", "\n" + line + kHost + "\r\n"),
      refused("CR before", "\r" + line + kHost + "\r\n"),
      refused("space before", " " + line + kHost + "\r\n"),
      refused("NUL before", "\0"s + line + kHost + "\r\n"),
      refused("LF ends every line", "GET http://a.test/row HTTP/1.1\nHost: a.test\n\n"),
      refused("LF ends the request line", "GET http://a.test/row HTTP/1.1\nHost: a.test\r\n\r\n"),
      refused("LF ends a field", line + "Host: a.test\nA: b\r\n\r\n"),
      refused("LF ends the head", line + kHost + "\n"),
      refused("LF LF behind an empty value", line + kHost + "A:\n\n" + kInner),
      refused("LF behind CRLF", line + kHost + "A: b\r\n\n\r\n"),
      refused("CR ends a field", line + kHost + "A: b\rC: d\r\n\r\n"),
      refused("CR CR LF ends a field", line + kHost + "A: b\r\r\n\r\n"),
      refused("CR CR ends the head", line + kHost + "\r\r\n"),
      refused("LF CR", line + kHost + "A: b\n\r\n\r"),
      refused("a line of a space", line + kHost + " \r\n\r\n"),
      refused("a line of a tab", line + kHost + "\t\r\n\r\n"),
      refused("a line of a CR", line + kHost + "\r\r\n\r\n"),
      refused("no colon", line + kHost + "A\r\n\r\n"),
      refused("empty name", line + kHost + ": a\r\n\r\n"),
      refused("only a colon", line + kHost + ":\r\n\r\n"),
      refused("empty name first", line + ": a\r\n" + kHost + "\r\n"),
      refused("a request line as a field", line + kHost + "GET /admin HTTP/1.1\r\n\r\n"),
      refused("HTTP/0.9", "GET http://a.test/row\r\n"),
      refused("no version", start("GET http://a.test/row")),
      refused("HTTP/1.10", start("GET http://a.test/row HTTP/1.10")),
      refused("HTTP/01.1", start("GET http://a.test/row HTTP/01.1")),
      refused("HTTP/1,1", start("GET http://a.test/row HTTP/1,1")),
      refused("http/1.1", start("GET http://a.test/row http/1.1")),
      refused("HTTP 1.1", start("GET http://a.test/row HTTP 1.1")),
      refused("HTTPS/1.1", start("GET http://a.test/row HTTPS/1.1")),
      refused("space behind the version", start("GET http://a.test/row HTTP/1.1 ")),
      refused("HTTP/1.2", start("GET http://a.test/row HTTP/1.2"), Code::unsupported_version),
      refused("HTTP/2.0", start("GET http://a.test/row HTTP/2.0"), Code::unsupported_version),
      refused("HTTP/9.9", start("GET http://a.test/row HTTP/9.9"), Code::unsupported_version),
      refused("no method", start("http://a.test/row HTTP/1.1")),
      refused("an empty method", start(" http://a.test/row HTTP/1.1")),
      refused("a colon in the method", start("GET: http://a.test/row HTTP/1.1")),
      refused("a quoted method", start("\"GET\" http://a.test/row HTTP/1.1")),
      refused("a method above ASCII", start("G\xC3\x8BT http://a.test/row HTTP/1.1")),
      refused("tabs for spaces", start("GET\thttp://a.test/row\tHTTP/1.1")),
      refused("two spaces", start("GET  http://a.test/row HTTP/1.1"), Code::bad_target),
      refused("two spaces before the version", start("GET http://a.test/row  HTTP/1.1"), Code::bad_target),
      refused("a space in the target", start("GET http://a.test/row /b HTTP/1.1"), Code::bad_target),
      refused("a request line in the target", start("GET http://a.test/row HTTP/1.1 /b HTTP/1.1"),
              Code::bad_target),
      refused("a fragment", start("GET http://a.test/row#a HTTP/1.1"), Code::bad_target),
      refused("a byte above ASCII in the target", start("GET http://a.test/\xC3\xA9 HTTP/1.1"),
              Code::bad_target),
      refused("a tab in the target", start("GET http://a.test/a\tb HTTP/1.1"), Code::bad_target),
      refused("a target too long", start("GET http://a.test/" + std::string(20'000, 'a') + " HTTP/1.1"),
              Code::uri_too_long),
      refused("a field too long", line + kHost + "A: " + std::string(70'000, 'a') + "\r\n\r\n",
              Code::head_too_large),
      refused("a name too long", line + kHost + std::string(70'000, 'a') + ": b\r\n\r\n",
              Code::head_too_large),
      passes("CRLF percent-encoded in the target", start("GET http://a.test/row%0d%0aA:%20b HTTP/1.1"),
             {"GET /row%0d%0aA:%20b"}),
      passes("a field of 10,000 bytes", line + kHost + "A: " + std::string(10'000, 'a') + "\r\n\r\n", row),
  };
}

// Every byte that some reader takes for a line end, for space or for nothing, in every place it could be put.
std::vector<Framing> controls() {
  std::vector<Framing> out;
  for (char byte : {'\0', '\x01', '\x08', '\x0B', '\x0C', '\x0E', '\x1B', '\x1C', '\x1F', '\x7F'}) {
    const std::string c(1, byte);
    out.push_back(refused("in a value", get("A: b" + c + "c\r\n")));
    out.push_back(refused("before a value", get("A:" + c + "b\r\n")));
    out.push_back(refused("behind a value", get("A: b" + c + "\r\n")));
    out.push_back(refused("in a name", get("A" + c + "B: c\r\n")));
    out.push_back(refused("in Host", "GET http://a.test/row HTTP/1.1\r\nHost: a.test" + c + "\r\n\r\n"));
    out.push_back(refused("in the target", "GET http://a.test/r" + c + "w HTTP/1.1\r\n" + kHost + "\r\n"));
    out.push_back(refused("in the method", "GE" + c + "T http://a.test/row HTTP/1.1\r\n" + kHost + "\r\n"));
    out.push_back(
        refused("behind the version", "GET http://a.test/row HTTP/1.1" + c + "\r\n" + kHost + "\r\n"));
  }
  return out;
}

std::vector<Framing> hosts() {
  const std::string line = "GET http://a.test/row HTTP/1.1\r\n";
  const std::vector<std::string> row = {"GET /row"};
  auto odd = [&](const char* what, const std::string& value) {
    return refused(what, line + "Host: " + value + "\r\n\r\n", Code::bad_host);
  };
  auto target = [](const char* what, const std::string& text) {
    return refused(what, "GET " + text + " HTTP/1.1\r\n" + kHost + "\r\n", Code::bad_target);
  };
  return {
      passes("another Host: the target's counts", line + "Host: b.test\r\n\r\n", row),
      passes("another port: the target's counts", line + "Host: a.test:8080\r\n\r\n", row),
      passes("in capitals", "GET http://A.TEST/row HTTP/1.1\r\nHost: A.test\r\n\r\n", row),
      passes("the default port", "GET http://a.test:80/row HTTP/1.1\r\nHost: a.test:80\r\n\r\n", row),
      passes("Host named in Connection", line + kHost + "Connection: host\r\n\r\n", row),
      passes("X-Forwarded-Host is another field", line + kHost + "X-Forwarded-Host: b.test\r\n\r\n", row),
      refused("none", line + "\r\n", Code::bad_host),
      refused("two equal", line + kHost + kHost + "\r\n", Code::bad_host),
      refused("two different", line + kHost + "Host: b.test\r\n\r\n", Code::bad_host),
      refused("two in other case", line + kHost + "hOST: b.test\r\n\r\n", Code::bad_host),
      refused("two, the second empty", line + kHost + "Host:\r\n\r\n", Code::bad_host),
      refused("space before the colon", line + "Host : a.test\r\n\r\n"),
      refused("space before the name", line + "A: b\r\n Host: a.test\r\n\r\n"),
      refused("folded", line + "Host:\r\n a.test\r\n\r\n"),
      odd("empty", ""),
      odd("a list", "a.test, b.test"),
      odd("a list without space", "a.test,b.test"),
      odd("two by a space", "a.test b.test"),
      odd("user information", "b@a.test"),
      odd("a path", "a.test/b"),
      odd("a query", "a.test?b"),
      odd("a fragment", "a.test#b"),
      odd("a backslash", "a.test\\b"),
      odd("a scheme", "http://a.test"),
      odd("port 0", "a.test:0"),
      odd("a port that is none", "a.test:http"),
      odd("a port too big", "a.test:65616"),
      odd("a signed port", "a.test:+80"),
      odd("two ports", "a.test:80:81"),
      odd("open bracket", "[::1"),
      odd("percent-encoded", "a%2etest"),
      odd("above ASCII", "a\xC3\xA9.test"),
      target("user information", "http://b@a.test/row"),
      target("password", "http://a.test:80@b.test/row"),
      target("backslash", "http://a.test\\@b.test/row"),
      target("no authority", "http:///row"),
      target("one slash", "http:/a.test/row"),
      target("no slash", "http:a.test/row"),
      target("no scheme", "//a.test/row"),
      target("another scheme", "gopher://a.test/row"),
      target("a path alone", "/row"),
      target("authority alone", "a.test:80"),
      target("asterisk", "*"),
      target("two schemes", "http://http://a.test/row"),
      target("port too big", "http://a.test:65616/row"),
      target("percent-encoded host", "http://a%2etest/row"),
  };
}

std::vector<Framing> in_tunnels() {
  auto row = [](Framing framing) { return in_tunnel(std::move(framing)); };
  const std::string host = "Host: a.test\r\n\r\n";
  return {
      row(passes("a path", "GET /row HTTP/1.1\r\n" + host, {"GET /row"})),
      row(passes("OPTIONS *", "OPTIONS * HTTP/1.1\r\n" + host, {"OPTIONS *"})),
      row(passes("a URL with another Host", "GET http://a.test/row HTTP/1.1\r\nHost: b.test\r\n\r\n",
                 {"GET /row"})),
      row(passes("a length", "POST /row HTTP/1.1\r\nContent-Length: 3\r\n" + host + "abc", kRowAbc)),
      row(refused("CL.TE", "POST /row HTTP/1.1\r\nContent-Length: 6\r\n" + kCoded + host + "0\r\n\r\nG",
                  kAmbiguous)),
      row(refused("CONNECT", "CONNECT b.test:80 HTTP/1.1\r\n" + host, Code::bad_target)),
      row(refused("two Hosts", "GET /row HTTP/1.1\r\nHost: b.test\r\n" + host, Code::bad_host)),
      row(refused("no Host", "GET /row HTTP/1.1\r\n\r\n", Code::bad_host)),
      row(refused("bare LF", "GET /row HTTP/1.1\n" + host)),
      row(refused("authority", "GET a.test:80 HTTP/1.1\r\n" + host, Code::bad_target)),
      row(refused("no slash", "GET row HTTP/1.1\r\n" + host, Code::bad_target)),
      row(cut("a bad chunk", "POST /row HTTP/1.1\r\n" + kCoded + host + "0x3\r\nabc\r\n0\r\n\r\n")),
  };
}

std::vector<Framing> versions() {
  auto old = [](const std::string& fields, const std::string& body = "") {
    return "POST http://a.test/row HTTP/1.0\r\n" + fields + "\r\n" + body;
  };
  const std::string keep = "Connection: keep-alive\r\n";
  return {
      last("HTTP/1.0", old(kHost), kRow),
      last("HTTP/1.0 without Host", old(""), kRow),
      last("HTTP/1.0 with a length", old(kHost + "Content-Length: 3\r\n", "abc"), kRowAbc),
      passes("HTTP/1.0 that keeps alive", old(kHost + keep + "Content-Length: 3\r\n", "abc"), kRowAbc),
      passes("HTTP/1.0 that keeps alive, without a length", old(kHost + keep), kRow),
      last("HTTP/1.0, Proxy-Connection counts for nothing", old(kHost + "Proxy-Connection: keep-alive\r\n"),
           kRow),
      refused("HTTP/1.0 with chunks", old(kHost + kCoded, kAbc), kAmbiguous),
      refused("HTTP/1.0 that keeps alive, with chunks", old(kHost + keep + kCoded, kAbc), kAmbiguous),
      refused("HTTP/1.0 with identity", old(kHost + "Transfer-Encoding: identity\r\n"), kAmbiguous),
      refused("HTTP/1.0 with two Hosts", old(kHost + kHost), Code::bad_host),
      refused("HTTP/1.0 with two lengths", old(kHost + "Content-Length: 3\r\nContent-Length: 0\r\n", "abc"),
              kAmbiguous),
      last("close", get("Connection: close\r\n"), {"GET /row"}),
      last("close in another case, among others", get("Connection: a, CLOSE\r\n"), {"GET /row"}),
      passes("close in Proxy-Connection", get("Proxy-Connection: close\r\n"), {"GET /row"}),
      passes("closed", get("Connection: closed\r\n"), {"GET /row"}),
  };
}

std::vector<Framing> methods() {
  auto of = [](const std::string& method, const std::string& fields, const std::string& body) {
    return method + " http://a.test/row HTTP/1.1\r\n" + kHost + fields + "\r\n" + body;
  };
  const std::string three = "Content-Length: 3\r\n";
  const std::string upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
  const std::string connect = "CONNECT a.test:80 HTTP/1.1\r\nHost: a.test:80\r\n";
  return {
      passes("GET with a length", of("GET", three, "abc"), {"GET /row abc"}),
      passes("GET with chunks", of("GET", kCoded, kAbc), {"GET /row abc"}),
      passes("GET with an inner request for a body",
             of("GET", fmt::format("Content-Length: {}\r\n", kInner.size()), kInner), {"GET /row " + kInner}),
      passes("HEAD with a length", of("HEAD", three, "abc"), {"HEAD /row abc"}),
      passes("TRACE with a length", of("TRACE", three, "abc"), {"TRACE /row abc"}),
      passes("DELETE with chunks", of("DELETE", kCoded, kAbc), {"DELETE /row abc"}),
      passes("OPTIONS with a length", of("OPTIONS", three, "abc"), {"OPTIONS /row abc"}),
      passes("a method of one's own", of("SMUGGLE", three, "abc"), {"SMUGGLE /row abc"}),
      passes("connect in lower case is no CONNECT", of("connect", three, "abc"), {"connect /row abc"}),
      passes("X-HTTP-Method-Override is another field", of("GET", "X-HTTP-Method-Override: CONNECT\r\n", ""),
             {"GET /row"}),
      passes("an upgrade the origin passes over", of("GET", upgrade, ""), {"GET /row"}),
      passes("an upgrade beside a length", of("POST", upgrade + three, "abc"), kRowAbc),
      passes("an upgrade beside chunks", of("POST", upgrade + kCoded, kAbc), kRowAbc),
      passes("an upgrade to h2c",
             of("GET", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n", ""),
             {"GET /row"}),
      passes("an upgrade to h2c among others",
             of("GET", "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n", ""), {"GET /row"}),
      passes("an upgrade to h2c that nothing names", of("GET", "Upgrade: h2c\r\n", ""), {"GET /row"}),
      passes("Expect", of("POST", "Expect: 100-continue\r\n" + three, "abc"), kRowAbc),
      passes("Expect with chunks", of("POST", "Expect: 100-continue\r\n" + kCoded, kAbc), kRowAbc),
      passes("Expect twice", of("POST", "Expect: 100-continue\r\nExpect: 100-continue\r\n" + three, "abc"),
             kRowAbc),
      passes("Expect of something else", of("POST", "Expect: x-100-continue\r\n" + three, "abc"), kRowAbc),
      passes("Expect without a body", of("GET", "Expect: 100-continue\r\n", ""), {"GET /row"}),
      passes("Expect named in Connection",
             of("POST", "Connection: expect\r\nExpect: 100-continue\r\n" + three, "abc"), kRowAbc),
      refused("Expect with both", of("POST", "Expect: 100-continue\r\n" + three + kCoded, kAbc), kAmbiguous),
      passes("CONNECT", connect + "\r\n", {}),
      passes("CONNECT with a length of 0", connect + "Content-Length: 0\r\n\r\n", {}),
      refused("CONNECT with a length", connect + three + "\r\nabc", kAmbiguous),
      refused("CONNECT with chunks", connect + kCoded + "\r\n" + kAbc, kAmbiguous),
      refused("CONNECT with both", connect + three + kCoded + "\r\n" + kAbc, kAmbiguous),
      refused("CONNECT with a URL", "CONNECT http://a.test/ HTTP/1.1\r\n" + kHost + "\r\n", Code::bad_target),
      refused("CONNECT with a path", "CONNECT /row HTTP/1.1\r\n" + kHost + "\r\n", Code::bad_target),
      refused("CONNECT with user information", "CONNECT b@a.test:80 HTTP/1.1\r\n" + kHost + "\r\n",
              Code::bad_target),
      refused("CONNECT without Host", "CONNECT a.test:80 HTTP/1.1\r\n\r\n", Code::bad_host),
      refused("HTTP/2 without its preface's end", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
              Code::unsupported_version),
  };
}

std::vector<Framing> pipelines() {
  const std::string second = "GET http://a.test/second HTTP/1.1\r\nHost: a.test\r\n\r\n";
  return {
      passes("behind a length", length("3") + second, {"POST /row abc", "GET /second"}),
      passes("behind chunks", chunks(kAbc) + second, {"POST /row abc", "GET /second"}),
      passes("behind trailers", chunks("3\r\nabc\r\n0\r\nX-A: b\r\n\r\n") + second,
             {"POST /row abc", "GET /second"}),
      passes("behind a length and an empty line", length("3", "abc\r\n") + second,
             {"POST /row abc", "GET /second"}),
      passes("behind no body", post("") + second, {"POST /row", "GET /second"}),
      passes("behind a GET with a body", get("Content-Length: 3\r\n") + "abc" + second,
             {"GET /row abc", "GET /second"}),
      passes(
          "ten of them",
          [&] {
            std::string out;
            for (int i = 0; i < 10; ++i) out += length("3");
            return out;
          }(),
          std::vector<std::string>(10, "POST /row abc")),
      passes("its bytes within the length", length(std::to_string(second.size()), second),
             {"POST /row " + second}),
      last("behind a close", get("Connection: close\r\n") + second, {"GET /row"}),
      {"a good one, then an ambiguous one", length("3") + length("3, 3"), Fate::refused, kAmbiguous, kRowAbc},
      {"a good one, then a bad line", length("3") + "GARBAGE\r\n\r\n", Fate::refused, Code::bad_request,
       kRowAbc},
      {"a good one, then a bad chunk", length("3") + chunks("0x3\r\nabc\r\n0\r\n\r\n"), Fate::cut,
       Code::bad_chunk, kRowAbc},
      {"a good one, then an LF", length("3", "abc\n"), Fate::refused, Code::bad_request, kRowAbc},
      {"a good one, then two bytes too many", length("3", "abcd "), Fate::refused, Code::bad_target, kRowAbc},
  };
}

}  // namespace

std::map<std::string, std::vector<Framing>> head_framings() {
  return {
      {"lines", lines()},         {"control bytes", controls()}, {"hosts", hosts()},
      {"tunnels", in_tunnels()},  {"versions", versions()},      {"methods", methods()},
      {"pipelines", pipelines()},
  };
}

}  // namespace weir::testing::smuggling
