#include "proxy/rejection_advice.h"

#include <fmt/format.h>

#include <algorithm>

#include "tls/handshake_error.h"

namespace weir::proxy {
namespace {

// Extension types (IANA, "TLS ExtensionType Values").
constexpr std::uint16_t kStatusRequestV2 = 17;
constexpr std::uint16_t kSignedCertificateTimestamp = 18;
constexpr std::uint16_t kEncryptThenMac = 22;
constexpr std::uint16_t kCompressCertificate = 27;
constexpr std::uint16_t kRecordSizeLimit = 28;
constexpr std::uint16_t kDelegatedCredential = 34;
constexpr std::uint16_t kSupportedVersions = 43;
constexpr std::uint16_t kPostHandshakeAuth = 49;
constexpr std::uint16_t kRenegotiationInfo = 0xFF01;

constexpr std::uint8_t kCertificateExpired = 45;  // RFC 8446 section 6

struct Knowledge {
  std::string_view name;
  std::string_view mend;
};

Knowledge knowledge_of(Library library) {
  switch (library) {
    case Library::openssl:
      return {
          "OpenSSL (curl, Python, Ruby, PHP and others)",
          "curl reads CURL_CA_BUNDLE, Python SSL_CERT_FILE (its requests package REQUESTS_CA_BUNDLE), others "
          "SSL_CERT_FILE"};
    case Library::node: return {"Node", "Node reads NODE_EXTRA_CA_CERTS"};
    case Library::gnutls:
      return {
          "GnuTLS (Debian's wget and git, and others)",
          "git reads GIT_SSL_CAINFO; wget wants ca_certificate=FILE in ~/.wgetrc, others the system's store "
          "(`weir ca install`)"};
    case Library::java:
      return {"Java", "Java takes a trust store: JAVA_TOOL_OPTIONS=-Djavax.net.ssl.trustStore=FILE"};
    case Library::go: return {"Go", "Go reads SSL_CERT_FILE"};
    case Library::boringssl:
      return {"a browser or an app (BoringSSL, Apple's TLS)",
              "trust the CA in the system's or the browser's store: `weir ca install`"};
    case Library::unknown: break;
  }
  return {"",
          "programs read SSL_CERT_FILE, CURL_CA_BUNDLE (curl), REQUESTS_CA_BUNDLE (Python's requests), "
          "NODE_EXTRA_CA_CERTS (Node) or a trust store in JAVA_TOOL_OPTIONS (Java); browsers want `weir ca "
          "install`"};
}

/// Libraries of which silence is known to mean that the certificate is not trusted.
bool refuses_silently(Library library) {
  return library == Library::node || library == Library::java || library == Library::gnutls;
}

std::string what_happened(const Rejection& seen, bool sure) {
  std::string out = fmt::format("{}: ", seen.host.str());
  if (seen.alert) {
    fmt::format_to(std::back_inserter(out), "the client refused Weir's certificate (alert {})",
                   tls::alert_name(*seen.alert));
  } else if (sure) {
    out += "the client closed the connection without a word when it saw Weir's certificate";
  } else {
    out +=
        "the client closed the connection without a word when it saw Weir's certificate: it may not trust "
        "it, or was stopped";
  }
  if (seen.standing.in_a_row > 1)
    fmt::format_to(std::back_inserter(out), ", {} times in a row", seen.standing.in_a_row);
  return out + ". ";
}

std::string what_mends(const Rejection& seen, Library library) {
  if (seen.alert == kCertificateExpired)
    return "Its clock and this machine's differ, or it keeps an old certificate: set the clocks right. ";
  Knowledge known = knowledge_of(library);
  std::string who = library == Library::unknown
                        ? std::string()
                        : fmt::format("Its ClientHello looks like that of {}. ", known.name);
  return fmt::format(
      "{}To trust Weir: {}. `weir ca path` names the file; `weir run -- CMD` sets what CMD "
      "needs. ",
      who, known.mend);
}

std::string hours_text(Duration duration) {
  auto minutes = std::chrono::ceil<std::chrono::minutes>(duration).count();
  if (minutes > 365 * 24 * 60) return "until Weir ends";
  return minutes % 60 == 0 ? fmt::format("for {} h", minutes / 60) : fmt::format("for {} min", minutes);
}

std::string what_follows(const Rejection& seen) {
  bool passes = seen.auto_passthrough && !seen.closed_door && !seen.standing.forbidden;
  if (!seen.standing.pinned) return {};
  if (passes)
    return fmt::format(
        "It seems to pin the host's own certificate and is tunnelled there undecrypted {} "
        "(tls.auto_passthrough). ",
        hours_text(seen.standing.pass_for));
  if (seen.closed_door) return "It stays refused: nothing leaves here unread because a client wants it so. ";
  if (seen.standing.forbidden)
    return "It stays refused, pinned or not: a rule for this host must see its requests. ";
  return "If it pins the host's own certificate, nothing but a tunnel helps: list the host in "
         "tls.passthrough, or "
         "set tls.auto_passthrough = true. ";
}

}  // namespace

Library library_of(const tls::ClientHello& hello, Refusal how) {
  auto sends = [&](std::uint16_t type) {
    return std::ranges::find(hello.extensions, type) != hello.extensions.end();
  };
  if (std::ranges::any_of(hello.cipher_suites, tls::is_grease)) return Library::boringssl;
  if (sends(kStatusRequestV2)) return Library::java;
  if (sends(kDelegatedCredential) || sends(kCompressCertificate)) return Library::unknown;
  if (sends(kRecordSizeLimit)) return Library::gnutls;
  if (sends(kEncryptThenMac))
    return how == Refusal::silence && !sends(kPostHandshakeAuth) ? Library::node : Library::openssl;
  if (sends(kSignedCertificateTimestamp) && sends(kRenegotiationInfo) && sends(kSupportedVersions))
    return Library::go;
  return Library::unknown;
}

std::optional<Refusal> refusal_in(const Error& error, bool cut_short) {
  switch (error.code()) {
    case Code::client_rejected_certificate: return Refusal::alert;
    case Code::client_closed:
    case Code::client_reset: return Refusal::silence;
    case Code::client_tls_failed: return cut_short ? std::optional(Refusal::silence) : std::nullopt;
    default: return std::nullopt;
  }
}

bool judges_late(const tls::ClientHello& hello) {
  return library_of(hello, Refusal::silence) == Library::gnutls;
}

Error rejection_error(const Rejection& seen) {
  Library library = library_of(seen.hello, seen.alert ? Refusal::alert : Refusal::silence);
  bool sure = seen.alert || refuses_silently(library);
  std::string text = what_happened(seen, sure) + what_mends(seen, library) + what_follows(seen);
  text.pop_back();  // the space behind the last sentence
  return Error(sure ? Code::client_rejected_certificate : Code::client_tls_failed, std::move(text));
}

}  // namespace weir::proxy
