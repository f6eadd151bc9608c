#include "tls/trust_bundle.h"

#include <fmt/format.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <optional>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "tls/certificate.h"
#include "tls/file.h"
#include "tls/openssl.h"

namespace weir::tls {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMaxBundle = 16 << 20;

constexpr const char* kPlaces[] = {
    "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Ubuntu, Arch, Gentoo, Alpine
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",                   // older Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",                             // openSUSE
    "/etc/ssl/cert.pem",                                  // Alpine, BSDs, macOS
};

/// The system bundle, read once for one writing.
struct System {
  std::string pem;  ///< empty when there is no bundle
  std::string description = "none";
};

Result<System> read_system() {
  auto path = system_bundle();
  if (!path) {
    log::warn("programs that Weir runs will trust Weir's CA alone: {}", path.error().context());
    return System{};
  }
  struct stat status{};
  if (::stat(path->c_str(), &status) != 0) return fail_errno(Code::io, "stat " + path->string(), errno);
  auto pem = read_file(*path, kMaxBundle);
  if (!pem) return pass(pem);
  return System{std::move(*pem), fmt::format("{} {} {}.{:09}", path->string(), status.st_size,
                                             status.st_mtim.tv_sec, status.st_mtim.tv_nsec)};
}

/// Runs `make` and writes its result to `path` unless "<path>.stamp" says that the file was made of the same
/// things. The stamp is locked meanwhile, so that it always belongs to the file that is there.
template <typename Make>
Result<void> refresh(const fs::path& path, const std::string& stamp, Make&& make) {
  auto lock = lock_file(path.string() + ".stamp");
  if (!lock) return pass(lock);
  auto previous = read_file(path.string() + ".stamp", kMaxBundle);
  if (!previous) return pass(previous);
  if (*previous == stamp && fs::exists(path)) return {};
  // Emptied first: a crash between the two writes then means one writing too many, never one too few.
  if (::ftruncate(lock->get(), 0) != 0)
    return fail_errno(Code::io, "truncate " + path.string() + ".stamp", errno);
  Result<std::string> content = make();
  if (!content) return pass(content);
  if (auto written = write_atomically(path, *content, 0644); !written) return written;
  if (::pwrite(lock->get(), stamp.data(), stamp.size(), 0) != static_cast<ssize_t>(stamp.size()))
    return fail_errno(Code::io, "write " + path.string() + ".stamp", errno);
  return {};
}

/// Builds a Java key store: the JKS format, version 2, with trusted certificate entries only.
/// u4 magic, u4 version, u4 count, then for each entry: u4 tag 2, alias, u8 milliseconds, type, u4 length,
/// DER; at the end SHA-1 of (password in UTF-16BE, "Mighty Aphrodite", everything before). Numbers are
/// big-endian, texts have a u2 length.
class JavaStore {
 public:
  JavaStore() {
    number(0xFEEDFEED, 4);
    number(2, 4);
    number(0, 4);
  }

  void add(std::string_view alias, std::string_view der) {
    number(2, 4);
    text(alias);
    number(static_cast<std::uint64_t>(wall_millis_), 8);
    text("X.509");
    number(der.size(), 4);
    bytes_.append(der);
    ++count_;
  }

  std::string finish(std::string_view password) {
    for (int i = 0; i < 4; ++i)
      bytes_[8 + static_cast<std::size_t>(i)] = static_cast<char>(count_ >> (24 - 8 * i));
    std::string hashed;
    for (char c : password) hashed.append({'\0', c});
    hashed.append("Mighty Aphrodite").append(bytes_);
    unsigned char digest[SHA_DIGEST_LENGTH];
    SHA1(reinterpret_cast<const unsigned char*>(hashed.data()), hashed.size(), digest);
    return bytes_.append(reinterpret_cast<const char*>(digest), sizeof digest);
  }

 private:
  void number(std::uint64_t value, int size) {
    for (int shift = 8 * (size - 1); shift >= 0; shift -= 8) bytes_ += static_cast<char>(value >> shift);
  }
  void text(std::string_view value) {
    number(value.size(), 2);
    bytes_.append(value);
  }

  std::string bytes_;
  std::uint32_t count_ = 0;
  std::int64_t wall_millis_ = wall_now() / 1'000'000;
};

Result<std::string> java_store(const System& system, std::string_view password, const Authority& authority) {
  std::vector<X509Ptr> certificates;
  if (!system.pem.empty()) {
    auto parsed = parse_certificates(system.pem, system.description);
    if (!parsed) return pass(parsed);
    certificates = std::move(*parsed);
  }
  JavaStore store;
  store.add("weir", authority.der());
  std::set<std::string> seen = {authority.sha256_hex()};
  for (const X509Ptr& each : certificates) {
    Sha256 digest = fingerprint(each.get());
    std::string alias = hex({reinterpret_cast<const char*>(digest.data()), digest.size()});
    if (seen.insert(alias).second) store.add(alias, to_der(each.get()));
  }
  return store.finish(password);
}

}  // namespace

Result<fs::path> system_bundle() {
  const char* wanted = std::getenv("SSL_CERT_FILE");
  if (wanted != nullptr && *wanted != '\0' && ::access(wanted, R_OK) == 0) return fs::path(wanted);
  std::string looked;
  for (const char* place : kPlaces) {
    if (::access(place, R_OK) == 0) return fs::path(place);
    looked.append(looked.empty() ? "" : ", ").append(place);
  }
  return fail(Code::not_found, fmt::format("no bundle of trusted roots in SSL_CERT_FILE, {}", looked));
}

Result<void> write_bundle(const fs::path& path, const Authority& authority) {
  auto system = read_system();
  if (!system) return pass(system);
  return refresh(path, fmt::format("pem 1 {} {}", authority.sha256_hex(), system->description),
                 [&]() -> Result<std::string> {
                   std::string pem = std::move(system->pem);
                   if (!pem.empty() && !pem.ends_with('\n')) pem += '\n';
                   return pem + authority.pem();
                 });
}

Result<void> write_java_trust_store(const fs::path& path, std::string_view password,
                                    const Authority& authority) {
  auto system = read_system();
  if (!system) return pass(system);
  Sha256 digest = sha256(password);
  std::string stamp = fmt::format("jks 1 {} {} {}", authority.sha256_hex(), system->description,
                                  hex({reinterpret_cast<const char*>(digest.data()), 4}));
  return refresh(path, stamp, [&] { return java_store(*system, password, authority); });
}

}  // namespace weir::tls
