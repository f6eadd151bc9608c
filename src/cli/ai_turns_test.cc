#include "cli/ai_turns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/ai_mcp.h"

namespace weir::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr WallNanos kSecond = 1'000'000'000;

store::ModelRecord call(std::uint64_t number, std::uint64_t turn, WallNanos started) {
  store::ModelRecord out;
  out.cost_pico = 1'000'000'000;
  llm::ModelCall& call = out.call;
  call.links = {.number = number, .turn = turn};
  call.started = started * kSecond;
  call.timing.duration = std::chrono::seconds(1);
  call.client = "agent";
  call.model_served = "model-1";
  call.status = 200;
  call.usage.input = 10;
  call.usage.output = 2;
  return out;
}

store::SessionTraces conversation() {
  store::SessionTraces out;
  out.session = "s1";
  auto first = call(1, 1, 100);
  first.call.user_text.append(std::string_view("find \x1b[31mit"), 100);
  for (const char* name : {"mcp__docs__search", "Bash"}) first.call.add_tool_call()->name = name;
  auto second = call(2, 1, 104);
  llm::ToolResult* result = second.call.add_tool_result();
  result->answers = {1, 1};
  result->is_error = true;
  second.call.links.retry_of = 1;
  out.calls = {second, first, call(3, 2, 200)};
  store::McpRecord mcp;
  mcp.call.server = "docs";
  mcp.call.host = "docs.example.com";
  mcp.call.method = "tools/call";
  mcp.call.name = "search";
  mcp.call.answered = true;
  mcp.call.duration = std::chrono::milliseconds(340);
  mcp.call.ran_for = {1, 1};
  out.mcp = {mcp};
  return out;
}

TEST(TurnTree, CallsAndToolsBeneathTheirTurn) {
  TurnTree tree(10);
  tree.add(conversation());
  std::string text = tree.text(false);
  EXPECT_THAT(text, HasSubstr("  turn 1  agent  model-1  2 calls  20 in  4 out  $0.002000  5.0s\n"));
  EXPECT_THAT(text, HasSubstr("  \"find \\x1b[31mit\"\n|- "));
  EXPECT_THAT(text, HasSubstr("|  |- mcp__docs__search  error  3.0s  [MCP docs: ok  340ms]\n"));
  EXPECT_THAT(text, HasSubstr("|  `- Bash  no result\n"));
  EXPECT_THAT(text, HasSubstr("(tried again)"));
  EXPECT_THAT(text, HasSubstr("  turn 2  agent  model-1  1 call  "));
  EXPECT_LT(text.find("turn 1"), text.find("turn 2"));
  for (char c : text) EXPECT_GE(c, 0) << "plain ASCII";
  EXPECT_THAT(tree.text(true), HasSubstr("│  └─ Bash"));
}

TEST(TurnTree, TheLatestTurnsRemain) {
  TurnTree tree(1);
  tree.add(conversation());
  EXPECT_THAT(tree.text(false), Not(HasSubstr("turn 1")));
  EXPECT_THAT(tree.text(false), HasSubstr("turn 2"));
}

TEST(TurnTree, CallsOfOlderFilesAreTurnsOfTheirOwn) {
  TurnTree tree(10);
  store::SessionTraces traces{"s", {call(0, 0, 1), call(0, 0, 2)}, {}};
  tree.add(traces);
  std::string text = tree.text(false);
  EXPECT_EQ(std::ranges::count(text, '\n'), 5);
  EXPECT_THAT(text, Not(HasSubstr("turn")));
}

TEST(TurnTree, AsJson) {
  TurnTree tree(10);
  tree.add(conversation());
  std::string json;
  JsonWriter writer(json);
  tree.write(writer);
  EXPECT_THAT(json, HasSubstr(R"("session":"s1","turn":1)"));
  EXPECT_THAT(
      json,
      HasSubstr(
          R"("answered":true,"is_error":true,"result_bytes":0,"took_us":3000000,"mcp":[{"server":"docs")"));
  EXPECT_THAT(json, HasSubstr(R"("linked_by":"name")"));
  EXPECT_THAT(json, HasSubstr(R"("retry_of":1)"));
}

TEST(McpTotals, ByServerAndTool) {
  McpTotals totals;
  for (int ms : {1, 9, 5}) {
    auto record = conversation().mcp[0];
    record.call.duration = std::chrono::milliseconds(ms);
    record.call.is_error = ms == 9;
    totals.add(record);
  }
  auto list = conversation().mcp[0];
  list.call.method = "tools/list";
  list.call.name = "";
  list.call.tools_changed = true;
  list.call.answered = false;
  totals.add(list);
  std::string text = totals.text();
  EXPECT_THAT(text, HasSubstr("docs (docs.example.com)  search              3       1       5ms\n"));
  EXPECT_THAT(text, HasSubstr("(tools/list)        1       0         -\n"));
  EXPECT_THAT(text, HasSubstr("1 got no answer\na list of tools changed 1 time\n"));
  std::string json;
  JsonWriter writer(json);
  totals.write(writer);
  EXPECT_THAT(json, HasSubstr(R"("tool":"search","calls":3,"errors":1,"unanswered":0,"linked":3)"));
  EXPECT_THAT(json, HasSubstr(R"("median_us":5000)"));
}

}  // namespace
}  // namespace weir::cli
