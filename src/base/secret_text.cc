#include "base/secret_text.h"

#include <new>
#include <utility>

namespace weir {

SecretText::SecretText(std::string_view text) {
  if (text.empty()) return;
  auto bytes = SecretBytes::make(text.size());
  if (!bytes) throw std::bad_alloc();
  bytes->append(text);
  bytes_ = std::make_shared<const SecretBytes>(std::move(*bytes));
}

SecretText::SecretText(SecretBytes bytes) {
  if (!bytes.empty()) bytes_ = std::make_shared<const SecretBytes>(std::move(bytes));
}

}  // namespace weir
