// Draft: a certificate being written. For sources of this room and its tests.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "tls/openssl.h"

namespace weir::tls {

/// Collects the parts of an X.509 v3 certificate, then signs. Names go in as bytes of ASN.1 strings; nothing
/// is ever parsed as OpenSSL configuration, so a hostile host name cannot add an extension. A step that fails
/// (out of memory, a name too long) makes `sign` fail.
class Draft {
 public:
  Draft();

  Draft& subject(std::string_view organisation, std::string_view common_name);  ///< empty parts are left out
  Draft& issuer(const X509* authority);
  Draft& self_issued();                                 ///< after `subject`
  Draft& valid(std::int64_t from, std::int64_t until);  ///< Unix seconds
  /// The certified key, and the SHA-1 of it as subjectKeyIdentifier (RFC 5280 section 4.2.1.2, method 1).
  Draft& key(EVP_PKEY* key);
  /// CA:TRUE (critical) with the path length, no length if negative.
  Draft& authority(int path_length);
  Draft& end_entity();  ///< CA:FALSE (critical)
  /// KeyUsage (critical): bits as in RFC 5280 section 4.2.1.3, digitalSignature = 0.
  Draft& key_usage(std::initializer_list<int> bits);
  Draft& extended_key_usage(int nid);
  /// dNSName, or iPAddress for a literal; `host` is canonical.
  Draft& alternative_name(std::string_view host);
  /// authorityKeyIdentifier: the very subjectKeyIdentifier of `authority`; left out when that has none.
  Draft& authority_key_id(X509* authority);

  /// Adds a random serial of 127 bits and the signature.
  Result<X509Ptr> sign(EVP_PKEY* key, const EVP_MD* digest = EVP_sha256());

 private:
  void require(bool done) { ok_ = ok_ && done; }
  void extension(int nid, void* value, bool critical);
  void random_serial();

  X509Ptr certificate_;
  bool ok_;
};

/// A new P-256 key.
Result<PkeyPtr> new_p256_key();

}  // namespace weir::tls
