#include "app/model_settings.h"

#include <utility>

#include "config/models.h"
#include "flow/known_secrets.h"

namespace weir::app {

Result<ModelOptions> model_options(const config::ModelSettings& settings) {
  ModelOptions out{.enabled = settings.enabled, .previews = settings.previews};
  if (settings.redact) {
    auto known = flow::Redactor::compile({.rules = flow::known_secrets(), .names = {}});
    if (!known) return pass(known);
    out.known_secrets = std::move(*known);
  }
  std::vector<llm::ModelHost> hosts;
  for (config::ModelHost& each : config::all_hosts(settings))
    hosts.push_back({std::move(each.pattern), std::move(each.provider)});
  out.recogniser = llm::Recogniser(std::move(hosts));
  out.prices = own_prices(settings);
  return out;
}

std::vector<llm::OwnPrice> own_prices(const config::ModelSettings& settings) {
  using llm::Unit;
  std::vector<llm::OwnPrice> out;
  for (const config::ModelPrice& each : config::all_prices(settings)) {
    llm::OwnPrice& own = out.emplace_back(llm::OwnPrice{each.provider, each.model, {}});
    auto add = [&own](Unit unit, std::optional<std::int64_t> price) {
      if (price) own.prices.units.push_back({unit, -1, *price});
    };
    add(Unit::input, each.input);
    add(Unit::output, each.output);
    add(Unit::cache_read, each.cache_read);
    add(Unit::cache_write, each.cache_write);
    add(Unit::cache_write_1h, each.cache_write_1h);
  }
  return out;
}

}  // namespace weir::app
