#include "base/error.h"

#include <array>
#include <cstring>

namespace weir {
namespace {

// In the order of enum Code; a static_assert below keeps the two in step.
constexpr CodeInfo kTable[] = {
    {"none", Phase::internal, Side::proxy, 0, "no error", ""},
    {"client_closed", Phase::client, Side::client, 499,
     "the client closed the connection before the response was complete", ""},
    {"client_reset", Phase::client, Side::client, 499, "the client reset the connection", ""},
    {"client_timeout", Phase::timeout, Side::client, 408, "the client did not send its request in time",
     "Send the request head sooner, or raise limits.head_timeout."},
    {"bad_request", Phase::client, Side::client, 400, "the request is not valid HTTP",
     "Correct the client; the detail names the offending part."},
    {"ambiguous_framing", Phase::client, Side::client, 400, "the length of the request body is ambiguous",
     "Send exactly one Content-Length, or Transfer-Encoding: chunked alone (RFC 9112 section 6)."},
    {"bad_host", Phase::client, Side::client, 400, "the request names no valid host",
     "Send exactly one valid Host field (RFC 9112 section 3.2)."},
    {"bad_target", Phase::client, Side::client, 400, "the request target is not valid",
     "A proxy wants an absolute URL or CONNECT host:port."},
    {"head_too_large", Phase::limit, Side::client, 431, "the request head is too large",
     "Send fewer or shorter header fields, or raise limits.head_bytes."},
    {"uri_too_long", Phase::limit, Side::client, 414, "the request target is too long",
     "Shorten the URL, or raise limits.head_bytes."},
    {"unsupported_version", Phase::client, Side::client, 505, "the HTTP version is not supported",
     "Speak HTTP/1.0 or HTTP/1.1."},
    {"body_incomplete", Phase::client, Side::client, 400, "the request body ended early", ""},
    {"bad_chunk", Phase::client, Side::client, 400, "the chunked request body is malformed",
     "Correct the client's chunked coding (RFC 9112 section 7.1)."},
    {"expectation_failed", Phase::client, Side::client, 417, "the expectation cannot be met",
     "Only Expect: 100-continue is defined."},
    {"misdirected_request", Phase::client, Side::client, 421,
     "the request is for another host than the connection it came on",
     "Open a connection of its own for this host (RFC 9110 section 15.5.20)."},
    {"proxy_auth_required", Phase::client, Side::client, 407, "this proxy wants credentials",
     "Put user:password into the proxy's URL."},
    {"flood", Phase::limit, Side::client, 429,
     "the client sent more resets or control frames than any use of HTTP/2 needs",
     "Correct the client; the detail names the frames."},
    {"session_unknown", Phase::client, Side::client, 401, "the gateway knows no session with this token",
     "Give the relay the token of a session in the gateway's file; `weir gateway token` makes a new one."},
    {"upgrade_required", Phase::client, Side::client, 426, "this address takes WebSockets only",
     "Connect to it with a relay, such as `weir relay`."},
    {"too_many_attempts", Phase::limit, Side::client, 429, "too many wrong tokens came from this address",
     "Wait a second, then try again with the right token."},
    {"client_tls_failed", Phase::client_tls, Side::client, 0, "the TLS handshake with the client failed",
     "See `weir doctor`."},
    {"client_rejected_certificate", Phase::client_tls, Side::client, 0,
     "the client does not trust Weir's certificate",
     "Trust the CA in the client (`weir ca install`, `weir run`), or list the host under tls.passthrough."},
    {"bad_client_hello", Phase::client_tls, Side::client, 0,
     "the client's first bytes look like TLS but are not a valid ClientHello", ""},
    {"blocked", Phase::policy, Side::proxy, 403, "the request is blocked by policy",
     "Change that rule, or see all that were considered with `weir filter test URL`."},
    {"loop_detected", Phase::policy, Side::proxy, 508, "the request leads back to Weir itself",
     "Point the client at the real origin, or remove the proxy setting that loops."},
    {"port_refused", Phase::policy, Side::proxy, 403, "this port cannot be reached through Weir", ""},
    {"address_refused", Phase::policy, Side::proxy, 403, "the host is at an address that may not be reached",
     "if it may, name the host or its network in upstream.private_hosts (cloud metadata: as an exact "
     "address)"},
    {"budget_exceeded", Phase::policy, Side::proxy, 403, "a budget does not allow it",
     "See what is left with `weir ai budgets`; the limits are under [[budget.limits]], or --budget."},
    {"host_not_allowed", Phase::policy, Side::proxy, 403, "this session may not reach this host",
     "Whoever runs the gateway can add it to the session's allowed_hosts."},
    {"session_expired", Phase::policy, Side::proxy, 403, "the session is over",
     "Whoever runs the gateway can give it a later end, or a new token."},
    {"session_mismatch", Phase::policy, Side::proxy, 403,
     "the tunnel is asked for in the name of another session than the WebSocket",
     "Correct the relay: both take the same session and token."},
    {"session_limit", Phase::policy, Side::proxy, 403, "the session has as many tunnels open as it may",
     "Close some, or raise the gateway's --most-tunnels."},
    {"placeholder_leak", Phase::policy, Side::proxy, 403,
     "a placeholder would have left in place of the secret that it stands for",
     "Send it to the hosts of its credential alone, over https and in the field it belongs in: "
     "`weir credentials list` shows them."},
    {"secret_leak", Phase::policy, Side::proxy, 403,
     "a secret would have left to a host that it is not bound to",
     "Find out how the client got it; if it may go there, add the host to its credential."},
    {"credential_failed", Phase::policy, Side::proxy, 502, "the secret that the request needs cannot be had",
     "Mend its source; `weir credentials check` tries it."},
    {"dns_not_found", Phase::dns, Side::upstream, 502, "the host name does not exist",
     "Check the spelling of the host."},
    {"dns_failed", Phase::dns, Side::upstream, 502, "the host name could not be resolved",
     "Check the resolver in /etc/resolv.conf."},
    {"dns_timeout", Phase::dns, Side::upstream, 504, "the resolver did not answer in time",
     "Check the resolver in /etc/resolv.conf."},
    {"connect_refused", Phase::dial, Side::upstream, 502, "the upstream host refused the connection",
     "Is the service running on that port?"},
    {"connect_unreachable", Phase::dial, Side::upstream, 502, "the upstream host cannot be reached",
     "Check the network and routes."},
    {"connect_timeout", Phase::dial, Side::upstream, 504,
     "the upstream host did not accept the connection in time",
     "Check the network, or raise limits.connect_timeout."},
    {"connect_failed", Phase::dial, Side::upstream, 502, "the connection to the upstream host failed", ""},
    {"upstream_proxy_refused", Phase::dial, Side::upstream, 502, "the upstream proxy refused the tunnel",
     "Check upstream.proxy and its credentials."},
    {"upstream_tls_failed", Phase::upstream_tls, Side::upstream, 502,
     "the TLS handshake with the upstream host failed", ""},
    {"upstream_cert_untrusted", Phase::upstream_tls, Side::upstream, 502,
     "the upstream certificate is not signed by a trusted authority",
     "Add its root with --upstream-ca FILE, or SSL_CERT_FILE of Weir's own environment."},
    {"upstream_cert_expired", Phase::upstream_tls, Side::upstream, 502,
     "the upstream certificate has expired",
     "The host's owner must renew it; also check this machine's clock."},
    {"upstream_cert_not_yet_valid", Phase::upstream_tls, Side::upstream, 502,
     "the upstream certificate is not yet valid", "Check this machine's clock."},
    {"upstream_cert_name_mismatch", Phase::upstream_tls, Side::upstream, 502,
     "the upstream certificate is for another name", "Use the name that the certificate carries."},
    {"upstream_cert_invalid", Phase::upstream_tls, Side::upstream, 502,
     "the upstream certificate is not acceptable", ""},
    {"upstream_closed", Phase::upstream, Side::upstream, 502,
     "the upstream host closed the connection without a response", ""},
    {"upstream_reset", Phase::upstream, Side::upstream, 502, "the upstream host reset the connection", ""},
    {"upstream_timeout", Phase::timeout, Side::upstream, 504, "the upstream host did not answer in time",
     "Raise limits.response_timeout if the host is merely slow."},
    {"upstream_bad_response", Phase::upstream, Side::upstream, 502, "the upstream response is not valid HTTP",
     ""},
    {"upstream_body_incomplete", Phase::upstream, Side::upstream, 502,
     "the upstream response body ended early", ""},
    {"cancelled", Phase::internal, Side::proxy, 0, "the operation was cancelled", ""},
    {"shutting_down", Phase::internal, Side::proxy, 503, "Weir is shutting down",
     "Try again when it serves again."},
    {"overloaded", Phase::limit, Side::proxy, 503, "Weir is at its limit",
     "Try again later; `weir doctor` shows the limits."},
    {"capture_failed", Phase::capture, Side::proxy, 503,
     "the capture store cannot be written and capture.on_failure is \"block\"",
     "Free disk space or mend the data folder."},
    {"internal", Phase::internal, Side::proxy, 500, "Weir failed inside",
     "This is a bug in Weir; please report it with the flow."},
    {"io", Phase::internal, Side::proxy, 500, "an operation of the system failed", ""},
    {"bad_config", Phase::internal, Side::proxy, 500, "the configuration is not valid", ""},
    {"bad_certificate", Phase::internal, Side::proxy, 500, "a certificate or key could not be used", ""},
    {"not_found", Phase::internal, Side::proxy, 404, "there is no such thing", ""},
    {"incomplete", Phase::internal, Side::proxy, 0, "Weir ended before the exchange did", ""},
};
static_assert(std::size(kTable) == static_cast<std::size_t>(Code::incomplete) + 1);

}  // namespace

const CodeInfo& info(Code code) { return kTable[static_cast<std::size_t>(code)]; }

std::string_view name(Phase phase) {
  constexpr std::string_view kNames[] = {"client", "client_tls",   "policy",   "dns",
                                         "dial",   "upstream_tls", "upstream", "timeout",
                                         "limit",  "capture",      "internal"};
  return kNames[static_cast<std::size_t>(phase)];
}

Code code_from_name(std::string_view name) {
  for (std::size_t i = 0; i < std::size(kTable); ++i)
    if (kTable[i].name == name) return static_cast<Code>(i);
  return Code::none;
}

std::string Error::message() const {
  std::string text(info(code_).title);
  if (!context_.empty()) text.append(": ").append(context_);
  return text;
}

Failure fail_errno(Code code, std::string_view what, int error) {
  std::string text(what);
  text.append(": ").append(std::strerror(error));
  return fail(code, std::move(text));
}

}  // namespace weir
