// Filtering: the filter's settings, compiled and checked against what Weir gets to see.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/settings.h"
#include "policy/address_guard.h"
#include "policy/host_patterns.h"
#include "policy/policy.h"

namespace weir::app {

/// Which hosts' requests are read at all.
struct Sight {
  std::vector<std::string> intercept;    ///< empty = every host
  std::vector<std::string> passthrough;  ///< wins over intercept
};

struct Filtering {
  std::shared_ptr<const policy::Policy> policy;
  std::shared_ptr<const policy::AddressGuard> guard;
};

/// Errors (bad_config): a pattern that does not compile; a rule about methods or paths that is in force for a
/// host whose requests nobody reads, since it could not be held to.
Result<Filtering> compile_filter(const config::FilterSettings& settings,
                                 const std::vector<std::string>& private_hosts, const Sight& sight);

}  // namespace weir::app
