#include "llm/gemini_reader.h"

#include <fmt/format.h>

#include <utility>

#include "llm/recognise.h"

namespace weir::llm {
namespace {

Finish finish_of(std::string_view reason) {
  if (reason == "STOP" || reason == "CONTINUATION") return Finish::stop;
  if (reason == "MAX_TOKENS") return Finish::length;
  if (reason == "MALFORMED_FUNCTION_CALL" || reason == "UNEXPECTED_TOOL_CALL" ||
      reason == "TOO_MANY_TOOL_CALLS" || reason == "OTHER" || reason == "IMAGE_OTHER" || reason == "NO_IMAGE")
    return Finish::error;
  if (reason.empty() || reason == "FINISH_REASON_UNSPECIFIED") return Finish::none;
  return Finish::content_filter;
}

std::int64_t plus(std::optional<std::int64_t> a, std::optional<std::int64_t> b) {
  std::int64_t sum = 0;
  return __builtin_add_overflow(a.value_or(0), b.value_or(0), &sum) ? INT64_MAX : sum;
}

void overwrite(std::optional<std::int64_t>& count, JsonCursor& json) {
  if (json.kind() != JsonCursor::Kind::number) return;
  if (auto value = json.integer()) count = value;
}

// Sound and pictures are counted apart; what is left is text.
void read_modalities(std::string_view name, JsonCursor& json, Usage& usage) {
  json.each_element([&] {
    std::string_view modality;
    std::optional<std::int64_t> tokens;
    json.each_member([&](std::string_view key) {
      if (key == "modality") modality = json.word();
      if (key == "tokenCount") tokens = json.integer();
    });
    if (tokens && !modality.empty() && modality != "TEXT")
      usage.set_detail(std::string(name) + '.' + std::string(modality.substr(0, 32)), *tokens);
  });
}

/// "/v1beta/models/NAME:verb"
std::string model_in(std::string_view path) {
  std::string_view last = path.substr(path.rfind('/') + 1);
  std::size_t colon = last.rfind(':');
  if (colon == last.npos || last.starts_with("v1internal:")) return {};
  return decode_path_model(last.substr(0, colon));
}

void read_tools(JsonCursor& json, ModelCall& call) {
  json.each_element([&] {
    json.each_member([&](std::string_view key) {
      if (key != "functionDeclarations" && key != "function_declarations")
        return offer_tool(JsonString{key}.str(), JsonString{key}.str(), call);
      json.each_element([&] {
        std::string name;
        json.each_member([&](std::string_view member) {
          if (member == "name") json.read(name);
        });
        offer_tool(std::move(name), "function", call);
      });
    });
  });
}

void read_contents(JsonCursor& json, TrailingMessages& trailing, ModelCall& call) {
  auto read = [&] {
    TrailingMessages::Message message;
    json.each_member([&](std::string_view key) {
      if (key == "role") message.role = json.word();
      if (key == "parts") message.content = json.raw();
    });
    ++call.messages_count;
    if (message.role == "model")
      trailing.model_spoke();
    else
      trailing.add(message);
  };
  if (json.kind() == JsonCursor::Kind::object) return read();
  json.each_element(read);
}

void read_function_response(JsonCursor& json, ModelCall& call) {
  ToolResult* result = call.add_tool_result();
  if (!result) return;
  std::string_view response;
  json.each_member([&](std::string_view key) {
    if (key == "id") json.read(result->call_id);
    if (key == "name") json.read(result->name);
    if (key == "response") response = json.raw();
  });
  call.append_result(*result, response);
  JsonCursor inside(response);
  inside.each_member([&](std::string_view key) {
    if (key == "error" && inside.kind() != JsonCursor::Kind::null) result->is_error = true;
  });
}

void read_parts(const TrailingMessages::Message& message, ModelCall& call) {
  JsonCursor json(message.content);
  Preview said;
  json.each_element([&] {
    json.each_member([&](std::string_view key) {
      if (key == "functionResponse" || key == "function_response") read_function_response(json, call);
      if (key != "text") return;
      if (auto text = json.string()) said.append(*text, kPreviews.system);
    });
  });
  if (!said.empty()) call.user_text = std::move(said);
}

void read_system(JsonCursor& json, ModelCall& call) {
  if (json.kind() == JsonCursor::Kind::string)
    return call.system_prompt.append(*json.string(), kPreviews.system);
  json.each_member([&](std::string_view key) {
    if (key == "parts") append_text(json.raw(), call.system_prompt, kPreviews.system);
  });
}

void read_request(JsonCursor& json, std::string_view key, TrailingMessages& trailing, ModelCall& call) {
  if (key == "contents" || key == "content") read_contents(json, trailing, call);
  if (key == "systemInstruction" || key == "system_instruction") read_system(json, call);
  if (key == "tools") read_tools(json, call);
  if (key == "serviceTier" || key == "service_tier") json.read(call.service_tier);
  if (key == "session_id" || key == "sessionId") json.read(call.session_id);
  if (key == "generationConfig" || key == "generation_config")
    json.each_member([&](std::string_view member) {
      if (member == "maxOutputTokens" || member == "max_output_tokens")
        call.max_output_tokens = json.integer();
    });
}

}  // namespace

void GeminiReader::request(std::string_view body, bool cut, ModelCall& call) {
  call.model_asked = model_in(call.path);
  JsonCursor json(body);
  TrailingMessages trailing;
  json.each_member([&](std::string_view key) {
    if (key == "model" && call.model_asked.empty()) json.read(call.model_asked);
    if (key == "request")  // Code Assist's wrapper
      json.each_member([&](std::string_view member) { read_request(json, member, trailing, call); });
    read_request(json, key, trailing, call);
  });
  end_request(json, cut, trailing, call, read_parts);
}

bool GeminiReader::function_call(std::string_view text, std::int64_t candidate, ModelCall& call) {
  JsonCursor json(text);
  std::string id, name;
  std::string_view args, partial;
  bool goes_on = false;
  json.each_member([&](std::string_view key) {
    if (key == "id") json.read(id);
    if (key == "name") json.read(name);
    if (key == "args") args = json.raw();
    if (key == "partialArgs") partial = json.raw();
    if (key == "willContinue") goes_on = json.boolean().value_or(false);
  });
  bool same = std::exchange(continued_, goes_on) && !call.tool_calls.empty();
  ToolCall* tool = same ? &call.tool_calls.back() : call.add_tool_call();
  if (!tool) return true;
  if (!same) candidates_.push_back(candidate);
  if (!id.empty()) tool->call_id = std::move(id);
  if (!name.empty()) tool->name = std::move(name);
  call.append_arguments(*tool, args.empty() ? partial : args);
  return true;
}

bool GeminiReader::part(std::string_view text, std::int64_t candidate, ModelCall& call) {
  JsonCursor json(text);
  std::optional<JsonString> said;
  bool thought = false, content = false;
  json.each_member([&](std::string_view key) {
    if (key == "text" && json.kind() == JsonCursor::Kind::string) said = json.string();
    if (key == "thought") thought = json.boolean().value_or(false);
    if (key == "functionCall") content = function_call(json.raw(), candidate, call);
  });
  if (!said || said->raw.empty()) return content;
  if (candidate == 0) (thought ? call.thinking : call.text).append(*said, kPreviews.text);
  return true;
}

bool GeminiReader::candidate(JsonCursor& json, ModelCall& call) {
  std::int64_t index = 0;
  std::string_view parts;
  json.each_member([&](std::string_view key) {
    if (key == "index") index = json.integer().value_or(0);
    if (key == "content")
      json.each_member([&](std::string_view member) {
        if (member == "parts") parts = json.raw();
      });
    if (key != "finishReason" || json.kind() != JsonCursor::Kind::string) return;
    json.read(call.stop_reason, 64);
    if (call.finish != Finish::error) call.finish = finish_of(call.stop_reason);
  });
  bool content = false;
  JsonCursor each(parts);
  each.each_element([&] { content = part(each.raw(), index, call) || content; });
  return content;
}

void GeminiReader::read_usage(JsonCursor& json, ModelCall& call) {
  Usage usage;
  json.each_member([&](std::string_view key) {
    if (key == "promptTokenCount") overwrite(counts_.prompt, json);
    if (key == "toolUsePromptTokenCount") overwrite(counts_.tool_use, json);
    if (key == "cachedContentTokenCount") overwrite(counts_.cached, json);
    if (key == "candidatesTokenCount") overwrite(counts_.candidates, json);
    if (key == "thoughtsTokenCount") overwrite(counts_.thoughts, json);
    if (key == "totalTokenCount") overwrite(counts_.total, json);
    if (key == "trafficType" || key == "serviceTier") json.read(call.service_tier, 64);
    if (key == "promptTokensDetails" || key == "candidatesTokensDetails") read_modalities(key, json, usage);
  });
  if (counts_.tool_use) usage.set_detail("toolUsePromptTokenCount", *counts_.tool_use);
  if (counts_.prompt) usage.input = plus(counts_.prompt, counts_.tool_use);
  usage.cache_read = counts_.cached;
  usage.reasoning = counts_.thoughts;
  // What it does not count in a prompt that was blocked, or in thinking alone, is none.
  if (counts_.candidates || counts_.thoughts) usage.output_visible = counts_.candidates.value_or(0);
  usage.total = counts_.total;
  call.usage.merge(usage);
}

Progress GeminiReader::chunk(std::string_view text, bool cut, bool wrapped, ModelCall& call) {
  JsonCursor json(text);
  auto progress = Progress::other;
  json.each_member([&](std::string_view key) {
    if (key == "candidates")
      json.each_element([&] {
        if (candidate(json, call)) progress = Progress::content;
      });
    if (key == "usageMetadata") read_usage(json, call);
    if (key == "modelVersion") json.read(call.model_served);
    if (key == "responseId") json.read(call.message_id);
    if (key == "embedding" || key == "embeddings") call.finish = Finish::stop;
    if (key == "promptFeedback")
      json.each_member([&](std::string_view member) {
        if (member != "blockReason") return;
        json.read(call.stop_reason, 64);
        call.finish = Finish::content_filter;
      });
    if (key == "response" && !wrapped) progress = chunk(json.raw(), cut, true, call);
    if (key == "error" && json.kind() != JsonCursor::Kind::null) failed_ = true;
  });
  if (!wrapped) mark_if_broken(json, cut, "event", call);
  return progress;
}

Progress GeminiReader::event(const StreamEvent& event, ModelCall& call) {
  if (event.data.starts_with("[DONE]")) return Progress::end;
  Progress progress = chunk(event.data, event.cut, false, call);
  if (!std::exchange(failed_, false)) return progress;
  read_error(event.data, call);
  call.finish = Finish::error;
  return Progress::end;
}

void GeminiReader::document(std::string_view body, bool cut, ModelCall& call) {
  event({.name = {}, .data = body, .cut = cut}, call);
}

void GeminiReader::finish(ModelCall& call) {
  for (std::size_t i = 0; i < call.tool_calls.size(); ++i) {
    ToolCall& tool = call.tool_calls[i];
    // Never the name alone: two calls of one function are two.
    if (tool.call_id.empty()) tool.call_id = fmt::format("{}:{}:{}", call.message_id, candidates_[i], i);
    tool.arguments_valid = is_json(tool.arguments);
  }
  if (call.finish == Finish::stop && !call.tool_calls.empty()) call.finish = Finish::tool_call;
}

}  // namespace weir::llm
