#include "tls/client_identity.h"

#include <fmt/format.h>
#include <time.h>

#include "base/log.h"
#include "tls/certificate.h"
#include "tls/file.h"
#include "tls/private_key.h"

namespace weir::tls {
namespace {

constexpr std::size_t kMaxPem = 1 << 20;

Result<ClientIdentity> read_identity(const ClientCertificate& from) {
  auto text = read_file(from.certificate, kMaxPem);
  if (!text) return pass(text);
  KeyText pem{std::move(*text)};
  auto certificates = parse_certificates(pem.pem, from.certificate.string());
  if (!certificates) return pass(certificates);
  auto key = from.key.empty() ? key_from_pem(pem.pem, from.certificate) : read_key(from.key);
  if (!key) return pass(key);
  ClientIdentity out{from.certificate.string(), std::move(certificates->front()), {}, std::move(*key)};
  certificates->erase(certificates->begin());
  out.chain = std::move(*certificates);
  return out;
}

void warn_of_dates(const ClientIdentity& identity, const std::string& hosts) {
  std::int64_t now = ::time(nullptr);
  if (not_after_of(identity.certificate.get()) < now)
    log::warn("the client certificate for {}, {}, expired on {}", hosts, identity.file,
              iso_date(not_after_of(identity.certificate.get())));
  if (not_before_of(identity.certificate.get()) > now)
    log::warn("the client certificate for {}, {}, is valid only from {}", hosts, identity.file,
              iso_time(not_before_of(identity.certificate.get())));
}

Result<ClientIdentity> read_pair(const ClientCertificate& from) {
  auto identity = read_identity(from);
  if (!identity) return identity;
  bool pair = X509_check_private_key(identity->certificate.get(), identity->key.get()) == 1;
  ERR_clear_error();
  if (pair) return identity;
  return fail(Code::bad_certificate,
              fmt::format("the key in {} is not that of the first certificate in {}",
                          (from.key.empty() ? from.certificate : from.key).string(), identity->file));
}

}  // namespace

Result<ClientIdentity> load_identity(const ClientCertificate& from) {
  auto identity = read_pair(from);
  if (!identity)
    return fail(identity.error().code(),
                fmt::format("client certificate for {}: {}", from.hosts, identity.error().context()));
  warn_of_dates(*identity, from.hosts);
  return identity;
}

Result<LeafPtr> load_server_identity(const std::filesystem::path& certificate,
                                     const std::filesystem::path& key) {
  auto identity = read_pair({.hosts = {}, .matches = {}, .certificate = certificate, .key = key});
  if (!identity) return pass(identity);
  std::int64_t not_after = not_after_of(identity->certificate.get());
  if (not_after < ::time(nullptr))
    log::warn("the certificate in {} expired on {}", certificate.string(), iso_date(not_after));
  return std::make_shared<const Leaf>(Leaf{.host = certificate.string(),
                                           .certificate = std::move(identity->certificate),
                                           .key = std::move(identity->key),
                                           .chain = std::move(identity->chain),
                                           .not_after = not_after});
}

}  // namespace weir::tls
