// TlsFacts: what is worth recording of a finished handshake.
#pragma once

#include <string>

#include "tls/handles.h"

namespace weir::tls {

struct TlsFacts {
  std::string version;  ///< "TLSv1.3"
  std::string cipher;   ///< standard name: "TLS_AES_128_GCM_SHA256"
  std::string alpn;     ///< selected protocol; may be empty
  std::string sni;      ///< sent or received; may be empty
  bool resumed = false;
  // The peer's leaf; empty where it showed none (clients)
  std::string subject;
  std::string issuer;
  std::string sha256;     ///< 64 hex digits
  std::string not_after;  ///< "2026-01-31T23:59:59Z"
  /// Upstream: what is wrong with the certificate that `allow_invalid` let pass; empty = nothing.
  std::string problem;
};

/// Call when the handshake is complete.
TlsFacts facts(SSL* ssl);

}  // namespace weir::tls
