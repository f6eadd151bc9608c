#include "tls/facts.h"

#include "base/hash.h"
#include "tls/certificate.h"
#include "tls/upstream_peer.h"

namespace weir::tls {
namespace {

void read_peer(X509* certificate, TlsFacts& out) {
  Sha256 digest = fingerprint(certificate);
  out.subject = subject_text(certificate);
  out.issuer = issuer_text(certificate);
  out.sha256 = hex({reinterpret_cast<const char*>(digest.data()), digest.size()});
  out.not_after = iso_time(not_after_of(certificate));
}

}  // namespace

TlsFacts facts(SSL* ssl) {
  TlsFacts out;
  out.version = SSL_get_version(ssl);
  if (const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl)) out.cipher = SSL_CIPHER_standard_name(cipher);
  const unsigned char* protocol = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl, &protocol, &size);
  if (protocol != nullptr) out.alpn.assign(reinterpret_cast<const char*>(protocol), size);
  if (const char* sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)) out.sni = sni;
  out.resumed = SSL_session_reused(ssl) == 1;
  if (X509* certificate = SSL_get0_peer_certificate(ssl)) read_peer(certificate, out);
  if (const UpstreamPeer* peer = peer_of(ssl)) out.problem = peer->verdict.text;
  return out;
}

}  // namespace weir::tls
