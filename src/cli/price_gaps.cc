#include "cli/price_gaps.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "config/value.h"
#include "flow/text.h"

namespace weir::cli {
namespace {

constexpr std::size_t kMostWidth = 44;

std::string shown(const std::string& text) {
  return text.empty() ? "(unknown)" : flow::fitted(flow::printable(text), kMostWidth);
}

std::string_view why_of(llm::Unpriced reason) {
  switch (reason) {
    case llm::Unpriced::no_model: return "no name of a model was seen";
    case llm::Unpriced::unknown_provider: return "nobody knows who bills for it";
    default: return "not in the table";
  }
}

/// What of it a price would settle.
std::string_view why_of(const llm::Assumptions& assumed, bool recorded_as_estimate) {
  if (assumed.biller) return "whoever made the protocol is taken for who bills";
  if (assumed.version) return "in the table without its date only";
  if (assumed.rate || (recorded_as_estimate && !assumed.unfinished))
    return "served at another tier, speed or place";
  return {};
}

}  // namespace

void PriceGaps::note(Gaps& gaps, const llm::ModelCall& call, std::string_view why) {
  const std::string& model = call.model_served.empty() ? call.model_asked : call.model_served;
  ++gaps[{call.provider, model, std::string(why)}];
}

void PriceGaps::add(const store::ModelRecord& record) {
  ++calls_;
  if (record.cost_source == llm::name(llm::CostSource::provider)) return;
  llm::Cost cost = pricing_.price(record.call);
  if (cost.reason == llm::Unpriced::no_usage) return void(++silent_);
  if (!cost.amount) return note(unpriced_, record.call, why_of(cost.reason));
  late_ += !record.cost_pico;
  bool recorded_as_estimate = record.cost_source == llm::name(llm::CostSource::estimated);
  bool by_table = cost.source == llm::CostSource::table || cost.source == llm::CostSource::estimated;
  if (auto why = why_of(cost.assumed, recorded_as_estimate && by_table); !why.empty())
    note(estimated_, record.call, why);
}

std::string PriceGaps::table(const Gaps& gaps) {
  std::size_t provider = 8, model = 5;
  for (const auto& [gap, calls] : gaps) {
    provider = std::max(provider, shown(gap.provider).size());
    model = std::max(model, shown(gap.model).size());
  }
  std::string out =
      fmt::format("{:<{}}  {:<{}}  {:>7}  WHY\n", "PROVIDER", provider, "MODEL", model, "CALLS");
  for (const auto& [gap, calls] : gaps)
    out += fmt::format("{:<{}}  {:<{}}  {:>7}  {}\n", shown(gap.provider), provider, shown(gap.model), model,
                       calls, gap.why);
  return out;
}

// Empty prices are refused until somebody has filled them in.
std::string PriceGaps::settings() const {
  std::string out;
  std::set<std::pair<std::string, std::string>> done;
  for (const auto& [gap, calls] : unpriced_) {
    if (gap.model.empty() || !done.emplace(gap.provider, gap.model).second) continue;
    out += "\n[[models.prices]]\n";
    if (!gap.provider.empty()) out += "provider = " + config::Value::string(gap.provider).toml() + "\n";
    out += "model = " + config::Value::string(gap.model).toml() + "\n";
    out += "input = \"\"   # dollars for a million tokens\noutput = \"\"\n";
  }
  return out;
}

std::string PriceGaps::text(std::string_view file) const {
  std::string out;
  if (!unpriced_.empty()) out += "Without a price:\n" + table(unpriced_);
  if (!estimated_.empty()) out += (out.empty() ? "" : "\n") + ("Estimated:\n" + table(estimated_));
  if (std::string add = settings(); !add.empty())
    out += fmt::format("\nTo say what they cost, add to {}:\n{}", flow::printable(file), add);
  if (!out.empty()) out += "\n";
  if (late_ > 0)
    out += fmt::format("{} calls were recorded before they had a price; their records keep none\n", late_);
  if (silent_ > 0) out += fmt::format("{} calls did not say what they used\n", silent_);
  out += fmt::format("{} calls looked at; {}\n", calls_,
                     complete() ? "every model has a price" : "not every model has a price");
  return out;
}

void PriceGaps::write(JsonWriter& json, std::string_view name, const Gaps& gaps) {
  json.key(name).begin_array();
  for (const auto& [gap, calls] : gaps) {
    json.begin_object().field("provider", gap.provider).field("model", gap.model);
    json.field("calls", calls).field("why", gap.why).end_object();
  }
  json.end_array();
}

void PriceGaps::write(JsonWriter& json) const {
  json.field("calls", calls_).field("no_usage", silent_).field("recorded_without", late_);
  write(json, "unpriced", unpriced_);
  write(json, "estimated", estimated_);
}

}  // namespace weir::cli
