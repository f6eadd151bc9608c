#include "relay/connect_head.h"

#include <gtest/gtest.h>

namespace weir::relay {
namespace {

using Refusal = ConnectHeadReader::Refusal;

/// What comes of bytes that come in pieces of so many: the place, or the refusal's number and code.
std::string read(const std::string& bytes, std::size_t piece) {
  ConnectHeadReader reader;
  for (std::size_t end = std::min(piece, bytes.size());; end = std::min(end + piece, bytes.size())) {
    auto head = reader.read(std::string_view(bytes).substr(0, end));
    if (!head)
      return std::to_string(static_cast<int>(reader.refusal())) + " " +
             std::string(info(head.error().code()).name);
    if (*head) return (*head)->to.str() + " " + std::to_string((*head)->size);
    if (end == bytes.size()) return "more";
  }
}

TEST(ConnectHead, is_read_however_it_is_cut) {
  const std::string head = "CONNECT Api.Example.:443 HTTP/1.1\r\nHost: whatever\r\nX: y\r\n\r\n";
  for (std::size_t piece = 1; piece <= head.size(); ++piece)
    EXPECT_EQ(read(head, piece), "api.example:443 " + std::to_string(head.size()));
  for (std::size_t at = 0; at < head.size(); ++at) {
    ConnectHeadReader reader;
    auto part = reader.read(std::string_view(head).substr(0, at));
    ASSERT_TRUE(part) << at;
    EXPECT_FALSE(*part) << at;
    auto whole = reader.read(head + "early");
    ASSERT_TRUE(whole && *whole) << at;
    EXPECT_EQ((*whole)->size, head.size()) << at;
  }
}

TEST(ConnectHead, places) {
  for (auto [target, place] : {std::pair{"a.test:1", "a.test:1"},
                               {"[2001:DB8:0::1]:8443", "[2001:db8::1]:8443"},
                               {"192.0.2.1:65535", "192.0.2.1:65535"}}) {
    std::string head = std::string("CONNECT ") + target + " HTTP/1.0\r\n\r\n";
    EXPECT_EQ(read(head, 1000), std::string(place) + " " + std::to_string(head.size()));
  }
  for (const char* target : {"a.test", "a.test:", "a.test:0", "a.test:65536", ":443", "u@a.test:1",
                             "a.test:1/", "http://a.test/", "a..test:1", "0x7f.1:1"})
    EXPECT_EQ(read(std::string("CONNECT ") + target + " HTTP/1.1\r\n\r\n", 3), "1 bad_target") << target;
}

TEST(ConnectHead, other_methods_are_not_allowed) {
  for (const char* line : {"GET http://a.test/ HTTP/1.1", "GET / HTTP/1.1", "POST a.test:1 HTTP/1.0",
                           "connect a.test:1 HTTP/1.1"})
    EXPECT_EQ(read(std::string(line) + "\r\n\r\n", 5), "2 bad_request") << line;
}

TEST(ConnectHead, what_is_no_request_is_bad) {
  EXPECT_EQ(read("CONNECT a.test:1 HTTP/2.0\r\n\r\n", 1).substr(0, 2), "1 ");
  EXPECT_EQ(read("CONNECT a.test:1\r\n\r\n", 1).substr(0, 2), "1 ");
  EXPECT_EQ(read("CONNECT  a.test:1 HTTP/1.1\r\n\r\n", 1).substr(0, 2), "1 ");
  EXPECT_EQ(read("CONNECT a.test:1 HTTP/1.1 \r\n\r\n", 1).substr(0, 2), "1 ");
  EXPECT_EQ(read("CONNECT a.test:1 HTTP/1.1\n\n", 1), "1 bad_request");
  EXPECT_EQ(read(std::string("CONNECT a.test:1 HTTP/1.1\r\nA: \0b\r\n\r\n", 34), 1), "1 bad_request");
  EXPECT_EQ(read("\x16\x03\x01\x02", 1).substr(0, 2), "1 ");
}

TEST(ConnectHead, ends_within_8192_bytes) {
  const std::string begin = "CONNECT a.test:1 HTTP/1.1\r\nX: ", end = "\r\n\r\n";
  auto of = [&](std::size_t size) {
    return begin + std::string(size - begin.size() - end.size(), 'y') + end;
  };
  for (std::size_t piece : {1u, 8191u, 8192u, 10'000u}) {
    EXPECT_EQ(read(of(8192), piece), "a.test:1 8192");
    EXPECT_EQ(read(of(8193), piece), "1 head_too_large");
    EXPECT_EQ(read("CONNECT " + std::string(9000, 'a'), piece).substr(0, 2), "1 ");
  }
}

}  // namespace
}  // namespace weir::relay
