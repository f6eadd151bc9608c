// For sources of this room only: what the contexts of both sides have in common.
#pragma once

#include <vector>

#include "tls/key_log.h"
#include "tls/openssl.h"

namespace weir::tls {

/// TLS 1.2 and 1.3 at security level 2; no compression, no renegotiation; X25519 first; the modes that a
/// non-blocking stream needs. `key_log` may be null and must outlive the context.
Result<SslCtxPtr> new_context(const SSL_METHOD* method, const char* ciphers, KeyLog* key_log);

/// Lets `ssl` show `certificate` with `chain` behind it. False leaves the reason in OpenSSL's queue.
bool use_certificate(SSL* ssl, X509* certificate, EVP_PKEY* key, const std::vector<X509Ptr>& chain);

}  // namespace weir::tls
