#include "tls/private_key.h"

#include <fmt/format.h>

#include "tls/file.h"

namespace weir::tls {
namespace {

constexpr std::size_t kMaxPem = 1 << 20;

}  // namespace

KeyText::~KeyText() { OPENSSL_cleanse(pem.data(), pem.size()); }

Result<PkeyPtr> key_from_pem(std::string_view pem, const std::filesystem::path& path) {
  // Without this callback OpenSSL would ask for a passphrase on the terminal.
  auto no_passphrase = [](char*, int, int, void* asked) {
    *static_cast<bool*>(asked) = true;
    return -1;
  };
  bool encrypted = false;
  BioPtr in = memory_bio(pem);
  PkeyPtr key(PEM_read_bio_PrivateKey(in.get(), nullptr, no_passphrase, &encrypted));
  if (encrypted) {
    ERR_clear_error();
    return fail(Code::bad_certificate,
                fmt::format("{} is encrypted; decrypt it with: openssl pkey -in {} -out NEW", path.string(),
                            path.string()));
  }
  if (!key)
    return fail_openssl(Code::bad_certificate, fmt::format("{}: no private key in it", path.string()));
  return key;
}

Result<PkeyPtr> read_key(const std::filesystem::path& path) {
  auto text = read_file(path, kMaxPem);
  if (!text) return pass(text);
  KeyText wiped{std::move(*text)};
  return key_from_pem(wiped.pem, path);
}

}  // namespace weir::tls
