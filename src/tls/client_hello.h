// ClientHello: what a TLS client says first, read without consuming it. Pure: no sockets, no OpenSSL.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace weir::tls {

/// A hello must be complete within this many bytes of the stream, record headers included.
inline constexpr std::size_t kMaxHelloBytes = 16 * 1024;

/// The values reserved by RFC 8701, sent so that servers learn to ignore what they do not know.
constexpr bool is_grease(std::uint16_t value) {
  return (value & 0x0F0F) == 0x0A0A && (value >> 8) == (value & 0xFF);
}

struct ClientHello {
  /// Canonical host of the server_name extension (see `canonical_host`: lower case, no trailing dot); empty
  /// when the client sent none. RFC 6066 forbids address literals here; clients send them, so they are kept.
  std::string sni;
  /// As offered, in order, GREASE included.
  std::vector<std::string> alpn;
  /// Versions offered, in order, GREASE left out: supported_versions, else the legacy version alone.
  std::vector<std::uint16_t> versions;
  /// Cipher suites and extension types, in order, GREASE included: the material of fingerprints.
  std::vector<std::uint16_t> cipher_suites;
  std::vector<std::uint16_t> extensions;
  /// encrypted_client_hello is present (0xfe0d), real or GREASE: `sni` may be a cover name.
  bool has_ech = false;

  /// 0x0304 for TLS 1.3; 0 when only GREASE was offered.
  std::uint16_t highest_version() const;
  bool offers_alpn(std::string_view protocol) const;
  friend bool operator==(const ClientHello&, const ClientHello&) = default;
};

/// True when `first_bytes` (at least one) can be the start of a TLS handshake record: 0x16 0x03. No text
/// protocol starts so, and one byte decides.
bool looks_like_tls(std::string_view first_bytes);

/// Reads the hello at the start of `bytes`, any prefix of the client's stream; the caller keeps every byte
/// and replays it to OpenSSL. The hello may be cut over TLS records (RFC 8446 section 5.1) and segments.
/// Nothing = more bytes are needed. Once a prefix has given a hello or an error, every longer prefix gives
/// the same. Errors (bad_client_hello): no TLS handshake record, no ClientHello, wrong lengths, an extension
/// twice, an SNI that is no host name (NUL, space, bytes above 0x7F, empty labels), or longer than
/// kMaxHelloBytes.
Result<std::optional<ClientHello>> parse_client_hello(std::string_view bytes);

}  // namespace weir::tls
