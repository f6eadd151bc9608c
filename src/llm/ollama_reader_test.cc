// Conversations with Ollama's own API; totals worked out by hand.
#include "llm/ollama_reader.h"

#include "tests/support/model_exchange.h"

namespace weir::llm {
namespace {

using testing::expect_totals, testing::ModelExchange, testing::read_everywhere;

ModelExchange streamed(const std::vector<std::string>& lines, Protocol protocol = Protocol::ollama_chat) {
  std::string body;
  for (const std::string& line : lines) body += line + '\n';
  return {.protocol = protocol, .response = body, .content_type = "application/x-ndjson"};
}

TEST(Ollama, ChatStream) {
  ModelCall call = read_everywhere(streamed(
      {R"({"model":"m:8b","created_at":"x","message":{"role":"assistant","content":"","thinking":"hm"},"done":false})",
       R"({"model":"m:8b","message":{"role":"assistant","content":"Hel"},"done":false})",
       R"({"model":"m:8b","message":{"role":"assistant","content":"lo"},"done":false})",
       R"({"model":"m:8b","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","total_duration":5,)"
       R"("prompt_eval_count":26,"eval_count":7,"eval_duration":2000000000})"}));
  expect_totals(call, {.input = 26, .fresh = 26, .output = 7});
  EXPECT_EQ(call.text.text, "Hello");
  EXPECT_EQ(call.thinking.text, "hm");
  EXPECT_EQ(call.model_served, "m:8b");
  EXPECT_EQ(call.finish, Finish::stop);
  EXPECT_FALSE(call.partial);
  EXPECT_EQ(call.timing.generation, std::chrono::seconds(2));
}

TEST(Ollama, PromptFromCacheHasNoCount) {
  ModelCall call = read_everywhere(
      streamed({R"({"model":"m","response":"a","done":false})",
                R"({"model":"m","response":"b","done":true,"done_reason":"length","eval_count":2})"},
               Protocol::ollama_generate));
  expect_totals(call, {.output = 2});
  EXPECT_EQ(call.text.text, "ab");
  EXPECT_EQ(call.finish, Finish::length);
}

TEST(Ollama, ToolCallsAndResults) {
  ModelExchange exchange = streamed(
      {R"({"model":"m","message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}},{"function":{"name":"f","arguments":{"a":2}}}]},"done":false})",
       R"({"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","prompt_eval_count":4,"eval_count":9})"});
  exchange.request =
      R"({"model":"m","messages":[{"role":"system","content":"S"},{"role":"user","content":"U"},{"role":"assistant","content":""},{"role":"tool","tool_name":"f","content":"42"}],"tools":[{"type":"function","function":{"name":"f"}}],"options":{"num_predict":5}})";
  ModelCall call = read_everywhere(exchange);
  expect_totals(call, {.input = 4, .fresh = 4, .output = 9});
  EXPECT_EQ(call.finish, Finish::tool_call);
  ASSERT_EQ(call.tool_calls.size(), 2u);
  EXPECT_NE(call.tool_calls[0].call_id, call.tool_calls[1].call_id);
  EXPECT_EQ(call.tool_calls[1].arguments.text, R"({"a":2})");
  ASSERT_EQ(call.tool_results.size(), 1u);
  EXPECT_EQ(call.tool_results[0].name, "f");
  EXPECT_EQ(call.tool_results[0].content.text, "42");
  EXPECT_EQ(call.system_prompt.text, "S");
  EXPECT_EQ(call.max_output_tokens, 5);
}

TEST(Ollama, InOnePieceAndErrors) {
  ModelCall whole = read_everywhere(
      {.protocol = Protocol::ollama_chat,
       .response =
           R"({"model":"m","message":{"role":"assistant","content":"x"},"done":true,"done_reason":"stop","prompt_eval_count":1,"eval_count":1})",
       .content_type = "application/json"});
  expect_totals(whole, {.input = 1, .fresh = 1, .output = 1});
  EXPECT_EQ(whole.finish, Finish::stop);
  ModelCall missing = read_everywhere({.protocol = Protocol::ollama_chat,
                                       .response = R"({"error":"model 'm' not found"})",
                                       .content_type = "application/json",
                                       .status = 404});
  EXPECT_EQ(missing.error_message, "model 'm' not found");
  ModelCall within = read_everywhere(
      streamed({R"({"model":"m","response":"a","done":false})", R"({"error":"out of memory"})"},
               Protocol::ollama_generate));
  EXPECT_EQ(within.finish, Finish::error);
  EXPECT_EQ(within.error_message, "out of memory");
  ModelExchange cut = streamed({R"({"model":"m","response":"a","done":false})"}, Protocol::ollama_generate);
  cut.complete = false;
  EXPECT_TRUE(read_everywhere(cut).partial);
}

}  // namespace
}  // namespace weir::llm
