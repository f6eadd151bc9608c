#include "cli/ai_live.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "flow/text.h"

namespace weir::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

store::ModelRecord call() {
  store::ModelRecord out;
  out.flow = 7;
  out.cost_pico = 4'500'000'000;
  out.tokens_per_second = 54.3;
  out.call.provider = "anthropic";
  out.call.model_served = "claude-sonnet-4-5";
  out.call.status = 200;
  out.call.stop_reason = "tool_use";
  out.call.usage.input = 1200;
  out.call.usage.cache_read = 1000;
  out.call.usage.output = 80;
  out.call.timing.duration = std::chrono::milliseconds(2300);
  out.call.timing.first_token = std::chrono::milliseconds(410);
  out.call.add_tool_call()->name = "Bash\x1b[2J";
  return out;
}

TEST(LiveCalls, ALineSaysHowItWent) {
  EXPECT_THAT(
      call_line(call()),
      HasSubstr("  anthropic/claude-sonnet-4-5  1200 in (1000 cached)  80 out  $0.004500  2.3s, first "
                "token 410ms, 54 tok/s  tool_use  [Bash\\x1b[2J]"));
}

TEST(LiveCalls, ALineSaysWhatIsNotKnown) {
  store::ModelRecord failed;
  failed.call.provider = "openai";
  failed.call.status = 429;
  failed.call.error_type = "rate_limit_error";
  EXPECT_THAT(call_line(failed), HasSubstr("openai/(unknown)  ? in  ? out  -  <1ms  429 rate_limit_error"));
}

TEST(LiveCalls, JsonIsOneLine) {
  std::string text;
  JsonWriter json(text);
  write_call(json, "s", call());
  EXPECT_THAT(text, HasSubstr(R"("flow":7,"provider":"anthropic")"));
  EXPECT_THAT(text, HasSubstr(R"("usd":0.004500)"));
  EXPECT_THAT(text, Not(HasSubstr("\n")));
}

std::vector<std::string> rows_of(const std::string& frame) {
  std::vector<std::string> out(1);
  for (std::size_t i = 0; i < frame.size(); ++i) {
    if (frame[i] == '\r') continue;
    if (frame[i] == '\n')
      out.emplace_back();
    else if (frame.compare(i, 3, "\x1b[K") == 0 || frame.compare(i, 3, "\x1b[J") == 0)
      i += 2;
    else
      out.back() += frame[i];
  }
  return out;
}

TEST(LiveScreen, FitsEveryTerminal) {
  LiveScreen screen;
  screen.set_budgets("BUDGET\nday\n");
  for (int i = 0; i < 600; ++i) screen.add("s", call());
  for (std::size_t width : {0, 1, 20, 80, 500})
    for (std::size_t height : {1, 2, 3, 5, 8, 24, 700}) {
      auto rows = rows_of(screen.frame(width, height));
      EXPECT_LE(rows.size(), height);
      for (const auto& row : rows) EXPECT_LE(flow::display_width(row), width);
    }
}

TEST(LiveScreen, HasTotalsAboveAndBudgetsBelow) {
  LiveScreen screen;
  EXPECT_THAT(screen.frame(80, 24), HasSubstr("no call of a model yet"));
  screen.set_budgets("BUDGET\nday\n");
  screen.add("s", call());
  auto rows = rows_of(screen.frame(200, 24));
  EXPECT_EQ(rows.size(), 24u);
  EXPECT_THAT(rows[3], HasSubstr("claude-sonnet-4-5"));
  EXPECT_EQ(rows.back(), "day");
}

}  // namespace
}  // namespace weir::cli
