// For sources of this room only: what a session towards upstream knows about itself, kept with its SSL.
#pragma once

#include <string>

#include "tls/client_identity.h"
#include "tls/verdict.h"

namespace weir::tls {

struct UpstreamPeer {
  std::string host;
  std::string session_key;
  bool allow_invalid = false;
  Verdict verdict;
  const ClientIdentity* identity = nullptr;  ///< what is shown when asked for; the context's own
  bool asked_who_we_are = false;             ///< a CertificateRequest has come
};

/// Hands `peer` to `ssl`, which destroys it at its own end.
Result<void> attach_peer(SSL* ssl, std::unique_ptr<UpstreamPeer> peer);
/// Null for sessions that ClientContext did not make.
UpstreamPeer* peer_of(const SSL* ssl);

}  // namespace weir::tls
