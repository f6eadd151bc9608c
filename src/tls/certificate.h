// Reading certificates: PEM in and out, names, dates and fingerprints as text for people.
// Texts taken from a certificate are hostile: control bytes are escaped and lengths bounded.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/hash.h"
#include "tls/handles.h"

namespace weir::tls {

/// Every certificate of a PEM text; other blocks are skipped. `what` names the text in errors
/// (bad_certificate: none at all, or one that cannot be read).
Result<std::vector<X509Ptr>> parse_certificates(std::string_view pem, std::string_view what);

std::string to_pem(X509* certificate);
std::string to_der(X509* certificate);
Sha256 fingerprint(X509* certificate);
/// SHA-256 of the public key's SubjectPublicKeyInfo: the same for every certificate of one key.
Sha256 key_fingerprint(X509* certificate);

/// By which OpenSSL finds a CA in a folder: the file is "%08x.0".
std::uint32_t subject_hash(X509* certificate);

std::string subject_text(X509* certificate);  ///< "CN=R3,O=Let's Encrypt,C=US"
std::string issuer_text(X509* certificate);
/// dNSName and iPAddress entries of subjectAltName, in order.
std::vector<std::string> names_of(X509* certificate);

std::int64_t not_before_of(X509* certificate);  ///< Unix seconds
std::int64_t not_after_of(X509* certificate);
std::string iso_time(std::int64_t unix_seconds);  ///< "2026-01-31T23:59:59Z"
std::string iso_date(std::int64_t unix_seconds);  ///< "2026-01-31"

}  // namespace weir::tls
