#include "app/model_records.h"

#include <utility>

namespace weir::app {

ModelRecords::ModelRecords(store::SessionStore* store, Budgets* budgets, PriceBook& prices,
                           std::shared_ptr<const flow::Redactor> redactor)
    : store_(store),
      budgets_(budgets),
      prices_(prices),
      redactor_(std::move(redactor)),
      watch_(llm::Recogniser(), {.unrecorded = budgets != nullptr},
             {[this](WatchedCall seen) { record(std::move(seen)); },
              [this](llm::McpCall seen) { record(std::move(seen)); },
              [this](flow::FlowId flow) {
                if (budgets_) budgets_->ended(flow, nullptr);
              }}) {}

void ModelRecords::record(WatchedCall seen) {
  if (budgets_) budgets_->ended(seen.flow, &seen.call);
  if (!store_ || !seen.recorded) return;
  auto out = std::make_unique<store::ModelRecord>();
  llm::Cost cost = prices_.pricing().price(seen.call);
  out->cost_pico = cost.amount;
  out->cost_source = llm::name(cost.source);
  out->unpriced = llm::name(cost.reason);
  out->priced_as = std::move(cost.model);
  out->flow = seen.flow;
  out->process = std::move(seen.process);
  out->device = std::move(seen.device);
  out->call = std::move(seen.call);
  traces_.link(out->call);
  redact(out->call);
  store_->model_call(std::move(out));
}

void ModelRecords::record(llm::McpCall seen) {
  if (!store_) return;
  if (seen.arguments_fingerprint)
    seen.ran_for = traces_.ran(seen.name, *seen.arguments_fingerprint, seen.started);
  redact(seen);
  store_->mcp_call(std::make_unique<store::McpRecord>(store::McpRecord{std::move(seen), {}, {}}));
}

// What a secret may stand in: everything that somebody wrote. Lengths stay those of what was said.
void ModelRecords::redact(llm::ModelCall& call) const {
  for (llm::Preview* preview :
       {&call.text, &call.thinking, &call.system_prompt, &call.user_text, &call.refusal})
    redact(preview->text);
  for (llm::ToolCall& tool : call.tool_calls) redact(tool.arguments.text);
  for (llm::ToolResult& result : call.tool_results) redact(result.content.text);
  for (std::string* text : {&call.error_message, &call.user_id, &call.session_id, &call.conversation_id,
                            &call.client, &call.path, &call.agent_id})
    redact(*text);
  for (auto& [name, value] : call.rate_limits) redact(value);
}

void ModelRecords::redact(llm::McpCall& call) const {
  for (std::string* text :
       {&call.path, &call.session_id, &call.server, &call.server_version, &call.client, &call.client_version,
        &call.name, &call.id, &call.arguments.text, &call.result.text, &call.error_message, &call.page})
    redact(*text);
  for (llm::McpTool& tool : call.tools) redact(tool.name), redact(tool.title);
}

void ModelRecords::redact(std::string& text) const {
  if (redactor_ && !text.empty()) text = redactor_->text(text);
}

}  // namespace weir::app
