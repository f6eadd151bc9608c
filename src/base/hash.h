// Hashes, hex and base64. One of the few places outside tls/ that sees OpenSSL (libcrypto only).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir {

using Sha256 = std::array<std::uint8_t, 32>;
Sha256 sha256(std::string_view bytes);
using Sha1 = std::array<std::uint8_t, 20>;
/// For protocols that ask for it by name, never for security.
Sha1 sha1(std::string_view bytes);
/// RFC 2104.
Sha256 hmac_sha256(std::string_view key, std::string_view message);
std::string hex(std::string_view bytes);
std::string base64(std::string_view bytes);
/// Nothing for a text that is not padded base64 (RFC 4648 section 4) through and through.
std::optional<std::string> from_base64(std::string_view text);
/// Cryptographically random bytes; aborts if the system has none to give.
void fill_random(void* out, std::size_t size);

}  // namespace weir
