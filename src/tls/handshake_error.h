// What a failed TLS operation means, in our codes and in words.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "tls/handles.h"

namespace weir::tls {

/// The Error of a handshake that SSL_do_handshake gave up (SSL_ERROR_SSL, or SSL_ERROR_SYSCALL with the
/// transport at its end). Call it at once, on the same thread: it reads, and always empties, OpenSSL's error
/// queue. Also for a first SSL_read that fails with SSL_ERROR_SSL: some clients judge the certificate only
/// after the handshake. Side::client: client_rejected_certificate for certificate alerts, else
/// client_tls_failed. Side::upstream: upstream_cert_* when we refused the certificate, else
/// upstream_tls_failed. `host` names the other end in the text.
Error handshake_error(SSL* ssl, Side side, std::string_view host);

/// The alert with which the other end ended it; nothing when that was not how it ended. Reads the error queue
/// and leaves it as it is: call it before handshake_error.
std::optional<std::uint8_t> received_alert();
/// "unknown CA"; "unknown" for numbers that are no alert.
std::string_view alert_name(std::uint8_t alert);

}  // namespace weir::tls
