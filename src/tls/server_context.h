// ServerContext: the settings of TLS towards clients.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "tls/handles.h"
#include "tls/key_log.h"
#include "tls/leaf.h"

namespace weir::tls {

struct ServerOptions {
  /// Protocols we speak, best first. A client that offers ALPN without any of them is refused with
  /// no_application_protocol (RFC 7301 section 3.2); one that offers none goes on.
  std::vector<std::string> alpn = {"http/1.1"};
  std::shared_ptr<KeyLog> key_log;
  bool rsa = false;  ///< the certificates may have RSA keys; ours never do
};

/// One SSL_CTX for all hosts; it has no certificate of its own. TLS 1.2 and 1.3, ECDHE with AEAD ciphers
/// only, no compression, no renegotiation, no early data; resumption by stateless tickets, one a handshake,
/// good for the same host only. Thread-safe. Must outlive its sessions' handshakes.
class ServerContext {
 public:
  static Result<ServerContext> make(ServerOptions options = {});

  /// A session in accept state that shows `leaf`. The caller gives it BIOs and drives it; it belongs to one
  /// thread at a time. Modes: partial writes, moving write buffer, buffers released when idle, read-ahead.
  Result<SslPtr> new_session(const Leaf& leaf) const;

 private:
  struct Settings;
  struct Destroy {
    void operator()(Settings* settings) const noexcept;
  };
  explicit ServerContext(std::unique_ptr<Settings, Destroy> settings) : settings_(std::move(settings)) {}

  std::unique_ptr<Settings, Destroy> settings_;
};

}  // namespace weir::tls
