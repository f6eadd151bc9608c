// The key of all leaves is made with the older EC_KEY interface on purpose. X509_set_pubkey writes such a key
// straight into a certificate; a key of OpenSSL 3's own kind it encodes and decodes again through the
// providers, which takes 150 microseconds for each leaf where the signature takes 20.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "tls/leaf_key.h"

#include <openssl/ec.h>

#include "tls/openssl.h"

namespace weir::tls {

Result<PkeyPtr> new_leaf_key() {
  Owned<EC_KEY, EC_KEY_free> key(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
  PkeyPtr out(EVP_PKEY_new());
  bool done =
      key && out && EC_KEY_generate_key(key.get()) == 1 && EVP_PKEY_set1_EC_KEY(out.get(), key.get()) == 1;
  if (!done) return fail_openssl(Code::bad_certificate, "make a P-256 key");
  return out;
}

}  // namespace weir::tls
