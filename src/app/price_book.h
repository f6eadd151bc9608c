// PriceBook: the prices in force, read when the first call is to be priced.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "llm/cost.h"

namespace weir::app {

/// Thread-safe.
class PriceBook {
 public:
  /// `own`: the user's, before all others.
  explicit PriceBook(std::vector<llm::OwnPrice> own = {}) : own_(std::move(own)) {}

  /// Reads the disk the first time (app/price_file.h): off the loops. A table that cannot be read is said in
  /// the log, and the built-in one stands in.
  const llm::Pricing& pricing();

 private:
  void load();

  std::once_flag loaded_;
  std::vector<llm::OwnPrice> own_;
  std::unique_ptr<const llm::PriceTable> table_;
  std::unique_ptr<const llm::Pricing> pricing_;
};

}  // namespace weir::app
