#include "llm/realtime_state.h"

#include <utility>

#include "llm/json_cursor.h"

namespace weir::llm {
namespace {

void keep(std::string_view json, std::string& out) {
  if (json.size() <= RealtimeState::kMostSetting) out = json;
}

}  // namespace

void RealtimeState::session(std::string_view object) {
  JsonCursor json(object);
  std::string_view instructions, tools;
  json.each_member([&](std::string_view key) {
    if (key == "model") json.read(model_);
    if (key == "instructions") instructions = json.raw();
    if (key == "tools") tools = json.raw();
  });
  if (json.broken()) return;
  if (!instructions.empty()) keep(instructions, instructions_);
  if (!tools.empty()) keep(tools, tools_);
}

void RealtimeState::item(std::string_view object) {
  if (object.size() > kMostItem || items_.size() + object.size() > kMostItems) return;
  JsonCursor json(object);
  json.skip();
  if (json.broken()) return;
  if (!items_.empty()) items_ += ',';
  items_ += object;
}

std::string RealtimeState::request(std::string_view own) {
  bool input = false, instructions = false, tools = false;
  JsonCursor json(own);
  json.each_member([&](std::string_view key) {
    input |= key == "input";
    instructions |= key == "instructions";
    tools |= key == "tools";
  });
  std::string out = "{";
  if (!instructions && !instructions_.empty()) out += "\"instructions\":" + instructions_ + ',';
  if (!tools && !tools_.empty()) out += "\"tools\":" + tools_ + ',';
  if (!input) out += "\"input\":[" + std::exchange(items_, {}) + "],";
  if (own.starts_with('{') && !json.broken()) {
    std::string_view members = own.substr(1);
    if (members.find_first_not_of(" \t\r\n") != members.find('}')) return out.append(members);
  }
  out.back() == ',' ? void(out.back() = '}') : void(out += '}');
  return out;
}

}  // namespace weir::llm
