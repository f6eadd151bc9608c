#include "app/model_records.h"

#include <utility>

#include "app/price_file.h"
#include "base/log.h"
#include "llm/price_data.h"

namespace weir::app {

ModelRecords::ModelRecords(store::SessionStore& store, std::shared_ptr<const flow::Redactor> redactor)
    : store_(store),
      redactor_(std::move(redactor)),
      watch_(llm::Recogniser(), {}, [this](WatchedCall seen) { record(std::move(seen)); }) {}

void ModelRecords::record(WatchedCall seen) {
  auto out = std::make_unique<store::ModelRecord>();
  llm::Cost cost = pricing().price(seen.call);
  out->cost_pico = cost.amount;
  out->cost_source = llm::name(cost.source);
  out->unpriced = llm::name(cost.reason);
  out->priced_as = std::move(cost.model);
  out->flow = seen.flow;
  out->process = std::move(seen.process);
  out->device = std::move(seen.device);
  out->call = std::move(seen.call);
  redact(out->call);
  store_.model_call(std::move(out));
}

// What a secret may stand in: everything that somebody wrote. Lengths stay those of what was said.
void ModelRecords::redact(llm::ModelCall& call) const {
  if (!redactor_) return;
  auto each = [this](std::string& text) {
    if (!text.empty()) text = redactor_->text(text);
  };
  for (llm::Preview* preview :
       {&call.text, &call.thinking, &call.system_prompt, &call.user_text, &call.refusal})
    each(preview->text);
  for (llm::ToolCall& tool : call.tool_calls) each(tool.arguments.text);
  for (llm::ToolResult& result : call.tool_results) each(result.content.text);
  for (std::string* text : {&call.error_message, &call.user_id, &call.session_id, &call.conversation_id,
                            &call.client, &call.path})
    each(*text);
  for (auto& [name, value] : call.rate_limits) each(value);
}

const llm::Pricing& ModelRecords::pricing() {
  if (pricing_) return *pricing_;
  auto table = load_prices();
  if (!table) {
    log::error("{}; calls of models are priced by the built-in table", table.error().context());
    table = llm::PriceTable::parse(llm::price_data());
  }
  if (!table) log::error("the built-in prices cannot be read: {}", table.error().context());
  table_ = std::make_unique<const llm::PriceTable>(table ? std::move(*table) : llm::PriceTable());
  pricing_ = std::make_unique<const llm::Pricing>(*table_);
  return *pricing_;
}

}  // namespace weir::app
