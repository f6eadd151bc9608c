#include "llm/anthropic_reader.h"

#include <algorithm>

#include "llm/reading.h"

namespace weir::llm {
namespace {

Finish finish_of(std::string_view stop_reason) {
  if (stop_reason == "max_tokens" || stop_reason == "model_context_window_exceeded") return Finish::length;
  if (stop_reason == "tool_use") return Finish::tool_call;
  if (stop_reason == "refusal") return Finish::content_filter;
  return stop_reason.empty() ? Finish::none : Finish::stop;
}

constexpr std::size_t kMostSteps = 256;

// A count of the whole call, or of one of its steps.
void read_count(std::string_view key, JsonCursor& json, Usage& usage) {
  if (key == "input_tokens") usage.input_fresh = json.integer();
  if (key == "cache_creation_input_tokens") usage.cache_write = json.integer();
  if (key == "cache_read_input_tokens") usage.cache_read = json.integer();
  if (key == "output_tokens") usage.output = json.integer();
  if (key == "cache_creation")
    json.each_member([&](std::string_view span) {
      if (span == "ephemeral_5m_input_tokens") usage.cache_write_5m = json.integer();
      if (span == "ephemeral_1h_input_tokens") usage.cache_write_1h = json.integer();
    });
  if (key == "output_tokens_details")
    json.each_member([&](std::string_view detail) {
      if (detail == "thinking_tokens") usage.reasoning = json.integer();
    });
}

void add_to_detail(Usage& usage, const std::string& name, std::int64_t tokens) {
  std::int64_t sum = 0;
  for (const auto& [known, value] : usage.details)
    if (known == name) sum = value;
  usage.set_detail(name, __builtin_add_overflow(sum, tokens, &sum) ? INT64_MAX : sum);
}

// Steps of a call, each with a bill of its own. What is beside the answer itself (compaction, an adviser, a
// model that fell back) is told by its sums, too.
void read_iterations(JsonCursor& json, ModelCall& call, Usage& usage) {
  Usage sums;
  std::vector<UsageStep> steps;
  json.each_element([&] {
    UsageStep step;
    json.each_member([&](std::string_view key) {
      if (key == "type") json.read(step.kind, 32);
      if (key == "model") json.read(step.model);
      read_count(key, json, step.usage);
    });
    step.usage.settle();
    if (step.kind == "fallback_message" && !step.model.empty()) call.model_served = step.model;
    if (step.kind != "message" && !step.kind.empty()) {
      add_to_detail(sums, "iterations." + step.kind + ".input_tokens", step.usage.input_fresh.value_or(0));
      add_to_detail(sums, "iterations." + step.kind + ".output_tokens", step.usage.output.value_or(0));
    }
    if (steps.size() == kMostSteps) return call.mark_parse_error("usage has more than 256 iterations");
    steps.push_back(std::move(step));
  });
  usage.merge(sums);
  if (!steps.empty()) call.steps = std::move(steps);
}

void read_usage(std::string_view text, ModelCall& call) {
  Usage usage;
  JsonCursor json(text);
  json.each_member([&](std::string_view key) {
    read_count(key, json, usage);
    if (key == "service_tier") json.read(call.service_tier);
    if (key == "speed") json.read(call.speed);
    if (key == "inference_geo") json.read(call.place);
    if (key == "server_tool_use") read_details(json, key, usage);
    if (key == "iterations") read_iterations(json, call, usage);
  });
  call.usage.merge(usage);
}

void read_stop(std::string_view key, JsonCursor& json, ModelCall& call) {
  if (key == "stop_reason") {
    json.read(call.stop_reason, 64);
    call.finish = finish_of(call.stop_reason);
  }
  if (key == "stop_details")
    json.each_member([&](std::string_view detail) {
      if (detail != "explanation") return;
      if (auto text = json.string()) call.refusal.append(*text, kPreviews.text);
    });
}

void add_tool_result(std::string_view text, bool in_response, ModelCall& call) {
  ToolResult* result = call.add_tool_result();
  if (!result) return;
  result->in_response = in_response;
  JsonCursor json(text);
  json.each_member([&](std::string_view key) {
    if (key == "tool_use_id") json.read(result->call_id);
    if (key == "is_error") result->is_error = json.boolean().value_or(false);
    if (key == "content") append_result_text(json.raw(), *result, call);
  });
}

// One message of a request that came after the model last spoke.
void read_blocks(const TrailingMessages::Message& message, ModelCall& call) {
  JsonCursor json(message.content);
  if (json.kind() == JsonCursor::Kind::string) {
    call.user_text.clear();
    return call.user_text.append(*json.string(), kPreviews.system);
  }
  json.each_element([&] {
    std::string_view block = json.raw(), type;
    std::optional<JsonString> text;
    JsonCursor member(block);
    member.each_member([&](std::string_view key) {
      if (key == "type") type = member.word();
      if (key == "text") text = member.string();
    });
    if (type == "tool_result") add_tool_result(block, false, call);
    if (type != "text" || !text) return;
    call.user_text.clear();
    call.user_text.append(*text, kPreviews.system);
  });
}

void read_tools(JsonCursor& json, ModelCall& call) {
  json.each_element([&] {
    std::string name, kind = "function";
    json.each_member([&](std::string_view key) {
      if (key == "name") json.read(name);
      if (key == "type") json.read(kind);
    });
    offer_tool(std::move(name), kind == "custom" ? "function" : std::move(kind), call);
  });
}

}  // namespace

void AnthropicReader::request(std::string_view body, bool cut, ModelCall& call) {
  JsonCursor json(body);
  TrailingMessages trailing;
  json.each_member([&](std::string_view key) {
    if (key == "model") json.read(call.model_asked);
    if (key == "stream") call.stream = json.boolean().value_or(false);
    if (key == "max_tokens") call.max_output_tokens = json.integer();
    if (key == "service_tier") json.read(call.service_tier);
    if (key == "speed") json.read(call.speed);
    if (key == "inference_geo") json.read(call.place);
    if (key == "system") append_text(json.raw(), call.system_prompt, kPreviews.system);
    if (key == "messages") read_messages(json, trailing, call);
    if (key == "tools") read_tools(json, call);
    if (key == "metadata")
      json.each_member([&](std::string_view detail) {
        if (detail == "user_id") json.read(call.user_id, 512);
      });
    if (key == "diagnostics")
      json.each_member([&](std::string_view detail) {
        if (detail == "previous_message_id") json.read(call.previous_id);
      });
  });
  end_request(json, cut, trailing, call, read_blocks);
}

std::size_t AnthropicReader::block(std::string_view text, ModelCall& call) {
  JsonCursor json(text);
  std::string_view type, input;
  std::optional<JsonString> said;
  std::string id, name, server, to_model;
  json.each_member([&](std::string_view key) {
    if (key == "type") type = json.word();
    if (key == "id") json.read(id);
    if (key == "name") json.read(name);
    if (key == "server_name") json.read(server);
    if (key == "input") input = json.raw();
    if (key == "text") said = json.string();
    if (key == "thinking")
      if (auto thought = json.string()) call.thinking.append(*thought, kPreviews.text);
    if (key == "to")
      json.each_member([&](std::string_view detail) {
        if (detail == "model") json.read(to_model);
      });
  });
  if (type == "text" && said) call.text.append(*said, kPreviews.text);
  if (type == "fallback" && !to_model.empty()) call.model_served = to_model;
  if (type.ends_with("_tool_result")) add_tool_result(text, true, call);
  if (type != "tool_use" && type != "server_tool_use" && type != "mcp_tool_use") return kNoTool;
  ToolCall* tool = call.add_tool_call();
  if (!tool) return kNoTool;
  tool->call_id = std::move(id);
  tool->name = std::move(name);
  tool->server = std::move(server);
  tool->origin = type == "tool_use"       ? ToolOrigin::client
                 : type == "mcp_tool_use" ? ToolOrigin::mcp
                                          : ToolOrigin::server;
  if (input != "{}") call.append_arguments(*tool, input);
  tool->arguments_valid = is_json(tool->arguments);
  return call.tool_calls.size() - 1;
}

void AnthropicReader::message(std::string_view text, ModelCall& call) {
  JsonCursor json(text);
  json.each_member([&](std::string_view key) {
    if (key == "id") json.read(call.message_id);
    if (key == "model") json.read(call.model_served);
    if (key == "usage") read_usage(json.raw(), call);
    if (key == "content") json.each_element([&] { block(json.raw(), call); });
    read_stop(key, json, call);
  });
}

void AnthropicReader::block_start(std::int64_t index, std::string_view text, ModelCall& call) {
  std::size_t tool = block(text, call);
  if (tool == kNoTool) return;
  std::erase_if(open_, [&](const OpenBlock& block) { return block.index == index; });
  if (open_.size() < kMaxOpen) open_.push_back({index, tool});
}

Progress AnthropicReader::block_delta(std::int64_t index, std::string_view text, ModelCall& call) {
  JsonCursor json(text);
  auto progress = Progress::other;
  auto append = [&](Preview& preview) {
    auto said = json.string();
    if (!said || said->raw.empty()) return;
    preview.append(*said, kPreviews.text);
    progress = Progress::content;
  };
  json.each_member([&](std::string_view key) {
    if (key == "text") return append(call.text);
    if (key == "thinking") return append(call.thinking);
    if (key != "partial_json") return;
    auto part = json.string();
    if (!part || part->raw.empty()) return;
    progress = Progress::content;
    auto open = std::ranges::find(open_, index, &OpenBlock::index);
    if (open != open_.end()) call.append_arguments(call.tool_calls[open->tool], *part);
  });
  return progress;
}

void AnthropicReader::block_stop(std::int64_t index, ModelCall& call) {
  auto open = std::ranges::find(open_, index, &OpenBlock::index);
  if (open == open_.end()) return;
  ToolCall& tool = call.tool_calls[open->tool];
  tool.arguments_valid = is_json(tool.arguments);
  open_.erase(open);
}

Progress AnthropicReader::event(const StreamEvent& event, ModelCall& call) {
  JsonCursor json(event.data);
  std::string_view type, part;
  std::int64_t index = 0;
  std::string_view usage;
  json.each_member([&](std::string_view key) {
    if (key == "type") type = json.word();
    if (key == "index") index = json.integer().value_or(0);
    if (key == "delta" || key == "content_block" || key == "message") part = json.raw();
    if (key == "usage") usage = json.raw();
  });
  mark_if_broken(json, false, "event", call);
  if (type == "content_block_delta") return block_delta(index, part, call);
  if (type == "content_block_start") return block_start(index, part, call), Progress::other;
  if (type == "content_block_stop") return block_stop(index, call), Progress::other;
  if (type == "message_start") return message(part, call), Progress::other;
  if (type == "message_delta") {
    JsonCursor delta(part);
    delta.each_member([&](std::string_view key) { read_stop(key, delta, call); });
    if (!usage.empty()) read_usage(usage, call);
    return Progress::other;
  }
  if (type == "error") {
    read_error(event.data, call);
    call.finish = Finish::error;
    return Progress::end;
  }
  return type == "message_stop" ? Progress::end : Progress::other;
}

void AnthropicReader::document(std::string_view body, bool cut, ModelCall& call) {
  if (read_error(body, call)) return void(call.finish = Finish::error);
  JsonCursor json(body);
  json.skip();
  mark_if_broken(json, cut, "response", call);
  message(body, call);
}

void AnthropicReader::finish(ModelCall& call) {
  for (const OpenBlock& block : open_) {
    ToolCall& tool = call.tool_calls[block.tool];
    tool.arguments_valid = is_json(tool.arguments);
  }
  open_.clear();
}

}  // namespace weir::llm
