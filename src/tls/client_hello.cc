#include "tls/client_hello.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/host_port.h"

namespace weir::tls {
namespace {

constexpr std::uint8_t kHandshakeRecord = 22;
constexpr std::uint8_t kClientHelloMessage = 1;
constexpr std::size_t kRecordHeader = 5;
constexpr std::size_t kMessageHeader = 4;
constexpr std::size_t kMaxFragment = 1 << 14;  // RFC 8446 section 5.1

constexpr std::uint16_t kServerName = 0;           // RFC 6066 section 3
constexpr std::uint16_t kAlpn = 16;                // RFC 7301 section 3.1
constexpr std::uint16_t kSupportedVersions = 43;   // RFC 8446 section 4.2.1
constexpr std::uint16_t kEncryptedHello = 0xfe0d;  // RFC 9849 section 5

Failure bad(std::string_view what) { return fail(Code::bad_client_hello, std::string(what)); }

std::uint8_t byte_at(std::string_view bytes, std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); }

/// Takes numbers and vectors (RFC 8446 section 3.4) off the front. After a failure everything reads as empty,
/// so one look at `ok` at the end is enough.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }
  bool more() const { return ok_ && !rest_.empty(); }

  std::string_view take(std::size_t size) {
    if (size > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    std::string_view out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return out;
  }

  std::size_t number(int bytes) {
    std::size_t value = 0;
    for (char c : take(static_cast<std::size_t>(bytes))) value = value << 8 | static_cast<std::uint8_t>(c);
    return value;
  }
  std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }

  /// A vector whose length takes `length_bytes`.
  std::string_view vector(int length_bytes) { return take(number(length_bytes)); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

std::string escaped(std::string_view text) {
  std::string out;
  for (char c : text.substr(0, 64)) {
    bool plain = c > 0x20 && c < 0x7F;
    plain ? out.push_back(c)
          : void(fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<std::uint8_t>(c)));
  }
  return out;
}

Result<void> read_server_name(std::string_view body, ClientHello& hello) {
  Reader outer(body);
  Reader list(outer.vector(2));
  if (!outer.ok() || !outer.at_end() || list.at_end()) return bad("malformed server_name extension");
  bool named = false;
  while (list.more()) {
    std::size_t type = list.number(1);
    std::string_view name = list.vector(2);
    if (!list.ok()) return bad("malformed server_name extension");
    if (type != 0) continue;  // only host_name was ever defined
    if (named) return bad("two host names in the server_name extension");
    named = true;
    auto host = canonical_host(name);
    if (!host)
      return bad(fmt::format("the SNI \"{}\" is no host name: {}", escaped(name), host.error().context()));
    hello.sni = std::move(*host);
  }
  return {};
}

Result<void> read_alpn(std::string_view body, ClientHello& hello) {
  Reader outer(body);
  Reader list(outer.vector(2));
  if (!outer.ok() || !outer.at_end() || list.at_end()) return bad("malformed ALPN extension");
  while (list.more()) {
    std::string_view protocol = list.vector(1);
    if (protocol.empty()) return bad("malformed ALPN extension");
    hello.alpn.emplace_back(protocol);
  }
  return {};
}

Result<void> read_versions(std::string_view body, ClientHello& hello) {
  Reader outer(body);
  Reader list(outer.vector(1));
  if (!outer.ok() || !outer.at_end() || list.at_end()) return bad("malformed supported_versions extension");
  hello.versions.clear();
  while (list.more()) {
    std::uint16_t version = list.u16();
    if (!is_grease(version)) hello.versions.push_back(version);
  }
  if (!list.ok()) return bad("malformed supported_versions extension");
  return {};
}

Result<void> read_extension(std::uint16_t type, std::string_view body, ClientHello& hello) {
  switch (type) {
    case kServerName: return read_server_name(body, hello);
    case kAlpn: return read_alpn(body, hello);
    case kSupportedVersions: return read_versions(body, hello);
    case kEncryptedHello: hello.has_ech = true; return {};
    default: return {};
  }
}

Result<void> read_extensions(std::string_view bytes, ClientHello& hello) {
  Reader reader(bytes);
  while (reader.more()) {
    std::uint16_t type = reader.u16();
    std::string_view body = reader.vector(2);
    if (!reader.ok()) return bad("an extension is cut short");
    hello.extensions.push_back(type);
    if (auto read = read_extension(type, body, hello); !read) return read;
  }
  std::vector<std::uint16_t> sorted = hello.extensions;
  std::ranges::sort(sorted);
  if (auto twice = std::ranges::adjacent_find(sorted); twice != sorted.end())
    return bad(fmt::format("extension {} is there twice", *twice));
  return {};
}

/// The body of the message: RFC 8446 section 4.1.2, the same shape since TLS 1.0.
Result<ClientHello> read_hello(std::string_view body) {
  ClientHello hello;
  Reader reader(body);
  hello.versions.push_back(reader.u16());
  reader.take(32);  // random
  if (reader.vector(1).size() > 32) return bad("the session id is too long");
  std::string_view suites = reader.vector(2);
  std::string_view compression = reader.vector(1);
  if (!reader.ok() || suites.empty() || suites.size() % 2 != 0 || compression.empty())
    return bad("the ClientHello is cut short or has wrong lengths");
  for (Reader each(suites); each.more();) hello.cipher_suites.push_back(each.u16());
  if (reader.at_end()) return hello;  // before TLS 1.2 extensions were optional
  std::string_view extensions = reader.vector(2);
  if (!reader.ok() || !reader.at_end()) return bad("the ClientHello does not end where its extensions do");
  if (auto read = read_extensions(extensions, hello); !read) return pass(read);
  return hello;
}

/// Joins the fragments of the first handshake message as far as they have come; stops when it is complete.
class Message {
 public:
  bool complete() const { return bytes_.size() >= kMessageHeader && bytes_.size() >= size(); }
  std::string_view body() const {
    return std::string_view(bytes_).substr(kMessageHeader, size() - kMessageHeader);
  }

  Result<void> add(std::string_view fragment) {
    bytes_.append(fragment);
    if (byte_at(bytes_, 0) != kClientHelloMessage)
      return bad(fmt::format("the first message is of type {}, no ClientHello", byte_at(bytes_, 0)));
    if (bytes_.size() >= kMessageHeader && size() + kRecordHeader > kMaxHelloBytes)
      return bad(fmt::format("the ClientHello announces {} bytes; the limit is {}", size(), kMaxHelloBytes));
    return {};
  }

 private:
  std::size_t size() const { return kMessageHeader + Reader(std::string_view(bytes_).substr(1)).number(3); }

  std::string bytes_;
};

/// Length of the fragment that follows the record header at the start of `header`, which may be a prefix of
/// one.
Result<std::size_t> read_record_header(std::string_view header) {
  if (byte_at(header, 0) != kHandshakeRecord)
    return bad(fmt::format("a record of type {} where a handshake record was due", byte_at(header, 0)));
  if (header.size() > 1 && byte_at(header, 1) != 3) return bad("not a TLS record version");
  if (header.size() < kRecordHeader) return std::size_t{0};
  std::size_t length = Reader(header.substr(3)).number(2);
  if (length == 0 || length > kMaxFragment) return bad(fmt::format("a TLS record of {} bytes", length));
  return length;
}

}  // namespace

std::uint16_t ClientHello::highest_version() const {
  return versions.empty() ? std::uint16_t{0} : std::ranges::max(versions);
}

bool ClientHello::offers_alpn(std::string_view protocol) const {
  return std::ranges::find(alpn, protocol) != alpn.end();
}

bool looks_like_tls(std::string_view first_bytes) {
  if (first_bytes.empty() || byte_at(first_bytes, 0) != kHandshakeRecord) return false;
  return first_bytes.size() == 1 || byte_at(first_bytes, 1) == 3;
}

// Every decision is taken at the first byte that allows it and looks at nothing behind that byte; that is
// what makes the answer the same for every longer prefix.
Result<std::optional<ClientHello>> parse_client_hello(std::string_view bytes) {
  bytes = bytes.substr(0, kMaxHelloBytes);
  Message message;
  for (std::string_view rest = bytes; !rest.empty();) {
    auto length = read_record_header(rest);
    if (!length) return pass(length);
    if (rest.size() <= kRecordHeader) break;
    rest.remove_prefix(kRecordHeader);
    std::string_view fragment = rest.substr(0, *length);
    if (auto added = message.add(fragment); !added) return pass(added);
    if (message.complete()) return read_hello(message.body());
    rest.remove_prefix(fragment.size());
  }
  if (bytes.size() == kMaxHelloBytes)
    return bad(fmt::format("no complete ClientHello in the first {} bytes", kMaxHelloBytes));
  return std::nullopt;
}

}  // namespace weir::tls
