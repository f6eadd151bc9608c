// Settings of [models] to what the rooms take.
#pragma once

#include <memory>
#include <vector>

#include "config/settings.h"
#include "flow/redactor.h"
#include "llm/cost.h"
#include "llm/recognise.h"

namespace weir::app {

/// Immutable once made.
struct ModelOptions {
  bool enabled = true;                                  ///< false: budgets alone look at calls
  bool previews = true;                                 ///< texts are kept, not only their lengths
  std::shared_ptr<const flow::Redactor> known_secrets;  ///< null: for the user's own rules alone
  llm::Recogniser recogniser;
  std::vector<llm::OwnPrice> prices;
};

Result<ModelOptions> model_options(const config::ModelSettings& settings);

/// The user's own, the first that fits before the others.
std::vector<llm::OwnPrice> own_prices(const config::ModelSettings& settings);

}  // namespace weir::app
