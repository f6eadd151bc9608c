// Traces, from the store's queue to a reader: calls of models with their tools, and of MCP servers.
#include "store/mcp_rows.h"

#include <gmock/gmock.h>

#include "store/model_query.h"
#include "store/test_recording.h"

namespace weir::store {
namespace {

using testing::SizeIs;

std::unique_ptr<const ModelRecord> model_call(std::uint64_t number, std::uint64_t turn) {
  auto out = std::make_unique<ModelRecord>();
  llm::ModelCall& call = out->call;
  call.started = static_cast<WallNanos>(number) * 1000;
  call.links = {.number = number, .turn = turn, .after = number - 1, .retry_of = number == 3 ? 2u : 0u};
  call.agent_id = number == 3 ? "agent-1" : "";
  call.user_text.append(std::string_view("do it"), 100);
  llm::ToolCall* tool = call.add_tool_call();
  tool->call_id = "toolu_" + std::to_string(number);
  tool->name = "search";
  tool->origin = number == 1 ? llm::ToolOrigin::server : llm::ToolOrigin::client;
  if (number > 1) {
    llm::ToolResult* result = call.add_tool_result();
    result->call_id = "toolu_" + std::to_string(number - 1);
    result->is_error = true;
    result->answers = {number - 1, 1};
    result->agent = "agent-2";
  }
  return out;
}

std::unique_ptr<const McpRecord> mcp_call(WallNanos started) {
  auto out = std::make_unique<McpRecord>();
  llm::McpCall& call = out->call;
  call.exchange = 1;
  call.host = "docs.example.com";
  call.path = "/mcp";
  call.server = "docs";
  call.method = "tools/call";
  call.name = "search";
  call.id = "\"a\"";
  call.answered = true;
  call.is_error = true;
  call.error_code = -32601;
  call.status = 200;
  call.started = started;
  call.duration = std::chrono::milliseconds(7);
  call.kinds = {{"text", 12}};
  call.tools = {{.name = "read", .title = "", .read_only = true}};
  call.tools_changed = true;
  call.ran_for = {2, 1};
  return out;
}

class TracesStoreTest : public StoreTest {
 protected:
  std::vector<SessionTraces> traces(WallNanos since = 0) {
    std::vector<SessionTraces> out;
    auto done = for_each_trace({.project_dirs = {data_dir()}, .session = {}}, since, INT64_MAX,
                               [&](SessionTraces each) { out.push_back(std::move(each)); });
    EXPECT_TRUE(done) << done.error().message();
    return out;
  }
};

TEST_F(TracesStoreTest, CallsComeBackWithTheirLinksAndTools) {
  auto store = record();
  for (std::uint64_t number : {1, 2, 3}) store->model_call(model_call(number, number == 1 ? 1 : 2));
  store->close();
  auto found = traces();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].session, store->session_id());
  ASSERT_THAT(found[0].calls, SizeIs(3));
  const llm::ModelCall& last = found[0].calls[2].call;
  EXPECT_EQ(last.links.number, 3u);
  EXPECT_EQ(last.links.turn, 2u);
  EXPECT_EQ(last.links.after, 2u);
  EXPECT_EQ(last.links.retry_of, 2u);
  EXPECT_EQ(last.agent_id, "agent-1");
  EXPECT_EQ(last.user_text.text, "do it");
  ASSERT_THAT(last.tool_results, SizeIs(1));
  EXPECT_EQ(last.tool_results[0].answers, (llm::ToolRef{2, 1}));
  EXPECT_EQ(last.tool_results[0].agent, "agent-2");
  EXPECT_TRUE(last.tool_results[0].is_error);
  const llm::ModelCall& first = found[0].calls[0].call;
  ASSERT_THAT(first.tool_calls, SizeIs(1));
  EXPECT_EQ(first.tool_calls[0].name, "search");
  EXPECT_EQ(first.tool_calls[0].origin, llm::ToolOrigin::server);
  ASSERT_THAT(traces(2000)[0].calls, SizeIs(2));
  EXPECT_THAT(traces(2000)[0].calls[0].call.tool_calls, SizeIs(1));
}

TEST_F(TracesStoreTest, CallsOfMcpServersComeBack) {
  auto store = record();
  store->mcp_call(mcp_call(1000));
  store->mcp_call(mcp_call(2000));
  auto flow = sample_flow(1);
  flow.process = "agent";
  store->closed(boxed(std::move(flow)));
  auto file = store->directory() / "flows-0001.db";
  store->close();
  auto found = traces(1500);
  ASSERT_THAT(found, SizeIs(1));
  ASSERT_THAT(found[0].mcp, SizeIs(1));
  const llm::McpCall& call = found[0].mcp[0].call;
  EXPECT_EQ(call.server, "docs");
  EXPECT_EQ(call.method, "tools/call");
  EXPECT_EQ(call.name, "search");
  EXPECT_EQ(call.id, "\"a\"");
  EXPECT_EQ(call.error_code, -32601);
  EXPECT_EQ(call.duration, std::chrono::milliseconds(7));
  EXPECT_EQ(call.ran_for, (llm::ToolRef{2, 1}));
  EXPECT_EQ(found[0].mcp[0].process, "agent");
  EXPECT_EQ(ask(file, R"(SELECT count(*) FROM mcp_calls WHERE kinds = '{"text":12}' AND )"
                      R"(tools = '[{"name":"read","readOnlyHint":true}]')"),
            2);
}

TEST_F(TracesStoreTest, FilesOfVersion8HaveCallsAndNoTurns) {
  auto store = record();
  store->model_call(model_call(1, 1));
  auto file = store->directory() / "flows-0001.db";
  store->close();
  auto database = Database::open(file, Database::Access::write, 1000);
  ASSERT_TRUE(database);
  ASSERT_TRUE(database->execute(
      "DROP TABLE mcp_calls; ALTER TABLE model_calls DROP COLUMN number; ALTER TABLE model_calls DROP COLUMN "
      "turn; ALTER TABLE model_calls DROP COLUMN after; ALTER TABLE model_calls DROP COLUMN retry_of;"
      "ALTER TABLE model_calls DROP COLUMN agent; ALTER TABLE tool_results DROP COLUMN answers_call;"
      "ALTER TABLE tool_results DROP COLUMN answers_number; ALTER TABLE tool_results DROP COLUMN agent;"
      "PRAGMA user_version = 8"));
  auto found = traces();
  ASSERT_THAT(found, SizeIs(1));
  ASSERT_THAT(found[0].calls, SizeIs(1));
  EXPECT_EQ(found[0].calls[0].call.links.turn, 0u);
  EXPECT_THAT(found[0].calls[0].call.tool_calls, SizeIs(1));
}

}  // namespace
}  // namespace weir::store
