// Where nothing but a place is known, or nothing but bytes: what must not leave there.
#pragma once

#include "base/error.h"
#include "base/host_port.h"
#include "broker/binding.h"
#include "broker/guard.h"

namespace weir::broker {

/// Looks at the name of a place before anybody is asked for its address. Errors: placeholder_leak,
/// secret_leak; they do not say the name.
Result<> judge_place(const Bindings& bindings, const Guard& guard, const HostPort& place);

/// What is found in the name of a host: as it is, or cut into labels by dots, of which none has more than 63
/// bytes.
std::optional<Guarded> find_in_host(const Guard& guard, std::string_view host, const Allowed& allowed);

/// The error for a thing that was found in the bytes of a tunnel.
Error leak_in_tunnel(const Bindings& bindings, Guarded thing, const HostPort& place);

}  // namespace weir::broker
