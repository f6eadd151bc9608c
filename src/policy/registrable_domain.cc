#include "policy/registrable_domain.h"

#include <libpsl.h>

#include <string>

#include "base/host_port.h"

namespace weir::policy {

std::string_view registrable_domain(std::string_view canonical_host) {
  if (is_ip_literal(canonical_host)) return {};
  std::string text(canonical_host);  // the list wants a terminating zero
  const char* found = psl_registrable_domain(psl_builtin(), text.c_str());
  return found == nullptr ? std::string_view()
                          : canonical_host.substr(static_cast<std::size_t>(found - text.data()));
}

}  // namespace weir::policy
