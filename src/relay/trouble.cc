#include "relay/trouble.h"

#include "http/message.h"

namespace weir::relay {
namespace {

struct Words {
  Trouble kind;
  std::string_view name, title, advice;
};

constexpr Words kWords[] = {
    {Trouble::policy_denied, "policy_denied", "denied by the gateway's policy",
     "The relay and the gateway work. Allow the host in the settings of the session's environment; a session "
     "that runs keeps the rules it was started with, so start a new one after that."},
    {Trouble::session_limit, "session_limit", "the session has too many tunnels open",
     "The relay and the gateway work. Close some connections; whoever runs the gateway can allow more "
     "(--most-tunnels)."},
    {Trouble::authentication, "authentication", "the gateway does not accept the token",
     "The token has expired, was taken back, or belongs to another session: start a new session."},
    {Trouble::gateway_tls, "gateway_tls", "no trusted TLS towards the gateway",
     "Somebody between here and the gateway shows a certificate that is not trusted. Where that is a proxy "
     "of "
     "your own network, name its CA with --upstream-ca; where the gateway wants to know you, --client-cert."},
    {Trouble::gateway_down, "gateway_down", "the gateway gives no answer",
     "Check the base URL and the way there (--upstream-proxy). New tunnels are tried anew each time: nothing "
     "has to be restarted here."},
    {Trouble::gateway_fault, "gateway_fault", "the gateway answered what makes no sense",
     "Check that the base URL leads to a gateway and not to something else; else it is the gateway's fault."},
    {Trouble::target, "target", "the gateway did not reach the host",
     "The relay and the gateway work; the host itself is down or unknown from there. Check its name."},
    {Trouble::client, "client", "a program used the relay wrongly",
     "The relay takes CONNECT alone: programs need it as HTTPS_PROXY, never as HTTP_PROXY, and https:// "
     "URLs."},
};

// A 403 says in its x-deny-reason whether a host is meant, or the session (docs/gateway.md).
Trouble kind_of_denial(std::string_view reason) {
  if (reason == info(Code::session_limit).name) return Trouble::session_limit;
  bool session = reason == info(Code::session_expired).name || reason == info(Code::session_mismatch).name;
  return session ? Trouble::authentication : Trouble::policy_denied;
}

const Words& words(Trouble kind) { return kWords[static_cast<std::size_t>(kind)]; }

static_assert([] {
  for (std::size_t i = 0; i < std::size(kWords); ++i)
    if (kWords[i].kind != static_cast<Trouble>(i) || kTroubles[i] != kWords[i].kind) return false;
  return std::size(kWords) == kTroubles.size();
}());

}  // namespace

std::string_view name(Trouble kind) { return words(kind).name; }
std::string_view title(Trouble kind) { return words(kind).title; }
std::string_view advice(Trouble kind) { return words(kind).advice; }

Mishap mishap_of(const Error& error) {
  Trouble kind = Trouble::gateway_down;
  if (info(error.code()).phase == Phase::upstream_tls) kind = Trouble::gateway_tls;
  bool nonsense = error.code() == Code::upstream_bad_response || error.code() == Code::loop_detected;
  if (nonsense) kind = Trouble::gateway_fault;
  return {kind, error.message(), 0};
}

Mishap mishap_of(std::uint16_t status, std::string_view reason, bool to_connect) {
  std::string detail = std::to_string(status) + " " + std::string(http::reason_phrase(status));
  if (!reason.empty()) detail.append(": ").append(reason);
  Trouble kind = Trouble::gateway_fault;
  // 429: too many attempts with tokens that are none.
  if (status == 401 || status == 407 || status == 429) kind = Trouble::authentication;
  if (status == 403) kind = kind_of_denial(reason);
  if (status >= 500) kind = to_connect ? Trouble::target : Trouble::gateway_down;
  return {kind, std::move(detail), status};
}

}  // namespace weir::relay
