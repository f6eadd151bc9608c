#include "tls/context.h"

namespace weir::tls {
namespace {

int key_log_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

void log_secret(const SSL* ssl, const char* line) {
  static_cast<KeyLog*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), key_log_index()))->write(line);
}

}  // namespace

Result<SslCtxPtr> new_context(const SSL_METHOD* method, const char* ciphers, KeyLog* key_log) {
  SslCtxPtr context(SSL_CTX_new(method));
  if (!context) return fail_openssl(Code::internal, "make a TLS context");
  SSL_CTX* raw = context.get();
  // Everything is set here and nothing left to the system's openssl.cnf, which may be laxer or stricter.
  SSL_CTX_set_security_level(raw, 2);
  bool done = SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION) == 1 &&
              SSL_CTX_set_max_proto_version(raw, TLS1_3_VERSION) == 1 &&
              SSL_CTX_set_cipher_list(raw, ciphers) == 1 &&
              // AES-128 first: as safe here, and a third cheaper a byte than AES-256.
              SSL_CTX_set_ciphersuites(
                  raw, "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384") == 1 &&
              SSL_CTX_set1_groups_list(raw, "X25519:P-256:P-384") == 1;
  if (!done) return fail_openssl(Code::internal, "set up a TLS context");
  SSL_CTX_set_options(raw, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(
      raw, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(raw, 1);
  if (key_log != nullptr) {
    SSL_CTX_set_ex_data(raw, key_log_index(), key_log);
    SSL_CTX_set_keylog_callback(raw, log_secret);
  }
  return context;
}

bool use_certificate(SSL* ssl, X509* certificate, EVP_PKEY* key, const std::vector<X509Ptr>& chain) {
  Owned<STACK_OF(X509), [](STACK_OF(X509) * stack) { sk_X509_free(stack); }> stack(sk_X509_new_null());
  for (const X509Ptr& each : chain) sk_X509_push(stack.get(), each.get());
  return SSL_use_cert_and_key(ssl, certificate, key, stack.get(), 1) == 1;
}

}  // namespace weir::tls
