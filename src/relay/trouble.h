// Trouble: why a tunnel did not come about, or ended before its time, in the kinds that people must tell
// apart: each has another mend.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace weir::relay {

enum class Trouble : std::uint8_t {
  policy_denied,   ///< the gateway works, and its policy says no
  session_limit,   ///< the gateway works, and the session has all the tunnels open that it may
  authentication,  ///< the gateway does not accept the token, or no longer
  gateway_tls,     ///< no trusted TLS towards the gateway
  gateway_down,    ///< no answer from it: not reached, too late, cut
  gateway_fault,   ///< an answer that makes no sense, or an error of its own
  target,          ///< the gateway works, and did not reach the place that was asked for
  client           ///< a program that uses the relay made a mistake
};
inline constexpr std::array kTroubles = {
    Trouble::policy_denied, Trouble::session_limit, Trouble::authentication, Trouble::gateway_tls,
    Trouble::gateway_down,  Trouble::gateway_fault, Trouble::target,         Trouble::client};

std::string_view name(Trouble kind);    ///< "policy_denied": stable
std::string_view title(Trouble kind);   ///< "denied by the gateway's policy"
std::string_view advice(Trouble kind);  ///< a sentence or two: what to do

/// One that has happened.
struct Mishap {
  Trouble kind = Trouble::gateway_fault;
  std::string detail;        ///< may hold bytes of others; never a secret
  std::uint16_t status = 0;  ///< of the gateway's answer; 0 = none
};

/// What an error on the way to the gateway is.
Mishap mishap_of(const Error& error);
/// What the gateway's answer with this status is, to the opening of a WebSocket or to a CONNECT. `reason` is
/// its x-deny-reason, if there is one.
Mishap mishap_of(std::uint16_t status, std::string_view reason, bool to_connect);

}  // namespace weir::relay
