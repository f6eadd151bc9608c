// Trust bundles: what programs under Weir read in place of the system's trust store.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/error.h"
#include "tls/authority.h"

namespace weir::tls {

/// The system's PEM bundle: SSL_CERT_FILE of our environment when it is readable, else the place where the
/// distributions keep it. not_found, naming the places looked at, when there is none.
Result<std::filesystem::path> system_bundle();

/// Writes the system's roots and our CA (not the extra upstream roots: clients must not trust those) as PEM
/// to `path`, mode 0644, by rename. Does nothing when neither the system bundle nor the CA changed since the
/// last time, which "<path>.stamp" remembers. Without a system bundle our CA stands alone, and the log says
/// so.
Result<void> write_bundle(const std::filesystem::path& path, const Authority& authority);

/// The same certificates as a Java key store (JKS, version 2), for -Djavax.net.ssl.trustStore. The password
/// is no secret: Java wants one to check the file's integrity.
Result<void> write_java_trust_store(const std::filesystem::path& path, std::string_view password,
                                    const Authority& authority);

}  // namespace weir::tls
