#include "cli/ai_mcp.h"

#include <fmt/format.h>

#include <algorithm>

#include "flow/text.h"

namespace weir::cli {
namespace {

constexpr std::size_t kMostWidth = 40;

std::string shown(std::string_view text) { return flow::fitted(flow::printable(text), kMostWidth); }

std::string padded(const std::string& text, std::size_t width) {
  std::size_t columns = flow::display_width(text);
  return text + std::string(width > columns ? width - columns : 0, ' ');
}

}  // namespace

void McpTotals::add(const store::McpRecord& record) {
  const llm::McpCall& call = record.call;
  bool tool = call.method == "tools/call" && !call.name.empty();
  Sum& sum = sums_[{call.server, call.host, tool ? call.name : "(" + call.method + ")"}];
  ++sum.calls;
  sum.errors += call.is_error;
  sum.unanswered += !call.answered;
  sum.linked += static_cast<bool>(call.ran_for);
  sum.changed += call.tools_changed;
  sum.result_bytes += call.result_bytes;
  if (call.answered)
    sum.durations_us.push_back(std::chrono::duration_cast<std::chrono::microseconds>(call.duration).count());
}

std::int64_t McpTotals::Sum::median_us() const {
  if (durations_us.empty()) return -1;
  auto sorted = durations_us;
  auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::ranges::nth_element(sorted, middle);
  return *middle;
}

std::vector<McpTotals::Row> McpTotals::ordered() const {
  std::map<std::pair<std::string, std::string>, std::uint64_t> of_server;
  for (const auto& [key, sum] : sums_) of_server[{key.server, key.host}] += sum.calls;
  std::vector<Row> out;
  for (const auto& [key, sum] : sums_) out.emplace_back(key, &sum);
  std::ranges::sort(out, [&](const Row& a, const Row& b) {
    auto rank = [&](const Row& row) {
      std::pair server(row.first.server, row.first.host);
      return std::tuple(-static_cast<std::int64_t>(of_server[server]), server,
                        -static_cast<std::int64_t>(row.second->calls), row.first.what);
    };
    return rank(a) < rank(b);
  });
  return out;
}

std::string McpTotals::text() const {
  std::vector<std::pair<std::string, std::string>> names;
  std::size_t server_width = 6, tool_width = 4;
  auto rows = ordered();
  std::uint64_t changed = 0, unanswered = 0;
  for (const auto& [key, sum] : rows) {
    std::string server = key.server.empty() ? key.host : fmt::format("{} ({})", key.server, key.host);
    names.emplace_back(shown(server), shown(key.what));
    server_width = std::max(server_width, flow::display_width(names.back().first));
    tool_width = std::max(tool_width, flow::display_width(names.back().second));
    changed += sum->changed;
    unanswered += sum->unanswered;
  }
  std::string out = fmt::format("{}  {}  {:>7} {:>7} {:>9}\n", padded("server", server_width),
                                padded("tool", tool_width), "CALLS", "ERRORS", "MEDIAN");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Sum& sum = *rows[i].second;
    out += fmt::format("{}  {}  {:>7} {:>7} {:>9}\n", padded(names[i].first, server_width),
                       padded(names[i].second, tool_width), sum.calls, sum.errors,
                       flow::duration_text(sum.median_us()));
  }
  if (unanswered > 0) out += fmt::format("{} got no answer\n", unanswered);
  if (changed > 0)
    out += fmt::format("a list of tools changed {} time{}\n", changed, changed == 1 ? "" : "s");
  return out;
}

void McpTotals::write(JsonWriter& json) const {
  json.begin_array();
  for (const auto& [key, sum] : ordered()) {
    json.begin_object().field("server", key.server).field("host", key.host).field("tool", key.what);
    json.field("calls", sum->calls).field("errors", sum->errors).field("unanswered", sum->unanswered);
    json.field("linked", sum->linked).field("lists_changed", sum->changed);
    json.field("result_bytes", sum->result_bytes);
    json.key("median_us");
    sum->median_us() < 0 ? json.null() : json.value(sum->median_us());
    json.end_object();
  }
  json.end_array();
}

}  // namespace weir::cli
