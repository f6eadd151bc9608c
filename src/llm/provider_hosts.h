// ProviderHosts: which hosts belong to which provider of models.
#pragma once

#include <string_view>

#include "base/host_port.h"

namespace weir::llm {

/// `pattern` is a name, or one with a single `*` that stands for one byte or more.
bool host_matches(std::string_view pattern, std::string_view host);

/// The provider that bills for what this host serves; "local" for hosts of this machine and its network,
/// empty for all others. `path` parts the providers that share a host.
std::string_view provider_of(const HostPort& place, std::string_view path);

}  // namespace weir::llm
