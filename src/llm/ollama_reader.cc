#include "llm/ollama_reader.h"

#include <fmt/format.h>

#include <utility>

#include "llm/reading.h"

namespace weir::llm {
namespace {

void read_tools(JsonCursor& json, ModelCall& call) {
  json.each_element([&] {
    std::string name, kind = "function";
    json.each_member([&](std::string_view key) {
      if (key == "type") json.read(kind);
      if (key == "function")
        json.each_member([&](std::string_view member) {
          if (member == "name") json.read(name);
        });
    });
    offer_tool(std::move(name), std::move(kind), call);
  });
}

void read_tool_call(JsonCursor& json, ModelCall& call) {
  ToolCall* tool = call.add_tool_call();
  if (!tool) return json.skip();
  json.each_member([&](std::string_view key) {
    if (key == "id") json.read(tool->call_id);
    if (key == "function")
      json.each_member([&](std::string_view member) {
        if (member == "name") json.read(tool->name);
        if (member == "arguments") call.append_arguments(*tool, json.raw());
      });
  });
}

Finish finish_of(std::string_view reason) {
  if (reason == "length") return Finish::length;
  return reason == "error" ? Finish::error : Finish::stop;  // "load" and "unload" are answers, too
}

}  // namespace

void OllamaReader::request(std::string_view body, bool cut, ModelCall& call) {
  JsonCursor json(body);
  TrailingMessages trailing;
  json.each_member([&](std::string_view key) {
    if (key == "model") json.read(call.model_asked);
    if (key == "system") append_text(json.raw(), call.system_prompt, kPreviews.system);
    if (key == "prompt") append_text(json.raw(), call.user_text, kPreviews.system);
    if (key == "messages") read_messages(json, trailing, call);
    if (key == "tools") read_tools(json, call);
    if (key == "options")
      json.each_member([&](std::string_view member) {
        if (member == "num_predict") call.max_output_tokens = json.integer();
      });
  });
  end_request(json, cut, trailing, call, read_new_message);
}

bool OllamaReader::message(JsonCursor& json, ModelCall& call) {
  bool content = false;
  json.each_member([&](std::string_view key) {
    if (key == "content") content = append_said(json, call.text) || content;
    if (key == "thinking") content = append_said(json, call.thinking) || content;
    if (key == "tool_calls")
      json.each_element([&] {
        read_tool_call(json, call);
        content = true;
      });
  });
  return content;
}

Progress OllamaReader::event(const StreamEvent& event, ModelCall& call) {
  JsonCursor json(event.data);
  Usage usage;
  bool content = false, done = false, failed = false;
  json.each_member([&](std::string_view key) {
    if (key == "model") json.read(call.model_served);
    if (key == "message") content = message(json, call) || content;
    if (key == "response") content = append_said(json, call.text) || content;
    if (key == "thinking") content = append_said(json, call.thinking) || content;
    if (key == "prompt_eval_count") usage.input = json.integer();
    if (key == "eval_count") usage.output = json.integer();
    if (key == "eval_duration")
      if (auto nanos = json.integer(); nanos && *nanos >= 0) call.timing.generation = Duration(*nanos);
    if (key == "done_reason") json.read(call.stop_reason, 64);
    if (key == "done") done = json.boolean().value_or(false);
    if (key == "error" && json.kind() != JsonCursor::Kind::null) failed = true;
  });
  mark_if_broken(json, event.cut, "event", call);
  call.usage.merge(usage);
  if (failed) read_error(event.data, call);
  if (failed || done) call.finish = failed ? Finish::error : finish_of(call.stop_reason);
  if (content) return Progress::content;
  return failed || done ? Progress::end : Progress::other;
}

void OllamaReader::document(std::string_view body, bool cut, ModelCall& call) {
  event({.name = {}, .data = body, .cut = cut}, call);
}

void OllamaReader::finish(ModelCall& call) {
  for (std::size_t i = 0; i < call.tool_calls.size(); ++i) {
    ToolCall& tool = call.tool_calls[i];
    if (tool.call_id.empty()) tool.call_id = fmt::format("{}:{}", tool.name, i);
    tool.arguments_valid = is_json(tool.arguments);
  }
  if (call.finish == Finish::stop && !call.tool_calls.empty()) call.finish = Finish::tool_call;
}

}  // namespace weir::llm
