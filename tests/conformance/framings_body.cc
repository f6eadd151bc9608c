// Framings that play with where a body ends.
#include <fmt/format.h>

#include "tests/conformance/framings.h"

namespace weir::testing::smuggling {
namespace {

using namespace std::string_literals;

std::vector<Framing> lengths() {
  auto odd = [](const char* what, const std::string& value) {
    return refused(what, length(value), kAmbiguous);
  };
  return {
      passes("plain", length("3"), kRowAbc),
      passes("leading zeros", length("0003"), kRowAbc),
      passes("octal to some", length("010", "0123456789"), {"POST /row 0123456789"}),
      passes("thirty zeros", length(std::string(30, '0') + "3"), kRowAbc),
      passes("space and tab around", length(" \t3 \t"), kRowAbc),
      passes("no space", post("Content-Length:3\r\n", "abc"), kRowAbc),
      passes("in another case", post("cONTENT-lENGTH: 3\r\n", "abc"), kRowAbc),
      passes("shorter than what follows", length("2"), {"POST /row ab", "cGET /marker"}),
      passes("0 with bytes behind", length("0", "xyz"), {"POST /row", "xyzGET /marker"}),
      passes("0", length("0", ""), kRow),
      passes("00", length("00", ""), kRow),
      cut("longer than all that follows", length("1000"), Code::body_incomplete),
      cut("2^32 + 3", length("4294967299"), Code::body_incomplete),
      cut("2^63 - 1", length("9223372036854775807"), Code::body_incomplete),
      odd("2^63", "9223372036854775808"),
      odd("2^64", "18446744073709551616"),
      odd("2^64 + 3", "18446744073709551619"),
      odd("a hundred nines", std::string(100, '9')),
      odd("plus", "+3"),
      odd("minus", "-3"),
      odd("minus zero", "-0"),
      odd("hexadecimal", "0x3"),
      odd("hexadecimal without 0x", "3h"),
      odd("octal", "0o3"),
      odd("exponent", "3e0"),
      odd("fraction", "3.0"),
      odd("comma for thousands", "3,000"),
      odd("underscore", "0_3"),
      odd("apostrophe", "0'3"),
      odd("double quotes", "\"3\""),
      odd("single quotes", "'3'"),
      odd("brackets", "(3)"),
      odd("percent-encoded", "%33"),
      odd("list of equals", "3, 3"),
      odd("list without space", "3,3"),
      odd("list of others", "3, 4"),
      odd("list of 0 and 3", "0, 3"),
      odd("comma behind", "3,"),
      odd("comma before", ",3"),
      odd("semicolon", "3;"),
      odd("parameter", "3; a=b"),
      odd("space within", "0 3"),
      odd("tab within", "3\t3"),
      odd("words", "three"),
      odd("identity", "identity"),
      odd("chunked", "chunked"),
      odd("empty", ""),
      odd("only space", "   "),
      odd("no-break space of Latin-1", "\xA0\x33"),
      odd("no-break space of UTF-8", "\xC2\xA0\x33"),
      odd("full-width digit", "\xEF\xBC\x93"),
      odd("Arabic digit", "\xD9\xA3"),
      odd("byte 255", "3\xFF"),
      refused("form feed", length("\f3")),
      refused("vertical tab", length("3\v")),
      refused("NUL", length("3\0"s)),
      refused("NUL within", length("3\0000"s)),
      refused("bare CR", length("3\r0")),
      refused("bare LF", length("3\nX: y")),
      refused("two equal", post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), kAmbiguous),
      refused("two different", post("Content-Length: 3\r\nContent-Length: 0\r\n", "abc"), kAmbiguous),
      refused("two in other case", post("Content-Length: 0\r\ncontent-length: 3\r\n", "abc"), kAmbiguous),
      refused("three", post("Content-Length: 3\r\nA: b\r\nContent-Length: 3\r\nContent-Length: 3\r\n", "abc"),
              kAmbiguous),
      refused("second one empty", post("Content-Length: 3\r\nContent-Length:\r\n", "abc"), kAmbiguous),
  };
}

std::vector<Framing> length_names() {
  auto named = [](const std::string& line) { return post(line + "\r\nContent-Length: 3\r\n", "abc"); };
  return {
      refused("space before the colon", post("Content-Length : 3\r\n", "abc")),
      refused("tab before the colon", post("Content-Length\t: 3\r\n", "abc")),
      refused("vertical tab before the colon", post("Content-Length\v: 3\r\n", "abc")),
      refused("no-break space before the colon", post("Content-Length\xA0: 3\r\n", "abc")),
      refused("space before the name", post(" Content-Length: 3\r\n", "abc")),
      refused("space within the name", post("Content Length: 3\r\n", "abc")),
      refused("NUL behind the name", post("Content-Length\0: 3\r\n"s, "abc")),
      refused("no colon", post("Content-Length 3\r\n", "abc")),
      refused("equals for the colon", post("Content-Length=3\r\n", "abc")),
      refused("two colons, as a list", post("Content-Length: :3\r\n", "abc"), kAmbiguous),
      refused("quoted name", post("\"Content-Length\": 3\r\n", "abc")),
      refused("folded value", post("Content-Length:\r\n 3\r\n", "abc")),
      refused("folded twice", post("Content-Length: 3\r\n\t\r\n 0\r\n", "abc")),
      passes("underscore: another field", named("Content_Length: 9"), kRowAbc),
      passes("dot: another field", named("Content.Length: 9"), kRowAbc),
      passes("prefix: another field", named("X-Content-Length: 9"), kRowAbc),
      passes("suffix: another field", named("Content-Lengths: 9"), kRowAbc),
      passes("named in Connection", named("Connection: Content-Length"), kRowAbc),
      passes("no length at all: the next request follows", post(""), kRow),
  };
}

std::vector<Framing> codings() {
  auto odd = [](const char* what, const std::string& value) {
    return refused(what, coding(value), kAmbiguous);
  };
  return {
      passes("plain", coding("chunked"), kRowAbc),
      passes("upper case", coding("CHUNKED"), kRowAbc),
      passes("mixed case", coding("cHuNkEd"), kRowAbc),
      passes("space and tab around", coding("\t chunked \t"), kRowAbc),
      passes("no space", post("Transfer-Encoding:chunked\r\n", kAbc), kRowAbc),
      odd("gzip, chunked", "gzip, chunked"),
      odd("chunked, gzip", "chunked, gzip"),
      odd("chunked, chunked", "chunked, chunked"),
      odd("identity, chunked", "identity, chunked"),
      odd("chunked, identity", "chunked, identity"),
      odd("identity", "identity"),
      odd("gzip", "gzip"),
      odd("deflate", "deflate"),
      odd("none", "none"),
      odd("cow", "cow"),
      odd("comma before", ", chunked"),
      odd("comma behind", "chunked,"),
      odd("commas", ",,chunked,,"),
      odd("semicolon", "chunked;"),
      odd("parameter", "chunked; a=b"),
      odd("weight", "chunked;q=0.5"),
      odd("double quotes", "\"chunked\""),
      odd("single quotes", "'chunked'"),
      odd("brackets", "<chunked>"),
      odd("prefix", "xchunked"),
      odd("suffix", "chunkedx"),
      odd("first letters", "chunk"),
      odd("dash", "-chunked"),
      odd("space within", "chun ked"),
      odd("percent-encoded", "%63hunked"),
      odd("empty", ""),
      odd("only a comma", ","),
      odd("no-break space",
          "\xA0"
          "chunked"),
      odd("byte 255 behind", "chunked\xFF"),
      odd("byte 133 (next line) before",
          "\x85"
          "chunked"),
      odd("Kelvin sign for k",
          "chun\xE2\x84\xAA"
          "ed"),
      odd("byte order mark",
          "\xEF\xBB\xBF"
          "chunked"),
      odd("a body that is none", "false"),
      refused("vertical tab before", coding("\vchunked")),
      refused("form feed behind", coding("chunked\f")),
      refused("NUL behind", coding("chunked\0"s)),
      refused("NUL before", coding("\0chunked"s)),
      refused("backspace within", coding("chunx\bked")),
      refused("DEL", coding("chunked\x7F")),
      refused("bare CR before", coding("\rchunked")),
      refused("bare LF before", coding("\nchunked")),
      refused("bare CR behind", coding("chunked\r")),
      refused("folded", coding("\r\n chunked")),
      refused("folded by a tab", coding("\r\n\tchunked")),
      refused("folded behind", coding("chunked\r\n , identity")),
      refused("folded, empty", coding("chunked\r\n ")),
      refused("two lines", post(kCoded + kCoded, kAbc), kAmbiguous),
      refused("then identity", post(kCoded + "Transfer-Encoding: identity\r\n", kAbc), kAmbiguous),
      refused("identity first", post("Transfer-Encoding: identity\r\n" + kCoded, kAbc), kAmbiguous),
      refused("then empty", post(kCoded + "Transfer-Encoding:\r\n", kAbc), kAmbiguous),
      refused("cow first, other case", post("transfer-encoding: cow\r\n" + kCoded, kAbc), kAmbiguous),
  };
}

std::vector<Framing> coding_names() {
  auto beside = [](const std::string& line) { return post(line + "\r\nContent-Length: 3\r\n", "abc"); };
  return {
      refused("space before the colon", post("Transfer-Encoding : chunked\r\n", kAbc)),
      refused("tab before the colon", post("Transfer-Encoding\t: chunked\r\n", kAbc)),
      refused("no-break space before the colon", post("Transfer-Encoding\xA0: chunked\r\n", kAbc)),
      refused("space before the name", post("A: b\r\n Transfer-Encoding: chunked\r\n", kAbc)),
      refused("space before the first name",
              kLine + " Transfer-Encoding: chunked\r\n" + kHost + "\r\n" + kAbc),
      refused("tab before the name", post("A: b\r\n\tTransfer-Encoding: chunked\r\n", kAbc)),
      refused("vertical tab before the name", post("\vTransfer-Encoding: chunked\r\n", kAbc)),
      refused("NUL in the name", post("Transfer\0-Encoding: chunked\r\n"s, kAbc)),
      refused("soft hyphen in the name", post("Transfer\xAD-Encoding: chunked\r\n", kAbc)),
      refused("line end in the name", post("Transfer-\r\nEncoding: chunked\r\n", kAbc)),
      refused("bare LF before", post("A: b\nTransfer-Encoding: chunked\r\n", kAbc)),
      refused("bare CR before", post("A: b\rTransfer-Encoding: chunked\r\n", kAbc)),
      refused("bare LF behind", post("Transfer-Encoding: chunked\nA: b\r\n", kAbc)),
      refused("no colon", post("Transfer-Encoding chunked\r\n", kAbc)),
      refused("quoted", post("\"Transfer-Encoding\": chunked\r\n", kAbc)),
      passes("underscore: another field", beside("Transfer_Encoding: chunked"), kRowAbc),
      passes("suffix: another field", beside("Transfer-Encoding-: chunked"), kRowAbc),
      passes("prefix: another field", beside("X-Transfer-Encoding: chunked"), kRowAbc),
      passes("Content-Encoding is another field", beside("Content-Encoding: chunked"), kRowAbc),
      passes("TE is another field", beside("TE: chunked"), kRowAbc),
      passes("within another value", beside("A: Transfer-Encoding: chunked"), kRowAbc),
      passes("named in Connection", post("Connection: Transfer-Encoding\r\n" + kCoded, kAbc), kRowAbc),
      passes("named in Connection, and close to it", post("Connection: transfer-encodin\r\n" + kCoded, kAbc),
             kRowAbc),
  };
}

std::vector<Framing> both() {
  auto pair = [](const char* what, const std::string& fields, const std::string& body = kAbc) {
    return refused(what, post(fields, body), kAmbiguous);
  };
  const std::string three = "Content-Length: 3\r\n";
  return {
      pair("CL.TE", "Content-Length: 6\r\n" + kCoded, "0\r\n\r\nG"),
      pair("TE.CL", kCoded + three, "5c\r\nGPOST / HTTP/1.1\r\n"),
      pair("with a field between", three + "A: b\r\n" + kCoded),
      pair("CL 0", "Content-Length: 0\r\n" + kCoded),
      pair("CL that agrees", "Content-Length: 13\r\n" + kCoded),
      pair("CL that is none", "Content-Length: x\r\n" + kCoded),
      pair("empty CL", "Content-Length:\r\n" + kCoded),
      pair("negative CL", "Content-Length: -1\r\n" + kCoded),
      pair("two CL", three + three + kCoded),
      pair("TE that is none", three + "Transfer-Encoding: x\r\n"),
      pair("TE identity", three + "Transfer-Encoding: identity\r\n"),
      pair("empty TE", three + "Transfer-Encoding:\r\n"),
      pair("TE of two codings", three + "Transfer-Encoding: gzip, chunked\r\n"),
      pair("TE.TE.CL", kCoded + "Transfer-Encoding: x\r\n" + three),
      pair("CL named in Connection", "Connection: Content-Length\r\n" + three + kCoded),
      pair("TE named in Connection", "Connection: Transfer-Encoding\r\n" + three + kCoded),
      refused("TE with space before the colon", post(three + "Transfer-Encoding : chunked\r\n", kAbc)),
      refused("CL with space before the colon", post("Content-Length : 3\r\n" + kCoded, kAbc)),
      refused("TE folded into another", post(three + "A: b\r\n " + kCoded, kAbc)),
      refused("in a GET", get("Content-Length: 3\r\n" + kCoded) + kAbc, kAmbiguous),
      refused("in HTTP/1.0", "POST http://a.test/row HTTP/1.0\r\n" + kHost + three + kCoded + "\r\n" + kAbc,
              kAmbiguous),
  };
}

std::vector<Framing> chunk_sizes() {
  auto odd = [](const char* what, const std::string& size) {
    return cut(what, chunks(size + "\r\nabc\r\n0\r\n\r\n"));
  };
  auto twelve = [](const char* what, const std::string& size) {
    return passes(what, chunks(size + "\r\n0123456789ab\r\n0\r\n\r\n"), {"POST /row 0123456789ab"});
  };
  return {
      twelve("lower case", "c"),
      twelve("upper case", "C"),
      twelve("leading zeros", "000c"),
      cut("too many leading zeros", chunks("000000000000000c\r\n0123456789ab\r\n0\r\n\r\n")),
      odd("0x", "0x3"),
      odd("x", "x3"),
      odd("$", "$3"),
      odd("h behind", "3h"),
      odd("plus", "+3"),
      odd("minus", "-3"),
      odd("minus one", "-1"),
      odd("space before", " 3"),
      odd("tab before", "\t3"),
      odd("space behind", "3 "),
      odd("tab behind", "3\t"),
      odd("space within", "0 3"),
      odd("comma", "3,"),
      odd("fraction", "3.0"),
      odd("underscore", "0_3"),
      odd("quotes", "\"3\""),
      odd("brackets", "(3)"),
      odd("vertical tab", "\v3"),
      odd("form feed", "3\f"),
      odd("NUL before", "\0003"s),
      odd("NUL behind", "3\0"s),
      odd("DEL", "3\x7F"),
      odd("no-break space",
          "\xA0"
          "3"),
      odd("byte 255", "3\xFF"),
      odd("full-width digit", "\xEF\xBC\x93"),
      odd("percent-encoded", "%33"),
      odd("empty", ""),
      odd("no digit, but an extension", ";a"),
      odd("negative in 64 bits", "fffffffffffffffd"),
      odd("2^64 + 3", "10000000000000003"),
      odd("2^63", "8000000000000000"),
      odd("a hundred digits", std::string(100, 'f')),
      cut("2^32 + 3", chunks("100000003\r\nabc\r\n0\r\n\r\n"), Code::body_incomplete),
      cut("2^60 - 1", chunks("fffffffffffffff\r\nabc\r\n0\r\n\r\n"), Code::body_incomplete),
      cut("one too many", chunks("4\r\nabc\r\n0\r\n\r\n")),
      cut("one too few", chunks("2\r\nabc\r\n0\r\n\r\n")),
      cut("decimal for hexadecimal", chunks("10\r\n0123456789\r\n0\r\n\r\n")),
      cut("a bad one behind a good one", chunks("3\r\nabc\r\n0x3\r\nabc\r\n0\r\n\r\n")),
      cut("a request where a size should be", chunks("3\r\nabc\r\n" + kInner)),
  };
}

std::vector<Framing> chunk_extensions() {
  auto whole = [](const char* what, const std::string& extension) {
    return passes(what, chunks("3" + extension + "\r\nabc\r\n0\r\n\r\n"), kRowAbc);
  };
  auto odd = [](const char* what, const std::string& extension) {
    return cut(what, chunks("3" + extension + "\r\nabc\r\n0\r\n\r\n"));
  };
  return {
      whole("a name", ";a"),
      whole("a value", ";a=b"),
      whole("a quoted value", ";a=\"b;c\""),
      whole("several", ";a;b=c;d=\"e\""),
      whole("space around", " ; a = b"),
      whole("an empty one", ";"),
      whole("semicolons", ";;;"),
      whole("something like a size", ";5"),
      whole("no token at all", ";\"=(),/"),
      whole("an open quote", ";a=\"b"),
      whole("bytes above ASCII", ";a=\xFF"),
      passes("of the last chunk", chunks("3\r\nabc\r\n0;a=b\r\n\r\n"), kRowAbc),
      odd("bare LF", ";a\n0"),
      odd("bare LF in quotes", ";a=\"\n\""),
      odd("CRLF in quotes", ";a=\"\r\n\""),
      odd("bare CR", ";a\rb"),
      odd("CR CR", ";a\r"),
      odd("NUL", ";\0"s),
      odd("vertical tab", ";\v"),
      odd("comma for the semicolon", ",a=b"),
      odd("colon for the semicolon", ":a"),
      odd("over 4 KiB", ";" + std::string(5000, 'a')),
      odd("LF before a request", ";a\n" + kInner),
  };
}

std::vector<Framing> chunk_ends() {
  auto odd = [](const char* what, const std::string& body) { return cut(what, chunks(body)); };
  return {
      passes("plain", chunks(kAbc), kRowAbc),
      passes("nothing", chunks("0\r\n\r\n"), kRow),
      passes("many zeros for the last", chunks("3\r\nabc\r\n00000\r\n\r\n"), kRowAbc),
      passes("an inner request is body",
             chunks(fmt::format("{:x}\r\n{}\r\n0\r\n\r\n", kInner.size(), kInner)),
             {"POST /row GET /admin HTTP/1.1\r\nHost: a.test\r\n\r\n"}),
      passes("an empty line behind", chunks(kAbc + "\r\n"), kRowAbc),
      odd("LF ends the size", "3\nabc\r\n0\r\n\r\n"),
      odd("CR ends the size", "3\rabc\r\n0\r\n\r\n"),
      odd("LF CR ends the size", "3\n\rabc\r\n0\r\n\r\n"),
      odd("CR CR LF ends the size", "3\r\r\nabc\r\n0\r\n\r\n"),
      odd("LF ends the data", "3\r\nabc\n0\r\n\r\n"),
      odd("CR ends the data", "3\r\nabc\r0\r\n\r\n"),
      odd("nothing ends the data", "3\r\nabc0\r\n\r\n"),
      odd("any two bytes end the data", "3\r\nabcXX0\r\n\r\n"),
      odd("space before the end of the data", "3\r\nabc \r\n0\r\n\r\n"),
      odd("LF ends the last chunk", "3\r\nabc\r\n0\n\r\n"),
      odd("LF ends the body", "3\r\nabc\r\n0\r\n\n"),
      odd("LF LF ends the body", "3\r\nabc\r\n0\n\n"),
      odd("CR CR ends the body", "3\r\nabc\r\n0\r\n\r\r"),
      odd("a last chunk with space", "3\r\nabc\r\n0 \r\n\r\n"),
      odd("no empty line behind the last chunk", "3\r\nabc\r\n0\r\n"),
      odd("an LF before the first size", "\n" + kAbc),
      odd("an empty line before the first size", "\r\n" + kAbc),
      cut("no last chunk, then an inner request", chunks("3\r\nabc\r\n0\r\n" + kInner)),
      cut("data only", chunks("abc")),
  };
}

std::vector<Framing> trailers() {
  auto with = [](const std::string& lines) { return chunks("3\r\nabc\r\n0\r\n" + lines + "\r\n"); };
  return {
      passes("a good one", with("X-A: b\r\n"), kRowAbc),
      passes("Content-Length", with("Content-Length: 50\r\n"), kRowAbc),
      passes("Transfer-Encoding", with("Transfer-Encoding: chunked\r\n"), kRowAbc),
      passes("Host", with("Host: b.test\r\n"), kRowAbc),
      passes("Connection", with("Connection: close\r\n"), kRowAbc),
      passes("Trailer", with("Trailer: x\r\n"), kRowAbc),
      passes("in any case", with("cONTENT-lENGTH: 50\r\ntransfer-encoding: x\r\n"), kRowAbc),
      passes("bytes above ASCII", with("X-A: \xFF\r\n"), kRowAbc),
      cut("folded", with("X-A: b\r\n c\r\n")),
      cut("space before the colon", with("X-A : b\r\n")),
      cut("no colon", with("X-A\r\n")),
      cut("empty name", with(": b\r\n")),
      cut("a request line", with("GET /admin HTTP/1.1\r\nHost: a.test\r\n")),
      cut("bare LF", with("X-A: b\nX-B: c\r\n")),
      cut("bare CR", with("X-A: b\rX-B: c\r\n")),
      cut("NUL", with("X-A: \0\r\n"s)),
      cut("too many", with([] {
            std::string out;
            for (int i = 0; i < 100; ++i) out += "X-A: b\r\n";
            return out;
          }())),
      cut("too long", with("X-A: " + std::string(20'000, 'a') + "\r\n")),
  };
}

}  // namespace

std::map<std::string, std::vector<Framing>> body_framings() {
  return {
      {"Content-Length", lengths()},
      {"Content-Length, its name", length_names()},
      {"Transfer-Encoding", codings()},
      {"Transfer-Encoding, its name", coding_names()},
      {"both", both()},
      {"chunk sizes", chunk_sizes()},
      {"chunk extensions", chunk_extensions()},
      {"chunk ends", chunk_ends()},
      {"trailers", trailers()},
  };
}

}  // namespace weir::testing::smuggling
