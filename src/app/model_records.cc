#include "app/model_records.h"

#include <utility>

#include "flow/known_secrets.h"

namespace weir::app {

ModelRecords::ModelRecords(store::SessionStore* store, Budgets* budgets, PriceBook& prices,
                           const ModelOptions& options, std::shared_ptr<const flow::Redactor> redactor)
    : store_(options.enabled ? store : nullptr),
      budgets_(budgets),
      prices_(prices),
      previews_(options.previews),
      redactor_(std::move(redactor)),
      known_secrets_(options.known_secrets),
      watch_(options.recogniser, {.unrecorded = budgets != nullptr, .mcp = store_ != nullptr},
             {[this](WatchedCall seen) { record(std::move(seen)); },
              [this](llm::McpCall seen) { record(std::move(seen)); },
              [this](flow::FlowId flow) {
                if (budgets_) budgets_->ended(flow, true);
              }}) {}

void ModelRecords::record(WatchedCall seen) {
  if (budgets_) {
    WatchedBill bill{seen.flow, seen.place, seen.process, seen.call, seen.end};
    seen.call.websocket ? budgets_->spent(bill) : budgets_->ended(bill);
  }
  if (!store_ || !seen.recorded) return;
  auto out = std::make_unique<store::ModelRecord>();
  llm::Cost cost = prices_.pricing().price(seen.call);
  out->cost_pico = cost.amount;
  out->cost_source = llm::name(cost.source);
  out->unpriced = llm::name(cost.reason);
  out->priced_as = std::move(cost.model);
  out->flow = seen.flow;
  if (std::int64_t lost = seen.call.prompt.lost; lost > 0)
    out->lost_pico = llm::price_of_loss(prices_.pricing(), seen.call, lost);
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
    redact(*preview);
  for (llm::ToolCall& tool : call.tool_calls) redact(tool.arguments);
  for (llm::ToolResult& result : call.tool_results) redact(result.content);
  for (std::string* text : {&call.error_message, &call.user_id, &call.session_id, &call.conversation_id,
                            &call.client, &call.path, &call.agent_id})
    redact(*text);
  for (auto& [name, value] : call.rate_limits) redact(value);
  redact(call.prompt.path);
  redact(call.prompt.before);
  redact(call.prompt.after);
}

// A secret that the sample would cut is seen in what is around it.
void ModelRecords::redact(llm::PromptSample& sample) const {
  std::string whole = sample.text;
  redact(whole);
  if (!previews_ || whole != sample.text) sample = {};
  sample.cut();
}

void ModelRecords::redact(llm::McpCall& call) const {
  redact(call.arguments);
  redact(call.result);
  for (std::string* text : {&call.path, &call.session_id, &call.server, &call.server_version, &call.client,
                            &call.client_version, &call.name, &call.id, &call.error_message, &call.page})
    redact(*text);
  for (llm::McpTool& tool : call.tools) redact(tool.name), redact(tool.title);
}

// A secret may reach over the end of what is kept.
void ModelRecords::redact(llm::Preview& preview) const {
  std::string& text = preview.text;
  if (!previews_) return std::string().swap(text);
  if (!preview.cut()) return redact(text);
  if (redactor_) text = redactor_->beginning(std::move(text));
  if (!known_secrets_) return;
  text = known_secrets_->text(text);
  text.resize(flow::unfinished_secret(text));
}

void ModelRecords::redact(std::string& text) const {
  if (text.empty()) return;
  if (redactor_) text = redactor_->text(text);
  if (known_secrets_) text = known_secrets_->text(text);
}

}  // namespace weir::app
