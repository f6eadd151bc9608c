#include "cli/ai_live.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "cli/ai_text.h"
#include "flow/text.h"
#include "llm/cost.h"

namespace weir::cli {
namespace {

constexpr std::size_t kMostTools = 8;

std::string tools_text(const llm::ModelCall& call) {
  std::string out;
  for (std::size_t i = 0; i < call.tool_calls.size() && i < kMostTools; ++i)
    out += (i == 0 ? "" : ", ") + shown(call.tool_calls[i].name, 32);
  if (call.tool_calls.size() > kMostTools)
    out += fmt::format(" and {} more", call.tool_calls.size() - kMostTools);
  return out;
}

std::string count_text(const std::optional<std::int64_t>& count) {
  return count ? fmt::format("{}", *count) : "?";
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    std::size_t end = std::min(text.find('\n'), text.size());
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

template <typename Number>
void write_number(JsonWriter& json, std::string_view key, const std::optional<Number>& value) {
  json.key(key);
  value ? json.value(*value) : json.null();
}

}  // namespace

std::string call_line(const store::ModelRecord& record) {
  const llm::ModelCall& call = record.call;
  std::string out = flow::local_time(call.started + call.timing.duration.count());
  out += fmt::format("  {}/{}", shown(call.provider, 24), model_of(call));
  out += "  " + count_text(call.usage.input) + " in";
  if (call.usage.cache_read.value_or(0) > 0) out += fmt::format(" ({} cached)", *call.usage.cache_read);
  out += "  " + count_text(call.usage.output) + " out";
  out += record.cost_pico ? "  " + llm::dollars(*record.cost_pico) : "  -";
  out += "  " + flow::duration_text(micros(call.timing.duration));
  if (call.timing.first_token)
    out += ", first token " + flow::duration_text(micros(*call.timing.first_token));
  if (record.tokens_per_second > 0) out += fmt::format(", {:.0f} tok/s", record.tokens_per_second);
  if (std::string end = ending(call); !end.empty()) out += "  " + end;
  if (std::string tools = tools_text(call); !tools.empty()) out += "  [" + tools + "]";
  if (call.prompt.lost > 0)
    out += fmt::format("  cache broken ({}): {} tokens", name(call.prompt.reason), call.prompt.lost);
  return out;
}

void write_call(JsonWriter& json, const std::string& session, const store::ModelRecord& record) {
  const llm::ModelCall& call = record.call;
  json.begin_object().field("time", flow::rfc3339(call.started)).field("session", session);
  json.field("flow", record.flow).field("provider", call.provider).field("model", model_of(call));
  json.field("process", record.process).field("status", call.status).field("stop_reason", call.stop_reason);
  json.field("error_type", call.error_type).field("partial", call.partial);
  write_number(json, "input_tokens", call.usage.input);
  write_number(json, "cache_read_tokens", call.usage.cache_read);
  write_number(json, "output_tokens", call.usage.output);
  json.key("usd");
  record.cost_pico ? json.raw(llm::dollars(*record.cost_pico).substr(1)) : json.null();
  json.field("duration_us", micros(call.timing.duration)).key("first_token_us");
  call.timing.first_token ? json.value(micros(*call.timing.first_token)) : json.null();
  json.key("tokens_per_second");
  record.tokens_per_second > 0 ? json.raw(fmt::format("{:.1f}", record.tokens_per_second)) : json.null();
  json.key("tools").begin_array();
  for (const llm::ToolCall& tool : call.tool_calls) json.value(tool.name);
  json.end_array().field("cache_break", name(call.prompt.reason));
  json.field("cache_lost_tokens", call.prompt.lost).end_object();
}

void LiveScreen::add(const std::string& session, const store::ModelRecord& record) {
  totals_.add(session, record);
  calls_.push_back(call_line(record));
  if (calls_.size() > kMostCalls) calls_.pop_front();
}

std::string LiveScreen::frame(std::size_t width, std::size_t height) const {
  std::vector<std::string> lines = {"weir ai: live; q leaves", ""}, budgets = lines_of(budgets_);
  std::vector<std::string> totals =
      totals_.empty() ? std::vector<std::string>{"no call of a model yet"} : lines_of(totals_.text());
  totals.resize(std::min(totals.size(), std::max<std::size_t>(height * 2 / 5, 2)));
  budgets.resize(std::min(budgets.size(), height / 4));
  auto append = [&](std::vector<std::string>& more) { std::ranges::move(more, std::back_inserter(lines)); };
  append(totals);
  lines.emplace_back();
  std::size_t below = budgets.empty() ? 0 : budgets.size() + 1;
  std::size_t room = height > lines.size() + below ? height - lines.size() - below : 0;
  std::size_t latest = std::min(room, calls_.size());
  lines.insert(lines.end(), calls_.end() - static_cast<std::ptrdiff_t>(latest), calls_.end());
  if (below > 0) lines.insert(lines.end(), room - latest + 1, "");
  append(budgets);
  lines.resize(std::min(lines.size(), height));
  std::string out;
  for (std::size_t i = 0; i < lines.size(); ++i)
    out += (i == 0 ? "" : "\r\n") + flow::fitted(lines[i], width) + "\x1b[K";
  return out + "\x1b[J";
}

}  // namespace weir::cli
