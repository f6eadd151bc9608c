#include "llm/bedrock_invoke_reader.h"

#include <chrono>

#include "base/ascii.h"
#include "base/hash.h"
#include "llm/anthropic_reader.h"
#include "llm/bedrock_converse_reader.h"
#include "llm/openai_chat_reader.h"
#include "llm/reading.h"

namespace weir::llm {
namespace {

/// Where a count goes, by the end of its name in headers, and its name in the metrics of a chunk.
struct CountName {
  std::string_view header, metric;
  std::optional<std::int64_t> Usage::* count;
};
constexpr CountName kCounts[] = {
    {"x-amzn-bedrock-input-token-count", "inputTokenCount", &Usage::input_fresh},
    {"x-amzn-bedrock-output-token-count", "outputTokenCount", &Usage::output},
    {"x-amzn-bedrock-cache-read-input-token-count", "cacheReadInputTokenCount", &Usage::cache_read},
    {"x-amzn-bedrock-cache-write-input-token-count", "cacheWriteInputTokenCount", &Usage::cache_write},
};

void read_latency(std::optional<std::int64_t> ms, ModelCall& call) {
  if (ms && *ms >= 0 && *ms < 1'000'000'000) call.timing.generation = std::chrono::milliseconds(*ms);
}

void read_metrics(std::string_view chunk, Usage& counted, ModelCall& call) {
  JsonCursor json(chunk);
  json.each_member([&](std::string_view key) {
    if (key != "amazon-bedrock-invocationMetrics") return;
    json.each_member([&](std::string_view metric) {
      if (metric == "invocationLatency") return read_latency(json.integer(), call);
      for (const CountName& each : kCounts)
        if (metric == each.metric) return void(counted.*each.count = json.integer());
    });
  });
}

/// The bytes that a chunk carries; nothing where it has none.
std::optional<std::string> payload_of(std::string_view data) {
  JsonCursor json(data);
  std::optional<std::string> payload;
  json.each_member([&](std::string_view key) {
    if (key == "bytes") payload = from_base64(json.word());
  });
  return payload;
}

void read_stop(JsonCursor& json, ModelCall& call) {
  if (json.kind() != JsonCursor::Kind::string) return;
  json.read(call.stop_reason, 64);
  std::string reason = lower(call.stop_reason);
  call.finish = reason == "length" || reason == "max_tokens" ? Finish::length
                : reason.contains("filter")                  ? Finish::content_filter
                                                             : Finish::stop;
}

}  // namespace

void BedrockInvokeReader::request(std::string_view body, bool cut, ModelCall& call) {
  std::string model = bedrock_model(call.path);
  if (model.contains("anthropic.") || body.contains("\"anthropic_version\""))
    inner_ = std::make_unique<AnthropicReader>();
  else if (model.contains("openai."))
    inner_ = std::make_unique<OpenAiChatReader>();
  else if (model.contains("amazon.nova"))
    inner_ = std::make_unique<BedrockConverseReader>(), wrapped_ = true;
  if (inner_) inner_->request(body, cut, call);
  call.model_asked = std::move(model);
}

void BedrockInvokeReader::response_head(const http::ResponseHead& head, ModelCall& call) {
  for (auto [spelled, value] : head.fields) {
    std::string name = lower(spelled);
    auto number = parse_decimal(value);
    if (!number || *number > INT64_MAX) continue;
    if (name == "x-amzn-bedrock-invocation-latency") read_latency(static_cast<std::int64_t>(*number), call);
    for (const CountName& each : kCounts)
      if (name == each.header) counted_.*each.count = static_cast<std::int64_t>(*number);
  }
}

// Llama says `generation`, Titan `outputText`, Mistral `outputs[].text`, Cohere `text`.
Progress BedrockInvokeReader::plain(std::string_view text, ModelCall& call) {
  JsonCursor json(text);
  bool content = false;
  auto append = [&] {
    auto said = json.string();
    if (!said || said->raw.empty()) return;
    call.text.append(*said, kPreviews.text);
    content = true;
  };
  auto member = [&](std::string_view key) {
    if (key == "generation" || key == "outputText" || key == "text") append();
    if (key == "stop_reason" || key == "completionReason" || key == "finish_reason") read_stop(json, call);
  };
  json.each_member([&](std::string_view key) {
    if (key == "outputs" || key == "results" || key == "generations")
      json.each_element([&] { json.each_member(member); });
    member(key);
  });
  mark_if_broken(json, false, "event", call);
  return content ? Progress::content : Progress::other;
}

Progress BedrockInvokeReader::inside(std::string_view json, bool cut, ModelCall& call) {
  if (!inner_) return plain(json, call);
  if (!wrapped_) return inner_->event({.name = {}, .data = json, .cut = cut}, call);
  // Nova's events are the only member of an object: {"contentBlockDelta":{...}}.
  auto progress = Progress::other;
  JsonCursor outer(json);
  outer.each_member([&](std::string_view name) {
    if (name.starts_with("amazon-bedrock-")) return;
    Progress came = inner_->event({.name = name, .data = outer.raw(), .cut = cut}, call);
    if (came != Progress::other) progress = came;
  });
  return progress;
}

Progress BedrockInvokeReader::event(const StreamEvent& event, ModelCall& call) {
  if (event.exception) return read_aws_exception(event, call), Progress::end;
  auto payload = payload_of(event.data);
  if (!payload) return call.mark_parse_error("a chunk has no payload in base64"), Progress::other;
  bool last = payload->contains("amazon-bedrock-invocationMetrics");
  if (last) read_metrics(*payload, counted_, call);
  Progress progress = inside(*payload, event.cut, call);
  return last ? Progress::end : progress == Progress::end ? Progress::other : progress;
}

void BedrockInvokeReader::document(std::string_view body, bool cut, ModelCall& call) {
  if (inner_) return inner_->document(body, cut, call);
  plain(body, call);
}

void BedrockInvokeReader::finish(ModelCall& call) {
  if (inner_) inner_->finish(call);
  if (call.usage.empty() || !call.usage.output) {
    Usage counted = counted_;
    counted.merge(call.usage);
    call.usage = std::move(counted);
  }
}

}  // namespace weir::llm
