#include "tls/verdict.h"

#include <fmt/format.h>

#include "base/host_port.h"
#include "tls/certificate.h"

namespace weir::tls {
namespace {

constexpr std::size_t kNamesShown = 4;

/// The certificate's part in the chain, as the subject of a sentence.
std::string who(X509* certificate, int depth) {
  return depth == 0 ? "the certificate"
                    : fmt::format("the issuing certificate \"{}\"", subject_text(certificate));
}

Verdict untrusted(int error, X509* certificate) {
  std::string issuer = issuer_text(certificate);
  switch (error) {
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return {Code::upstream_cert_untrusted, fmt::format("self-signed certificate \"{}\"", issuer)};
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return {Code::upstream_cert_untrusted,
              fmt::format("self-signed certificate in the chain: \"{}\" is no trusted root", issuer)};
    default:
      return {Code::upstream_cert_untrusted,
              fmt::format(
                  "the issuer \"{}\" is not trusted here, or the server left an intermediate certificate out",
                  issuer)};
  }
}

Verdict invalid(X509_STORE_CTX* store, X509* certificate) {
  int error = X509_STORE_CTX_get_error(store);
  std::string subject = who(certificate, X509_STORE_CTX_get_error_depth(store));
  switch (error) {
    case X509_V_ERR_INVALID_PURPOSE:
      return {Code::upstream_cert_invalid, fmt::format("{} is not meant for TLS servers", subject)};
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
      return {Code::upstream_cert_invalid, fmt::format("{} has a weak key of {} bits", subject,
                                                       EVP_PKEY_get_bits(X509_get0_pubkey(certificate)))};
    case X509_V_ERR_CA_MD_TOO_WEAK:
      return {Code::upstream_cert_invalid, fmt::format("{} has a weak signature ({})", subject,
                                                       OBJ_nid2ln(X509_get_signature_nid(certificate)))};
    default:
      return {Code::upstream_cert_invalid,
              fmt::format("{}: {}", subject, X509_verify_cert_error_string(error))};
  }
}

}  // namespace

std::string name_mismatch(X509* certificate, std::string_view host) {
  std::vector<std::string> names = names_of(certificate);
  if (names.empty())
    return fmt::format("the certificate \"{}\" has no subjectAltName, so it is not for {}",
                       subject_text(certificate), host);
  std::string list;
  for (std::size_t i = 0; i < names.size() && i < kNamesShown; ++i) list += (i ? ", " : "") + names[i];
  if (names.size() > kNamesShown) list += fmt::format(" and {} more", names.size() - kNamesShown);
  return fmt::format("the certificate is for {}, not {}", list, host);
}

Verdict explain(X509_STORE_CTX* store, std::string_view host) {
  int error = X509_STORE_CTX_get_error(store);
  X509* certificate = X509_STORE_CTX_get_current_cert(store);
  if (certificate == nullptr) certificate = X509_STORE_CTX_get0_cert(store);
  if (certificate == nullptr) return {Code::upstream_cert_invalid, X509_verify_cert_error_string(error)};
  std::string subject = who(certificate, X509_STORE_CTX_get_error_depth(store));
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return {Code::upstream_cert_expired,
              fmt::format("{} expired on {}", subject, iso_date(not_after_of(certificate)))};
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return {Code::upstream_cert_not_yet_valid,
              fmt::format("{} is valid only from {}", subject, iso_time(not_before_of(certificate)))};
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return {Code::upstream_cert_name_mismatch, name_mismatch(certificate, host)};
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
    case X509_V_ERR_CERT_REJECTED: return untrusted(error, certificate);
    default: return invalid(store, certificate);
  }
}

}  // namespace weir::tls
