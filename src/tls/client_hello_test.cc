#include "tls/client_hello.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tls/openssl.h"

namespace weir::tls {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string number(std::size_t value, int bytes) {
  std::string out;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
  return out;
}
std::string vector(std::string_view bytes, int length_bytes) {
  return number(bytes.size(), length_bytes).append(bytes);
}
std::string extension(std::size_t type, std::string_view body) { return number(type, 2) + vector(body, 2); }
std::string server_name(std::string_view host) {
  return extension(0, vector(std::string(1, '\0') + vector(host, 2), 2));
}
std::string alpn(std::initializer_list<std::string_view> protocols) {
  std::string list;
  for (auto each : protocols) list += vector(each, 1);
  return extension(16, vector(list, 2));
}

/// A handshake message without record headers.
std::string message(std::string_view extensions, std::string_view suites = "\x13\x01") {
  std::string body = number(0x0303, 2) + std::string(32, 'r') + vector(std::string(32, 's'), 1) +
                     vector(suites, 2) + vector(std::string(1, '\0'), 1) + vector(extensions, 2);
  return number(1, 1) + vector(body, 3);
}

/// `message` in records of at most `fragment` bytes each.
std::string records(std::string_view message, std::size_t fragment = 1 << 14) {
  std::string out;
  for (; !message.empty(); message.remove_prefix(std::min(fragment, message.size())))
    out += "\x16\x03\x01" + vector(message.substr(0, fragment), 2);
  return out;
}

/// The answer to `bytes`, which must be the same however they arrive: nothing until some byte, then always
/// that.
Result<std::optional<ClientHello>> parse(std::string_view bytes) {
  auto whole = parse_client_hello(bytes);
  bool decided = false;
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    auto part = parse_client_hello(bytes.substr(0, size));
    bool waits = part && !*part;
    EXPECT_FALSE(decided && waits) << "a longer prefix knows less at " << size;
    if (waits) continue;
    decided = true;
    EXPECT_EQ(part.has_value(), whole.has_value()) << size;
    if (part && whole) EXPECT_EQ(*part, *whole) << size;
    if (!part && !whole) EXPECT_EQ(part.error().context(), whole.error().context()) << size;
  }
  return whole;
}

ClientHello read(std::string_view bytes) {
  auto hello = parse(bytes);
  EXPECT_TRUE(hello) << hello.error().message();
  EXPECT_TRUE(hello && *hello);
  return hello && *hello ? **hello : ClientHello();
}

std::string refusal(std::string_view bytes) {
  auto hello = parse(bytes);
  if (hello) return *hello ? "a hello" : "more bytes";
  EXPECT_EQ(hello.error().code(), Code::bad_client_hello);
  return hello.error().context();
}

/// What OpenSSL itself sends.
std::string real_hello(const char* host, const std::vector<std::string>& protocols) {
  SslCtxPtr context(SSL_CTX_new(TLS_client_method()));
  SslPtr ssl(SSL_new(context.get()));
  SSL_set_tlsext_host_name(ssl.get(), host);
  std::string wire = alpn_wire(protocols);
  SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(wire.data()),
                      static_cast<unsigned>(wire.size()));
  BIO* out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), out);
  SSL_connect(ssl.get());
  ERR_clear_error();
  return contents(out);
}

TEST(ClientHello, ReadsWhatOpensslSends) {
  ClientHello hello = read(real_hello("API.Example.com", {"h2", "http/1.1"}));
  EXPECT_EQ(hello.sni, "api.example.com");
  EXPECT_THAT(hello.alpn, ElementsAre("h2", "http/1.1"));
  EXPECT_EQ(hello.highest_version(), 0x0304);
  EXPECT_TRUE(hello.offers_alpn("h2"));
  EXPECT_FALSE(hello.offers_alpn("h3"));
  EXPECT_FALSE(hello.has_ech);
  EXPECT_FALSE(hello.cipher_suites.empty());
}

TEST(ClientHello, IsTheSameInRecordsOfAnySize) {
  std::string whole = message(server_name("a.example") + alpn({"h2"}));
  ClientHello expected = read(records(whole));
  EXPECT_EQ(expected.sni, "a.example");
  for (std::size_t fragment : {1, 2, 3, 4, 5, 7, 50, 100})
    EXPECT_EQ(read(records(whole, fragment)), expected) << fragment;
}

TEST(ClientHello, IgnoresWhatFollowsIt) {
  std::string bytes = records(message(server_name("a.example")));
  EXPECT_EQ(read(bytes + std::string("\x17\x03\x03garbage")), read(bytes));
}

TEST(ClientHello, WithoutExtensionsOrSni) {
  std::string body = number(0x0301, 2) + std::string(32, 'r') + vector("", 1) + vector("\xC0\x09", 2) +
                     vector(std::string(1, '\0'), 1);
  ClientHello hello = read(records(number(1, 1) + vector(body, 3)));
  EXPECT_EQ(hello.sni, "");
  EXPECT_THAT(hello.alpn, IsEmpty());
  EXPECT_THAT(hello.versions, ElementsAre(0x0301));
  EXPECT_THAT(hello.cipher_suites, ElementsAre(0xC009));
  EXPECT_EQ(read(records(message(alpn({"http/1.1"})))).sni, "");
}

TEST(ClientHello, KeepsGreaseWhereItShowsTheClientAndLeavesItOutOfVersions) {
  std::string versions = extension(43, vector("\x1A\x1A\x03\x04\x03\x03", 1));
  std::string extensions =
      extension(0x2A2A, "") + versions + alpn({"\xBA\xBA", "h2"}) + extension(0xEAEA, std::string(1, '\0'));
  ClientHello hello = read(records(message(extensions, "\x3A\x3A\x13\x01")));
  EXPECT_THAT(hello.versions, ElementsAre(0x0304, 0x0303));
  EXPECT_EQ(hello.highest_version(), 0x0304);
  EXPECT_THAT(hello.cipher_suites, ElementsAre(0x3A3A, 0x1301));
  EXPECT_THAT(hello.extensions, ElementsAre(0x2A2A, 43, 16, 0xEAEA));
  EXPECT_THAT(hello.alpn, ElementsAre("\xBA\xBA", "h2"));
  EXPECT_TRUE(is_grease(0xFAFA));
  EXPECT_FALSE(is_grease(0x0A1A));
  EXPECT_FALSE(is_grease(0x1301));
}

TEST(ClientHello, OnlyGreaseVersionsIsVersionZero) {
  EXPECT_EQ(read(records(message(extension(43, vector("\x1A\x1A", 1))))).highest_version(), 0);
}

TEST(ClientHello, SeesEncryptedHello) {
  EXPECT_TRUE(read(records(message(server_name("cover.example") + extension(0xfe0d, "opaque")))).has_ech);
}

TEST(ClientHello, BringsSniToCanonicalForm) {
  struct Row {
    std::string_view sent, kept;
  } rows[] = {{"Example.COM", "example.com"},
              {"example.com.", "example.com"},
              {"my_host.example", "my_host.example"},
              {"192.0.2.7", "192.0.2.7"},
              {"2001:DB8:0::1", "2001:db8::1"},
              {"xn--bcher-kva.example", "xn--bcher-kva.example"},
              {"localhost", "localhost"}};
  for (auto [sent, kept] : rows) EXPECT_EQ(read(records(message(server_name(sent)))).sni, kept) << sent;
}

TEST(ClientHello, RefusesSniThatIsNoHostName) {
  using namespace std::string_view_literals;
  for (std::string_view sent : {"a\0b.example"sv, "a b.example"sv, "b\xC3\xBC.example"sv, "a..b"sv, "."sv,
                                "0x7f.1"sv, "a/b"sv, "a\r\nb"sv, "a:443"sv, "*.example"sv})
    EXPECT_THAT(refusal(records(message(server_name(sent)))), HasSubstr("no host name")) << sent;
  EXPECT_THAT(refusal(records(message(server_name(std::string(254, 'a'))))), HasSubstr("no host name"));
  EXPECT_THAT(refusal(records(message(server_name("a\nb")))), HasSubstr("a\\x0ab"));
}

TEST(ClientHello, RefusesMalformedServerName) {
  std::string name = std::string(1, '\0') + vector("a.example", 2);
  EXPECT_THAT(refusal(records(message(extension(0, "")))), HasSubstr("malformed server_name"));
  EXPECT_THAT(refusal(records(message(extension(0, vector("", 2))))), HasSubstr("malformed server_name"));
  EXPECT_THAT(refusal(records(message(extension(0, vector(name, 2) + "x")))),
              HasSubstr("malformed server_name"));
  EXPECT_THAT(refusal(records(message(extension(0, vector(name.substr(0, 5), 2))))),
              HasSubstr("malformed server_name"));
  EXPECT_THAT(refusal(records(message(extension(0, vector(name + name, 2))))), HasSubstr("two host names"));
}

TEST(ClientHello, RefusesWrongLengthsAndDuplicates) {
  std::string whole = message(server_name("a.example"));
  EXPECT_THAT(refusal(records(message(alpn({"h2"}) + alpn({"h2"})))), HasSubstr("twice"));
  EXPECT_THAT(refusal(records(message(alpn({})))), HasSubstr("ALPN"));
  EXPECT_THAT(refusal(records(message(alpn({""})))), HasSubstr("ALPN"));
  EXPECT_THAT(refusal(records(message(extension(43, vector("\x03", 1))))), HasSubstr("supported_versions"));
  EXPECT_THAT(refusal(records(message("\x12"))), HasSubstr("cut short"));
  EXPECT_THAT(refusal(records(message("", "\x13"))), HasSubstr("wrong lengths"));
  EXPECT_THAT(refusal(records(message("", ""))), HasSubstr("wrong lengths"));
  EXPECT_THAT(refusal(records(number(1, 1) + vector("too short", 3))), HasSubstr("cut short"));
  EXPECT_THAT(refusal(records(number(1, 1) + vector(whole.substr(4) + "x", 3))), HasSubstr("does not end"));
}

TEST(ClientHello, RefusesOtherRecordsAndMessages) {
  EXPECT_THAT(refusal("GET / HTTP/1.1\r\n"), HasSubstr("record of type 71"));
  EXPECT_THAT(refusal("\x16\x02\x01"), HasSubstr("not a TLS record version"));
  EXPECT_THAT(refusal(std::string("\x16\x03\x01\x00\x00", 5)), HasSubstr("record of 0 bytes"));
  EXPECT_THAT(refusal("\x16\x03\x01\x40\x01"), HasSubstr("record of 16385 bytes"));
  EXPECT_THAT(refusal(records(number(2, 1))), HasSubstr("of type 2"));
  EXPECT_THAT(refusal(records(message("")).substr(0, 5 + 4) + "\x15\x03\x01"), "more bytes");
  EXPECT_THAT(refusal(records(message("").substr(0, 8)) + std::string("\x15\x03\x01\x00\x02", 5)),
              HasSubstr("record of type 21"));
}

TEST(ClientHello, HasABound) {
  auto padded = [](std::size_t padding) {
    return records(message(extension(21, std::string(padding, '\0'))));
  };
  std::size_t overhead = padded(0).size();
  auto largest = parse_client_hello(padded(kMaxHelloBytes - overhead));
  EXPECT_TRUE(largest && *largest);
  EXPECT_FALSE(parse_client_hello(padded(kMaxHelloBytes - overhead + 1)));
  EXPECT_THAT(parse_client_hello(std::string_view(padded(20000)).substr(0, 9)).error().context(),
              HasSubstr("announces"));
  // Record headers count too: one-byte records cannot stretch the bound.
  std::string dripped = records(message(extension(21, std::string(4000, '\0'))), 1);
  EXPECT_TRUE(parse_client_hello(dripped.substr(0, kMaxHelloBytes - 1)));
  EXPECT_THAT(parse_client_hello(dripped.substr(0, kMaxHelloBytes)).error().context(),
              HasSubstr("no complete"));
  EXPECT_FALSE(parse_client_hello(dripped));
}

TEST(LooksLikeTls, DecidesOnOneByte) {
  EXPECT_TRUE(looks_like_tls("\x16"));
  EXPECT_TRUE(looks_like_tls("\x16\x03\x01"));
  EXPECT_FALSE(looks_like_tls("\x16\x02"));
  EXPECT_FALSE(looks_like_tls(""));
  EXPECT_FALSE(looks_like_tls("CONNECT"));
  EXPECT_FALSE(looks_like_tls("\x05\x01"));
}

}  // namespace
}  // namespace weir::tls
