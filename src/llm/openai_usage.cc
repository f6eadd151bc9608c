#include "llm/openai_usage.h"

#include <string>

#include "llm/json_cursor.h"
#include "llm/reading.h"

namespace weir::llm {
namespace {

void read_input_details(std::string_view name, JsonCursor& json, Usage& usage) {
  json.each_member([&](std::string_view key) {
    if (key == "cached_tokens_details")
      return read_details(json, std::string(name) + ".cached_tokens_details", usage);
    if (json.kind() != JsonCursor::Kind::number) return;
    auto value = json.integer();
    if (key == "cached_tokens")
      usage.cache_read = value;
    else if (key == "cache_write_tokens")
      usage.cache_write = value;
    else if (value)
      usage.set_detail(std::string(name) + '.' + std::string(key.substr(0, 64)), *value);
  });
}

void read_output_details(std::string_view name, JsonCursor& json, Usage& usage) {
  json.each_member([&](std::string_view key) {
    if (json.kind() != JsonCursor::Kind::number) return;
    auto value = json.integer();
    if (key == "reasoning_tokens")
      usage.reasoning = value;
    else if (value)
      usage.set_detail(std::string(name) + '.' + std::string(key.substr(0, 64)), *value);
  });
}

// OpenRouter says a number, Perplexity an object.
void read_cost(JsonCursor& json, Usage& usage) {
  if (json.kind() != JsonCursor::Kind::object) return void(usage.cost_usd = json.number());
  json.each_member([&](std::string_view key) {
    if (key == "total_cost") usage.cost_usd = json.number();
  });
}

/// With a key of one's own at the provider behind OpenRouter `cost` is OpenRouter's fee alone.
struct Upstream {
  bool own_key = false;
  std::optional<double> cost;
};

void read_upstream(std::string_view key, JsonCursor& json, Upstream& upstream) {
  if (key == "is_byok") upstream.own_key = json.boolean().value_or(false);
  if (key != "cost_details") return;
  json.each_member([&](std::string_view detail) {
    if (detail == "upstream_inference_cost") upstream.cost = json.number();
  });
}

// What single hosts add: DeepSeek's cache counts, own bills, Groq's time.
void read_extras(std::string_view key, JsonCursor& json, Usage& usage, ModelCall& call) {
  if (key == "prompt_cache_hit_tokens" && !usage.cache_read) usage.cache_read = json.integer();
  if (key == "cost") read_cost(json, usage);
  if (key == "cost_in_usd_ticks")
    if (auto ticks = json.number()) usage.cost_usd = *ticks / 1e10;
  if (key == "completion_time")
    if (auto seconds = json.number(); seconds && *seconds >= 0 && *seconds < 1e6)
      call.timing.generation = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(*seconds));
}

}  // namespace

void read_openai_usage(std::string_view text, ModelCall& call) {
  Usage usage;
  Upstream upstream;
  JsonCursor json(text);
  json.each_member([&](std::string_view key) {
    if (key == "prompt_tokens" || key == "input_tokens") usage.input = json.integer();
    if (key == "completion_tokens" || key == "output_tokens") usage.output = json.integer();
    if (key == "total_tokens") usage.total = json.integer();
    if (key == "prompt_tokens_details" || key == "input_tokens_details") read_input_details(key, json, usage);
    if (key == "input_token_details") read_input_details("input_tokens_details", json, usage);
    if (key == "output_token_details") read_output_details("output_tokens_details", json, usage);
    if (key == "completion_tokens_details" || key == "output_tokens_details")
      read_output_details(key, json, usage);
    read_extras(key, json, usage, call);
    read_upstream(key, json, upstream);
  });
  if (upstream.own_key && upstream.cost) usage.cost_usd = usage.cost_usd.value_or(0) + *upstream.cost;
  call.usage.merge(usage);
}

void add_reasoning_left_out(Usage& usage) {
  if (!usage.input || !usage.output || !usage.total || usage.reasoning.value_or(0) <= 0) return;
  std::int64_t sum = 0, with = 0;
  if (__builtin_add_overflow(*usage.input, *usage.output, &sum)) return;
  if (__builtin_add_overflow(sum, *usage.reasoning, &with) || with != *usage.total) return;
  usage.output = *usage.output + *usage.reasoning;
}

}  // namespace weir::llm
