// Authority: Weir's certificate authority, and the only place that touches its private key.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "tls/handles.h"

namespace weir::tls {

/// The CA that signs leaves. Movable; const methods and `mint` (leaf.h) are thread-safe.
///
/// Lives in a folder (0700) as ca.pem (0644; our certificate, then any chain up to a root) and ca.key (0600,
/// PKCS #8). Every change happens under flock on ca.lock and by rename, so two processes that start at once
/// get the same CA, and a crash leaves a usable folder. A rotated CA's certificate stays as ca-<8 hex>.pem,
/// so that it can still be found, distrusted, and refused as an upstream issuer; its key is gone.
///
/// Loading makes one P-256 key for all leaves of this process. It is never written: a leaf is worth nothing
/// after the process has ended, and a mint costs one signature.
class Authority {
 public:
  /// Loads the CA of `folder`, making folder and CA when there is none: ECDSA P-256, "Weir CA <4 hex>
  /// (<user>@<host>)", ten years, backdated a day, CA:TRUE pathlen:0, keyCertSign + cRLSign. Blocks on disk
  /// and lock. Errors (bad_certificate, io) say the mend: a key that others can read, a certificate and key
  /// that do not belong together, an expired CA, a certificate that is no CA, a weak or encrypted key.
  static Result<Authority> load_or_create(const std::filesystem::path& folder);
  /// Loads; never creates (not_found).
  static Result<Authority> load(const std::filesystem::path& folder);
  /// Replaces the CA of `folder` by a PEM certificate (with its chain, if it is no root) and its RSA (2048
  /// bits or more) or EC key; held to the same tests as load. The one before is kept as in `rotate`.
  static Result<Authority> import(const std::filesystem::path& folder,
                                  const std::filesystem::path& certificate, const std::filesystem::path& key);
  /// Replaces the CA of `folder` by a new one. Running processes keep the old one until they end.
  static Result<Authority> rotate(const std::filesystem::path& folder);

  const std::string& pem() const { return pem_; }  ///< the CA certificate alone
  const std::string& der() const { return der_; }
  const std::string& sha256_hex() const { return sha256_; }  ///< fingerprint: 64 hex digits, lower case
  const std::string& subject() const { return subject_; }
  std::int64_t not_after() const { return not_after_; }  ///< Unix seconds
  std::filesystem::path certificate_path() const { return folder_ / "ca.pem"; }

  X509* certificate() const { return certificate_.get(); }
  EVP_PKEY* signing_key() const { return key_.get(); }
  EVP_PKEY* leaf_key() const { return leaf_key_.get(); }
  /// What follows a leaf in a handshake: empty for a root (a client that trusts it has it: RFC 8446 section
  /// 4.4.2), else the CA and the chain above it.
  const std::vector<X509Ptr>& chain() const { return chain_; }
  /// Earlier CAs of the folder, as far as their certificates can still be read.
  const std::vector<X509Ptr>& retired() const { return retired_; }

 private:
  Authority() = default;
  friend class AuthorityFolder;

  std::filesystem::path folder_;
  X509Ptr certificate_;
  PkeyPtr key_;
  PkeyPtr leaf_key_;
  std::vector<X509Ptr> chain_;
  std::vector<X509Ptr> retired_;
  std::string pem_;
  std::string der_;
  std::string sha256_;
  std::string subject_;
  std::int64_t not_after_ = 0;
};

}  // namespace weir::tls
