#include "store/prompt_rows.h"

#include <algorithm>

#include "store/columns.h"
#include "store/schema.h"

namespace weir::store {
namespace {

constexpr std::string_view kColumns =
    "call, thread, first, reason, path, at, reordered, shared_bytes, bytes, before, after, idle_us, "
    "expected, "
    "lost, lost_pico";

void read_row(const Statement& row, std::vector<ModelRecord>& calls) {
  Cells cells(row);
  std::int64_t number = cells.integer();
  auto call = std::ranges::lower_bound(calls, number, {}, &ModelRecord::row);
  if (call == calls.end() || call->row != number) return;
  llm::PromptChange& prompt = call->call.prompt;
  prompt.thread = cells.natural();
  prompt.first = cells.truth();
  prompt.reason = llm::prompt_break(cells.text());
  prompt.path = cells.text();
  prompt.at = cells.natural();
  prompt.reordered = cells.truth();
  prompt.shared = cells.natural();
  prompt.bytes = cells.natural();
  prompt.before.text = cells.text();
  prompt.after.text = cells.text();
  if (auto idle = cells.number()) prompt.idle = std::chrono::microseconds(*idle);
  prompt.expected = cells.integer();
  prompt.lost = cells.integer();
  call->lost_pico = cells.integer();
}

}  // namespace

Result<PromptRows> PromptRows::open(Database& database) {
  auto insert = database.prepare(insert_into("prompts", kColumns));
  if (!insert) return pass(insert);
  PromptRows rows;
  rows.insert_ = std::move(*insert);
  return rows;
}

Result<> PromptRows::put(std::int64_t call, const ModelRecord& record) {
  const llm::PromptChange& prompt = record.call.prompt;
  if (prompt.thread == 0) return {};
  Columns row(insert_);
  row.count(call).count(prompt.thread).truth(prompt.first).text(llm::name(prompt.reason)).text(prompt.path);
  row.count(prompt.at).truth(prompt.reordered).count(prompt.shared).count(prompt.bytes);
  row.text(prompt.before.text).text(prompt.after.text).time(prompt.idle);
  row.count(prompt.expected).count(prompt.lost).count(record.lost_pico);
  return insert_.run();
}

Result<> read_prompts(Database& database, std::int64_t version, std::vector<ModelRecord>& calls) {
  if (version < kTurnsSince || calls.empty()) return {};
  auto select =
      database.prepare("SELECT " + std::string(kColumns) + " FROM prompts WHERE call BETWEEN ? AND ?");
  if (!select) return pass(select);
  select->bind(1, calls.front().row);
  select->bind(2, calls.back().row);
  return each_row(*select, [&](const Statement& row) { read_row(row, calls); });
}

}  // namespace weir::store
