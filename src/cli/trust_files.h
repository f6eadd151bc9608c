// The trust stores that variables of a command's environment name.
#pragma once

#include <string>

#include "base/error.h"
#include "sandbox/environment.h"

namespace weir::cli {

struct TrustFiles {
  std::string authority, bundle;
  std::string java;  ///< empty: it could not be written, which has been said
};

/// Written anew, into the folder of the CA, which is made if there is none.
Result<TrustFiles> write_trust_files(const std::string& ca_dir);

/// What tells programs of them; nothing of a proxy.
sandbox::Injection injection_of(const TrustFiles& files);

}  // namespace weir::cli
