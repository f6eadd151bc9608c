// For tests of this room: folders and certificates to throw away, and handshakes in memory.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <time.h>

#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/host_port.h"
#include "tls/certificate.h"
#include "tls/draft.h"
#include "tls/handshake_error.h"
#include "tls/openssl.h"

namespace weir::tls::testing {

inline constexpr std::int64_t kDay = 24 * 60 * 60;

class TempFolder {
 public:
  TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "weir-tls-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;

  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

inline void write_text(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline std::string key_pem(EVP_PKEY* key) {
  BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return contents(out.get());
}

/// A certificate and its key.
struct Identity {
  X509Ptr certificate;
  PkeyPtr key;

  Identity copy() const { return {share(certificate.get()), share(key.get())}; }
};

inline PkeyPtr rsa_key(unsigned bits) { return PkeyPtr(EVP_RSA_gen(bits)); }
inline PkeyPtr ec_key() { return *new_p256_key(); }

/// A CA below `issuer`, or a root when that is null.
inline Identity make_authority(std::string_view name, const Identity* issuer = nullptr, int path_length = -1,
                               PkeyPtr key = ec_key()) {
  std::int64_t now = ::time(nullptr);
  Draft draft;
  draft.subject("Test", name)
      .valid(now - kDay, now + 365 * kDay)
      .key(key.get())
      .authority(path_length)
      .key_usage({5, 6});
  issuer ? draft.issuer(issuer->certificate.get()).authority_key_id(issuer->certificate.get())
         : draft.self_issued();
  X509Ptr certificate = *draft.sign(issuer ? issuer->key.get() : key.get());
  return {std::move(certificate), std::move(key)};
}

/// What a server certificate should be, to be bent by tests.
struct ServerRecipe {
  std::string common_name = "origin";
  std::vector<std::string> names = {
      "origin.test"};  ///< subjectAltName entries, each its own extension if several
  std::int64_t from = ::time(nullptr) - kDay;
  std::int64_t until = ::time(nullptr) + 30 * kDay;
  int usage = NID_server_auth;
  const EVP_MD* digest = EVP_sha256();
};

inline Identity make_server(const Identity* issuer, const ServerRecipe& recipe = {}, PkeyPtr key = ec_key()) {
  Draft draft;
  draft.subject("", recipe.common_name).valid(recipe.from, recipe.until).key(key.get()).end_entity();
  issuer ? draft.issuer(issuer->certificate.get()) : draft.self_issued();
  draft.key_usage({0, 2}).extended_key_usage(recipe.usage);
  for (const std::string& name : recipe.names) draft.alternative_name(name);
  X509Ptr certificate = *draft.sign(issuer ? issuer->key.get() : key.get(), recipe.digest);
  return {std::move(certificate), std::move(key)};
}

/// A plain TLS server that shows what it is given, however bad.
struct Origin {
  Identity identity;
  std::vector<X509Ptr> chain = {};
  int max_version = 0;
  std::string ciphers = {};  ///< of TLS 1.2; empty = OpenSSL's
  X509* demands = nullptr;   ///< the issuer of the client certificates that it wants; null = it asks for none

  SslPtr new_session() const {
    SslCtxPtr context(SSL_CTX_new(TLS_server_method()));
    SSL_CTX_set_security_level(context.get(), 0);
    SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
    if (max_version != 0) SSL_CTX_set_max_proto_version(context.get(), max_version);
    if (!ciphers.empty()) SSL_CTX_set_cipher_list(context.get(), ciphers.c_str());
    EXPECT_EQ(SSL_CTX_use_certificate(context.get(), identity.certificate.get()), 1) << take_openssl_error();
    EXPECT_EQ(SSL_CTX_use_PrivateKey(context.get(), identity.key.get()), 1) << take_openssl_error();
    for (const X509Ptr& each : chain) SSL_CTX_add1_chain_cert(context.get(), each.get());
    if (demands != nullptr) {
      SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
      X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), demands);
      SSL_CTX_set_session_id_context(context.get(), reinterpret_cast<const unsigned char*>("test"), 4);
    }
    SslPtr ssl(SSL_new(context.get()));
    SSL_set_accept_state(ssl.get());
    return ssl;
  }
};

/// Makes the hellos of sessions that `context` makes from now on carry an encrypted_client_hello (0xfe0d)
/// that nobody can read, as GREASE does.
inline void add_ech(SSL_CTX* context) {
  auto add = [](SSL*, unsigned, unsigned, const unsigned char** out, std::size_t* size, X509*, std::size_t,
                int*, void*) {
    static constexpr unsigned char kOuter[] = {0, 0, 1, 0, 1, 7, 0, 0, 0, 4, 1, 2, 3, 4};
    *out = kOuter;
    *size = sizeof kOuter;
    return 1;
  };
  SSL_CTX_add_custom_ext(context, 0xFE0D, SSL_EXT_CLIENT_HELLO, add, nullptr, nullptr, nullptr, nullptr);
}

/// A plain TLS client that trusts `roots` alone.
inline SslPtr plain_client(const std::vector<X509*>& roots, const std::string& host, int max_version = 0,
                           const std::vector<std::string>& alpn = {}, bool ech = false) {
  SslCtxPtr context(SSL_CTX_new(TLS_client_method()));
  if (max_version != 0) SSL_CTX_set_max_proto_version(context.get(), max_version);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  for (X509* root : roots) X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), root);
  if (ech) add_ech(context.get());
  SslPtr ssl(SSL_new(context.get()));
  std::string wire = alpn_wire(alpn);
  if (!wire.empty())
    SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(wire.data()),
                        static_cast<unsigned>(wire.size()));
  if (is_ip_literal(host)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), host.c_str());
  } else {
    SSL_set1_host(ssl.get(), host.c_str());
    SSL_set_tlsext_host_name(ssl.get(), host.c_str());
  }
  SSL_set_connect_state(ssl.get());
  return ssl;
}

/// How a handshake in memory ended; each side's error as handshake_error tells it.
struct Outcome {
  std::optional<Error> client;
  std::optional<Error> server;

  bool ok() const { return !client && !server; }
};

/// Connects two sessions by a pair of memory BIOs.
inline void connect(SSL* client, SSL* server) {
  BIO* ends[2] = {};
  BIO_new_bio_pair(&ends[0], 64 * 1024, &ends[1], 64 * 1024);
  SSL_set_bio(client, ends[0], ends[0]);
  SSL_set_bio(server, ends[1], ends[1]);
}

/// True while `ssl` waits for the other side; an error is noted.
inline bool step(SSL* ssl, Side side, std::string_view host, std::optional<Error>& error) {
  if (error) return false;
  ERR_clear_error();
  int result = SSL_do_handshake(ssl);
  if (result == 1) return false;
  int reason = SSL_get_error(ssl, result);
  if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE) return true;
  error = handshake_error(ssl, side, host);
  return false;
}

/// Drives both sides until neither moves. `client` is judged as our upstream side, `server` as our client
/// side.
inline Outcome shake(SSL* client, SSL* server, std::string_view host = "origin.test") {
  if (SSL_get_rbio(client) == nullptr) connect(client, server);
  Outcome out;
  for (int round = 0; round < 20; ++round) {
    bool waiting = step(client, Side::upstream, host, out.client);
    waiting |= step(server, Side::client, host, out.server);
    if (!waiting) break;
  }
  return out;
}

/// Lets `to` read one text that `from` writes: delivers session tickets on the way.
inline std::string transfer(SSL* from, SSL* to, std::string_view text) {
  EXPECT_EQ(SSL_write(from, text.data(), static_cast<int>(text.size())), static_cast<int>(text.size()));
  char buffer[256];
  int got = SSL_read(to, buffer, sizeof buffer);
  return got > 0 ? std::string(buffer, static_cast<std::size_t>(got)) : std::string();
}

}  // namespace weir::tls::testing
