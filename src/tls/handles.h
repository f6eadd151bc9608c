// Owning handles for OpenSSL objects, so that no other header of this room includes OpenSSL.
#pragma once

#include <memory>

typedef struct x509_st X509;
typedef struct evp_pkey_st EVP_PKEY;
typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;
typedef struct ssl_session_st SSL_SESSION;

namespace weir::tls {

struct Release {
  void operator()(X509* object) const noexcept;
  void operator()(EVP_PKEY* object) const noexcept;
  void operator()(SSL* object) const noexcept;
  void operator()(SSL_CTX* object) const noexcept;
  void operator()(SSL_SESSION* object) const noexcept;
};

using X509Ptr = std::unique_ptr<X509, Release>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, Release>;
using SslPtr = std::unique_ptr<SSL, Release>;
using SslCtxPtr = std::unique_ptr<SSL_CTX, Release>;
using SslSessionPtr = std::unique_ptr<SSL_SESSION, Release>;

/// One more reference to the same object. OpenSSL counts references atomically: handles to one object may
/// live on different threads.
X509Ptr share(X509* object);
PkeyPtr share(EVP_PKEY* object);

}  // namespace weir::tls
