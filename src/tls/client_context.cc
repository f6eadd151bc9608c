#include "tls/client_context.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <tuple>

#include "base/log.h"
#include "tls/certificate.h"
#include "tls/context.h"
#include "tls/file.h"
#include "tls/session_cache.h"
#include "tls/upstream_peer.h"

namespace weir::tls {

struct ClientContext::Settings {
  explicit Settings(ClientOptions given) : options(std::move(given)), sessions(options.session_places) {}

  ClientOptions options;
  std::vector<X509Ptr> own;      ///< our CA and those before it
  std::vector<Sha256> own_keys;  ///< their public keys: a cross-sign has another certificate but the same key
  std::vector<ClientIdentity> identities;  ///< in the order of options.certificates
  mutable SessionCache sessions;
  SslCtxPtr context;  ///< points into this object: last, so that it goes first
};

void ClientContext::Destroy::operator()(Settings* settings) const noexcept { delete settings; }

namespace {

// Forward secrecy first; static RSA with AES stays for old origins, as in browsers. The security level takes
// out what is weaker than 112 bits.
constexpr const char* kCiphers =
    "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:ECDHE+AES:RSA+AESGCM:RSA+AES:!aNULL:!eNULL:!PSK:!"
    "SRP:!DSS";
constexpr std::size_t kMaxRoots = 16 << 20;

void free_peer(void*, void* peer, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<UpstreamPeer*>(peer);
}

int peer_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, free_peer);
  return index;
}

}  // namespace

Result<void> attach_peer(SSL* ssl, std::unique_ptr<UpstreamPeer> peer) {
  if (SSL_set_ex_data(ssl, peer_index(), peer.get()) != 1)
    return fail_openssl(Code::internal, "make a TLS session");
  std::ignore = peer.release();
  return {};
}

UpstreamPeer* peer_of(const SSL* ssl) {
  return static_cast<UpstreamPeer*>(SSL_get_ex_data(ssl, peer_index()));
}

/// The callbacks of OpenSSL; a struct, so that they may see Settings.
struct UpstreamCallbacks {
  using Settings = ClientContext::Settings;

  static bool is_own(const Settings& settings, X509* certificate) {
    return std::ranges::find(settings.own_keys, key_fingerprint(certificate)) != settings.own_keys.end();
  }

  static bool names_own_issuer(const Settings& settings, X509* certificate) {
    return std::ranges::any_of(settings.own, [&](const X509Ptr& own) {
      return X509_NAME_cmp(X509_get_issuer_name(certificate), X509_get_subject_name(own.get())) == 0;
    });
  }

  /// Whether a certificate of the chain that was built has our key.
  static bool leads_to_own(const Settings& settings, X509_STORE_CTX* store) {
    STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(store);
    for (int i = 0; i < sk_X509_num(chain); ++i)
      if (is_own(settings, sk_X509_value(chain, i))) return true;
    return false;
  }

  static Verdict own_issuer() {
    return {Code::upstream_cert_untrusted,
            "it is issued by Weir's own CA: the request leads back to a Weir, or somebody has its key"};
  }

  static int verify(X509_STORE_CTX* store, void* argument) {
    const auto& settings = *static_cast<const Settings*>(argument);
    auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    UpstreamPeer& peer = *peer_of(ssl);
    bool accepted = X509_verify_cert(store) == 1;
    if (accepted && leads_to_own(settings, store)) {
      X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
      peer.verdict = own_issuer();
      return 0;
    }
    if (accepted) return 1;
    if (X509_STORE_CTX_get_error(store) == X509_V_OK) X509_STORE_CTX_set_error(store, X509_V_ERR_UNSPECIFIED);
    peer.verdict = explain(store, peer.host);
    X509* leaf = X509_STORE_CTX_get0_cert(store);
    bool untrusted = peer.verdict.code == Code::upstream_cert_untrusted;
    if (untrusted && leaf != nullptr && names_own_issuer(settings, leaf)) peer.verdict = own_issuer();
    return 0;
  }

  static int remember(SSL* ssl, SSL_SESSION* session) {
    const auto* settings = static_cast<const Settings*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    const UpstreamPeer* peer = peer_of(ssl);
    if (peer != nullptr && !peer->allow_invalid && SSL_get_verify_result(ssl) == X509_V_OK)
      settings->sessions.remember(peer->session_key, session);
    return 0;  // the cache keeps a copy, no reference
  }

  /// The host has asked who we are, and its own certificate has been judged.
  static int introduce(SSL* ssl, void*) {
    UpstreamPeer& peer = *peer_of(ssl);
    peer.asked_who_we_are = true;
    const ClientIdentity* self = peer.identity;
    if (self == nullptr) return 1;  // then OpenSSL answers with no certificate
    return use_certificate(ssl, self->certificate.get(), self->key.get(), self->chain) ? 1 : 0;
  }
};

namespace {

void warn_of_unreadable_roots() {
  const char* file = std::getenv("SSL_CERT_FILE");
  if (file == nullptr || *file == '\0') return;
  if (auto text = read_file(file, kMaxRoots); !text)
    log::warn("SSL_CERT_FILE of Weir's environment is of no use, so upstream certificates may be refused: {}",
              text.error().context());
}

Result<void> add_roots(X509_STORE* store, const std::filesystem::path& path) {
  auto pem = read_file(path, kMaxRoots);
  if (!pem) return pass(pem);
  auto certificates = parse_certificates(*pem, path.string());
  if (!certificates) return pass(certificates);
  for (const X509Ptr& each : *certificates)
    if (X509_STORE_add_cert(store, each.get()) != 1)
      return fail_openssl(Code::bad_certificate, fmt::format("trust the certificates of {}", path.string()));
  return {};
}

Result<void> load_trust(SSL_CTX* context, const ClientOptions& options) {
  if (options.system_roots) {
    warn_of_unreadable_roots();
    if (SSL_CTX_set_default_verify_paths(context) != 1)
      return fail_openssl(Code::internal, "find the system's trust store");
  }
  for (const auto& path : options.extra_roots)
    if (auto added = add_roots(SSL_CTX_get_cert_store(context), path); !added) return added;
  ERR_clear_error();
  return {};
}

Result<void> load_identities(SSL_CTX* context, const ClientOptions& options,
                             std::vector<ClientIdentity>& out) {
  for (const ClientCertificate& each : options.certificates) {
    auto identity = load_identity(each);
    if (!identity) return pass(identity);
    // What OpenSSL's security level forbids should be known now, not when the host asks.
    SslPtr trial(SSL_new(context));
    if (!trial ||
        !use_certificate(trial.get(), identity->certificate.get(), identity->key.get(), identity->chain))
      return fail_openssl(Code::bad_certificate,
                          fmt::format("client certificate for {}: use {}", each.hosts, identity->file));
    out.push_back(std::move(*identity));
  }
  return {};
}

/// Tells OpenSSL what the certificate must be for.
bool expect_host(SSL* ssl, const std::string& host) {
  X509_VERIFY_PARAM* wanted = SSL_get0_param(ssl);
  if (is_ip_literal(host)) return X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) == 1;
  X509_VERIFY_PARAM_set_hostflags(wanted,
                                  X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  return X509_VERIFY_PARAM_set1_host(wanted, host.data(), host.size()) == 1 &&
         SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
}

bool offer(SSL* ssl, std::span<const std::string_view> alpn) {
  std::string wire = alpn_wire(alpn);
  return wire.empty() || SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(wire.data()),
                                             static_cast<unsigned int>(wire.size())) == 0;
}

}  // namespace

Result<ClientContext> ClientContext::make(ClientOptions options, const Authority& own) {
  return make_with(std::move(options), &own);
}

Result<ClientContext> ClientContext::make(ClientOptions options) {
  return make_with(std::move(options), nullptr);
}

Result<ClientContext> ClientContext::make_with(ClientOptions options, const Authority* own) {
  std::unique_ptr<Settings, Destroy> settings(new Settings(std::move(options)));
  auto context = new_context(TLS_client_method(), kCiphers, settings->options.key_log.get());
  if (!context) return pass(context);
  SSL_CTX* raw = context->get();
  if (auto loaded = load_trust(raw, settings->options); !loaded) return pass(loaded);
  if (auto loaded = load_identities(raw, settings->options, settings->identities); !loaded)
    return pass(loaded);
  if (own != nullptr) {
    settings->own.push_back(share(own->certificate()));
    for (const X509Ptr& each : own->retired()) settings->own.push_back(share(each.get()));
  }
  for (const X509Ptr& each : settings->own) settings->own_keys.push_back(key_fingerprint(each.get()));
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(raw, UpstreamCallbacks::verify, settings.get());
  SSL_CTX_set_cert_cb(raw, UpstreamCallbacks::introduce, nullptr);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_set_app_data(raw, settings.get());
  SSL_CTX_sess_set_new_cb(raw, UpstreamCallbacks::remember);
  settings->context = std::move(*context);
  return ClientContext(std::move(settings));
}

const ClientIdentity* ClientContext::identity_for(const HostPort& place) const {
  const std::vector<ClientCertificate>& certificates = settings_->options.certificates;
  auto found = std::ranges::find_if(certificates, [&](const auto& each) { return each.matches(place); });
  if (found == certificates.end()) return nullptr;
  return &settings_->identities[static_cast<std::size_t>(found - certificates.begin())];
}

Result<SslPtr> ClientContext::new_session(const HostPort& place, bool allow_invalid,
                                          std::span<const std::string_view> alpn) const {
  SslPtr ssl(SSL_new(settings_->context.get()));
  if (!ssl || !expect_host(ssl.get(), place.host) || !offer(ssl.get(), alpn))
    return fail_openssl(Code::internal, "make a TLS session for " + place.str());
  auto peer = std::make_unique<UpstreamPeer>(UpstreamPeer{place.host, place.str(), allow_invalid, {}});
  peer->identity = identity_for(place);
  if (allow_invalid) {
    SSL_set_verify(ssl.get(), SSL_VERIFY_NONE, nullptr);
  } else if (SslSessionPtr session = settings_->sessions.take(peer->session_key)) {
    SSL_set_session(ssl.get(), session.get());  // on failure the handshake is a full one
  }
  if (auto attached = attach_peer(ssl.get(), std::move(peer)); !attached) return pass(attached);
  SSL_set_connect_state(ssl.get());
  return ssl;
}

}  // namespace weir::tls
