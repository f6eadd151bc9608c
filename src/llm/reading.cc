#include "llm/reading.h"

#include <functional>
#include <string>

#include "base/json_reader.h"

namespace weir::llm {

void mark_if_broken(const JsonCursor& json, bool cut, std::string_view what, ModelCall& call) {
  if (json.malformed())
    call.mark_parse_error(std::string(what) + " is no JSON");
  else if (json.cut())
    call.mark_parse_error(std::string(what) + (cut ? " was kept only in part" : " ends within its JSON"));
}

std::optional<bool> is_json(const Preview& text) {
  if (text.cut()) return std::nullopt;
  if (text.empty()) return true;
  return JsonDocument::parse(text.text).has_value();
}

void append_text(std::string_view content, Preview& preview, std::size_t limit) {
  JsonCursor json(content);
  if (json.kind() == JsonCursor::Kind::string) return preview.append(*json.string(), limit);
  json.each_element([&] {
    if (json.kind() == JsonCursor::Kind::string) return preview.append(*json.string(), limit);
    json.each_member([&](std::string_view key) {
      if (key != "text") return;
      if (auto text = json.string()) preview.append(*text, limit);
    });
  });
}

void append_result_text(std::string_view content, ToolResult& result, ModelCall& call) {
  JsonCursor json(content);
  if (json.kind() == JsonCursor::Kind::string) return call.append_result(result, *json.string());
  if (json.kind() != JsonCursor::Kind::array) return call.append_result(result, content);
  json.each_element([&] {
    std::string_view part = json.raw();
    JsonCursor member(part);
    bool text = false;
    member.each_member([&](std::string_view key) {
      if (key != "text" || member.kind() != JsonCursor::Kind::string) return;
      call.append_result(result, *member.string());
      text = true;
    });
    if (!text) call.append_result(result, part);
  });
}

void TrailingMessages::model_called() {
  std::erase_if(messages_, [](const Message& message) { return message.role != "tool"; });
  if (messages_.size() > kMostResults)
    messages_.erase(messages_.begin(), messages_.end() - std::ptrdiff_t{kMostResults});
}

// Of the text alone: what stands around it (marks for caches) changes from call to call.
std::uint64_t TrailingMessages::opening() const {
  constexpr std::size_t kEnough = 1 << 10;
  Preview text;
  append_text(opening_, text, kEnough);
  return text.empty() ? 0 : std::hash<std::string_view>()(text.text) | 1;
}

void read_messages(JsonCursor& json, TrailingMessages& trailing, ModelCall& call) {
  json.each_element([&] {
    TrailingMessages::Message message;
    json.each_member([&](std::string_view key) {
      if (key == "role") message.role = json.word();
      if (key == "content") message.content = json.raw();
      if (key == "tool_call_id") message.call_id = json.word();
      if (key == "name" || key == "tool_name") message.name = json.word();
    });
    ++call.messages_count;
    if (message.role == "system" || message.role == "developer")
      append_text(message.content, call.system_prompt, kPreviews.system);
    else if (message.role == "assistant")
      trailing.model_spoke();
    else
      trailing.add(message);
  });
}

void read_new_message(const TrailingMessages::Message& message, ModelCall& call) {
  if (message.role == "user") {
    call.user_text.clear();
    return append_text(message.content, call.user_text, kPreviews.system);
  }
  if (message.role != "tool" && message.role != "function") return;
  ToolResult* result = call.add_tool_result();
  if (!result) return;
  result->call_id = JsonString{message.call_id}.str();
  result->name = JsonString{message.name}.str();
  append_result_text(message.content, *result, call);
}

bool append_said(JsonCursor& json, Preview& preview) {
  auto text = json.string();
  if (!text || text->raw.empty()) return false;
  preview.append(*text, kPreviews.text);
  return true;
}

void read_details(JsonCursor& json, std::string_view prefix, Usage& usage) {
  json.each_member([&](std::string_view key) {
    if (json.kind() != JsonCursor::Kind::number) return;
    if (auto value = json.integer())
      usage.set_detail(std::string(prefix) + '.' + std::string(key.substr(0, 64)), *value);
  });
}

ToolCall* ToolSlots::find(Key key, ModelCall& call) {
  if (last_ < slots_.size() && slots_[last_].key == key) return &call.tool_calls[slots_[last_].ordinal];
  for (std::size_t i = slots_.size(); i-- > 0;)
    if (slots_[i].key == key) return last_ = i, &call.tool_calls[slots_[i].ordinal];
  return nullptr;
}

ToolCall* ToolSlots::open(Key key, ModelCall& call) {
  ToolCall* tool = call.add_tool_call();
  if (!tool) return nullptr;
  last_ = slots_.size();
  slots_.push_back({key, call.tool_calls.size() - 1});
  return tool;
}

void offer_tool(std::string name, std::string kind, ModelCall& call) {
  ++call.tools_count;
  if (call.tools_offered.size() < kPreviews.tools)
    call.tools_offered.push_back({std::move(name), std::move(kind)});
}

}  // namespace weir::llm
