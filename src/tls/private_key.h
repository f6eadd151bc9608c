// For sources of this room only: private keys from PEM files.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "tls/openssl.h"

namespace weir::tls {

/// A private key as PEM text, wiped when it goes.
struct KeyText {
  std::string pem;
  ~KeyText();
};

/// The first private key of a PEM text. An encrypted one is refused (bad_certificate): nobody is asked for a
/// passphrase. `path` names the text in errors.
Result<PkeyPtr> key_from_pem(std::string_view pem, const std::filesystem::path& path);
/// The same from a file of at most a mebibyte.
Result<PkeyPtr> read_key(const std::filesystem::path& path);

}  // namespace weir::tls
