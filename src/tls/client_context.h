// ClientContext: the settings of TLS towards upstream, and the judgement of upstream certificates.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/host_port.h"
#include "tls/authority.h"
#include "tls/handles.h"
#include "tls/key_log.h"

namespace weir::tls {

struct ClientOptions {
  /// PEM files of roots to trust besides the system's.
  std::vector<std::filesystem::path> extra_roots;
  /// OpenSSL's default places, with SSL_CERT_FILE and SSL_CERT_DIR of our own environment. Off only in tests.
  bool system_roots = true;
  std::vector<std::string> alpn = {"http/1.1"};
  /// Places (host:port) whose sessions are remembered for resumption.
  std::size_t session_places = 1024;
  std::shared_ptr<KeyLog> key_log;
};

/// TLS 1.2 and 1.3 towards origins. A certificate must chain to a trusted root at OpenSSL's security level 2
/// (no SHA-1, no RSA below 2048 bits), be in date, be for TLS servers, and carry the name that was dialled in
/// subjectAltName: a name by a dNSName (whole-label wildcards only, never the CN), an address by an iPAddress
/// only. Whatever the trust store says, a chain with the key of our own CA, present or retired, is refused:
/// it would be a loop, or somebody with our key. Revocation is not checked. No early data, no renegotiation.
/// Sessions are resumed with the same place only, for an hour at most, while the leaf is in date, and are
/// remembered only when the certificate was accepted. Thread-safe. Must outlive its sessions.
class ClientContext {
 public:
  /// Reads the trust store (some 20 ms). Fails when an extra file cannot be read or holds no certificate.
  static Result<ClientContext> make(ClientOptions options, const Authority& own);

  /// A session in connect state for `place` (canonical host); sends SNI for names only. With `allow_invalid`
  /// any certificate passes, what was wrong with it is in `TlsFacts::problem`, and the session is not
  /// remembered.
  Result<SslPtr> new_session(const HostPort& place, bool allow_invalid = false) const;

 private:
  friend struct UpstreamCallbacks;
  struct Settings;
  struct Destroy {
    void operator()(Settings* settings) const noexcept;
  };
  explicit ClientContext(std::unique_ptr<Settings, Destroy> settings) : settings_(std::move(settings)) {}

  std::unique_ptr<Settings, Destroy> settings_;
};

}  // namespace weir::tls
