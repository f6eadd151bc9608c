// nf_tables: a table of chains and rules as a value, installed in one transaction and read back.
//
// Only what redirecting traffic needs. A rule is a list of expressions that the kernel runs one after the
// other; the first that does not match ends the rule (linux/netfilter/nf_tables.h). Loads go to register 1.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/netlink.h"

namespace weir::sandbox::nft {

struct Expression {
  std::string name;
  std::string attributes;  ///< in netlink's encoding
};

using Rule = std::vector<Expression>;
/// `parts` one after the other.
Rule rule(std::initializer_list<Rule> parts);

// Matches.
Rule protocol_is(std::uint8_t ip_protocol);  ///< IPPROTO_TCP, IPPROTO_UDP
Rule to_port(std::uint16_t port);            ///< of TCP or UDP, after protocol_is
Rule to_ipv4_loopback();                     ///< 127.0.0.0/8
Rule to_ipv6_loopback();                     ///< ::1
Rule to_ipv4(std::string_view address);      ///< four bytes, network order
Rule of_known_connection();                  ///< conntrack: established or related
Rule not_marked(std::uint32_t mark);         ///< the packet's mark is another
Rule to_neighbours();                        ///< neighbour discovery: ICMPv6 of types 133 to 137 (RFC 4861)
// Verdicts.
Rule accept();
Rule drop();
Rule reject();  ///< locally sent: the send fails with EPERM
/// TCP alone, after protocol_is. A refusal by ICMP may come while the kernel still sends, and then takes hold
/// at the next try, a second later.
Rule reset_connection();
Rule redirect_to(std::uint16_t port);  ///< nat chains: to this machine, at `port`

struct Chain {
  std::string name;
  std::string type;        ///< "nat" or "filter"
  std::uint32_t hook = 0;  ///< NF_INET_LOCAL_OUT ...
  std::int32_t priority = 0;
  std::uint32_t policy = 1;  ///< NF_ACCEPT; NF_DROP = 0
  std::vector<Rule> rules;
};

/// Of the family inet: IPv4 and IPv6.
struct Table {
  std::string name;
  std::vector<Chain> chains;
};

/// Whole or not at all. A table of the name must not exist yet. `netfilter` is of NETLINK_NETFILTER.
Result<> install(NetlinkSocket& netfilter, const Table& table);
/// Fails when the kernel's rules of the table are not, one by one and in order, those of `table`.
Result<> verify(NetlinkSocket& netfilter, const Table& table);
/// Removes the table of that name.
Result<> remove(NetlinkSocket& netfilter, std::string_view name);

}  // namespace weir::sandbox::nft
