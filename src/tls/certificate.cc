#include "tls/certificate.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <time.h>

#include <algorithm>

#include "tls/openssl.h"

namespace weir::tls {
namespace {

constexpr std::size_t kMaxText = 256;

/// Printable ASCII and nothing else, at most kMaxText bytes.
std::string printable(std::string_view text) {
  std::string out;
  for (char c : text.substr(0, kMaxText)) {
    if (c >= 0x20 && c < 0x7F) {
      out += c;
    } else {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string name_text(const X509_NAME* name) {
  BioPtr out(BIO_new(BIO_s_mem()));
  // RFC 2253 flags escape control bytes; UTF-8 stays readable.
  X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB));
  std::string text = contents(out.get());
  return text.size() > kMaxText ? text.substr(0, kMaxText) + "..." : text;
}

std::string address_text(const ASN1_OCTET_STRING* address) {
  int size = ASN1_STRING_length(address);
  char text[INET6_ADDRSTRLEN] = "";
  if (size == 4 || size == 16)
    inet_ntop(size == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(address), text, sizeof text);
  return text;
}

std::int64_t unix_seconds(const ASN1_TIME* time) {
  tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return 0;
  return timegm(&parts);
}

std::string formatted(std::int64_t unix_seconds, const char* format) {
  time_t seconds = unix_seconds;
  tm parts{};
  gmtime_r(&seconds, &parts);
  char text[40];
  return std::string(text, strftime(text, sizeof text, format, &parts));
}

}  // namespace

Result<std::vector<X509Ptr>> parse_certificates(std::string_view pem, std::string_view what) {
  std::vector<X509Ptr> out;
  BioPtr in = memory_bio(pem);
  while (X509* certificate = PEM_read_bio_X509_AUX(in.get(), nullptr, nullptr, nullptr))
    out.emplace_back(certificate);
  bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (!at_end)
    return fail_openssl(Code::bad_certificate, fmt::format("{}: certificate {}", what, out.size() + 1));
  ERR_clear_error();
  if (out.empty()) return fail(Code::bad_certificate, fmt::format("{}: no PEM certificate in it", what));
  return out;
}

std::string to_pem(X509* certificate) {
  BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(out.get(), certificate);
  return contents(out.get());
}

std::string to_der(X509* certificate) {
  unsigned char* der = nullptr;
  int size = i2d_X509(certificate, &der);
  if (size <= 0) return {};
  std::string out(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

Sha256 fingerprint(X509* certificate) { return sha256(to_der(certificate)); }

Sha256 key_fingerprint(X509* certificate) {
  unsigned char* der = nullptr;
  int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  if (size <= 0) return {};
  Sha256 out = sha256({reinterpret_cast<char*>(der), static_cast<std::size_t>(size)});
  OPENSSL_free(der);
  return out;
}

std::uint32_t subject_hash(X509* certificate) {
  return static_cast<std::uint32_t>(X509_subject_name_hash(certificate));
}

std::string subject_text(X509* certificate) { return name_text(X509_get_subject_name(certificate)); }
std::string issuer_text(X509* certificate) { return name_text(X509_get_issuer_name(certificate)); }

std::vector<std::string> names_of(X509* certificate) {
  Owned<GENERAL_NAMES, GENERAL_NAMES_free> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::vector<std::string> out;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) {
      const ASN1_IA5STRING* text = name->d.dNSName;
      out.push_back(printable({reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                               static_cast<std::size_t>(ASN1_STRING_length(text))}));
    } else if (name->type == GEN_IPADD) {
      out.push_back(address_text(name->d.iPAddress));
    }
  }
  return out;
}

std::int64_t not_before_of(X509* certificate) { return unix_seconds(X509_get0_notBefore(certificate)); }
std::int64_t not_after_of(X509* certificate) { return unix_seconds(X509_get0_notAfter(certificate)); }
std::string iso_time(std::int64_t unix_seconds) { return formatted(unix_seconds, "%Y-%m-%dT%H:%M:%SZ"); }
std::string iso_date(std::int64_t unix_seconds) { return formatted(unix_seconds, "%Y-%m-%d"); }

}  // namespace weir::tls
