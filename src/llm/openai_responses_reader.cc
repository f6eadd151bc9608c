#include "llm/openai_responses_reader.h"

#include <algorithm>

#include "llm/openai_usage.h"

namespace weir::llm {
namespace {

bool is_call(std::string_view type) { return type.ends_with("_call"); }
bool is_output(std::string_view type) { return type.ends_with("_output"); }

ToolOrigin origin_of(std::string_view type) {
  if (type == "mcp_call") return ToolOrigin::mcp;
  for (std::string_view own : {"web_search_call", "file_search_call", "code_interpreter_call",
                               "image_generation_call", "tool_search_call"})
    if (type == own) return ToolOrigin::server;
  return ToolOrigin::client;
}

void read_tools(JsonCursor& json, ModelCall& call) {
  json.each_element([&] {
    std::string name, label, kind;
    json.each_member([&](std::string_view key) {
      if (key == "type") json.read(kind);
      if (key == "name") json.read(name);
      if (key == "server_label") json.read(label);
    });
    if (name.empty()) name = label.empty() ? kind : std::move(label);
    offer_tool(std::move(name), std::move(kind), call);
  });
}

// The items of a request, in order. What the model said itself marks where the new ones begin.
void read_items(JsonCursor& json, TrailingMessages& trailing, ModelCall& call) {
  json.each_element([&] {
    std::string_view type, output;
    TrailingMessages::Message message;
    json.each_member([&](std::string_view key) {
      if (key == "type") type = json.word();
      if (key == "role") message.role = json.word();
      if (key == "content") message.content = json.raw();
      if (key == "call_id") message.call_id = json.word();
      if (key == "output") output = json.raw();
    });
    ++call.messages_count;
    if (message.role == "system" || message.role == "developer")
      return append_text(message.content, call.system_prompt, kPreviews.system);
    if (message.role == "assistant" || type == "reasoning") return trailing.model_spoke();
    if (is_call(type)) return trailing.model_called();
    if (is_output(type)) message.role = "tool", message.content = output;
    trailing.add(message);
  });
}

// The texts of a finished message or reasoning item, for streams that sent no deltas and answers in one
// piece.
void read_texts(std::string_view text, Preview& said, Preview& refusal) {
  JsonCursor json(text);
  json.each_element([&] {
    json.each_member([&](std::string_view key) {
      if (key != "text" && key != "refusal" && key != "transcript") return;
      auto part = json.string();
      if (part) (key == "refusal" ? refusal : said).append(*part, kPreviews.text);
    });
  });
}

void read_error_object(JsonCursor& json, ModelCall& call) {
  json.each_member([&](std::string_view key) {
    if (key == "type") json.read(call.error_type);
    if (key == "code") json.read(call.error_code);
    if (key == "message") json.read(call.error_message, 1024);
  });
  if (call.error_type.empty()) call.error_type = call.error_code;
}

void read_status(std::string_view status, ModelCall& call) {
  if (status == "completed" && call.finish == Finish::none)
    call.finish = Finish::stop, call.stop_reason = status;
  if (status == "failed") call.finish = Finish::error, call.stop_reason = status;
  if (status == "cancelled") call.finish = Finish::stop, call.stop_reason = status;
}

void read_incomplete(JsonCursor& json, ModelCall& call) {
  json.each_member([&](std::string_view key) {
    if (key != "reason") return;
    json.read(call.stop_reason, 64);
    call.finish = call.stop_reason == "content_filter" ? Finish::content_filter : Finish::length;
  });
}

// Realtime: why it is not complete, or what went wrong.
void read_status_details(JsonCursor& json, std::string_view status, ModelCall& call) {
  if (status == "incomplete") return read_incomplete(json, call);
  if (status != "failed") return;
  json.each_member([&](std::string_view key) {
    if (key == "error") read_error_object(json, call);
  });
}

// Searches are billed, looking at a page that was found is not.
bool is_search(const ToolCall& tool) {
  if (tool.origin != ToolOrigin::server || tool.name != "web_search") return false;
  JsonCursor json(tool.arguments.text);
  std::string_view action;
  json.each_member([&](std::string_view key) {
    if (key == "type") action = json.word();
  });
  return action.empty() || action == "search";
}

}  // namespace

struct OpenAiResponsesReader::Event {
  std::string_view type, response, item;
  std::optional<JsonString> delta;
  std::int64_t output_index = 0;
};

void OpenAiResponsesReader::request(std::string_view body, bool cut, ModelCall& call) {
  JsonCursor json(body);
  TrailingMessages trailing;
  json.each_member([&](std::string_view key) {
    if (key == "model") json.read(call.model_asked);
    if (key == "stream") call.stream = json.boolean().value_or(false);
    if (key == "max_output_tokens" || key == "max_response_output_tokens")
      call.max_output_tokens = json.integer();
    if (key == "service_tier") json.read(call.service_tier);
    if (key == "prompt_cache_key" || (key == "conversation" && call.conversation_id.empty()))
      json.read(call.conversation_id);
    if (key == "previous_response_id") json.read(call.previous_id);
    if (key == "user" || key == "safety_identifier") json.read(call.user_id, 512);
    if (key == "instructions") append_text(json.raw(), call.system_prompt, kPreviews.system);
    if (key == "tools") read_tools(json, call);
    if (key != "input") return;
    if (json.kind() == JsonCursor::Kind::string) {
      ++call.messages_count;
      return call.user_text.append(*json.string(), kPreviews.system);
    }
    read_items(json, trailing, call);
  });
  end_request(json, cut, trailing, call, read_new_message);
}

void OpenAiResponsesReader::tool_item(std::string_view text, std::string_view type, std::int64_t index,
                                      ModelCall& call) {
  ToolCall* tool = slots_.find({0, index}, call);
  if (!tool) tool = slots_.open({0, index}, call);
  if (!tool) return;
  tool->origin = origin_of(type);
  tool->free_text = type == "custom_tool_call";
  std::string id;
  std::string_view input, output, error;
  std::optional<JsonString> said;
  JsonCursor json(text);
  json.each_member([&](std::string_view key) {
    if (key == "id") json.read(id);
    if (key == "call_id") json.read(tool->call_id);
    if (key == "name") json.read(tool->name);
    if (key == "server_label") json.read(tool->server);
    if (key == "arguments" || (key == "input" && json.kind() == JsonCursor::Kind::string))
      said = json.string();
    if (key == "action" || key == "operation" || key == "queries") input = json.raw();
    if (key == "output") output = json.raw();
    if (key == "error") error = json.raw();
  });
  if (tool->call_id.empty()) tool->call_id = std::move(id);
  if (tool->name.empty()) tool->name = type.substr(0, type.size() - std::string_view("_call").size());
  if (tool->arguments.empty() && said) call.append_arguments(*tool, *said);
  if (tool->arguments.empty() && !input.empty()) call.append_arguments(*tool, input);
  bool failed = !error.empty() && error != "null";
  if (type != "mcp_call" || ((output.empty() || output == "null") && !failed)) return;
  ToolResult* result = call.add_tool_result();
  if (!result) return;
  result->call_id = tool->call_id;
  result->name = tool->name;
  result->in_response = true;
  result->is_error = failed;
  append_result_text(failed ? error : output, *result, call);
}

void OpenAiResponsesReader::item(std::string_view text, std::int64_t index, ModelCall& call) {
  JsonCursor json(text);
  std::string_view type, content, summary;
  json.each_member([&](std::string_view key) {
    if (key == "type") type = json.word();
    if (key == "content") content = json.raw();
    if (key == "summary") summary = json.raw();
  });
  if (is_call(type)) return tool_item(text, type, index, call);
  if (type == "message" && !text_told_) read_texts(content, call.text, call.refusal);
  if (type != "reasoning" || thinking_told_) return;
  Preview none;
  read_texts(content, call.thinking, none);
  read_texts(summary, call.thinking, none);
}

// `last`: what the stream ended with, or all there is. The copies before say nothing more than the identity.
void OpenAiResponsesReader::response(std::string_view text, bool last, ModelCall& call) {
  JsonCursor json(text);
  std::string_view status, output, details;
  json.each_member([&](std::string_view key) {
    if (key == "id") json.read(call.message_id);
    if (key == "model") json.read(call.model_served);
    if (!last) return;
    if (key == "status") status = json.word();
    if (key == "service_tier") json.read(call.service_tier);
    if (key == "usage" && json.kind() == JsonCursor::Kind::object) read_openai_usage(json.raw(), call);
    if (key == "incomplete_details") read_incomplete(json, call);
    if (key == "status_details") details = json.raw();
    if (key == "error") read_error_object(json, call);
    if (key == "output") output = json.raw();
  });
  if (!last) return;
  read_status(status, call);
  JsonCursor cause(details);
  read_status_details(cause, status, call);
  bool told = text_told_ || thinking_told_ || !call.text.empty() || call.tool_calls_count > 0;
  if (told || output.empty()) return;
  std::int64_t index = 0;
  JsonCursor items(output);
  items.each_element([&] { item(items.raw(), index++, call); });
}

Progress OpenAiResponsesReader::delta(const Event& event, ModelCall& call) {
  if (!event.delta || event.delta->raw.empty()) return Progress::other;
  std::string_view kind = event.type.substr(std::string_view("response.").size());
  kind.remove_suffix(std::string_view(".delta").size());
  if (kind == "audio" || kind == "output_audio") return Progress::content;
  if (kind == "output_text" || kind == "refusal" || kind == "text" || kind.ends_with("audio_transcript")) {
    text_told_ = true;
    (kind == "refusal" ? call.refusal : call.text).append(*event.delta, kPreviews.text);
    return Progress::content;
  }
  if (kind == "reasoning_text" || kind == "reasoning_summary_text") {
    thinking_told_ = true;
    call.thinking.append(*event.delta, kPreviews.text);
    return Progress::content;
  }
  if (!kind.ends_with("_arguments") && !kind.ends_with("_input")) return Progress::other;
  if (ToolCall* tool = slots_.find({0, event.output_index}, call)) call.append_arguments(*tool, *event.delta);
  return Progress::content;
}

Progress OpenAiResponsesReader::event(const StreamEvent& raw, ModelCall& call) {
  if (raw.data.starts_with("[DONE]")) return Progress::end;
  Event event;
  JsonCursor json(raw.data);
  json.each_member([&](std::string_view key) {
    if (key == "type") event.type = json.word();
    if (key == "delta" && json.kind() == JsonCursor::Kind::string) event.delta = json.string();
    if (key == "output_index") event.output_index = json.integer().value_or(0);
    if (key == "response") event.response = json.raw();
    if (key == "item") event.item = json.raw();
  });
  mark_if_broken(json, false, "event", call);
  if (event.type.starts_with("response.") && event.type.ends_with(".delta")) return delta(event, call);
  if (event.type == "response.output_item.added" || event.type == "response.output_item.done") {
    if (event.type.ends_with("done") || event.item.contains("_call"))
      item(event.item, event.output_index, call);
    return Progress::other;
  }
  if (event.type == "response.created") return response(event.response, false, call), Progress::other;
  if (event.type == "response.completed" || event.type == "response.incomplete" ||
      event.type == "response.failed" || event.type == "response.cancelled" ||
      event.type == "response.done") {
    response(event.response, true, call);
    return Progress::end;
  }
  if (event.type != "error") return Progress::other;
  read_error(raw.data, call);
  if (call.error_type == "error") call.error_type = call.error_code;
  call.finish = Finish::error;
  return Progress::end;
}

void OpenAiResponsesReader::document(std::string_view body, bool cut, ModelCall& call) {
  JsonCursor json(body);
  json.skip();
  mark_if_broken(json, cut, "response", call);
  response(body, true, call);
  if (!call.error_message.empty() && call.finish == Finish::none) call.finish = Finish::error;
}

void OpenAiResponsesReader::finish(ModelCall& call) {
  bool client_calls = false;
  for (ToolCall& tool : call.tool_calls) {
    if (!tool.free_text) tool.arguments_valid = is_json(tool.arguments);
    client_calls = client_calls || tool.origin == ToolOrigin::client;
  }
  if (auto searches = std::ranges::count_if(call.tool_calls, is_search))
    call.usage.set_detail("web_search_calls", searches);
  if (call.finish == Finish::stop && client_calls) call.finish = Finish::tool_call;
  add_reasoning_left_out(call.usage);
}

}  // namespace weir::llm
