#include "tls/handshake_error.h"

#include <fmt/format.h>

#include <string>

#include "tls/certificate.h"
#include "tls/upstream_peer.h"

namespace weir::tls {
namespace {

/// The alerts by which either side says that it does not like the other's certificate (RFC 8446 section 6.2).
bool is_certificate_alert(int alert) {
  switch (alert) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED: return true;
    default: return false;
  }
}

/// The alert that the other end sent; -1 when the error is of our own finding.
int received_alert(unsigned long error) {
  if (ERR_GET_LIB(error) != ERR_LIB_SSL) return -1;
  int reason = ERR_GET_REASON(error);
  return reason >= SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256 ? reason - SSL_AD_REASON_OFFSET
                                                                               : -1;
}

std::string reason_text(unsigned long error) {
  const char* reason = ERR_reason_error_string(error);
  return reason != nullptr ? reason : "unknown reason";
}

/// Errors of OpenSSL that say little, in words that say more; empty for the rest.
std::string plain_words(unsigned long error, Side side) {
  if (error == 0) return "the connection ended in the middle of the handshake";
  if (ERR_GET_LIB(error) != ERR_LIB_SSL) return {};
  bool client = side == Side::client;
  switch (ERR_GET_REASON(error)) {
    case SSL_R_UNEXPECTED_EOF_WHILE_READING: return "the connection ended in the middle of the handshake";
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_RECORD_LENGTH_MISMATCH:
      return client ? "what it sent is not TLS" : "it does not speak TLS on this port";
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW: return "it offers nothing newer than TLS 1.1; Weir speaks TLS 1.2 and 1.3";
    case SSL_R_NO_SHARED_CIPHER: return "no cipher suite in common";
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SHARED_GROUPS: return "no key exchange group in common";
    case SSL_R_NO_APPLICATION_PROTOCOL: return "it offers by ALPN no protocol that Weir speaks";
    case SSL_R_DH_KEY_TOO_SMALL: return "its Diffie-Hellman key is too small";
    default: return {};
  }
}

std::string alert_text(int alert, Side side) {
  const char* who = side == Side::client ? "the client" : "the host";
  switch (alert) {
    case SSL_AD_PROTOCOL_VERSION:
      return fmt::format("{} refused TLS 1.2 and 1.3 (alert protocol version)", who);
    case SSL_AD_UNRECOGNIZED_NAME:
      return fmt::format("{} does not know this name (alert unrecognized name)", who);
    case TLS13_AD_CERTIFICATE_REQUIRED:
      return fmt::format("{} wants a client certificate (alert certificate required)", who);
    default:
      return fmt::format("{} refused the handshake (alert {})", who, SSL_alert_desc_string_long(alert));
  }
}

/// What the host asked for and got, where that may be why it gave up; else empty.
std::string identity_text(SSL* ssl, const UpstreamPeer* peer, int alert) {
  if (peer == nullptr || !peer->asked_who_we_are) return {};
  bool about_us = is_certificate_alert(alert) || alert == TLS13_AD_CERTIFICATE_REQUIRED ||
                  alert == SSL_AD_HANDSHAKE_FAILURE || (alert < 0 && SSL_in_init(ssl));
  if (!about_us) return {};
  if (peer->identity != nullptr)
    return fmt::format("; it asked for a client certificate and was shown \"{}\" (tls.client_certificates)",
                       subject_text(peer->identity->certificate.get()));
  return "; it asked for a client certificate and none is set for it: name one in tls.client_certificates or "
         "with --client-cert";
}

Error client_error(unsigned long error, std::string_view host) {
  if (int alert = received_alert(error); alert >= 0) {
    if (is_certificate_alert(alert))
      return Error(Code::client_rejected_certificate, fmt::format("alert {} for the certificate of {}",
                                                                  SSL_alert_desc_string_long(alert), host));
    return Error(Code::client_tls_failed, fmt::format("{}: {}", host, alert_text(alert, Side::client)));
  }
  std::string words = plain_words(error, Side::client);
  return Error(Code::client_tls_failed,
               fmt::format("{}: {}", host, words.empty() ? reason_text(error) : words));
}

Error upstream_error(SSL* ssl, unsigned long error, std::string_view host) {
  const UpstreamPeer* peer = peer_of(ssl);
  if (peer != nullptr && !peer->allow_invalid && peer->verdict.code != Code::none)
    return Error(peer->verdict.code, fmt::format("{}: {}", host, peer->verdict.text));
  int alert = received_alert(error);
  std::string words = alert >= 0 ? alert_text(alert, Side::upstream) : plain_words(error, Side::upstream);
  if (words.empty()) words = reason_text(error);
  return Error(Code::upstream_tls_failed,
               fmt::format("{}: {}{}", host, words, identity_text(ssl, peer, alert)));
}

}  // namespace

Error handshake_error(SSL* ssl, Side side, std::string_view host) {
  // The oldest entry is the cause; later ones say where it passed through.
  unsigned long error = ERR_get_error();
  ERR_clear_error();
  return side == Side::upstream ? upstream_error(ssl, error, host) : client_error(error, host);
}

std::optional<std::uint8_t> received_alert() {
  int alert = received_alert(ERR_peek_error());
  return alert >= 0 ? std::optional(static_cast<std::uint8_t>(alert)) : std::nullopt;
}

std::string_view alert_name(std::uint8_t alert) { return SSL_alert_desc_string_long(alert); }

}  // namespace weir::tls
