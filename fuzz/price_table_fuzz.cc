// Price tables from anybody: whatever they say, a call has a price that is none or not negative, and the rows
// that were understood can all be read.
#include "harness.h"
#include "llm/cost.h"

namespace weir::fuzz {
namespace {

void priced(const llm::PriceTable& table, const llm::PriceProvider& provider, const llm::PricedModel& model) {
  require(!model.prices.empty(), "a model has prices");
  llm::ModelCall call;
  call.provider = provider.id;
  call.model_served = model.id;
  call.usage.input = 1'000'000;
  call.usage.cache_read = 300'000;
  call.usage.output = INT64_MAX;
  call.usage.reasoning = 7;
  call.usage.settle();
  for (WallNanos at : {WallNanos{0}, WallNanos{1'795'176'000'000'000'000}, WallNanos{INT64_MAX}}) {
    for (const llm::UnitPrice& each : model.at(at).units) {
      require(each.price >= 0 && each.above >= -1, "no price is negative");
      require(model.at(at).of(each.unit, INT64_MAX).has_value(), "what has a price has one for a large call");
    }
    call.started = at;
    llm::Cost cost = llm::Pricing(table).price(call);
    require(!cost.amount || *cost.amount >= 0, "no cost is negative");
    require(cost.amount.has_value() == (cost.reason == llm::Unpriced::none), "a cost, or why there is none");
  }
}

}  // namespace
}  // namespace weir::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir;
  std::vector<char> copy(data, data + size);
  auto table = llm::PriceTable::parse({copy.data(), copy.size()});
  if (!table) {
    fuzz::require(!table.error().context().empty(), "a refusal says why");
    return 0;
  }
  std::size_t models = 0;
  constexpr std::size_t kMost = 64;
  for (const llm::PriceProvider& provider : table->providers())
    for (const llm::PricedModel& model : provider.models)
      if (models++ < kMost) fuzz::priced(*table, provider, model);
  fuzz::require(models > 0, "a table has models");
  return 0;
}
