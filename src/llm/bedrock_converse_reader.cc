#include "llm/bedrock_converse_reader.h"

#include <chrono>

#include "llm/recognise.h"

namespace weir::llm {
namespace {

Finish finish_of(std::string_view reason) {
  if (reason == "max_tokens" || reason == "model_context_window_exceeded") return Finish::length;
  if (reason == "tool_use") return Finish::tool_call;
  if (reason == "guardrail_intervened" || reason == "content_filtered") return Finish::content_filter;
  if (reason.starts_with("malformed_")) return Finish::error;
  return reason.empty() ? Finish::none : Finish::stop;
}

void read_tools(JsonCursor& json, ModelCall& call) {
  json.each_element([&] {
    json.each_member([&](std::string_view kind) {
      std::string name;
      json.each_member([&](std::string_view key) {
        if (key == "name") json.read(name);
      });
      if (kind != "cachePoint")
        offer_tool(name.empty() ? std::string(kind) : std::move(name), "function", call);
    });
  });
}

void read_tool_result(JsonCursor& json, ModelCall& call) {
  ToolResult* result = call.add_tool_result();
  if (!result) return json.skip();
  json.each_member([&](std::string_view key) {
    if (key == "toolUseId") json.read(result->call_id);
    if (key == "status") result->is_error = json.word() == "error";
    if (key == "content") append_result_text(json.raw(), *result, call);
  });
}

void read_blocks(const TrailingMessages::Message& message, ModelCall& call) {
  JsonCursor json(message.content);
  Preview said;
  json.each_element([&] {
    json.each_member([&](std::string_view key) {
      if (key == "toolResult") read_tool_result(json, call);
      if (key != "text") return;
      if (auto text = json.string()) said.append(*text, kPreviews.system);
    });
  });
  if (!said.empty()) call.user_text = std::move(said);
}

void read_cache_details(JsonCursor& json, Usage& usage) {
  json.each_element([&] {
    std::string_view ttl;
    std::optional<std::int64_t> tokens;
    json.each_member([&](std::string_view key) {
      if (key == "ttl") ttl = json.word();
      if (key == "inputTokens") tokens = json.integer();
    });
    if (tokens) (ttl == "1h" ? usage.cache_write_1h : usage.cache_write_5m) = tokens;
  });
}

void read_usage(JsonCursor& json, ModelCall& call) {
  Usage usage;
  json.each_member([&](std::string_view key) {
    if (key == "inputTokens") usage.input_fresh = json.integer();
    if (key == "outputTokens") usage.output = json.integer();
    if (key == "totalTokens") usage.total = json.integer();
    // Nova's own events spell these as counts.
    if (key == "cacheReadInputTokens" || key == "cacheReadInputTokenCount") usage.cache_read = json.integer();
    if (key == "cacheWriteInputTokens" || key == "cacheWriteInputTokenCount")
      usage.cache_write = json.integer();
    if (key == "cacheDetails") read_cache_details(json, usage);
  });
  call.usage.merge(usage);
}

// What both of its answers have beside the content.
void read_common(JsonCursor& json, std::string_view key, ModelCall& call) {
  if (key == "usage") read_usage(json, call);
  if (key == "metrics")
    json.each_member([&](std::string_view member) {
      if (member != "latencyMs") return;
      if (auto ms = json.integer(); ms && *ms >= 0 && *ms < 1'000'000'000)
        call.timing.generation = std::chrono::milliseconds(*ms);
    });
  if (key == "serviceTier")
    json.each_member([&](std::string_view member) {
      if (member == "type") json.read(call.service_tier, 64);
    });
  if (key == "stopReason") {
    json.read(call.stop_reason, 64);
    call.finish = finish_of(call.stop_reason);
  }
}

void read_reasoning(JsonCursor& json, ModelCall& call) {
  json.each_member([&](std::string_view key) {
    if (key == "text") append_said(json, call.thinking);
    if (key == "reasoningText")
      json.each_member([&](std::string_view member) {
        if (member == "text") append_said(json, call.thinking);
      });
  });
}

void read_content(JsonCursor& json, ModelCall& call) {
  json.each_element([&] {
    json.each_member([&](std::string_view kind) {
      if (kind == "text") append_said(json, call.text);
      if (kind == "reasoningContent") read_reasoning(json, call);
      if (kind != "toolUse") return;
      ToolCall* tool = call.add_tool_call();
      if (!tool) return;
      json.each_member([&](std::string_view key) {
        if (key == "toolUseId") json.read(tool->call_id);
        if (key == "name") json.read(tool->name);
        if (key == "input") call.append_arguments(*tool, json.raw());
      });
    });
  });
}

}  // namespace

std::string bedrock_model(std::string_view path) {
  constexpr std::string_view kMark = "/model/";
  std::size_t at = path.rfind(kMark);
  if (at == path.npos) return {};
  path.remove_prefix(at + kMark.size());
  return decode_path_model(path.substr(0, path.find('/')));
}

void read_aws_exception(const StreamEvent& event, ModelCall& call) {
  read_error(event.data, call);
  call.error_type = JsonString{event.name}.str();
  call.finish = Finish::error;
}

void BedrockConverseReader::request(std::string_view body, bool cut, ModelCall& call) {
  call.model_asked = bedrock_model(call.path);
  JsonCursor json(body);
  TrailingMessages trailing;
  json.each_member([&](std::string_view key) {
    if (key == "system") append_text(json.raw(), call.system_prompt, kPreviews.system);
    if (key == "messages") read_messages(json, trailing, call);
    if (key == "inferenceConfig")
      json.each_member([&](std::string_view member) {
        if (member == "maxTokens") call.max_output_tokens = json.integer();
      });
    if (key == "toolConfig")
      json.each_member([&](std::string_view member) {
        if (member == "tools") read_tools(json, call);
      });
  });
  end_request(json, cut, trailing, call, read_blocks);
}

void BedrockConverseReader::block_start(JsonCursor& json, ModelCall& call) {
  std::int64_t index = 0;
  std::string id, name;
  bool tool_use = false;
  json.each_member([&](std::string_view key) {
    if (key == "contentBlockIndex") index = json.integer().value_or(0);
    if (key == "start")
      json.each_member([&](std::string_view kind) {
        if (kind != "toolUse") return;
        tool_use = true;
        json.each_member([&](std::string_view member) {
          if (member == "toolUseId") json.read(id);
          if (member == "name") json.read(name);
        });
      });
  });
  if (!tool_use) return;
  if (ToolCall* tool = slots_.open({0, index}, call))
    tool->call_id = std::move(id), tool->name = std::move(name);
}

bool BedrockConverseReader::block_delta(JsonCursor& json, ModelCall& call) {
  std::int64_t index = 0;
  std::optional<JsonString> input;
  bool content = false;
  json.each_member([&](std::string_view key) {
    if (key == "contentBlockIndex") index = json.integer().value_or(0);
    if (key == "delta")
      json.each_member([&](std::string_view kind) {
        if (kind == "text") content = append_said(json, call.text) || content;
        if (kind == "reasoningContent") {
          std::uint64_t before = call.thinking.bytes;
          read_reasoning(json, call);
          content = content || call.thinking.bytes > before;
        }
        if (kind == "toolUse")
          json.each_member([&](std::string_view member) {
            if (member == "input") input = json.string();
          });
      });
  });
  if (!input || input->raw.empty()) return content;
  if (ToolCall* tool = slots_.find({0, index}, call)) call.append_arguments(*tool, *input);
  return true;
}

Progress BedrockConverseReader::event(const StreamEvent& event, ModelCall& call) {
  if (event.exception) return read_aws_exception(event, call), Progress::end;
  JsonCursor json(event.data);
  bool content = false;
  if (event.name == "contentBlockStart")
    block_start(json, call);
  else if (event.name == "contentBlockDelta")
    content = block_delta(json, call);
  else
    json.each_member([&](std::string_view key) { read_common(json, key, call); });
  mark_if_broken(json, event.cut, "event", call);
  if (content) return Progress::content;
  return event.name == "metadata" ? Progress::end : Progress::other;  // it stands behind messageStop
}

void BedrockConverseReader::document(std::string_view body, bool cut, ModelCall& call) {
  JsonCursor json(body);
  json.each_member([&](std::string_view key) {
    read_common(json, key, call);
    if (key == "output")
      json.each_member([&](std::string_view member) {
        if (member == "message")
          json.each_member([&](std::string_view part) {
            if (part == "content") read_content(json, call);
          });
      });
  });
  mark_if_broken(json, cut, "response", call);
}

void BedrockConverseReader::finish(ModelCall& call) {
  for (ToolCall& tool : call.tool_calls) tool.arguments_valid = is_json(tool.arguments);
}

}  // namespace weir::llm
