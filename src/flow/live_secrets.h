// LiveSecrets: secrets that come and go while Weir runs, for a Redactor.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "flow/secret_finder.h"

namespace weir::flow {

/// Any thread may look and any may replace. The rules of the finders are numbers in `names`.
class LiveSecrets {
 public:
  explicit LiveSecrets(std::vector<std::string> names) : names_(std::move(names)) {}

  const std::vector<std::string>& names() const { return names_; }
  /// Null while there are none.
  std::shared_ptr<const SecretFinder> finder() const { return finder_.load(std::memory_order_acquire); }
  void replace(std::shared_ptr<const SecretFinder> finder) {
    finder_.store(std::move(finder), std::memory_order_release);
  }

 private:
  const std::vector<std::string> names_;
  std::atomic<std::shared_ptr<const SecretFinder>> finder_;
};

}  // namespace weir::flow
