// For sources of this room only: why an upstream certificate was refused, kept with its SSL.
#pragma once

#include <string>

#include "base/error.h"
#include "tls/openssl.h"

namespace weir::tls {

struct Verdict {
  Code code = Code::none;  ///< none: accepted, or not judged yet
  std::string text;
};

/// Judges the outcome of X509_verify_cert on `store` for people: "expired on 2024-01-02", "is for a.example,
/// not b.example". `host` is what was dialled.
Verdict explain(X509_STORE_CTX* store, std::string_view host);

/// What is wrong with this certificate's names for `host`.
std::string name_mismatch(X509* certificate, std::string_view host);

}  // namespace weir::tls
