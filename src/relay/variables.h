// The environment that leads programs through a relay.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/host_port.h"

namespace weir::relay {

using Variable = std::pair<std::string, std::string>;

/// The eight variables, in both spellings where programs disagree. Never HTTP_PROXY: a relay takes CONNECT
/// alone.
std::vector<Variable> relay_variables(const HostPort& listen, const std::string& bundle,
                                      const std::string& no_proxy);

/// NO_PROXY: what programs are to reach without the relay. This machine, private networks, the model's own
/// provider and the code host, names in the three spellings that programs understand; then `direct`.
std::string relay_no_proxy(std::span<const std::string> direct);

/// `base` ("NAME=value") with `variables` in place of what it says of them.
std::vector<std::string> with_variables(std::span<const std::string> base,
                                        std::span<const Variable> variables);

}  // namespace weir::relay
