// Result and Error: what every fallible function returns. Failures are values; exceptions are bugs.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace weir {

/// Who is to blame, and so whom an error page addresses.
enum class Side : std::uint8_t { client, upstream, proxy };

/// Where in the life of a request it happened (mission L1). The names are stable; users filter by them.
enum class Phase : std::uint8_t {
  client,
  client_tls,
  policy,
  dns,
  dial,
  upstream_tls,
  upstream,
  timeout,
  limit,
  capture,
  internal
};

/// Whether the same request may be sent again on another upstream connection.
enum class Retry : std::uint8_t { never, if_reused, yes };

/// Every failure Weir can name. The spelling of each name (see `info`) is a public contract: it is stored,
/// sent to clients in `X-Weir-Error`, and filtered on. Add at the end of a group; never rename.
enum class Code : std::uint8_t {
  none,
  // client
  client_closed,
  client_reset,
  client_timeout,
  bad_request,
  ambiguous_framing,
  bad_host,
  bad_target,
  head_too_large,
  uri_too_long,
  unsupported_version,
  body_incomplete,
  bad_chunk,
  expectation_failed,
  misdirected_request,
  proxy_auth_required,
  flood,
  session_unknown,
  upgrade_required,
  too_many_attempts,
  // client TLS
  client_tls_failed,
  client_rejected_certificate,
  bad_client_hello,
  // policy
  blocked,
  loop_detected,
  port_refused,
  address_refused,
  budget_exceeded,
  host_not_allowed,
  session_expired,
  session_mismatch,
  session_limit,
  placeholder_leak,
  secret_leak,
  credential_failed,
  // DNS
  dns_not_found,
  dns_failed,
  dns_timeout,
  // dial
  connect_refused,
  connect_unreachable,
  connect_timeout,
  connect_failed,
  upstream_proxy_refused,
  // upstream TLS
  upstream_tls_failed,
  upstream_cert_untrusted,
  upstream_cert_expired,
  upstream_cert_not_yet_valid,
  upstream_cert_name_mismatch,
  upstream_cert_invalid,
  // upstream HTTP
  upstream_closed,
  upstream_reset,
  upstream_timeout,
  upstream_bad_response,
  upstream_body_incomplete,
  // Weir itself
  cancelled,
  shutting_down,
  overloaded,
  capture_failed,
  internal,
  io,
  bad_config,
  bad_certificate,
  not_found,
  incomplete,
};

struct CodeInfo {
  std::string_view name;  ///< stable snake_case name
  Phase phase;
  Side side;
  std::uint16_t status;    ///< HTTP status of the answer Weir synthesises; 0 = no answer is possible
  std::string_view title;  ///< one sentence: what happened
  std::string_view mend;   ///< one sentence: what to do; may be empty
};

/// The one table that turns a code into words, blame and status.
const CodeInfo& info(Code code);
std::string_view name(Phase phase);
/// The code of a stable name; `Code::none` when there is none.
Code code_from_name(std::string_view name);

/// A failure: what (code), to what and how (context), and whether trying again is safe.
/// Blame, phase and status are looked up from the code, never stored.
class [[nodiscard]] Error {
 public:
  explicit Error(Code code, std::string context = {}, Retry retry = Retry::never)
      : code_(code), retry_(retry), context_(std::move(context)) {}

  Code code() const { return code_; }
  Side side() const { return info(code_).side; }
  Retry retry() const { return retry_; }
  /// Free text for people: names the object ("api.example.com:443") and the system's own words.
  const std::string& context() const { return context_; }
  /// "title: context", one line.
  std::string message() const;

  Error&& with_retry(Retry retry) && {
    retry_ = retry;
    return std::move(*this);
  }

 private:
  Code code_;
  Retry retry_;
  std::string context_;
};

template <typename T = void>
using Result = std::expected<T, Error>;

using Failure = std::unexpected<Error>;

/// `return fail(Code::io, "open x: ...");`
inline Failure fail(Code code, std::string context = {}, Retry retry = Retry::never) {
  return Failure(Error(code, std::move(context), retry));
}
/// Passes the error of `result` on, whatever its value type was.
template <typename T>
Failure pass(Result<T>& result) {
  return Failure(std::move(result).error());
}
template <typename T>
Failure pass(Result<T>&& result) {
  return Failure(std::move(result).error());
}
/// An Error from errno: "what: strerror(error)".
Failure fail_errno(Code code, std::string_view what, int error);

}  // namespace weir
