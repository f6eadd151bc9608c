// AddressGuard: which addresses may be dialled, judged on the address itself after the name was resolved and
// before a packet leaves. What was judged is what is dialled: a name that answers differently the next time
// (DNS rebinding) gains nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "policy/address_range.h"
#include "policy/host_patterns.h"
#include "policy/rule.h"

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
/// Of a canonical name or literal that somebody else will look up: what is known of it without asking
/// anybody. "localhost" is loopback wherever it is looked up (RFC 6761), and clouds have names for metadata.
AddressClass classify_host(std::string_view host);

class AddressGuard {
 public:
  /// Whose request it is: that of somebody on this machine who may reach all of it anyway, or of anybody else
  /// (a sandbox, a VM, a gateway's or another machine's client).
  enum class Client : std::uint8_t { local, foreign };
  enum class Outcome : std::uint8_t { pass, pass_marked, refuse };

  /// What may be reached although it is not global:
  ///   - a host that `private_hosts` names, wherever it is, and every name at an address in its ranges;
  ///   - an address that an allow rule of `layers`, or an entry that allows something, names, when the client
  ///     asks for that address. Names that are allowed are no exception: their DNS is somebody else's.
  /// Metadata only where one of them has its very address or name in full: no range, no wildcard.
  /// bad_config naming the first pattern that is none.
  static Result<std::shared_ptr<const AddressGuard>> compile(std::span<const std::string> private_hosts,
                                                             std::span<const RuleSet> layers);

  /// `place` is what the client asked for, canonical; `address` one of those that it resolved to.
  Outcome judge(Client client, const HostPort& place, const AddressBytes& address) const;
  /// The same where an upstream proxy will find the address: by `place` alone.
  Outcome judge(Client client, const HostPort& place) const;

 private:
  AddressGuard() = default;

  HostPatterns places_;    ///< what the client may ask for, wherever it is
  HostPatterns networks_;  ///< addresses that any name may lead to
  HostPatterns metadata_;  ///< addresses and names in full
};

}  // namespace weir::policy
