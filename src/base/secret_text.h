// SecretText: a secret among settings, which are copied.
#pragma once

#include <memory>
#include <string_view>

#include "base/secret_bytes.h"

namespace weir {

/// All copies share one SecretBytes, which never changes; any thread may read it. There is no way to print
/// one. Whoever makes one out of a text owns that text's end.
class SecretText {
 public:
  SecretText() = default;
  /// std::bad_alloc when there is no memory, as with any text.
  explicit SecretText(std::string_view text);
  explicit SecretText(SecretBytes bytes);
  SecretText& operator=(std::string_view text) { return *this = SecretText(text); }

  /// Valid as long as a copy is there.
  std::string_view reveal() const { return bytes_ ? bytes_->reveal() : std::string_view(); }
  bool empty() const { return reveal().empty(); }
  friend bool operator==(const SecretText& a, const SecretText& b) {
    return same_secret(a.reveal(), b.reveal());
  }
  friend bool operator==(const SecretText& a, std::string_view b) { return same_secret(a.reveal(), b); }

 private:
  std::shared_ptr<const SecretBytes> bytes_;  // null = empty
};

}  // namespace weir
