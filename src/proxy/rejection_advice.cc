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
  Library library;
  std::string_view name;   // as the finder of processes has it
  std::string_view users;  // of a library known by its ClientHello alone
  std::string_view mend;   // of a program that is not in kPrograms
};

constexpr Knowledge kLibraries[] = {
    {Library::openssl, "OpenSSL", " (curl, Python, Ruby, PHP and others)",
     "curl reads CURL_CA_BUNDLE, Python SSL_CERT_FILE (its requests package REQUESTS_CA_BUNDLE), others "
     "SSL_CERT_FILE"},
    {Library::node, "Node", "", "Node reads NODE_EXTRA_CA_CERTS"},
    {Library::gnutls, "GnuTLS", " (Debian's wget and git, and others)",
     "git reads GIT_SSL_CAINFO; wget wants ca_certificate=FILE in ~/.wgetrc, others the system's store "
     "(`weir ca install`)"},
    {Library::java, "Java", "",
     "Java takes a trust store: JAVA_TOOL_OPTIONS=-Djavax.net.ssl.trustStore=FILE"},
    {Library::go, "Go", "", "Go reads SSL_CERT_FILE"},
    {Library::boringssl, "BoringSSL", "",
     "trust the CA in the system's or the browser's store: `weir ca install`"},
    {Library::nss, "NSS", "",
     "browsers have a store of their own, which certutil changes: `weir ca install` says how"},
    {Library::rustls, "rustls", "",
     "many Rust programs read SSL_CERT_FILE or the system's store (`weir ca install`); those with roots "
     "built "
     "in trust nothing else"},
    {Library::bun, "Bun", "", "Bun reads NODE_EXTRA_CA_CERTS"},
    {Library::deno, "Deno", "", "Deno reads DENO_CERT"},
};

constexpr Knowledge kAnyLibrary = {
    Library::unknown, "", "",
    "programs read SSL_CERT_FILE, CURL_CA_BUNDLE (curl), REQUESTS_CA_BUNDLE (Python's requests), "
    "NODE_EXTRA_CA_CERTS (Node) or a trust store in JAVA_TOOL_OPTIONS (Java); browsers want `weir ca "
    "install`"};

struct Program {
  std::string_view prefix;  // of its name
  std::string_view mend;
};

// Those that read something of their own, whatever their library is.
constexpr Program kPrograms[] = {
    {"curl", "curl reads CURL_CA_BUNDLE; --cacert and a cacert in ~/.curlrc override it"},
    {"wget", "wget wants ca_certificate=FILE in ~/.wgetrc, or the system's store (`weir ca install`)"},
    {"git", "git reads GIT_SSL_CAINFO; http.sslCAInfo in its configuration overrides it"},
    {"python", "Python reads SSL_CERT_FILE, its requests package REQUESTS_CA_BUNDLE"},
    {"pypy", "Python reads SSL_CERT_FILE, its requests package REQUESTS_CA_BUNDLE"},
    {"perl", "Perl reads SSL_CERT_FILE, its LWP PERL_LWP_SSL_CA_FILE"},
    {"ruby", "Ruby reads SSL_CERT_FILE"},
    {"php", "PHP reads SSL_CERT_FILE; openssl.cafile and curl.cainfo in php.ini override it"},
    {"cargo", "cargo reads CARGO_HTTP_CAINFO"},
    {"uv", "uv reads SSL_CERT_FILE"},
    {"deno", "Deno reads DENO_CERT"},
    {"bun", "Bun reads NODE_EXTRA_CA_CERTS"},
    {"node", "Node reads NODE_EXTRA_CA_CERTS"},
    {"firefox", "Firefox has a store in each profile, which certutil changes: `weir ca install` says how"},
    {"chrom",
     "Chrome and Chromium have a store in ~/.pki/nssdb, which certutil changes: `weir ca install` "
     "says how"},
};

const Knowledge& knowledge_of(Library library) {
  auto known = std::ranges::find(kLibraries, library, &Knowledge::library);
  return known == std::end(kLibraries) ? kAnyLibrary : *known;
}

/// What the sender has; of several the one that its ClientHello looks like.
const Process::TlsLibrary* library_in(const Process* sender, Library looks_like) {
  if (sender == nullptr || sender->tls_libraries.empty()) return nullptr;
  for (const Process::TlsLibrary& each : sender->tls_libraries)
    if (library_named(each.name) == looks_like) return &each;
  return &sender->tls_libraries.front();
}

Library guess(const Rejection& seen) {
  return library_of(seen.hello, seen.alert ? Refusal::alert : Refusal::silence);
}

Library library_in(const Rejection& seen) {
  Library looks_like = guess(seen);
  const Process::TlsLibrary* has = library_in(seen.sender, looks_like);
  return has != nullptr ? library_named(has->name) : looks_like;
}

std::string_view program_of(const Rejection& seen) {
  return seen.sender != nullptr ? std::string_view(seen.sender->name) : std::string_view();
}

/// Libraries of which silence is known to mean that the certificate is not trusted.
bool refuses_silently(Library library) {
  return library == Library::node || library == Library::java || library == Library::gnutls;
}

std::string who(const Rejection& seen) {
  const Process* sender = seen.sender;
  if (sender == nullptr || sender->pid == 0) return "the client";
  std::string out = fmt::format("{}[{}]", sender->name, sender->pid);
  return sender->executable.empty() ? out : fmt::format("{} ({})", out, sender->executable);
}

std::string what_happened(const Rejection& seen, bool sure) {
  std::string out = fmt::format("{}: {} ", seen.host.str(), who(seen));
  if (seen.alert) {
    fmt::format_to(std::back_inserter(out), "refused Weir's certificate (alert {})",
                   tls::alert_name(*seen.alert));
  } else if (sure) {
    out += "closed the connection without a word when it saw Weir's certificate";
  } else {
    out +=
        "closed the connection without a word when it saw Weir's certificate: it may not trust it, or was "
        "stopped";
  }
  if (seen.standing.in_a_row > 1)
    fmt::format_to(std::back_inserter(out), ", {} times in a row", seen.standing.in_a_row);
  return out + ". ";
}

std::string library_text(const Process::TlsLibrary& library) {
  return fmt::format("{} ({})", library.name, library.file);
}

std::string which_library(const Rejection& seen) {
  Library looks_like = guess(seen);
  if (const auto* has = library_in(seen.sender, looks_like))
    return fmt::format("It uses {}. ", library_text(*has));
  if (looks_like == Library::unknown) return {};
  const Knowledge& known = knowledge_of(looks_like);
  std::string_view name =
      looks_like == Library::boringssl ? "a browser or an app (BoringSSL, Apple's TLS)" : known.name;
  return fmt::format("Its ClientHello looks like that of {}{}. ", name, known.users);
}

constexpr std::string_view kClocks =
    "its clock and this machine's differ, or it keeps an old certificate: set the clocks right";

std::string what_mends(const Rejection& seen) {
  if (seen.alert == kCertificateExpired) return fmt::format("I{}. ", kClocks.substr(1));
  return fmt::format(
      "{}To trust Weir: {}. `weir ca path` names the file; `weir run -- CMD` sets what CMD "
      "needs. ",
      which_library(seen), mend_for(library_in(seen), program_of(seen)));
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

Library library_named(std::string_view name) {
  auto known = std::ranges::find(kLibraries, name, &Knowledge::name);
  return known == std::end(kLibraries) ? Library::unknown : known->library;
}

std::string_view mend_for(Library library, std::string_view program) {
  // A runtime reads its own variables whatever the program that it runs is called.
  bool runtime = library == Library::java || library == Library::go;
  for (const Program& each : kPrograms)
    if (!runtime && program.starts_with(each.prefix)) return each.mend;
  return knowledge_of(library).mend;
}

flow::Rejection rejection_account(const Rejection& seen) {
  flow::Rejection out;
  if (seen.alert) out.alert = tls::alert_name(*seen.alert);
  Library looks_like = guess(seen);
  if (const auto* has = library_in(seen.sender, looks_like))
    out.library = library_text(*has);
  else
    out.library = knowledge_of(looks_like).name;
  out.mend = seen.alert == kCertificateExpired ? kClocks : mend_for(library_in(seen), program_of(seen));
  return out;
}

Error rejection_error(const Rejection& seen) {
  bool sure = seen.alert || refuses_silently(library_in(seen));
  std::string text = what_happened(seen, sure) + what_mends(seen) + what_follows(seen);
  text.pop_back();  // the space behind the last sentence
  return Error(sure ? Code::client_rejected_certificate : Code::client_tls_failed, std::move(text));
}

}  // namespace weir::proxy
