// FakeSecrets: one placeholder and one secret that are looked for, bound to api.test; tests may change them.
#pragma once

#include <string>

#include "proxy/secrets.h"

namespace weir::testing {

inline const std::string kPlaceholder = "ghp_weirAbC123xyzAbC123xyz";
inline const std::string kSecret = "s3cret\"of\\somebody";

class FakeSecrets final : public proxy::Secrets {
 public:
  FakeSecrets() {
    bindings_.resize(1);
    broker::Binding& binding = bindings_[0];
    binding.name = "corp";
    binding.host_texts = {"api.test"};
    binding.hosts = *policy::HostPatterns::compile(binding.host_texts);
    binding.placeholder = kPlaceholder;
    renew(kSecret);
  }
  void renew(const std::string& secret) {
    auto made = std::make_shared<broker::Guard>();
    made->add({0, broker::Guarded::What::placeholder}, kPlaceholder);
    made->add({0, broker::Guarded::What::secret}, secret);
    made->compile();
    guard_ = std::move(made);
  }

  const broker::Bindings& bindings() const override { return bindings_; }
  std::shared_ptr<const broker::Guard> guard() const override { return guard_; }
  broker::SecretPtr at_hand(std::size_t) override { return nullptr; }
  void fetch(std::size_t, Reply reply) override { reply(fail(Code::credential_failed, "there is none")); }
  void rejected(std::size_t, const broker::SecretPtr&) override {}
  void used(std::size_t) override {}

 private:
  broker::Bindings bindings_;
  std::shared_ptr<const broker::Guard> guard_;
};

}  // namespace weir::testing
