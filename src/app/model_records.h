// ModelRecords: from the calls that a ModelWatch sees to the rows of the store: redacted and priced.
#pragma once

#include <memory>

#include "app/model_watch.h"
#include "flow/redactor.h"
#include "llm/cost.h"
#include "store/session_store.h"

namespace weir::app {

class ModelRecords {
 public:
  /// `store` outlives it. `redactor` may be null. The prices in force (app/price_file.h) are read with the
  /// first call, on the watch's thread.
  ModelRecords(store::SessionStore& store, std::shared_ptr<const flow::Redactor> redactor);
  /// Stores what has been seen.
  ~ModelRecords() = default;

  proxy::Onlookers& onlookers() { return watch_; }

 private:
  void record(WatchedCall seen);
  void redact(llm::ModelCall& call) const;
  const llm::Pricing& pricing();

  store::SessionStore& store_;
  const std::shared_ptr<const flow::Redactor> redactor_;
  std::unique_ptr<const llm::PriceTable> table_;  // these two of the watch's thread
  std::unique_ptr<const llm::Pricing> pricing_;
  ModelWatch watch_;  // ends first
};

}  // namespace weir::app
