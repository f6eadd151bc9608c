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

}  // namespace

Result<ClientIdentity> load_identity(const ClientCertificate& from) {
  auto refuse = [&](Code code, std::string_view why) {
    return fail(code, fmt::format("client certificate for {}: {}", from.hosts, why));
  };
  auto identity = read_identity(from);
  if (!identity) return refuse(identity.error().code(), identity.error().context());
  bool pair = X509_check_private_key(identity->certificate.get(), identity->key.get()) == 1;
  ERR_clear_error();
  if (!pair)
    return refuse(Code::bad_certificate,
                  fmt::format("the key in {} is not that of the first certificate in {}",
                              (from.key.empty() ? from.certificate : from.key).string(), identity->file));
  warn_of_dates(*identity, from.hosts);
  return identity;
}

}  // namespace weir::tls
