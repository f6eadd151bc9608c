// Calls of models, from the store's queue to a reader.
#include "store/model_rows.h"

#include <gmock/gmock.h>

#include "store/model_query.h"
#include "store/test_recording.h"

namespace weir::store {
namespace {

std::unique_ptr<const ModelRecord> sample(flow::FlowId flow, WallNanos started) {
  auto out = std::make_unique<ModelRecord>();
  out->flow = flow;
  out->cost_pico = 4'500'000'000;
  out->cost_source = "table";
  llm::ModelCall& call = out->call;
  call.started = started;
  call.provider = "anthropic";
  call.protocol = llm::Protocol::anthropic_messages;
  call.model_asked = "asked";
  call.model_served = "served";
  call.stream = true;
  call.status = 200;
  call.stop_reason = "tool_use";
  call.usage.input = 100;
  call.usage.cache_read = 0;
  call.usage.output = 7;
  call.usage.set_detail("web", 2);
  call.timing.duration = std::chrono::milliseconds(1500);
  call.timing.first_token = std::chrono::milliseconds(300);
  call.text.append(std::string_view("Hello"), 100);
  call.rate_limits = {{"retry-after", "3"}};
  llm::ToolCall* tool = call.add_tool_call();
  tool->call_id = "toolu_1";
  tool->name = "search";
  call.append_arguments(*tool, std::string_view(R"({"q":"x"})"));
  call.tool_calls_count = 1;
  llm::ToolResult* result = call.add_tool_result();
  result->call_id = "toolu_0";
  result->is_error = true;
  call.append_result(*result, std::string_view("no"));
  return out;
}

class ModelRowsTest : public StoreTest {
 protected:
  std::vector<ModelRecord> calls(WallNanos since = 0, WallNanos until = INT64_MAX) {
    std::vector<ModelRecord> out;
    auto done =
        for_each_model_call({.project_dirs = {data_dir()}, .session = {}}, since, until,
                            [&](const std::string&, const ModelRecord& each) { out.push_back(each); });
    EXPECT_TRUE(done) << done.error().message();
    return out;
  }
};

TEST_F(ModelRowsTest, ACallComesBackAsItWasTold) {
  auto store = record();
  store->model_call(sample(7, 1000));
  store->close();
  auto found = calls();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].flow, 7u);
  EXPECT_EQ(found[0].cost_pico, 4'500'000'000);
  EXPECT_EQ(found[0].cost_source, "table");
  const llm::ModelCall& call = found[0].call;
  EXPECT_EQ(call.provider, "anthropic");
  EXPECT_EQ(call.protocol, llm::Protocol::anthropic_messages);
  EXPECT_EQ(call.model_served, "served");
  EXPECT_EQ(call.usage.input, 100);
  EXPECT_EQ(call.usage.cache_read, 0) << "said to be none";
  EXPECT_EQ(call.usage.reasoning, std::nullopt) << "never said";
  EXPECT_EQ(call.usage.output, 7);
  EXPECT_EQ(call.timing.duration, std::chrono::milliseconds(1500));
  EXPECT_EQ(call.timing.first_token, std::chrono::milliseconds(300));
  EXPECT_EQ(call.tool_calls_count, 1u);
}

TEST_F(ModelRowsTest, ToolsHaveRowsOfTheirOwn) {
  auto store = record();
  store->model_call(sample(7, 1000));
  store->model_call(sample(8, 2000));
  auto file = store->directory() / "flows-0001.db";
  store->close();
  EXPECT_EQ(
      ask(file, "SELECT count(*) FROM tool_calls WHERE name = 'search' AND arguments = '{\"q\":\"x\"}'"), 2);
  EXPECT_EQ(ask(file, "SELECT count(*) FROM tool_results WHERE call_id = 'toolu_0' AND is_error"), 2);
  EXPECT_EQ(ask(file, "SELECT count(DISTINCT call) FROM tool_calls"), 2);
}

TEST_F(ModelRowsTest, ByTime) {
  auto store = record();
  for (WallNanos started : {1000, 2000, 3000}) store->model_call(sample(1, started));
  store->close();
  EXPECT_EQ(calls(2000).size(), 2u);
  EXPECT_EQ(calls(0, 2000).size(), 1u);
}

TEST_F(ModelRowsTest, TheProgramIsThatOfTheFlow) {
  auto store = record();
  store->model_call(sample(1, 1000));
  auto flow = sample_flow(1);
  flow.process = "agent";
  store->closed(boxed(std::move(flow)));
  store->close();
  ASSERT_EQ(calls().size(), 1u);
  EXPECT_EQ(calls()[0].process, "agent");
}

TEST_F(ModelRowsTest, CallsWithoutRoomAreCounted) {
  auto options = this->options();
  options.queue_bytes = 0;
  options.when_full = flow::WhenFull::drop;
  auto store = record(options);
  store->model_call(sample(1, 1000));
  store->close();
  EXPECT_EQ(store->counters().shed_models + calls().size(), 1u);
}

}  // namespace
}  // namespace weir::store
