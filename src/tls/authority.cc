#include "tls/authority.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "base/hash.h"
#include "base/log.h"
#include "tls/certificate.h"
#include "tls/draft.h"
#include "tls/file.h"
#include "tls/leaf_key.h"
#include "tls/private_key.h"

namespace weir::tls {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMaxPem = 1 << 20;
constexpr std::int64_t kDay = 24 * 60 * 60;
constexpr int kAuthorityDays = 3652;
constexpr int kMinSecurityBits = 112;  // RSA 2048, P-224

std::int64_t unix_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Failure refuse(std::string context) { return fail(Code::bad_certificate, std::move(context)); }

KeyText key_to_pem(EVP_PKEY* key) {
  BioPtr out(BIO_new(BIO_s_secmem()));
  PEM_write_bio_PKCS8PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return {contents(out.get())};
}

Result<void> require_private(const fs::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return fail_errno(Code::io, "stat " + path.string(), errno);
  if ((status.st_mode & 077) == 0) return {};
  return refuse(fmt::format(
      "{} can be read by others (mode {:04o}); run: chmod 600 {} - and if somebody may have read it, "
      "replace it with: weir ca rotate",
      path.string(), status.st_mode & 07777, path.string()));
}

/// The folder exists and nobody else can put files into it.
Result<void> prepare_folder(const fs::path& folder) {
  std::error_code error;
  if (folder.has_parent_path()) fs::create_directories(folder.parent_path(), error);
  if (error)
    return fail(Code::io, fmt::format("create {}: {}", folder.parent_path().string(), error.message()));
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return fail_errno(Code::io, "create " + folder.string(), errno);
  struct stat status{};
  if (::stat(folder.c_str(), &status) != 0) return fail_errno(Code::io, "stat " + folder.string(), errno);
  if (!S_ISDIR(status.st_mode)) return fail(Code::io, folder.string() + " is not a folder");
  if ((status.st_mode & 022) == 0) return {};
  return refuse(fmt::format("others can write into {} (mode {:04o}); run: chmod 700 {}", folder.string(),
                            status.st_mode & 07777, folder.string()));
}

Result<void> check_pair(X509* certificate, EVP_PKEY* key, const fs::path& where) {
  bool match = X509_check_private_key(certificate, key) == 1;
  ERR_clear_error();
  if (!match)
    return refuse(
        fmt::format("the certificate and the key in {} do not belong together; put the right pair there, or "
                    "make a new one with: weir ca rotate",
                    where.string()));
  // 1 = CA:TRUE; the other positive answers are guesses about certificates without BasicConstraints.
  if (X509_check_ca(certificate) != 1)
    return refuse(fmt::format(
        "{} in {} is no CA certificate (CA:TRUE, keyCertSign); import one that is, or run: weir ca rotate",
        subject_text(certificate), where.string()));
  if ((!EVP_PKEY_is_a(key, "RSA") && !EVP_PKEY_is_a(key, "EC")) ||
      EVP_PKEY_get_security_bits(key) < kMinSecurityBits)
    return refuse(fmt::format("the key in {} is neither RSA of at least 2048 bits nor EC of at least 224",
                              where.string()));
  return {};
}

Result<void> check_dates(X509* certificate, const fs::path& where) {
  std::int64_t now = unix_now();
  if (not_after_of(certificate) < now)
    return refuse(fmt::format(
        "the CA in {} expired on {}; make a new one with: weir ca rotate - and trust that in the clients",
        where.string(), iso_date(not_after_of(certificate))));
  if (not_before_of(certificate) > now)
    return refuse(fmt::format("the CA in {} is valid only from {}; check this machine's clock",
                              where.string(), iso_time(not_before_of(certificate))));
  return {};
}

/// "user@host", printable ASCII, for a person who finds the CA in a trust store.
std::string owner() {
  char host[256] = "localhost";
  gethostname(host, sizeof host - 1);
  char buffer[4096];
  passwd entry{};
  passwd* found = nullptr;
  getpwuid_r(geteuid(), &entry, buffer, sizeof buffer, &found);
  std::string text = fmt::format("{}@{}", found ? found->pw_name : std::to_string(geteuid()), host);
  for (char& c : text)
    if (c <= ' ' || c >= 0x7F) c = '_';
  return text;
}

std::string new_common_name() {
  unsigned char id[2];
  fill_random(id, sizeof id);
  constexpr std::size_t kMaxOwner = 64 - std::string_view("Weir CA 0000 ()").size();  // ub-common-name
  return fmt::format("Weir CA {:02x}{:02x} ({})", id[0], id[1], owner().substr(0, kMaxOwner));
}

Result<X509Ptr> issue(EVP_PKEY* key) {
  std::int64_t from = unix_now() - kDay;
  return Draft()
      .subject("Weir", new_common_name())
      .self_issued()
      .valid(from, from + kAuthorityDays * kDay - 1)
      .key(key)
      .authority(0)
      .key_usage({5, 6})
      .sign(key);
}

}  // namespace

/// One CA folder, for the length of one call. What changes files runs under the lock.
class AuthorityFolder {
 public:
  explicit AuthorityFolder(fs::path folder) : folder_(std::move(folder)) {}

  bool has_certificate() const { return fs::exists(certificate_path()); }
  bool has_key() const { return fs::exists(key_path()); }
  bool empty() const { return !has_certificate() && !has_key(); }

  Result<void> lock() {
    auto locked = lock_file(folder_ / "ca.lock");
    if (!locked) return pass(locked);
    lock_ = std::move(*locked);
    return {};
  }

  Result<Authority> load() const;
  /// A pair that load accepts. A key that stands alone is what a crash in `replace` leaves: it gets a
  /// certificate.
  Result<void> complete();
  /// Retires the present certificate and puts this pair in its place.
  Result<void> replace(std::string_view certificates, EVP_PKEY* key);

 private:
  fs::path certificate_path() const { return folder_ / "ca.pem"; }
  fs::path key_path() const { return folder_ / "ca.key"; }
  Result<void> retire() const;
  std::vector<X509Ptr> retired() const;

  fs::path folder_;
  UniqueFd lock_;
};

namespace {

/// The parts that do not depend on the folder.
Result<std::pair<std::vector<X509Ptr>, PkeyPtr>> read_pair(const fs::path& certificate, const fs::path& key) {
  auto pem = read_file(certificate, kMaxPem);
  if (!pem) return pass(pem);
  auto certificates = parse_certificates(*pem, certificate.string());
  if (!certificates) return pass(certificates);
  auto private_key = read_key(key);
  if (!private_key) return pass(private_key);
  X509* first = certificates->front().get();
  if (auto checked = check_pair(first, private_key->get(), certificate.parent_path()); !checked)
    return pass(checked);
  if (auto checked = check_dates(first, certificate.parent_path()); !checked) return pass(checked);
  return std::pair(std::move(*certificates), std::move(*private_key));
}

std::string all_to_pem(const std::vector<X509Ptr>& certificates) {
  std::string out;
  for (const X509Ptr& each : certificates) out += to_pem(each.get());
  return out;
}

}  // namespace

Result<Authority> AuthorityFolder::load() const {
  if (!has_key())
    return refuse(
        fmt::format("{} is there but {} is not; put the key back, or make a new CA with: weir ca rotate",
                    certificate_path().string(), key_path().string()));
  if (auto checked = require_private(key_path()); !checked) return pass(checked);
  auto pair = read_pair(certificate_path(), key_path());
  if (!pair) return pass(pair);
  auto leaf_key = new_leaf_key();
  if (!leaf_key) return pass(leaf_key);
  auto& [certificates, key] = *pair;
  Authority out;
  out.folder_ = folder_;
  out.certificate_ = share(certificates.front().get());
  out.key_ = std::move(key);
  out.leaf_key_ = std::move(*leaf_key);
  for (X509Ptr& each : certificates)
    if (X509_self_signed(each.get(), 0) != 1) out.chain_.push_back(std::move(each));
  out.retired_ = retired();
  out.pem_ = to_pem(out.certificate());
  out.der_ = to_der(out.certificate());
  Sha256 digest = sha256(out.der_);
  out.sha256_ = hex({reinterpret_cast<const char*>(digest.data()), digest.size()});
  out.subject_ = subject_text(out.certificate());
  out.not_after_ = not_after_of(out.certificate());
  return out;
}

Result<void> AuthorityFolder::complete() {
  if (has_certificate()) return {};
  if (!has_key()) {
    auto key = new_p256_key();
    if (!key) return pass(key);
    if (auto written = write_atomically(key_path(), key_to_pem(key->get()).pem, 0600); !written)
      return written;
  }
  if (auto checked = require_private(key_path()); !checked) return checked;
  auto key = read_key(key_path());
  if (!key) return pass(key);
  auto certificate = issue(key->get());
  if (!certificate) return pass(certificate);
  return write_atomically(certificate_path(), to_pem(certificate->get()), 0644);
}

// The order keeps every state between two steps usable: old pair; old key alone; new key alone; new pair.
Result<void> AuthorityFolder::replace(std::string_view certificates, EVP_PKEY* key) {
  if (has_certificate()) {
    if (auto kept = retire(); !kept) return kept;
    if (::unlink(certificate_path().c_str()) != 0)
      return fail_errno(Code::io, "remove " + certificate_path().string(), errno);
  }
  if (auto written = write_atomically(key_path(), key_to_pem(key).pem, 0600); !written) return written;
  return write_atomically(certificate_path(), certificates, 0644);
}

Result<void> AuthorityFolder::retire() const {
  auto pem = read_file(certificate_path(), kMaxPem);
  if (!pem) return pass(pem);
  auto certificates = parse_certificates(*pem, certificate_path().string());
  if (!certificates) {
    log::warn("the CA certificate that is being replaced cannot be kept: {}", certificates.error().message());
    return {};
  }
  Sha256 digest = fingerprint(certificates->front().get());
  std::string name = "ca-" + hex({reinterpret_cast<const char*>(digest.data()), 4}) + ".pem";
  return write_atomically(folder_ / name, *pem, 0644);
}

std::vector<X509Ptr> AuthorityFolder::retired() const {
  std::vector<X509Ptr> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    std::string name = entry.path().filename().string();
    if (!name.starts_with("ca-") || !name.ends_with(".pem")) continue;
    auto pem = read_file(entry.path(), kMaxPem);
    auto certificates = pem ? parse_certificates(*pem, entry.path().string()) : pass(pem);
    if (certificates) {
      out.push_back(std::move(certificates->front()));
    } else {
      log::warn("a retired CA is not refused as an upstream issuer: {}", certificates.error().message());
    }
  }
  return out;
}

Result<Authority> Authority::load(const fs::path& folder) {
  AuthorityFolder files(folder);
  if (files.empty())
    return fail(Code::not_found,
                fmt::format("there is no CA in {}; `weir serve` or `weir run` makes one", folder.string()));
  // A pair that is being replaced looks wrong for a moment; under the lock it does not.
  if (auto authority = files.load()) return authority;
  if (auto locked = files.lock(); !locked) return files.load();
  return files.load();
}

Result<Authority> Authority::load_or_create(const fs::path& folder) {
  if (auto prepared = prepare_folder(folder); !prepared) return pass(prepared);
  AuthorityFolder files(folder);
  if (files.has_certificate() && files.has_key())
    if (auto authority = files.load()) return authority;
  if (auto locked = files.lock(); !locked) return pass(locked);
  if (auto completed = files.complete(); !completed) return pass(completed);
  return files.load();
}

Result<Authority> Authority::import(const fs::path& folder, const fs::path& certificate,
                                    const fs::path& key) {
  auto pair = read_pair(certificate, key);
  if (!pair) return pass(pair);
  if (auto prepared = prepare_folder(folder); !prepared) return pass(prepared);
  AuthorityFolder files(folder);
  if (auto locked = files.lock(); !locked) return pass(locked);
  if (auto replaced = files.replace(all_to_pem(pair->first), pair->second.get()); !replaced)
    return pass(replaced);
  return files.load();
}

Result<Authority> Authority::rotate(const fs::path& folder) {
  if (auto prepared = prepare_folder(folder); !prepared) return pass(prepared);
  AuthorityFolder files(folder);
  if (auto locked = files.lock(); !locked) return pass(locked);
  auto key = new_p256_key();
  if (!key) return pass(key);
  auto certificate = issue(key->get());
  if (!certificate) return pass(certificate);
  if (auto replaced = files.replace(to_pem(certificate->get()), key->get()); !replaced) return pass(replaced);
  return files.load();
}

}  // namespace weir::tls
