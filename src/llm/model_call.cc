#include "llm/model_call.h"

#include <algorithm>

#include "llm/json_cursor.h"

namespace weir::llm {
namespace {

constexpr std::size_t kMaxDetails = 64;

template <typename T>
void overwrite(std::optional<T>& mine, const std::optional<T>& newer) {
  if (newer) mine = newer;
}

// Counts come from anybody: sums must not overflow.
std::int64_t plus(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}
std::int64_t at_least_zero(std::int64_t a, std::int64_t minus) {
  std::int64_t rest = 0;
  return __builtin_sub_overflow(a, minus, &rest) ? 0 : std::max<std::int64_t>(rest, 0);
}

}  // namespace

std::string_view name(Protocol protocol) {
  switch (protocol) {
    case Protocol::none: return "";
    case Protocol::anthropic_messages: return "anthropic-messages";
    case Protocol::openai_chat: return "openai-chat";
    case Protocol::openai_completions: return "openai-completions";
    case Protocol::openai_responses: return "openai-responses";
    case Protocol::openai_embeddings: return "openai-embeddings";
    case Protocol::gemini_generate: return "gemini-generate";
    case Protocol::gemini_embed: return "gemini-embed";
    case Protocol::bedrock_converse: return "bedrock-converse";
    case Protocol::bedrock_invoke: return "bedrock-invoke";
    case Protocol::cohere_v1: return "cohere-v1";
    case Protocol::cohere_v2: return "cohere-v2";
    case Protocol::ollama_chat: return "ollama-chat";
    case Protocol::ollama_generate: return "ollama-generate";
    case Protocol::openai_realtime: return "openai-realtime";
  }
  return "";
}

std::string_view name(Finish finish) {
  switch (finish) {
    case Finish::none: return "";
    case Finish::stop: return "stop";
    case Finish::length: return "length";
    case Finish::tool_call: return "tool_call";
    case Finish::content_filter: return "content_filter";
    case Finish::error: return "error";
  }
  return "";
}

std::string_view name(ToolOrigin origin) {
  switch (origin) {
    case ToolOrigin::client: return "client";
    case ToolOrigin::server: return "server";
    case ToolOrigin::mcp: return "mcp";
  }
  return "";
}

void Preview::append(const JsonString& more, std::size_t limit) {
  bytes += append_decoded(text, more, cut() ? 0 : limit);
}

void Preview::append(std::string_view more, std::size_t limit) { append(JsonString{more}, limit); }

void Usage::merge(const Usage& newer) {
  overwrite(input, newer.input);
  overwrite(input_fresh, newer.input_fresh);
  overwrite(cache_read, newer.cache_read);
  overwrite(cache_write, newer.cache_write);
  overwrite(cache_write_5m, newer.cache_write_5m);
  overwrite(cache_write_1h, newer.cache_write_1h);
  overwrite(output, newer.output);
  overwrite(output_visible, newer.output_visible);
  overwrite(reasoning, newer.reasoning);
  overwrite(total, newer.total);
  overwrite(cost_usd, newer.cost_usd);
  for (const auto& [key, value] : newer.details) set_detail(key, value);
}

void Usage::set_detail(std::string_view key, std::int64_t value) {
  for (auto& [known, old] : details)
    if (known == key) return void(old = value);
  if (details.size() < kMaxDetails) details.emplace_back(key.substr(0, 96), value);
}

void Usage::settle() {
  if (!cache_write && (cache_write_5m || cache_write_1h))
    cache_write = plus(cache_write_5m.value_or(0), cache_write_1h.value_or(0));
  std::int64_t cached = plus(cache_read.value_or(0), cache_write.value_or(0));
  if (input_fresh && !input)
    input = plus(*input_fresh, cached);
  else if (input && !input_fresh)
    input_fresh = at_least_zero(*input, cached);
  if (cache_write) cache_write_5m = at_least_zero(*cache_write, cache_write_1h.value_or(0));
  if (output_visible && !output) output = plus(*output_visible, reasoning.value_or(0));
}

bool Usage::empty() const { return !input && !input_fresh && !output && !output_visible && !total; }

std::optional<double> CallTiming::tokens_per_second(const Usage& usage) const {
  if (!usage.output || !first_token || !last_token || content_events < 2) return std::nullopt;
  Duration span = *last_token - *first_token;
  if (span < std::chrono::milliseconds(50)) return std::nullopt;
  return static_cast<double>(*usage.output) / std::chrono::duration<double>(span).count();
}

ToolCall* ModelCall::add_tool_call() {
  ++tool_calls_count;
  if (tool_calls.size() >= kPreviews.tools) return nullptr;
  return &tool_calls.emplace_back();
}

ToolResult* ModelCall::add_tool_result() {
  ++tool_results_count;
  if (tool_results.size() >= kPreviews.tools) return nullptr;
  return &tool_results.emplace_back();
}

void ModelCall::append_bounded(Preview& preview, const JsonString& more, std::size_t limit) {
  std::size_t room = kPreviews.tool_texts - std::min(kPreviews.tool_texts, tool_text_bytes_);
  std::size_t before = preview.text.size();
  preview.append(more, std::min(limit, before + room));
  tool_text_bytes_ += preview.text.size() - before;
}

void ModelCall::append_arguments(ToolCall& call, const JsonString& more) {
  append_bounded(call.arguments, more, kPreviews.arguments);
}

void ModelCall::append_arguments(ToolCall& call, std::string_view json) {
  append_arguments(call, JsonString{json});
}

void ModelCall::append_result(ToolResult& result, const JsonString& more) {
  append_bounded(result.content, more, kPreviews.result);
}

void ModelCall::append_result(ToolResult& result, std::string_view json) {
  append_result(result, JsonString{json});
}

}  // namespace weir::llm
