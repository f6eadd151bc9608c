// Framings by which requests have been smuggled past proxies, or could be, and what must come of each.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace weir::testing::smuggling {

/// refused: not a byte reaches an origin; the client gets one answer, with the code given, and the end.
/// cut: the head was good and the body is not: an origin never has a whole request, and sees the end.
/// passes: origins get exactly the requests of `seen`, each in one unambiguous form, then the marker as
/// itself. last: the same, but the connection ends behind them, and the marker is not read.
enum class Fate { refused, cut, passes, last };

/// One row. `seen` are whole requests as "METHOD target body"; before one that is refused or cut, too.
struct Framing {
  const char* what;
  std::string bytes;
  Fate fate;
  Code code = Code::none;  ///< of refused and cut
  std::vector<std::string> seen = {};
  bool tunnel = false;  ///< inside one to a.test:80
};

/// By what they play with.
std::map<std::string, std::vector<Framing>> body_framings();
std::map<std::string, std::vector<Framing>> head_framings();

inline Framing refused(const char* what, std::string bytes, Code code = Code::bad_request) {
  return {what, std::move(bytes), Fate::refused, code};
}
inline Framing cut(const char* what, std::string bytes, Code code = Code::bad_chunk) {
  return {what, std::move(bytes), Fate::cut, code};
}
inline Framing passes(const char* what, std::string bytes, std::vector<std::string> seen) {
  return {what, std::move(bytes), Fate::passes, Code::none, std::move(seen)};
}
inline Framing last(const char* what, std::string bytes, std::vector<std::string> seen) {
  return {what, std::move(bytes), Fate::last, Code::none, std::move(seen)};
}
inline Framing in_tunnel(Framing framing) {
  framing.tunnel = true;
  return framing;
}

// What most rows are made of.
inline constexpr Code kAmbiguous = Code::ambiguous_framing;
inline const std::string kLine = "POST http://a.test/row HTTP/1.1\r\n";
inline const std::string kHost = "Host: a.test\r\n";
inline const std::string kAbc = "3\r\nabc\r\n0\r\n\r\n";
inline const std::string kInner = "GET /admin HTTP/1.1\r\nHost: a.test\r\n\r\n";
inline const std::string kCoded = "Transfer-Encoding: chunked\r\n";
inline const std::vector<std::string> kRowAbc = {"POST /row abc"};
inline const std::vector<std::string> kRow = {"POST /row"};

inline std::string post(const std::string& fields, const std::string& body = "") {
  return kLine + kHost + fields + "\r\n" + body;
}
inline std::string length(const std::string& value, const std::string& body = "abc") {
  return post("Content-Length: " + value + "\r\n", body);
}
inline std::string coding(const std::string& value, const std::string& body = kAbc) {
  return post("Transfer-Encoding: " + value + "\r\n", body);
}
inline std::string chunks(const std::string& body) { return post(kCoded, body); }
inline std::string get(const std::string& fields,
                       const std::string& line = "GET http://a.test/row HTTP/1.1\r\n") {
  return line + kHost + fields + "\r\n";
}

}  // namespace weir::testing::smuggling
