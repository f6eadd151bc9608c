#include "proxy/sniff.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::proxy {
namespace {

struct Beginning {
  std::string bytes;
  Protocol protocol;
};

std::vector<Beginning> beginnings() {
  using enum Protocol;
  return {
      {"", need_more},
      {"\x16", tls},
      {"\x16\x03\x01", tls},
      {"\x05", socks},
      {"\x04\x01", socks},
      {"G", need_more},
      {"GET", need_more},
      {"GET ", http1},
      {"GET / HTTP/1.1\r\n", http1},
      {"M-SEARCH * ", http1},
      {"get ", http1},
      {" ", other},
      {" GET", other},
      {"GET\t", other},
      {"GET\r\n", other},
      {"SSH-2.0-OpenSSH_9.2\r\n", other},
      {std::string(1, '\0'), other},
      {"\xff", other},
      {std::string(32, 'M'), need_more},
      {std::string(32, 'M') + " ", http1},
      {std::string(33, 'M'), other},
      {std::string(100'000, 'M'), other},
      // One empty line may come before a request (RFC 9112 section 2.2), not any number.
      {"\r", need_more},
      {"\r\n", need_more},
      {"\r\n\r", need_more},
      {"\r\nGET", need_more},
      {"\r\nGET ", http1},
      {"\n", other},
      {"\rGET ", other},
      {"\r\n\r\n", other},
      {"\r\n\r\nGET / HTTP/1.1\r\n", other},
      // HTTP/2's preface (RFC 9113 section 3.4) begins like a request.
      {"PRI", need_more},
      {"PRI ", need_more},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r", need_more},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", http2},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00", http2},
      {"PRI * HTTP/1.1\r\n", http1},
      {"PRINT ", http1},
  };
}

TEST(Sniff, knows_each_beginning) {
  for (const Beginning& each : beginnings())
    EXPECT_EQ(static_cast<int>(sniff(each.bytes)), static_cast<int>(each.protocol))
        << ::testing::PrintToString(each.bytes.substr(0, 60)) << ", " << each.bytes.size() << " bytes";
}

// Who has decided stays with it: bytes that come later change nothing.
TEST(Sniff, decides_once) {
  for (const Beginning& each : beginnings()) {
    Protocol before = Protocol::need_more;
    for (std::size_t size = 0; size <= std::min<std::size_t>(each.bytes.size(), 64); ++size) {
      Protocol now = sniff(each.bytes.substr(0, size));
      if (before != Protocol::need_more)
        EXPECT_EQ(static_cast<int>(now), static_cast<int>(before))
            << ::testing::PrintToString(each.bytes.substr(0, size));
      before = now;
    }
  }
}

}  // namespace
}  // namespace weir::proxy
