#include "cli/trust_files.h"

#include "base/log.h"
#include "tls/trust_bundle.h"

namespace weir::cli {
namespace {

// Java wants a password to check its store's integrity; it keeps no secret.
constexpr const char* kTrustPassword = "changeit";

}  // namespace

Result<TrustFiles> write_trust_files(const std::string& ca_dir) {
  auto authority = tls::Authority::load_or_create(ca_dir);
  if (!authority) return pass(authority);
  TrustFiles out{.authority = authority->certificate_path(),
                 .bundle = ca_dir + "/bundle.pem",
                 .java = ca_dir + "/truststore.jks"};
  if (auto written = tls::write_bundle(out.bundle, *authority); !written) return pass(written);
  if (auto written = tls::write_java_trust_store(out.java, kTrustPassword, *authority); !written) {
    log::warn("Java programs will not trust Weir: {}", written.error().message());
    out.java.clear();
  }
  return out;
}

sandbox::Injection injection_of(const TrustFiles& files) {
  sandbox::Injection injection;
  injection.ca_file = files.authority;
  injection.bundle_file = files.bundle;
  injection.java_trust_store = files.java;
  injection.java_trust_password = kTrustPassword;
  return injection;
}

}  // namespace weir::cli
