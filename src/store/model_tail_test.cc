#include "store/model_tail.h"

#include <gtest/gtest.h>

#include "store/test_recording.h"

namespace weir::store {
namespace {

std::unique_ptr<const ModelRecord> sample(flow::FlowId flow) {
  auto out = std::make_unique<ModelRecord>();
  out->flow = flow;
  out->lost_pico = 77;
  out->call.started = kNoon;
  out->call.add_tool_call()->name = "search";
  llm::PromptChange& prompt = out->call.prompt;
  prompt.thread = flow;
  prompt.reason = llm::PromptBreak::history;
  prompt.path = "messages[3].content";
  prompt.at = 12;
  prompt.reordered = true;
  prompt.shared = 100, prompt.bytes = 200;
  prompt.before.text = "one", prompt.after.text = "other";
  prompt.idle = std::chrono::milliseconds(1500);
  prompt.expected = 4000, prompt.lost = 3000;
  return out;
}

class ModelTailTest : public StoreTest {
 protected:
  /// What one look brings, waiting for the first of it.
  std::vector<ModelRecord> come(ModelTail& tail) {
    std::vector<ModelRecord> out;
    while (out.empty())
      for (SessionTraces& traces : tail.poll())
        for (ModelRecord& record : traces.calls) out.push_back(std::move(record));
    return out;
  }
};

TEST_F(ModelTailTest, HandsOutEachCallOnce) {
  ModelTail tail({.project_dirs = {data_dir()}, .session = {}});
  EXPECT_TRUE(tail.poll().empty());
  auto store = record();
  store->model_call(sample(1));
  auto first = come(tail);
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].flow, 1u);
  EXPECT_EQ(first[0].call.tool_calls.at(0).name, "search");
  store->model_call(sample(2));
  auto second = come(tail);
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].flow, 2u);
  store->model_call(sample(3));
  store->close();
  EXPECT_EQ(come(tail).at(0).flow, 3u) << "what came last before the session ended";
  EXPECT_TRUE(tail.poll().empty());
}

TEST_F(ModelTailTest, PassesOverWhatHasEnded) {
  auto store = record();
  store->model_call(sample(1));
  store->close();
  ModelTail tail({.project_dirs = {data_dir()}, .session = {}});
  EXPECT_TRUE(tail.poll().empty());
}

TEST_F(ModelTailTest, PromptsComeBackAsTheyWereTold) {
  auto store = record();
  store->model_call(sample(9));
  auto without = std::make_unique<ModelRecord>();
  without->call.started = kNoon;
  store->model_call(std::move(without));
  store->close();
  std::vector<ModelRecord> calls;
  ASSERT_TRUE(for_each_trace({.project_dirs = {data_dir()}, .session = {}}, 0, INT64_MAX,
                             [&](SessionTraces traces) { calls = std::move(traces.calls); }));
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(calls[0].lost_pico, 77);
  const llm::PromptChange& prompt = calls[0].call.prompt;
  EXPECT_EQ(prompt.thread, 9u);
  EXPECT_EQ(prompt.reason, llm::PromptBreak::history);
  EXPECT_EQ(prompt.path, "messages[3].content");
  EXPECT_EQ(prompt.at, 12u);
  EXPECT_TRUE(prompt.reordered);
  EXPECT_EQ(prompt.shared, 100u);
  EXPECT_EQ(prompt.bytes, 200u);
  EXPECT_EQ(prompt.before.text, "one");
  EXPECT_EQ(prompt.after.text, "other");
  EXPECT_EQ(prompt.idle, std::chrono::milliseconds(1500));
  EXPECT_EQ(prompt.expected, 4000);
  EXPECT_EQ(prompt.lost, 3000);
  EXPECT_EQ(calls[1].call.prompt.thread, 0u);
}

}  // namespace
}  // namespace weir::store
