// ClientContext: the settings of TLS towards upstream, and the judgement of upstream certificates.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/host_port.h"
#include "tls/authority.h"
#include "tls/client_identity.h"
#include "tls/handles.h"
#include "tls/key_log.h"

namespace weir::tls {

inline constexpr std::string_view kHttp1Alpn[] = {"http/1.1"};

struct ClientOptions {
  /// PEM files of roots to trust besides the system's.
  std::vector<std::filesystem::path> extra_roots;
  /// OpenSSL's default places, with SSL_CERT_FILE and SSL_CERT_DIR of our own environment. Off only in tests.
  bool system_roots = true;
  /// Places (host:port) whose sessions are remembered for resumption.
  std::size_t session_places = 1024;
  /// Who we are, by place: the first that matches, else nobody.
  std::vector<ClientCertificate> certificates;
  std::shared_ptr<KeyLog> key_log;
};

/// TLS 1.2 and 1.3 towards origins. A certificate must chain to a trusted root at OpenSSL's security level 2
/// (no SHA-1, no RSA below 2048 bits), be in date, be for TLS servers, and carry the name that was dialled in
/// subjectAltName: a name by a dNSName (whole-label wildcards only, never the CN), an address by an iPAddress
/// only. Whatever the trust store says, a chain with the key of our own CA, present or retired, is refused:
/// it would be a loop, or somebody with our key. Revocation is not checked. No early data, no renegotiation.
/// Sessions are resumed with the same place only, for an hour at most, while the leaf is in date, and are
/// remembered only when the certificate was accepted.
///
/// Our own certificate, if one is set for the place, is shown only to a host that asks and (save with
/// `allow_invalid`) whose certificate was accepted. Which one it is follows from the place alone and never
/// changes while the context lives, so whatever is kept by place (sessions here, connections in a pool) can
/// never serve another identity. A host that asks only after the handshake (renegotiation, RFC 8446 section
/// 4.6.2) is not answered.
///
/// Thread-safe. Must outlive its sessions.
class ClientContext {
 public:
  /// Reads the trust store (some 20 ms) and our own certificates. Fails when an extra file cannot be read or
  /// holds no certificate, and as load_identity does.
  static Result<ClientContext> make(ClientOptions options, const Authority& own);
  /// The same for who mints no certificates, and so has no CA.
  static Result<ClientContext> make(ClientOptions options);

  /// A session in connect state for `place` (canonical host); sends SNI for names only, and `alpn`, best
  /// first, as the protocols offered. With `allow_invalid` any certificate passes, what was wrong with it is
  /// in `TlsFacts::problem`, and the session is not remembered.
  Result<SslPtr> new_session(const HostPort& place, bool allow_invalid = false,
                             std::span<const std::string_view> alpn = kHttp1Alpn) const;

 private:
  friend struct UpstreamCallbacks;
  struct Settings;
  struct Destroy {
    void operator()(Settings* settings) const noexcept;
  };
  static Result<ClientContext> make_with(ClientOptions options, const Authority* own);
  explicit ClientContext(std::unique_ptr<Settings, Destroy> settings) : settings_(std::move(settings)) {}
  const ClientIdentity* identity_for(const HostPort& place) const;

  std::unique_ptr<Settings, Destroy> settings_;
};

}  // namespace weir::tls
