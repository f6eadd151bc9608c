#include "store/model_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/json.h"
#include "store/columns.h"
#include "store/schema.h"

namespace weir::store {
namespace {

constexpr std::string_view kCallColumns =
    "flow, started, duration_us, provider, protocol, model_asked, model_served, stream, websocket, status, "
    "finish, "
    "stop_reason, error_type, error_message, partial, parse_error, "
    "input, input_fresh, cache_read, cache_write_5m, cache_write_1h, output, reasoning, details, "
    "cost_pico, cost_source, unpriced, priced_as, "
    "head_us, first_token_us, longest_gap_us, gaps, tokens_per_second, "
    "client, client_version, session, user, process, device, message_id, request_id, previous_id, "
    "conversation, "
    "service_tier, retry, max_output_tokens, messages, tools, tool_calls, tool_results, tools_offered, "
    "rate_limits, "
    "text, text_bytes, thinking, thinking_bytes, system, system_bytes, user_text, user_text_bytes, refusal, "
    "request_bytes, response_bytes, number, turn, after, retry_of, agent";
constexpr std::string_view kToolColumns =
    "call, number, call_id, name, server, origin, arguments, arguments_bytes, arguments_valid";
constexpr std::string_view kResultColumns =
    "call, number, call_id, name, content, content_bytes, is_error, in_response, answers_call, "
    "answers_number, "
    "agent";

std::string details_text(const llm::Usage& usage) {
  return json_text(!usage.details.empty(), [&](JsonWriter& json) {
    json.begin_object();
    for (const auto& [name, value] : usage.details) json.field(name, value);
    json.end_object();
  });
}

std::string gaps_text(const llm::CallTiming& timing) {
  bool any = std::ranges::any_of(timing.gaps, [](std::uint32_t count) { return count > 0; });
  return json_text(any, [&](JsonWriter& json) {
    json.begin_array();
    for (std::uint32_t count : timing.gaps) json.value(count);
    json.end_array();
  });
}

std::string offers_text(const llm::ModelCall& call) {
  return json_text(!call.tools_offered.empty(), [&](JsonWriter& json) {
    json.begin_array();
    for (const llm::ToolOffer& offer : call.tools_offered) json.value(offer.name);
    json.end_array();
  });
}

std::string limits_text(const llm::RateLimits& limits) {
  return json_text(!limits.empty(), [&](JsonWriter& json) {
    json.begin_object();
    for (const auto& [name, value] : limits) json.field(name, value);
    json.end_object();
  });
}

std::string text_at(const Statement& row, int column) { return std::string(row.bytes(column)); }
std::optional<std::int64_t> number_at(const Statement& row, int column) {
  return row.is_null(column) ? std::nullopt : std::optional(row.integer(column));
}

// The program behind a call is often known only when its flow is closed, after it.
constexpr std::string_view kSelect =
    "SELECT c.flow, c.started, c.duration_us, c.provider, c.model_asked, c.model_served, c.stream, c.status, "
    "c.stop_reason, c.error_type, c.partial, c.parse_error, c.input, c.input_fresh, c.cache_read, "
    "c.cache_write_5m, c.cache_write_1h, c.output, c.reasoning, c.cost_pico, c.cost_source, c.unpriced, "
    "c.first_token_us, c.client, c.session, coalesce(c.process, f.process), coalesce(c.device, f.device), "
    "c.protocol, c.tool_calls, c.retry, substr(c.user_text, 1, 200), c.conversation, {}, "
    "c.tokens_per_second FROM model_calls c LEFT JOIN flows f ON f.number = c.flow WHERE {} ORDER BY c.id";
constexpr std::string_view kWithin = "c.started >= ? AND c.started < ?";
constexpr std::string_view kAfter = "c.id > ?";
constexpr std::string_view kLinks = "c.number, c.turn, c.after, c.retry_of, c.agent, c.id";
constexpr std::string_view kNoLinks = "NULL, NULL, NULL, NULL, NULL, c.id";

llm::Protocol protocol_of(std::string_view word) {
  for (int i = 0; i <= static_cast<int>(llm::kLastProtocol); ++i)
    if (auto protocol = static_cast<llm::Protocol>(i); llm::name(protocol) == word) return protocol;
  return llm::Protocol::none;
}

llm::ToolOrigin origin_of(std::string_view word) {
  for (auto origin : {llm::ToolOrigin::server, llm::ToolOrigin::mcp})
    if (llm::name(origin) == word) return origin;
  return llm::ToolOrigin::client;
}

ModelRecord read_row(const Statement& row) {
  ModelRecord out;
  llm::ModelCall& call = out.call;
  out.flow = static_cast<flow::FlowId>(row.integer(0));
  call.started = row.integer(1);
  call.timing.duration = std::chrono::microseconds(row.integer(2));
  call.provider = text_at(row, 3);
  call.model_asked = text_at(row, 4);
  call.model_served = text_at(row, 5);
  call.stream = row.integer(6) != 0;
  call.status = static_cast<std::uint16_t>(row.integer(7));
  call.stop_reason = text_at(row, 8);
  call.error_type = text_at(row, 9);
  call.partial = row.integer(10) != 0;
  call.parse_error = text_at(row, 11);
  llm::Usage& usage = call.usage;
  int column = 12;
  for (auto* count : {&usage.input, &usage.input_fresh, &usage.cache_read, &usage.cache_write_5m,
                      &usage.cache_write_1h, &usage.output, &usage.reasoning, &out.cost_pico})
    *count = number_at(row, column++);
  out.cost_source = text_at(row, 20);
  out.unpriced = text_at(row, 21);
  if (auto first = number_at(row, 22)) call.timing.first_token = std::chrono::microseconds(*first);
  call.client = text_at(row, 23);
  call.session_id = text_at(row, 24);
  out.process = text_at(row, 25);
  out.device = text_at(row, 26);
  call.protocol = protocol_of(row.bytes(27));
  call.tool_calls_count = static_cast<std::uint32_t>(row.integer(28));
  if (auto retry = number_at(row, 29)) call.retry_count = static_cast<std::uint32_t>(*retry);
  call.user_text.append(row.bytes(30), llm::kPreviews.system);
  call.conversation_id = text_at(row, 31);
  Cells links(row, 32);
  call.links = {links.natural(), links.natural(), links.natural(), links.natural()};
  call.agent_id = links.text();
  out.row = links.integer();
  std::string rate = links.text();
  std::from_chars(rate.data(), rate.data() + rate.size(), out.tokens_per_second);
  return out;
}

Result<Statement> prepare_select(Database& database, std::int64_t version, std::string_view where) {
  return database.prepare(
      fmt::format(fmt::runtime(kSelect), version >= kTurnsSince ? kLinks : kNoLinks, where));
}

Result<std::vector<ModelRecord>> read_rows(Statement& select) {
  std::vector<ModelRecord> out;
  auto read = each_row(select, [&](const Statement& row) { out.push_back(read_row(row)); });
  if (!read) return pass(read);
  return out;
}

}  // namespace

Result<ModelRows> ModelRows::open(Database& database) {
  ModelRows rows;
  rows.handle_ = database.handle();
  struct {
    Statement& statement;
    std::string sql;
  } statements[] = {{rows.call_, insert_into("model_calls", kCallColumns)},
                    {rows.tool_, insert_into("tool_calls", kToolColumns)},
                    {rows.result_, insert_into("tool_results", kResultColumns)}};
  for (auto& [statement, sql] : statements) {
    auto prepared = database.prepare(sql);
    if (!prepared) return pass(prepared);
    statement = std::move(*prepared);
  }
  auto prompts = PromptRows::open(database);
  if (!prompts) return pass(prompts);
  rows.prompts_ = std::move(*prompts);
  return rows;
}

Result<> ModelRows::put(const ModelRecord& record) {
  const llm::ModelCall& call = record.call;
  const llm::Usage& usage = call.usage;
  std::string details = details_text(usage), gaps = gaps_text(call.timing), offers = offers_text(call);
  std::string limits = limits_text(call.rate_limits);
  std::string speed;
  if (auto rate = call.timing.tokens_per_second(usage)) speed = fmt::format("{:.1f}", *rate);
  Columns row(call_);
  row.count(record.flow).count(call.started).micros(call.timing.duration);
  row.text(call.provider).text(llm::name(call.protocol)).text(call.model_asked).text(call.model_served);
  row.truth(call.stream).truth(call.websocket).count(std::int64_t{call.status}).text(llm::name(call.finish));
  row.text(call.stop_reason).text(call.error_type).text(call.error_message);
  row.truth(call.partial).text(call.parse_error);
  row.number(usage.input).number(usage.input_fresh).number(usage.cache_read);
  row.number(usage.cache_write_5m).number(usage.cache_write_1h).number(usage.output).number(usage.reasoning);
  row.text(details);
  row.number(record.cost_pico).text(record.cost_source).text(record.unpriced).text(record.priced_as);
  row.time(call.timing.head).time(call.timing.first_token).micros(call.timing.longest_gap);
  row.text(gaps).text(speed);
  row.text(call.client).text(call.client_version).text(call.session_id).text(call.user_id);
  row.text(record.process).text(record.device).text(call.message_id).text(call.request_id);
  row.text(call.previous_id).text(call.conversation_id).text(call.service_tier).number(call.retry_count);
  row.number(call.max_output_tokens).count(std::int64_t{call.messages_count});
  row.count(std::int64_t{call.tools_count}).count(std::int64_t{call.tool_calls_count});
  row.count(std::int64_t{call.tool_results_count}).text(offers).text(limits);
  row.preview(call.text).preview(call.thinking).preview(call.system_prompt).preview(call.user_text);
  row.text(call.refusal.text).count(call.request_bytes).count(call.response_bytes);
  const llm::CallLinks& links = call.links;
  row.unless_zero(links.number).unless_zero(links.turn).unless_zero(links.after).unless_zero(links.retry_of);
  row.text(call.agent_id);
  if (auto done = call_.run(); !done) return done;
  std::int64_t id = sqlite3_last_insert_rowid(handle_);
  if (auto done = prompts_.put(id, record); !done) return done;
  return put_tools(id, call);
}

Result<> ModelRows::put_tools(std::int64_t id, const llm::ModelCall& from) {
  std::int64_t number = 0;
  for (const llm::ToolCall& call : from.tool_calls) {
    Columns row(tool_);
    row.count(id).count(++number).text(call.call_id).text(call.name).text(call.server);
    row.text(llm::name(call.origin)).preview(call.arguments).number(call.arguments_valid);
    if (auto done = tool_.run(); !done) return done;
  }
  number = 0;
  for (const llm::ToolResult& result : from.tool_results) {
    Columns row(result_);
    row.count(id).count(++number).text(result.call_id).text(result.name).preview(result.content);
    row.truth(result.is_error).truth(result.in_response).unless_zero(result.answers.call);
    row.unless_zero(result.answers.number).text(result.agent);
    if (auto done = result_.run(); !done) return done;
  }
  return {};
}

Result<std::vector<ModelRecord>> read_model_calls(Database& database, std::int64_t version, WallNanos since,
                                                  WallNanos until) {
  if (version < kModelCallsSince) return std::vector<ModelRecord>();
  auto select = prepare_select(database, version, kWithin);
  if (!select) return pass(select);
  select->bind(1, since);
  select->bind(2, until);
  return read_rows(*select);
}

Result<std::vector<ModelRecord>> read_model_calls_after(Database& database, std::int64_t version,
                                                        std::int64_t row) {
  if (version < kModelCallsSince) return std::vector<ModelRecord>();
  auto select = prepare_select(database, version, kAfter);
  if (!select) return pass(select);
  select->bind(1, row);
  return read_rows(*select);
}

namespace {

// The row of the call that belongs to a row of its tools; they come in the order of the calls.
ModelRecord* owner(std::vector<ModelRecord>& calls, std::int64_t row) {
  auto found = std::ranges::lower_bound(calls, row, {}, &ModelRecord::row);
  return found != calls.end() && found->row == row ? &*found : nullptr;
}

}  // namespace

Result<> read_tools(Database& database, std::int64_t version, std::vector<ModelRecord>& calls) {
  if (version < kModelCallsSince || calls.empty()) return {};
  auto tools = database.prepare(
      "SELECT call, call_id, name, server, origin, arguments_bytes FROM tool_calls "
      "WHERE call BETWEEN ? AND ? ORDER BY call, number");
  if (!tools) return pass(tools);
  auto results = database.prepare(
      fmt::format("SELECT call, call_id, name, content_bytes, is_error, in_response, {} FROM tool_results "
                  "WHERE call BETWEEN ? AND ? ORDER BY call, number",
                  version >= kTurnsSince ? "answers_call, answers_number, agent" : "NULL, NULL, NULL"));
  if (!results) return pass(results);
  for (Statement* select : {&*tools, &*results}) {
    select->bind(1, calls.front().row);
    select->bind(2, calls.back().row);
  }
  auto read = each_row(*tools, [&](const Statement& row) {
    Cells cells(row);
    ModelRecord* call = owner(calls, cells.integer());
    if (!call) return;
    llm::ToolCall& tool = call->call.tool_calls.emplace_back();
    tool.call_id = cells.text();
    tool.name = cells.text();
    tool.server = cells.text();
    tool.origin = origin_of(cells.text());
    tool.arguments.bytes = cells.natural();
  });
  if (!read) return read;
  return each_row(*results, [&](const Statement& row) {
    Cells cells(row);
    ModelRecord* call = owner(calls, cells.integer());
    if (!call) return;
    llm::ToolResult& result = call->call.tool_results.emplace_back();
    result.call_id = cells.text();
    result.name = cells.text();
    result.content.bytes = cells.natural();
    result.is_error = cells.truth();
    result.in_response = cells.truth();
    result.answers = {cells.natural(), static_cast<std::uint32_t>(cells.integer())};
    result.agent = cells.text();
  });
}

}  // namespace weir::store
