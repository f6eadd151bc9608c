#include "llm/mcp_message.h"

#include <algorithm>
#include <cstring>

#include "base/hash.h"
#include "llm/json_fingerprint.h"
#include "llm/mcp_recognise.h"

namespace weir::llm {
namespace {

constexpr std::size_t kMostArguments = 256 << 10;  // to be compared

/// A string or number; other kinds are no ids.
std::string read_id(JsonCursor& json) {
  auto kind = json.kind();
  if (kind == JsonCursor::Kind::number) return std::string(json.raw().substr(0, kMcp.name));
  std::string out;
  if (kind == JsonCursor::Kind::string) out = '"' + json.string()->str(kMcp.name) + '"';
  return out;
}

std::string member_of(std::string_view object, std::string_view wanted) {
  std::string out;
  JsonCursor json(object);
  json.each_member([&](std::string_view key) {
    if (key == wanted) json.read(out, kMcp.name);
  });
  return out;
}

void read_party(JsonCursor& json, std::string& name, std::string& version) {
  json.each_member([&](std::string_view key) {
    if (key == "name") json.read(name, kMcp.name);
    if (key == "version") json.read(version, kMcp.name);
  });
}

// What was said once for a session is said with every request since 2026-07-28.
void read_meta(JsonCursor& json, McpCall& call) {
  constexpr std::string_view kOwn = "io.modelcontextprotocol/";
  json.each_member([&](std::string_view key) {
    if (!key.starts_with(kOwn)) return;
    key.remove_prefix(kOwn.size());
    if (key == "protocolVersion") json.read(call.protocol_version, kMcp.name);
    if (key == "clientInfo") read_party(json, call.client, call.client_version);
    if (key == "serverInfo") read_party(json, call.server, call.server_version);
  });
}

std::string_view name_key(std::string_view method) {
  if (method.starts_with("resources/")) return "uri";
  if (method.starts_with("tasks/")) return "taskId";
  return "name";
}

void read_hints(JsonCursor& json, McpTool& tool) {
  json.each_member([&](std::string_view key) {
    if (key == "title" && tool.title.empty()) json.read(tool.title, kMcp.name);
    if (key == "readOnlyHint") tool.read_only = json.boolean();
    if (key == "destructiveHint") tool.destructive = json.boolean();
    if (key == "idempotentHint") tool.idempotent = json.boolean();
    if (key == "openWorldHint") tool.open_world = json.boolean();
  });
}

void read_tools(JsonCursor& json, McpCall& call) {
  std::vector<Sha256> said;
  json.each_element([&] {
    std::string_view text = json.raw();
    said.push_back(sha256(text));
    ++call.tools_count;
    if (call.tools.size() >= kMcp.tools) return;
    McpTool& tool = call.tools.emplace_back();
    JsonCursor member(text);
    member.each_member([&](std::string_view key) {
      if (key == "name") member.read(tool.name, kMcp.name);
      if (key == "title") member.read(tool.title, kMcp.name);
      if (key == "annotations") read_hints(member, tool);
    });
  });
  std::ranges::sort(said);
  std::string all(said.size() * sizeof(Sha256), '\0');
  if (!said.empty()) std::memcpy(all.data(), said.data(), all.size());
  Sha256 hash = sha256(all);
  call.tools_hash = hex({reinterpret_cast<const char*>(hash.data()), 8});
}

void add_kind(std::string_view kind, std::uint64_t bytes, McpCall& call) {
  for (auto& [known, sum] : call.kinds)
    if (known == kind) return void(sum += bytes);
  if (call.kinds.size() < kMcp.kinds) call.kinds.emplace_back(kind, bytes);
}

// One block of a tool's answer.
void read_content(std::string_view block, McpCall& call) {
  JsonCursor json(block);
  std::string type;
  std::optional<JsonString> text;
  json.each_member([&](std::string_view key) {
    if (key == "type") json.read(type, 32);
    if (key == "text") text = json.string();
  });
  if (type.empty()) type = text ? "text" : "blob";  // of a resource, which says none
  add_kind(type, block.size(), call);
  if (text) call.result.append(*text, kMcp.result);
}

void read_contents(JsonCursor& json, McpCall& call) {
  json.each_element([&] { read_content(json.raw(), call); });
}

void read_result(std::string_view text, McpCall& call) {
  call.result_bytes = text.size();
  JsonCursor json(text);
  json.each_member([&](std::string_view key) {
    if (key == "isError") call.is_error = json.boolean().value_or(false);
    if (key == "content" || key == "contents") read_contents(json, call);
    if (key == "structuredContent") add_kind("structured", json.raw().size(), call);
    if (key == "tools" && call.method == "tools/list") read_tools(json, call);
    if (key == "protocolVersion") json.read(call.protocol_version, kMcp.name);
    if (key == "serverInfo") read_party(json, call.server, call.server_version);
    if (key == "_meta") read_meta(json, call);
    if (key == "resultType" && json.kind() == JsonCursor::Kind::string) {
      std::string type = json.string()->str(32);
      if (type == "input_required") add_kind(type, 0, call);
    }
  });
}

void read_error(std::string_view text, McpCall& call) {
  call.is_error = true;
  call.error_code = 0;
  JsonCursor json(text);
  json.each_member([&](std::string_view key) {
    if (key == "code") call.error_code = json.integer().value_or(0);
    if (key == "message") json.read(call.error_message, kMcp.error);
  });
}

}  // namespace

McpMessage McpMessage::read(std::string_view text) {
  McpMessage out;
  out.text = text;
  bool two = false;
  JsonCursor json(text);
  json.each_member([&](std::string_view key) {
    if (key == "jsonrpc") two = json.word() == "2.0";
    if (key == "id") out.id = read_id(json);
    if (key == "method") json.read(out.method, kMcp.name);
    if (key == "params") out.params = json.raw();
    if (key == "result") out.result = json.raw();
    if (key == "error") out.error = json.raw();
  });
  if (!two || json.malformed()) return out;
  if (!out.method.empty())
    out.kind = out.id.empty() ? Kind::notification : Kind::request;
  else if (!out.result.empty() || !out.error.empty())
    out.kind = Kind::answer;
  return out;
}

bool McpMessage::is_mcp_alone() const {
  if (kind == Kind::none || kind == Kind::answer || !is_mcp_method(method) || method == "ping") return false;
  return method != "initialize" || !member_of(params, "protocolVersion").empty();
}

std::string McpMessage::progress_token() const {
  std::string out;
  JsonCursor json(params);
  json.each_member([&](std::string_view key) {
    if (key == "progressToken") out = read_id(json);
    if (key == "_meta")
      json.each_member([&](std::string_view meta) {
        if (meta == "progressToken") out = read_id(json);
      });
  });
  return out;
}

void read_question(const McpMessage& message, McpCall& call) {
  call.method = message.method;
  call.id = message.id;
  std::string_view arguments, wanted = name_key(call.method);
  JsonCursor json(message.params);
  json.each_member([&](std::string_view key) {
    if (key == wanted) json.read(call.name, kMcp.name);
    if (key == "arguments") arguments = json.raw();
    if (key == "cursor") json.read(call.page, kMcp.name);
    if (key == "protocolVersion") json.read(call.protocol_version, kMcp.name);
    if (key == "clientInfo") read_party(json, call.client, call.client_version);
    if (key == "_meta") read_meta(json, call);
    if (key == "ref")
      json.each_member([&](std::string_view part) {
        if (part == "name" || part == "uri") json.read(call.name, kMcp.name);
      });
  });
  call.arguments.append(arguments, kMcp.arguments);
  if (call.method == "tools/call" && arguments.size() <= kMostArguments)
    call.arguments_fingerprint = json_fingerprint(arguments);
}

void read_answer(const McpMessage& message, McpCall& call) {
  call.answered = true;
  if (!message.error.empty() && message.error != "null") return read_error(message.error, call);
  read_result(message.result, call);
}

}  // namespace weir::llm
