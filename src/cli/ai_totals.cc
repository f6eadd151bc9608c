#include "cli/ai_totals.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <vector>

#include "cli/ai_chart.h"
#include "cli/ai_text.h"
#include "flow/text.h"
#include "llm/cost.h"

namespace weir::cli {
namespace {

constexpr std::string_view kNone = "(unknown)";

std::string local_hour(WallNanos time) {
  std::time_t seconds = time / 1'000'000'000;
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02} {:02}:00", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                     parts.tm_hour);
}
std::string local_day(WallNanos time) { return local_hour(time).substr(0, 10); }

std::int64_t amount_of(const AiTotals::Sum& sum, AiMeasure of) {
  if (of == AiMeasure::cost) return sum.cost_pico;
  if (of == AiMeasure::calls) return static_cast<std::int64_t>(sum.calls);
  std::int64_t tokens = sum.input;
  add_to(tokens, sum.output);
  return tokens;
}

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == text.npos) return std::string(text);
  std::string out = "\"";
  for (char c : text) out.append(c == '"' ? 2 : 1, c);
  return out + '"';
}

std::string cost_text(const AiTotals::Sum& sum) {
  if (sum.unpriced == sum.calls && sum.calls > 0) return "-";
  return llm::dollars(sum.cost_pico) + (sum.unpriced > 0 ? "+" : "");
}

}  // namespace

std::string_view name(AiGroup group) {
  switch (group) {
    case AiGroup::model: return "model";
    case AiGroup::provider: return "provider";
    case AiGroup::session: return "session";
    case AiGroup::process: return "process";
    case AiGroup::client: return "client";
    case AiGroup::day: return "day";
    case AiGroup::hour: return "hour";
  }
  return "";
}

std::string_view name(AiMeasure measure) {
  constexpr std::string_view kNames[] = {"cost", "tokens", "calls"};
  return kNames[static_cast<std::size_t>(measure)];
}

void AiTotals::Sum::add(const store::ModelRecord& record) {
  const llm::ModelCall& call = record.call;
  ++calls;
  errors += call.status >= 400 || call.status == 0 || !call.error_type.empty();
  partial += call.partial;
  unpriced += !record.cost_pico;
  tool_calls += call.tool_calls_count;
  add_to(input, call.usage.input.value_or(0));
  add_to(cache_read, call.usage.cache_read.value_or(0));
  add_to(cache_write, call.usage.cache_write_5m.value_or(0));
  add_to(cache_write, call.usage.cache_write_1h.value_or(0));
  add_to(output, call.usage.output.value_or(0));
  add_to(reasoning, call.usage.reasoning.value_or(0));
  add_to(cost_pico, record.cost_pico.value_or(0));
}

void AiTotals::add(const std::string& session, const store::ModelRecord& record) {
  sums_[key_of(session, record)].add(record);
  all_.add(record);
  if (!record.cost_pico) ++reasons_[record.unpriced.empty() ? std::string(kNone) : record.unpriced];
}

std::string AiTotals::reasons_text() const {
  std::string out;
  for (const auto& [reason, count] : reasons_)
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", flow::printable(reason), count);
  return out;
}

std::string AiTotals::key_of(const std::string& session, const store::ModelRecord& record) const {
  const llm::ModelCall& call = record.call;
  std::string key;
  switch (group_) {
    case AiGroup::model: key = call.model_served.empty() ? call.model_asked : call.model_served; break;
    case AiGroup::provider: key = call.provider; break;
    case AiGroup::session: key = session; break;
    case AiGroup::process: key = record.process; break;
    case AiGroup::client: key = call.client; break;
    case AiGroup::day: key = local_day(call.started); break;
    case AiGroup::hour: key = local_hour(call.started); break;
  }
  return key.empty() ? std::string(kNone) : key;
}

std::vector<std::pair<std::string, const AiTotals::Sum*>> AiTotals::ordered() const {
  std::vector<std::pair<std::string, const Sum*>> out;
  for (const auto& [key, sum] : sums_) out.emplace_back(key, &sum);
  if (group_ == AiGroup::day || group_ == AiGroup::hour) return out;
  std::ranges::stable_sort(out, [](const auto& a, const auto& b) {
    return std::pair(a.second->cost_pico, a.second->calls) > std::pair(b.second->cost_pico, b.second->calls);
  });
  return out;
}

std::string AiTotals::text() const {
  constexpr std::size_t kMostWidth = 44;
  auto rows = ordered();
  rows.emplace_back("all", &all_);
  std::size_t width = name(group_).size();
  for (auto& [key, sum] : rows) {
    key = flow::fitted(flow::printable(key), kMostWidth);
    width = std::max(width, key.size());
  }
  std::string out = fmt::format("{:<{}}  {:>7} {:>12} {:>12} {:>12} {:>12}\n", name(group_), width, "CALLS",
                                "INPUT", "CACHED", "OUTPUT", "COST");
  for (const auto& [key, sum] : rows)
    out += fmt::format("{:<{}}  {:>7} {:>12} {:>12} {:>12} {:>12}\n", key, width, sum->calls, sum->input,
                       sum->cache_read, sum->output, cost_text(*sum));
  if (all_.unpriced > 0)
    out += fmt::format("{} of {} calls have no price ({})\n", all_.unpriced, all_.calls, reasons_text());
  if (all_.partial > 0) out += fmt::format("{} broke off: what they used is not all known\n", all_.partial);
  if (all_.errors > 0) out += fmt::format("{} ended in an error\n", all_.errors);
  return out;
}

std::string AiTotals::chart(AiMeasure of, std::size_t width, bool blocks) const {
  auto label = [&](const Sum& sum) {
    return of == AiMeasure::cost ? cost_text(sum) : fmt::format("{}", amount_of(sum, of));
  };
  std::vector<Bar> bars;
  for (const auto& [key, sum] : ordered())
    bars.push_back({flow::printable(key), amount_of(*sum, of), label(*sum)});
  std::string out = bar_chart(bars, width, blocks);
  return out +
         fmt::format("all: {}{}\n", label(all_), of == AiMeasure::cost ? "" : fmt::format(" {}", name(of)));
}

std::string AiTotals::csv() const {
  std::string out = fmt::format(
      "{},calls,errors,partial,unpriced,tool_calls,input,cache_read,cache_write,output,reasoning,usd\n",
      name(group_));
  for (const auto& [key, sum] : ordered())
    out += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{}\n", csv_field(key), sum->calls, sum->errors,
                       sum->partial, sum->unpriced, sum->tool_calls, sum->input, sum->cache_read,
                       sum->cache_write, sum->output, sum->reasoning,
                       sum->unpriced == sum->calls ? "" : llm::dollars(sum->cost_pico).substr(1));
  return out;
}

void AiTotals::write(JsonWriter& json) const {
  json.begin_array();
  for (const auto& [key, sum] : ordered()) {
    json.begin_object().field(name(group_), key).field("calls", sum->calls).field("errors", sum->errors);
    json.field("partial", sum->partial).field("unpriced", sum->unpriced).field("tool_calls", sum->tool_calls);
    json.field("input_tokens", sum->input).field("cache_read_tokens", sum->cache_read);
    json.field("cache_write_tokens", sum->cache_write).field("output_tokens", sum->output);
    json.field("reasoning_tokens", sum->reasoning);
    json.key("usd");
    sum->unpriced == sum->calls ? json.null() : json.raw(llm::dollars(sum->cost_pico).substr(1));
    json.end_object();
  }
  json.end_array();
}

}  // namespace weir::cli
