#include "app/price_book.h"

#include <utility>

#include "app/price_file.h"
#include "base/log.h"
#include "llm/price_data.h"

namespace weir::app {

const llm::Pricing& PriceBook::pricing() {
  std::call_once(loaded_, [this] { load(); });
  return *pricing_;
}

void PriceBook::load() {
  auto table = load_prices();
  if (!table) {
    log::error("{}; calls of models are priced by the built-in table", table.error().context());
    table = llm::PriceTable::parse(llm::price_data());
  }
  if (!table) log::error("the built-in prices cannot be read: {}", table.error().context());
  table_ = std::make_unique<const llm::PriceTable>(table ? std::move(*table) : llm::PriceTable());
  pricing_ = std::make_unique<const llm::Pricing>(*table_, std::move(own_));
}

}  // namespace weir::app
