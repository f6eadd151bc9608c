#include "store/mcp_rows.h"

#include "store/columns.h"
#include "store/schema.h"

namespace weir::store {
namespace {

constexpr std::string_view kColumns =
    "flow, started, duration_us, host, path, session, old_transport, from_server, server, server_version, "
    "client, client_version, protocol_version, method, name, rpc_id, arguments, arguments_bytes, answered, "
    "status, result, result_text_bytes, result_bytes, kinds, is_error, error_code, error_message, progress, "
    "tools, tools_hash, tools_changed, page, ran_for_call, ran_for_number";

constexpr const char* kSelect =
    "SELECT m.flow, m.started, m.duration_us, m.host, m.path, m.session, m.old_transport, m.from_server, "
    "m.server, m.server_version, m.client, m.client_version, m.protocol_version, m.method, m.name, m.rpc_id, "
    "m.answered, m.status, m.result_bytes, m.is_error, m.error_code, m.error_message, m.progress, "
    "m.tools_hash, m.tools_changed, m.ran_for_call, m.ran_for_number, f.process, f.device "
    "FROM mcp_calls m LEFT JOIN flows f ON f.number = m.flow "
    "WHERE m.started >= ? AND m.started < ? ORDER BY m.id";

std::string kinds_text(const llm::McpCall& call) {
  return json_text(!call.kinds.empty(), [&](JsonWriter& json) {
    json.begin_object();
    for (const auto& [kind, bytes] : call.kinds) json.field(kind, bytes);
    json.end_object();
  });
}

void write_tool(JsonWriter& json, const llm::McpTool& tool) {
  json.begin_object().field("name", tool.name);
  if (!tool.title.empty()) json.field("title", tool.title);
  auto hint = [&](const char* name, const std::optional<bool>& value) {
    if (value) json.field(name, *value);
  };
  hint("readOnlyHint", tool.read_only);
  hint("destructiveHint", tool.destructive);
  hint("idempotentHint", tool.idempotent);
  hint("openWorldHint", tool.open_world);
  json.end_object();
}

std::string tools_text(const llm::McpCall& call) {
  return json_text(!call.tools.empty(), [&](JsonWriter& json) {
    json.begin_array();
    for (const llm::McpTool& tool : call.tools) write_tool(json, tool);
    json.end_array();
  });
}

McpRecord read_row(const Statement& row) {
  McpRecord out;
  llm::McpCall& call = out.call;
  Cells cells(row);
  call.exchange = cells.natural();
  call.started = cells.integer();
  call.duration = cells.micros();
  call.host = cells.text();
  call.path = cells.text();
  call.session_id = cells.text();
  call.old_transport = cells.truth();
  call.from_server = cells.truth();
  for (std::string* text : {&call.server, &call.server_version, &call.client, &call.client_version,
                            &call.protocol_version, &call.method, &call.name, &call.id})
    *text = cells.text();
  call.answered = cells.truth();
  call.status = static_cast<std::uint16_t>(cells.integer());
  call.result_bytes = cells.natural();
  call.is_error = cells.truth();
  call.error_code = cells.number();
  call.error_message = cells.text();
  call.progress = cells.natural();
  call.tools_hash = cells.text();
  call.tools_changed = cells.truth();
  call.ran_for.call = cells.natural();
  call.ran_for.number = static_cast<std::uint32_t>(cells.integer());
  out.process = cells.text();
  out.device = cells.text();
  return out;
}

}  // namespace

Result<McpRows> McpRows::open(Database& database) {
  auto insert = database.prepare(insert_into("mcp_calls", kColumns));
  if (!insert) return pass(insert);
  McpRows rows;
  rows.insert_ = std::move(*insert);
  return rows;
}

Result<> McpRows::put(const McpRecord& record) {
  const llm::McpCall& call = record.call;
  std::string kinds = kinds_text(call), tools = tools_text(call);
  Columns row(insert_);
  row.count(call.exchange).count(call.started).micros(call.duration).text(call.host).text(call.path);
  row.text(call.session_id).truth(call.old_transport).truth(call.from_server);
  row.text(call.server).text(call.server_version).text(call.client).text(call.client_version);
  row.text(call.protocol_version).text(call.method).text(call.name).text(call.id).preview(call.arguments);
  row.truth(call.answered).count(std::int64_t{call.status}).preview(call.result).count(call.result_bytes);
  row.text(kinds).truth(call.is_error).number(call.error_code).text(call.error_message);
  row.count(call.progress).text(tools).text(call.tools_hash).truth(call.tools_changed).text(call.page);
  row.unless_zero(call.ran_for.call).unless_zero(call.ran_for.number);
  return insert_.run();
}

Result<std::vector<McpRecord>> read_mcp_calls(Database& database, std::int64_t version, WallNanos since,
                                              WallNanos until) {
  std::vector<McpRecord> out;
  if (version < kTurnsSince) return out;
  auto select = database.prepare(kSelect);
  if (!select) return pass(select);
  select->bind(1, since);
  select->bind(2, until);
  auto read = each_row(*select, [&](const Statement& row) { out.push_back(read_row(row)); });
  if (!read) return pass(read);
  return out;
}

}  // namespace weir::store
