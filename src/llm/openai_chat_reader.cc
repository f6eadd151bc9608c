#include "llm/openai_chat_reader.h"

#include <algorithm>

#include "llm/openai_usage.h"

namespace weir::llm {
namespace {

Finish finish_of(std::string_view reason) {
  if (reason == "stop" || reason == "eos" || reason == "end_turn") return Finish::stop;
  if (reason == "length" || reason == "model_length" || reason == "max_tokens") return Finish::length;
  if (reason == "tool_calls" || reason == "function_call") return Finish::tool_call;
  if (reason == "content_filter") return Finish::content_filter;
  if (reason == "error") return Finish::error;
  return reason.empty() ? Finish::none : Finish::stop;
}

void read_tools(JsonCursor& json, ModelCall& call) {
  json.each_element([&] {
    std::string name, kind = "function";
    auto named = [&](std::string_view key) {
      if (key == "name") json.read(name);
    };
    json.each_member([&](std::string_view key) {
      if (key == "type") json.read(kind);
      if (key == "function" || key == "custom") json.each_member(named);
      named(key);  // the legacy list of functions has it here
    });
    offer_tool(name.empty() ? kind : std::move(name), kind, call);
  });
}

// Text of a message: a string, or parts of which some are thinking (Mistral).
Progress read_content(JsonCursor& json, ModelCall& call) {
  auto progress = Progress::other;
  auto append = [&](Preview& preview) {
    auto text = json.string();
    if (!text || text->raw.empty()) return;
    preview.append(*text, kPreviews.text);
    progress = Progress::content;
  };
  if (json.kind() == JsonCursor::Kind::string) return append(call.text), progress;
  json.each_element([&] {
    json.each_member([&](std::string_view key) {
      if (key == "text") append(call.text);
      if (key == "thinking")
        json.each_element([&] {
          json.each_member([&](std::string_view part) {
            if (part == "text") append(call.thinking);
          });
        });
    });
  });
  return progress;
}

}  // namespace

void OpenAiChatReader::request(std::string_view body, bool cut, ModelCall& call) {
  JsonCursor json(body);
  TrailingMessages trailing;
  json.each_member([&](std::string_view key) {
    if (key == "model") json.read(call.model_asked);
    if (key == "stream") call.stream = json.boolean().value_or(false);
    if (key == "max_completion_tokens" || (key == "max_tokens" && !call.max_output_tokens))
      call.max_output_tokens = json.integer();
    if (key == "service_tier") json.read(call.service_tier);
    if (key == "prompt_cache_key") json.read(call.conversation_id);
    if (key == "user" || key == "safety_identifier") json.read(call.user_id, 512);
    if (key == "messages") read_messages(json, trailing, call);
    if (key == "prompt") append_text(json.raw(), call.user_text, kPreviews.system);
    if (key == "tools" || key == "functions") read_tools(json, call);
  });
  end_request(json, cut, trailing, call, read_new_message);
}

Progress OpenAiChatReader::tool_call(std::string_view text, ToolSlots::Key key, ModelCall& call) {
  JsonCursor json(text);
  std::string id, name;
  auto progress = Progress::other;
  std::optional<JsonString> said;
  std::string_view object;
  bool free_text = false;
  auto function = [&](std::string_view member) {
    if (member == "name") json.read(name);
    if (member != "arguments" && member != "input") return;
    if (json.kind() == JsonCursor::Kind::string)
      said = json.string();
    else if (json.kind() == JsonCursor::Kind::object)
      object = json.raw();
  };
  json.each_member([&](std::string_view member) {
    if (member == "id") json.read(id);
    if (member == "index") key.index = json.integer().value_or(key.index);
    if (member == "custom") free_text = true;
    if (member == "function" || member == "custom") json.each_member(function);
    function(member);  // the legacy function_call has them here
  });
  ToolCall* tool = slots_.find(key, call);
  // Servers that number nothing begin each call with its id.
  if (!tool || (!id.empty() && !tool->call_id.empty() && tool->call_id != id)) tool = slots_.open(key, call);
  if (!tool) return progress;
  tool->free_text = tool->free_text || free_text;
  if (!id.empty()) tool->call_id = std::move(id);
  if (!name.empty()) tool->name = std::move(name);
  if (said && !said->raw.empty()) call.append_arguments(*tool, *said), progress = Progress::content;
  if (!object.empty()) call.append_arguments(*tool, object), progress = Progress::content;
  return progress;
}

Progress OpenAiChatReader::tool_calls(JsonCursor& json, std::int64_t choice, ModelCall& call) {
  auto progress = Progress::other;
  std::int64_t ordinal = 0;
  json.each_element([&] {
    if (tool_call(json.raw(), {choice, ordinal++}, call) == Progress::content) progress = Progress::content;
  });
  return progress;
}

Progress OpenAiChatReader::message(std::string_view text, std::int64_t choice, ModelCall& call) {
  JsonCursor json(text);
  auto progress = Progress::other;
  auto note = [&](Progress came) { progress = came == Progress::content ? came : progress; };
  auto append = [&](Preview& preview) {
    auto said = json.string();
    if (!said || said->raw.empty()) return;
    if (choice == 0) preview.append(*said, kPreviews.text);
    progress = Progress::content;
  };
  bool thought = false;  // some hosts say the same in both of its fields
  json.each_member([&](std::string_view key) {
    if (key == "content" && choice == 0) note(read_content(json, call));
    if (key == "refusal") append(call.refusal);
    if ((key == "reasoning_content" || key == "reasoning") && !thought &&
        json.kind() == JsonCursor::Kind::string)
      append(call.thinking), thought = true;
    if (key == "tool_calls") note(tool_calls(json, choice, call));
    if (key == "function_call" && json.kind() == JsonCursor::Kind::object)
      note(tool_call(json.raw(), {choice, 0}, call));
  });
  return progress;
}

Progress OpenAiChatReader::choice(JsonCursor& json, ModelCall& call) {
  auto progress = Progress::other;
  std::int64_t index = 0;
  std::string_view said;
  std::optional<JsonString> text;
  json.each_member([&](std::string_view key) {
    if (key == "index") index = json.integer().value_or(0);
    if (key == "delta" || key == "message") said = json.raw();
    if (key == "text") text = json.string();
    if (key != "finish_reason" || json.kind() != JsonCursor::Kind::string) return;
    json.read(call.stop_reason, 64);
    if (call.finish != Finish::error) call.finish = finish_of(call.stop_reason);
  });
  if (text && !text->raw.empty()) {
    if (index == 0) call.text.append(*text, kPreviews.text);
    progress = Progress::content;
  }
  if (said.empty()) return progress;
  Progress came = message(said, index, call);
  return came == Progress::content ? came : progress;
}

Progress OpenAiChatReader::chunk(JsonCursor& json, ModelCall& call) {
  auto progress = Progress::other;
  json.each_member([&](std::string_view key) {
    if (key == "choices")
      json.each_element([&] {
        if (choice(json, call) == Progress::content) progress = Progress::content;
      });
    if (key == "id") json.read(call.message_id);
    if (key == "model") json.read(call.model_served);
    if (key == "service_tier") json.read(call.service_tier);
    if (key == "usage" && json.kind() == JsonCursor::Kind::object) read_openai_usage(json.raw(), call);
    if (key == "x_groq")
      json.each_member([&](std::string_view member) {
        if (member == "usage") read_openai_usage(json.raw(), call);
      });
    if (key == "error" && json.kind() != JsonCursor::Kind::null) failed_ = true;
  });
  return progress;
}

Progress OpenAiChatReader::event(const StreamEvent& event, ModelCall& call) {
  if (event.data.starts_with("[DONE]")) return Progress::end;
  JsonCursor json(event.data);
  Progress progress = chunk(json, call);
  mark_if_broken(json, false, "event", call);
  if (!std::exchange(failed_, false)) return progress;
  read_error(event.data, call);
  call.finish = Finish::error;
  return Progress::end;
}

void OpenAiChatReader::document(std::string_view body, bool cut, ModelCall& call) {
  JsonCursor json(body);
  chunk(json, call);
  mark_if_broken(json, cut, "response", call);
  if (std::exchange(failed_, false)) {
    read_error(body, call);
    call.finish = Finish::error;
  }
  // Its answers have no finish reason, and nothing else that could say it is complete.
  if (call.protocol == Protocol::openai_embeddings && call.finish == Finish::none && !call.usage.empty())
    call.finish = Finish::stop;
}

void OpenAiChatReader::finish(ModelCall& call) {
  for (ToolCall& tool : call.tool_calls)
    if (!tool.free_text) tool.arguments_valid = is_json(tool.arguments);
  // "stop" with a call to make is what some hosts say.
  if (call.finish == Finish::stop && !call.tool_calls.empty()) call.finish = Finish::tool_call;
  add_reasoning_left_out(call.usage);
}

}  // namespace weir::llm
