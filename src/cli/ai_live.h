// What `weir ai -f` shows: a line a call as it ends, or a screen that is drawn anew. No terminal, no clock.
#pragma once

#include <deque>
#include <string>
#include <string_view>

#include "base/json.h"
#include "cli/ai_totals.h"
#include "store/model_record.h"

namespace weir::cli {

/// "10:30:05  anthropic/claude-sonnet-4-5  1200 in (1000 cached)  80 out  $0.0045  ..." without its end.
std::string call_line(const store::ModelRecord& record);
/// One object: what the line says, exactly.
void write_call(JsonWriter& json, const std::string& session, const store::ModelRecord& record);

/// Totals by model, the latest calls, what is left of budgets.
class LiveScreen {
 public:
  void add(const std::string& session, const store::ModelRecord& record);
  /// The table of `weir ai budgets`; empty when there are none.
  void set_budgets(std::string text) { budgets_ = std::move(text); }
  /// Exactly `height` lines at most, none wider than `width`; what there is no room for is left out, the
  /// oldest calls first.
  std::string frame(std::size_t width, std::size_t height) const;

 private:
  static constexpr std::size_t kMostCalls = 512;

  AiTotals totals_{AiGroup::model};
  std::deque<std::string> calls_;
  std::string budgets_;
};

}  // namespace weir::cli
