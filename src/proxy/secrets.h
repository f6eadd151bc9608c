// Secrets: where the walk gets what goes in the place of placeholders. Who reads and renews them is behind
// it.
#pragma once

#include <functional>
#include <memory>

#include "broker/binding.h"
#include "broker/guard.h"
#include "broker/secret.h"

namespace weir::proxy {

/// Thread-safe; outlives the walks.
class Secrets {
 public:
  virtual ~Secrets() = default;

  virtual const broker::Bindings& bindings() const = 0;
  /// What must not leave, as of now: secrets change.
  virtual std::shared_ptr<const broker::Guard> guard() const = 0;

  /// The secret of an active binding, if it is at hand and good; else null, and it has to be fetched.
  virtual broker::SecretPtr at_hand(std::size_t binding) = 0;
  /// credential_failed: why it cannot be had. Called on any thread, once.
  using Reply = std::move_only_function<void(Result<broker::SecretPtr>)>;
  virtual void fetch(std::size_t binding, Reply reply) = 0;
  /// The origin would not have it (401): the next request gets a new one, where there can be one.
  virtual void rejected(std::size_t binding, const broker::SecretPtr& secret) = 0;
  /// It is about to leave, as it should.
  virtual void used(std::size_t binding) = 0;
};

}  // namespace weir::proxy
