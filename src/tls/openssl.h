// For sources of this room only: owning handles of OpenSSL's smaller objects, and its error queue.
#pragma once

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "tls/handles.h"

namespace weir::tls {

template <auto Free>
struct FreeWith {
  template <typename T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};
template <typename T, auto Free>
using Owned = std::unique_ptr<T, FreeWith<Free>>;

using BioPtr = Owned<BIO, BIO_free_all>;
using BignumPtr = Owned<BIGNUM, BN_free>;
using NamePtr = Owned<X509_NAME, X509_NAME_free>;

/// OpenSSL's own words for the oldest error of this thread; empties the queue.
std::string take_openssl_error();
/// An Error of `code` with "what: OpenSSL's words".
Failure fail_openssl(Code code, std::string_view what);
/// A read-only BIO over `bytes`, which must stay.
BioPtr memory_bio(std::string_view bytes);
/// What was written to a memory BIO.
std::string contents(BIO* bio);
/// Protocol names in the form of RFC 7301 section 3.1: each with its length before it.
template <typename Protocols>
std::string alpn_wire(const Protocols& protocols) {
  std::string wire;
  for (std::string_view protocol : protocols) {
    wire += static_cast<char>(protocol.size());
    wire += protocol;
  }
  return wire;
}

}  // namespace weir::tls
