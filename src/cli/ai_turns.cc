#include "cli/ai_turns.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "cli/ai_text.h"
#include "flow/text.h"
#include "llm/cost.h"

namespace weir::cli {
namespace {

constexpr std::size_t kTitleWidth = 96;

WallNanos end_of(const llm::ModelCall& call) { return call.started + call.timing.duration.count(); }

std::string tokens_text(std::int64_t input, std::int64_t output) {
  return fmt::format("{} in  {} out", input, output);
}

std::string_view outcome_of(const store::McpRecord& record) {
  if (!record.call.answered) return "no answer";
  return record.call.is_error ? "error" : "ok";
}

void write_cost(JsonWriter& json, const std::optional<std::int64_t>& pico) {
  json.key("usd");
  pico ? json.raw(llm::dollars(*pico).substr(1)) : json.null();
}

void write_mcp(JsonWriter& json, const store::McpRecord& record) {
  const llm::McpCall& call = record.call;
  json.begin_object().field("server", call.server.empty() ? call.host : call.server);
  json.field("host", call.host).field("method", call.method).field("name", call.name);
  json.field("outcome", outcome_of(record)).field("duration_us", micros(call.duration));
  json.field("linked_by", "name").end_object();
}

}  // namespace

void TurnTree::Turn::add(store::ModelRecord record) {
  const llm::ModelCall& call = record.call;
  started = std::min(started, call.started);
  ended = std::max(ended, end_of(call));
  unpriced += !record.cost_pico;
  add_to(input, call.usage.input.value_or(0));
  add_to(output, call.usage.output.value_or(0));
  add_to(cost_pico, record.cost_pico.value_or(0));
  calls.push_back(std::move(record));
}

std::string TurnTree::Turn::cost() const {
  if (unpriced == calls.size()) return "-";
  return llm::dollars(cost_pico) + (unpriced > 0 ? "+" : "");
}

// What the user said to begin it.
std::string TurnTree::Turn::title() const {
  for (const store::ModelRecord& record : calls)
    if (!record.call.user_text.empty()) return shown(record.call.user_text.text, kTitleWidth);
  return {};
}

std::string TurnTree::Turn::models() const {
  std::set<std::string> names;
  for (const store::ModelRecord& record : calls) names.insert(model_of(record.call));
  return names.size() == 1 ? *names.begin() : fmt::format("{} models", names.size());
}

// What came of each tool call.
std::map<TurnTree::Key, TurnTree::Outcome> TurnTree::outcomes_of(
    const std::vector<store::ModelRecord>& calls) {
  std::map<std::uint64_t, WallNanos> ends;
  for (const store::ModelRecord& record : calls) ends[record.call.links.number] = end_of(record.call);
  std::map<Key, Outcome> out;
  for (const store::ModelRecord& record : calls)
    for (const llm::ToolResult& result : record.call.tool_results) {
      if (!result.answers) continue;
      Outcome& outcome = out[{result.answers.call, result.answers.number}];
      outcome = {.is_error = result.is_error, .bytes = result.content.bytes, .agent = result.agent};
      auto end = ends.find(result.answers.call);
      if (!result.in_response && end != ends.end())
        outcome.took_us = std::max<std::int64_t>(0, record.call.started - end->second) / 1000;
    }
  return out;
}

void TurnTree::add(store::SessionTraces traces) {
  std::map<std::uint64_t, std::size_t> by_number;  // of turns
  std::map<std::uint64_t, std::size_t> turn_of;    // by a call's number
  std::vector<Turn> turns;
  auto outcomes = outcomes_of(traces.calls);
  for (store::ModelRecord& record : traces.calls) {
    const llm::CallLinks links = record.call.links;
    auto [found, fresh] = by_number.try_emplace(links.turn, turns.size());
    if (fresh || links.turn == 0) {
      found->second = turns.size();
      turns.emplace_back();
      turns.back().session = traces.session;
      turns.back().number = links.turn;
    }
    if (links.number != 0) turn_of[links.number] = found->second;
    turns[found->second].add(std::move(record));
  }
  for (auto& [key, outcome] : outcomes)
    if (auto turn = turn_of.find(key.first); turn != turn_of.end())
      turns[turn->second].outcomes.emplace(key, std::move(outcome));
  for (store::McpRecord& record : traces.mcp) {
    Key key{record.call.ran_for.call, record.call.ran_for.number};
    if (auto turn = turn_of.find(key.first); turn != turn_of.end())
      turns[turn->second].mcp.emplace(key, std::move(record));
  }
  for (Turn& turn : turns) {
    std::ranges::sort(turn.calls, {}, [](const store::ModelRecord& record) {
      return std::pair(record.call.started, record.call.links.number);
    });
    turns_.push_back(std::move(turn));
  }
  std::ranges::sort(turns_, {}, [](const Turn& turn) { return std::pair(turn.started, turn.number); });
  if (turns_.size() > most_) turns_.erase(turns_.begin(), turns_.end() - static_cast<std::ptrdiff_t>(most_));
}

void TurnTree::append_tools(std::string& out, const Turn& turn, const store::ModelRecord& record,
                            const std::string& indent, const Lines& lines) {
  const auto& tools = record.call.tool_calls;
  for (std::size_t i = 0; i < tools.size(); ++i) {
    Key key{record.call.links.number, static_cast<std::uint32_t>(i + 1)};
    out += indent + std::string(i + 1 == tools.size() ? lines.last : lines.branch) + shown(tools[i].name);
    auto outcome = turn.outcomes.find(key);
    if (outcome == turn.outcomes.end()) {
      out += tools[i].origin == llm::ToolOrigin::client ? "  no result" : "  run by the provider";
    } else {
      out += outcome->second.is_error ? "  error" : "  ok";
      if (outcome->second.took_us >= 0) out += "  " + flow::duration_text(outcome->second.took_us);
      if (!outcome->second.agent.empty()) out += "  agent " + shown(outcome->second.agent, 24);
    }
    auto [mcp, end] = turn.mcp.equal_range(key);
    for (; mcp != end; ++mcp) {
      const llm::McpCall& call = mcp->second.call;
      out += fmt::format("  [MCP {}: {}  {}]", shown(call.server.empty() ? call.host : call.server),
                         outcome_of(mcp->second), flow::duration_text(micros(call.duration)));
    }
    out += '\n';
  }
}

void TurnTree::append_turn(std::string& out, const Turn& turn, const Lines& lines) const {
  const llm::ModelCall& first = turn.calls.front().call;
  out += flow::local_date_time(turn.started);
  if (turn.number != 0) out += fmt::format("  turn {}", turn.number);
  if (!first.client.empty()) out += "  " + shown(first.client, 40);
  if (!first.agent_id.empty()) out += "  agent " + shown(first.agent_id, 24);
  out += fmt::format("  {}  {} call{}  {}  {}  {}\n", turn.models(), turn.calls.size(),
                     turn.calls.size() == 1 ? "" : "s", tokens_text(turn.input, turn.output), turn.cost(),
                     flow::duration_text((turn.ended - turn.started) / 1000));
  if (std::string title = turn.title(); !title.empty()) out += fmt::format("  \"{}\"\n", title);
  for (const store::ModelRecord& record : turn.calls) {
    bool last = &record == &turn.calls.back();
    const llm::ModelCall& call = record.call;
    out += fmt::format("{}{}  {}  {}  {}  {}  {}{}\n", last ? lines.last : lines.branch,
                       flow::local_time(call.started), model_of(call),
                       tokens_text(call.usage.input.value_or(0), call.usage.output.value_or(0)),
                       record.cost_pico ? llm::dollars(*record.cost_pico) : "-",
                       flow::duration_text(micros(call.timing.duration)), ending(call),
                       call.links.retry_of != 0 ? "  (tried again)" : "");
    append_tools(out, turn, record, std::string(last ? "   " : lines.bar), lines);
  }
}

std::string TurnTree::text(bool lines) const {
  constexpr Lines kPlain{"|- ", "`- ", "|  "}, kDrawn{"├─ ", "└─ ", "│  "};
  std::string out;
  for (const Turn& turn : turns_) {
    if (!out.empty()) out += '\n';
    append_turn(out, turn, lines ? kDrawn : kPlain);
  }
  return out;
}

void TurnTree::write_call(JsonWriter& json, const Turn& turn, const store::ModelRecord& record) {
  const llm::ModelCall& call = record.call;
  json.begin_object().field("call", call.links.number).field("flow", record.flow);
  json.field("started", flow::rfc3339(call.started)).field("duration_us", micros(call.timing.duration));
  json.field("provider", call.provider).field("model", model_of(call)).field("status", int{call.status});
  json.field("stop_reason", call.stop_reason).field("error", call.error_type).field("partial", call.partial);
  if (call.links.after != 0) json.field("after", call.links.after);
  if (call.links.retry_of != 0) json.field("retry_of", call.links.retry_of);
  json.field("input_tokens", call.usage.input.value_or(0));
  json.field("output_tokens", call.usage.output.value_or(0));
  write_cost(json, record.cost_pico);
  json.key("tools").begin_array();
  for (std::size_t i = 0; i < call.tool_calls.size(); ++i) {
    const llm::ToolCall& tool = call.tool_calls[i];
    Key key{call.links.number, static_cast<std::uint32_t>(i + 1)};
    json.begin_object().field("id", tool.call_id).field("name", tool.name);
    json.field("origin", llm::name(tool.origin));
    auto outcome = turn.outcomes.find(key);
    json.field("answered", outcome != turn.outcomes.end());
    if (outcome != turn.outcomes.end()) {
      json.field("is_error", outcome->second.is_error).field("result_bytes", outcome->second.bytes);
      if (outcome->second.took_us >= 0) json.field("took_us", outcome->second.took_us);
      if (!outcome->second.agent.empty()) json.field("agent", outcome->second.agent);
    }
    auto [mcp, end] = turn.mcp.equal_range(key);
    if (mcp != end) {
      json.key("mcp").begin_array();
      for (; mcp != end; ++mcp) write_mcp(json, mcp->second);
      json.end_array();
    }
    json.end_object();
  }
  json.end_array().end_object();
}

void TurnTree::write(JsonWriter& json) const {
  json.begin_array();
  for (const Turn& turn : turns_) {
    const llm::ModelCall& first = turn.calls.front().call;
    json.begin_object().field("session", turn.session).field("turn", turn.number);
    json.field("started", flow::rfc3339(turn.started));
    json.field("duration_us", (turn.ended - turn.started) / 1000);
    json.field("client", first.client).field("client_session", first.session_id);
    json.field("agent", first.agent_id).field("user_text", turn.title());
    json.field("input_tokens", turn.input).field("output_tokens", turn.output);
    write_cost(json, turn.unpriced == turn.calls.size() ? std::nullopt : std::optional(turn.cost_pico));
    json.field("unpriced", turn.unpriced);
    json.key("calls").begin_array();
    for (const store::ModelRecord& record : turn.calls) write_call(json, turn, record);
    json.end_array().end_object();
  }
  json.end_array();
}

}  // namespace weir::cli
