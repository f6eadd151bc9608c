// AddressGuard: which addresses may be dialled, judged on the address itself after the name was resolved and
// before a packet leaves. What was judged is what is dialled: a name that answers differently the next time
// (DNS rebinding) gains nothing.
#pragma once

#include <cstdint>
#include <string_view>

#include "policy/address_range.h"
#include "policy/host_patterns.h"

namespace weir::policy {

/// What an address is for (IANA's special-purpose registries). IPv4 inside IPv6 (mapped, 6to4, Teredo's
/// server aside, NAT64's well-known prefix) counts as the IPv4 address it leads to.
enum class AddressClass : std::uint8_t {
  global,
  metadata,    ///< where clouds hand credentials to whoever asks
  loopback,    ///< this machine
  link_local,  ///< this link
  local,       ///< private networks: RFC 1918, RFC 6598, unique local
  reserved,    ///< unspecified, multicast, broadcast, documentation, benchmarking, future use
};
std::string_view name(AddressClass address_class);  ///< "cloud metadata"

/// Pure.
AddressClass classify(const AddressBytes& address);

class AddressGuard {
 public:
  /// Whose request it is: that of somebody on this machine who may reach all of it anyway, or of anybody else
  /// (a sandbox, a VM, a gateway's or another machine's client).
  enum class Client : std::uint8_t { local, foreign };
  enum class Outcome : std::uint8_t { pass, pass_marked, refuse };

  /// `named` are patterns of places that policy allows by name: they may be anywhere. Metadata must be named
  /// as the address itself or its own name, never by "*".
  explicit AddressGuard(HostPatterns named) : named_(std::move(named)) {}

  /// `place` is what the client asked for, canonical; `address` one of those that it resolved to.
  Outcome judge(Client client, const HostPort& place, const AddressBytes& address) const;

 private:
  HostPatterns named_;
};

}  // namespace weir::policy
