// DnsZone: what each DNS question is answered inside a sandbox. Nothing is looked up and nothing leaves.
//
// Every valid host name exists and has one synthetic IPv4 and one IPv6 address (sandbox/synthetic_names.h):
// what a name may do is decided when something connects to it, where an answer can say why. So:
//   A, AAAA, ANY          the synthetic addresses
//   every other type      no records, no error: HTTPS and SVCB too, so that no client stalls, finds another
//                         address, HTTP/3 or a key for ECH there. Never NXDOMAIN: musl would give up on A,
//                         too
//   PTR                   the name of a synthetic address that was handed out
//   zone transfers and such, classes other than IN    REFUSED
//
// Names of one label, *.local, *.internal and the like are names as any other: CMD expects `http://db/` to
// work as outside, and where it leads only Weir's own lookup can say, which knows the machine's /etc/hosts
// and search list, and comes after the policy was asked for just that name. The price is that every name
// seems to exist, and one that does not fails as it connects. So no search list may be in force inside: with
// one (and with ndots:5, as in Kubernetes) "api.example.com" is found as "api.example.com.corp.example".
//
// Exceptions, each since a client would go wrong:
//   localhost, *.localhost, the machine's own names   loopback (RFC 6761): CMD's own services
//   *.invalid, *.onion                                NXDOMAIN (RFC 6761, RFC 7686)
//   use-application-dns.net                           NXDOMAIN: asks Firefox not to take DNS elsewhere
//   resolver.arpa, ipv4only.arpa                      no records: no other resolver (RFC 9462), no NAT64
//                                                     (RFC 7050)
//   addresses ("192.0.2.1"), labels with other bytes than letters, digits, '-', '_'    NXDOMAIN
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/dns_message.h"
#include "sandbox/synthetic_names.h"

namespace weir::sandbox {

enum class DnsTransport : std::uint8_t { udp, tcp };

/// Thread-safe. `names` must live longer.
class DnsZone {
 public:
  /// `own_names`: the machine's, as gethostname() has it. Those that are no host names stand for nothing.
  explicit DnsZone(SyntheticNames& names, const std::vector<std::string>& own_names = {});

  /// Bytes in, bytes out: a message as it came (over TCP, without its length) and the whole answer to it.
  /// Empty when it must not be answered. Over UDP never longer than the client said it takes.
  std::string respond(std::string_view message, DnsTransport transport) const;

  DnsAnswer answer(const DnsQuery& query) const;

 private:
  bool is_loopback(std::string_view name) const;
  DnsAnswer synthetic(const std::string& name, DnsType type) const;
  DnsAnswer reverse(std::string_view name, DnsType type) const;

  SyntheticNames& names_;
  std::vector<std::string> own_names_;  ///< canonical
};

}  // namespace weir::sandbox
