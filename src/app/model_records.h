// ModelRecords: from the calls that a ModelWatch sees to the rows of the store: linked, redacted and priced.
#pragma once

#include <memory>

#include "app/budgets.h"
#include "app/model_settings.h"
#include "app/model_watch.h"
#include "app/price_book.h"
#include "flow/redactor.h"
#include "llm/cost.h"
#include "llm/traces.h"
#include "store/session_store.h"

namespace weir::app {

class ModelRecords {
 public:
  /// What it refers to outlives it. `store` null: nothing is recorded; `budgets` null: nothing is accounted
  /// for. `redactor`, of the user's rules, may be null.
  ModelRecords(store::SessionStore* store, Budgets* budgets, PriceBook& prices, const ModelOptions& options,
               std::shared_ptr<const flow::Redactor> redactor);
  /// Stores what has been seen.
  ~ModelRecords() = default;

  proxy::Onlookers& onlookers() { return watch_; }

 private:
  void record(WatchedCall seen);
  void record(llm::McpCall seen);
  void redact(llm::ModelCall& call) const;
  void redact(llm::McpCall& call) const;
  void redact(llm::Preview& preview) const;
  void redact(llm::PromptSample& sample) const;
  void redact(std::string& text) const;

  store::SessionStore* const store_;
  Budgets* const budgets_;
  PriceBook& prices_;
  const bool previews_;
  const std::shared_ptr<const flow::Redactor> redactor_, known_secrets_;
  llm::Traces traces_;  // of the watch's thread
  ModelWatch watch_;    // ends first
};

}  // namespace weir::app
