// ClientIdentity: the certificate that says who we are, to an upstream host that wants to know.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/host_port.h"
#include "tls/handles.h"
#include "tls/leaf.h"

namespace weir::tls {

/// Where an identity lies, and to whom it may be shown.
struct ClientCertificate {
  std::string hosts;  ///< the user's words for `matches`, for texts
  /// Whether it is for this place (canonical host). Called on any thread; must always say the same.
  std::function<bool(const HostPort&)> matches;
  std::filesystem::path certificate;  ///< PEM: the leaf, then its chain; may hold the key as well
  std::filesystem::path key;          ///< PEM, not encrypted; empty = in `certificate`
};

struct ClientIdentity {
  std::string file;
  X509Ptr certificate;
  std::vector<X509Ptr> chain;
  PkeyPtr key;
};

/// Reads the files. Fails (bad_certificate, not_found, io) when there is no certificate, no key, an encrypted
/// key, or a key of another certificate; the text names the file and `hosts`. One that is out of date is
/// warned of: the host decides.
Result<ClientIdentity> load_identity(const ClientCertificate& from);
/// The certificate and key of a server of ours, for ServerContext::new_session. The same errors.
Result<LeafPtr> load_server_identity(const std::filesystem::path& certificate,
                                     const std::filesystem::path& key);

}  // namespace weir::tls
