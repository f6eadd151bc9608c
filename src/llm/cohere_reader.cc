#include "llm/cohere_reader.h"

namespace weir::llm {
namespace {

Finish finish_of(std::string_view reason) {
  if (reason == "MAX_TOKENS") return Finish::length;
  if (reason == "TOOL_CALL") return Finish::tool_call;
  if (reason.starts_with("ERROR") || reason == "TIMEOUT") return Finish::error;
  return reason.empty() ? Finish::none : Finish::stop;
}

// Billed tokens are what counts; where there are none, those that were used.
void read_usage(JsonCursor& json, ModelCall& call) {
  Usage billed, used;
  auto counts = [&json](Usage& usage) {
    json.each_member([&](std::string_view key) {
      if (key == "input_tokens") usage.input = json.integer();
      if (key == "output_tokens") usage.output = json.integer();
      if (key == "search_units")
        if (auto units = json.integer()) usage.set_detail("billed_units.search_units", *units);
    });
  };
  json.each_member([&](std::string_view key) {
    if (key == "billed_units") counts(billed);
    if (key == "tokens") counts(used);
    if (key == "cached_tokens") billed.cache_read = json.integer();
  });
  if (used.input) billed.set_detail("tokens.input_tokens", *used.input);
  if (used.output) billed.set_detail("tokens.output_tokens", *used.output);
  if (!billed.input) billed.input = used.input;
  if (!billed.output) billed.output = used.output;
  // Of what was cached some may not be billed at all.
  if (billed.cache_read && billed.input && *billed.cache_read > *billed.input)
    billed.cache_read = billed.input;
  call.usage.merge(billed);
}

void read_end(JsonCursor& json, std::string_view key, ModelCall& call) {
  if (key == "finish_reason" && json.kind() == JsonCursor::Kind::string) {
    json.read(call.stop_reason, 64);
    call.finish = finish_of(call.stop_reason);
  }
  if (key == "usage" || key == "meta") read_usage(json, call);
}

void read_tools(JsonCursor& json, ModelCall& call) {
  json.each_element([&] {
    std::string name;
    json.each_member([&](std::string_view key) {
      if (key == "name") json.read(name);
      if (key == "function")
        json.each_member([&](std::string_view member) {
          if (member == "name") json.read(name);
        });
    });
    offer_tool(std::move(name), "function", call);
  });
}

}  // namespace

void CohereReader::request(std::string_view body, bool cut, ModelCall& call) {
  JsonCursor json(body);
  TrailingMessages trailing;
  json.each_member([&](std::string_view key) {
    if (key == "model") json.read(call.model_asked);
    if (key == "max_tokens") call.max_output_tokens = json.integer();
    if (key == "preamble") append_text(json.raw(), call.system_prompt, kPreviews.system);
    if (key == "message") append_text(json.raw(), call.user_text, kPreviews.system);
    if (key == "messages") read_messages(json, trailing, call);
    if (key == "tools") read_tools(json, call);
  });
  end_request(json, cut, trailing, call, read_new_message);
}

bool CohereReader::tool_call(JsonCursor& json, std::int64_t index, ModelCall& call) {
  std::string id, name;
  std::optional<JsonString> arguments;
  json.each_member([&](std::string_view key) {
    if (key == "id") json.read(id);
    if (key == "function")
      json.each_member([&](std::string_view member) {
        if (member == "name") json.read(name);
        if (member == "arguments") arguments = json.string();
      });
  });
  ToolCall* tool = id.empty() ? slots_.find({0, index}, call) : slots_.open({0, index}, call);
  if (!tool) return false;
  if (!id.empty()) tool->call_id = std::move(id);
  if (!name.empty()) tool->name = std::move(name);
  if (!arguments || arguments->raw.empty()) return false;
  call.append_arguments(*tool, *arguments);
  return true;
}

bool CohereReader::message(JsonCursor& json, std::int64_t index, ModelCall& call) {
  bool content = false;
  auto part = [&] {
    json.each_member([&](std::string_view key) {
      if (key == "text") content = append_said(json, call.text) || content;
      if (key == "thinking") content = append_said(json, call.thinking) || content;
    });
  };
  json.each_member([&](std::string_view key) {
    if (key == "tool_plan") content = append_said(json, call.thinking) || content;
    if (key == "content") {
      if (json.kind() == JsonCursor::Kind::object)
        part();
      else
        json.each_element(part);
    }
    if (key != "tool_calls") return;
    // An object in a stream, an array in an answer of one piece.
    if (json.kind() == JsonCursor::Kind::object)
      return void(content = tool_call(json, index, call) || content);
    std::int64_t ordinal = 0;
    json.each_element([&] { content = tool_call(json, ordinal++, call) || content; });
  });
  return content;
}

bool CohereReader::delta(JsonCursor& json, std::int64_t index, ModelCall& call) {
  bool content = false;
  json.each_member([&](std::string_view key) {
    if (key == "message") content = message(json, index, call);
    if (key == "error") call.error_message = json.string().value_or(JsonString{}).str(512);
    read_end(json, key, call);
  });
  return content;
}

Progress CohereReader::event(const StreamEvent& event, ModelCall& call) {
  if (event.data.starts_with("[DONE]")) return Progress::end;
  std::string_view type, inside, response;
  std::int64_t index = 0;
  bool content = false, v1_text = false;
  std::optional<JsonString> text;
  JsonCursor json(event.data);
  json.each_member([&](std::string_view key) {
    if (key == "type" || key == "event_type") type = json.word();
    if (key == "id" || key == "generation_id") json.read(call.message_id);
    if (key == "index") index = json.integer().value_or(0);
    if (key == "delta") inside = json.raw();
    if (key == "response") response = json.raw();
    if (key == "text") text = json.string();
    read_end(json, key, call);
  });
  mark_if_broken(json, event.cut, "event", call);
  v1_text = type == "text-generation" && text && !text->raw.empty();
  if (v1_text) call.text.append(*text, kPreviews.text);
  JsonCursor part(inside);
  if (!inside.empty()) content = delta(part, index, call);
  JsonCursor last(response);
  if (type == "stream-end") last.each_member([&](std::string_view key) { read_end(last, key, call); });
  if (content || v1_text) return Progress::content;
  return type == "message-end" || type == "stream-end" ? Progress::end : Progress::other;
}

void CohereReader::document(std::string_view body, bool cut, ModelCall& call) {
  JsonCursor json(body);
  json.each_member([&](std::string_view key) {
    if (key == "id" || key == "generation_id") json.read(call.message_id);
    if (key == "message") message(json, 0, call);
    if (key == "text") append_said(json, call.text);
    read_end(json, key, call);
  });
  mark_if_broken(json, cut, "response", call);
}

void CohereReader::finish(ModelCall& call) {
  for (ToolCall& tool : call.tool_calls) tool.arguments_valid = is_json(tool.arguments);
  if (call.model_served.empty()) call.model_served = call.model_asked;  // no answer names it
}

}  // namespace weir::llm
