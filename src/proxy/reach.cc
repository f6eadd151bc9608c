#include "proxy/reach.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include <cstring>

namespace weir::proxy {
namespace {

using policy::AddressClass;
using policy::AddressGuard;

policy::AddressBytes bytes_of(const net::Address& address) {
  policy::AddressBytes out{};
  if (address.family() == AF_INET6) {
    std::memcpy(out.data(), &reinterpret_cast<const sockaddr_in6&>(address.storage).sin6_addr, 16);
  } else {
    out[10] = out[11] = 0xFF;
    std::memcpy(out.data() + 12, &reinterpret_cast<const sockaddr_in&>(address.storage).sin_addr, 4);
  }
  return out;
}

std::string_view mark_of(AddressClass what) {
  switch (what) {
    case AddressClass::loopback: return "to_loopback";
    case AddressClass::link_local: return "to_link_local";
    case AddressClass::local: return "to_private";
    case AddressClass::reserved: return "to_reserved";
    default: return "";
  }
}

Failure refusal(AddressClass what, const HostPort& place, const net::Address* address) {
  std::string where =
      address != nullptr && !is_ip_literal(place.host) ? " is at " + address->str() + "," : " is";
  std::string_view why = what == AddressClass::metadata
                             ? "where clouds hand out credentials"
                             : "which is not for clients of a gateway, a sandbox or another machine";
  return fail(Code::address_refused,
              fmt::format("{}{} a {} address, {}", place.str(), where, name(what), why));
}

}  // namespace

Result<std::string_view> Reach::judge(wire::Caller caller, const HostPort& place,
                                      const net::Address* address) const {
  if (caller == wire::Caller::settings) return std::string_view();
  // A socket of another kind has no address to judge; nothing of ours dials one for a client.
  if (address != nullptr && address->family() != AF_INET && address->family() != AF_INET6)
    return std::string_view();
  auto client = caller == wire::Caller::local ? AddressGuard::Client::local : AddressGuard::Client::foreign;
  auto outcome =
      address != nullptr ? guard_->judge(client, place, bytes_of(*address)) : guard_->judge(client, place);
  if (outcome == AddressGuard::Outcome::pass) return std::string_view();
  AddressClass what =
      address != nullptr ? policy::classify(bytes_of(*address)) : policy::classify_host(place.host);
  if (outcome == AddressGuard::Outcome::pass_marked) return mark_of(what);
  return refusal(what, place, address);
}

wire::Caller caller_at(std::string_view peer) {
  auto address = policy::parse_address(peer.substr(0, peer.rfind(':')));
  bool here = address && policy::classify(*address) == AddressClass::loopback;
  return here ? wire::Caller::local : wire::Caller::foreign;
}

}  // namespace weir::proxy
