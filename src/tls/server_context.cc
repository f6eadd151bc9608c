#include "tls/server_context.h"

#include "base/hash.h"
#include "tls/context.h"

namespace weir::tls {

struct ServerContext::Settings {
  ServerOptions options;
  std::string alpn;
  SslCtxPtr context;  ///< points into this object: last, so that it goes first
};

void ServerContext::Destroy::operator()(Settings* settings) const noexcept { delete settings; }

namespace {

constexpr const char* kCiphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384";

constexpr const char* kCiphersWithRsa =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"
    "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";

/// Our order of preference decides, not the client's.
int select_protocol(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* offered,
                    unsigned int offered_size, void* ours) {
  const auto& wire = *static_cast<const std::string*>(ours);
  unsigned char* selected = nullptr;
  int found = SSL_select_next_proto(&selected, out_size, reinterpret_cast<const unsigned char*>(wire.data()),
                                    static_cast<unsigned int>(wire.size()), offered, offered_size);
  if (found != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = selected;
  return SSL_TLSEXT_ERR_OK;
}

Result<void> attach(SSL* ssl, const Leaf& leaf) {
  if (!use_certificate(ssl, leaf.certificate.get(), leaf.key.get(), leaf.chain))
    return fail_openssl(Code::internal, "use the leaf of " + leaf.host);
  // A ticket is good for the host it was given for: OpenSSL compares this on resumption.
  Sha256 scope = sha256(leaf.host);
  if (SSL_set_session_id_context(ssl, scope.data(), static_cast<unsigned int>(scope.size())) != 1)
    return fail_openssl(Code::internal, "set the session scope of " + leaf.host);
  return {};
}

}  // namespace

Result<ServerContext> ServerContext::make(ServerOptions options) {
  auto context =
      new_context(TLS_server_method(), options.rsa ? kCiphersWithRsa : kCiphers, options.key_log.get());
  if (!context) return pass(context);
  std::string alpn = alpn_wire(options.alpn);
  std::unique_ptr<Settings, Destroy> settings(
      new Settings{std::move(options), std::move(alpn), std::move(*context)});
  SSL_CTX* raw = settings->context.get();
  SSL_CTX_set_options(raw, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  // Tickets hold all there is to remember; a cache here would only take memory and a lock.
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(raw, 1);
  SSL_CTX_set_alpn_select_cb(raw, select_protocol, &settings->alpn);
  return ServerContext(std::move(settings));
}

Result<SslPtr> ServerContext::new_session(const Leaf& leaf) const {
  SslPtr ssl(SSL_new(settings_->context.get()));
  if (!ssl) return fail_openssl(Code::internal, "make a TLS session");
  if (auto attached = attach(ssl.get(), leaf); !attached) return pass(attached);
  SSL_set_accept_state(ssl.get());
  return ssl;
}

}  // namespace weir::tls
