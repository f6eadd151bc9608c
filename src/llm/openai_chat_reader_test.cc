// Conversations in the Chat Completions protocol with OpenAI and hosts that differ; totals worked out by
// hand.
#include "llm/openai_chat_reader.h"

#include "tests/support/model_exchange.h"

namespace weir::llm {
namespace {

using testing::as_sse, testing::expect_totals, testing::ModelExchange, testing::read_everywhere,
    testing::replay;

ModelExchange streamed(std::vector<std::string> events, bool done = true) {
  if (done) events.push_back("[DONE]");
  return {.protocol = Protocol::openai_chat, .response = as_sse(events)};
}
ModelExchange answered(std::string body, Protocol protocol = Protocol::openai_chat,
                       std::uint16_t status = 200) {
  return {.protocol = protocol,
          .response = std::move(body),
          .content_type = "application/json",
          .status = status};
}

std::string chunk(std::string_view choices, std::string_view usage = "null") {
  return R"({"id":"chatcmpl-1","object":"chat.completion.chunk","model":"gpt-z-2026-01-01","choices":)" +
         std::string(choices) + R"(,"usage":)" + std::string(usage) + R"(,"obfuscation":"xYz"})";
}
std::string said(std::string_view delta) {
  return chunk(R"([{"index":0,"delta":)" + std::string(delta) + R"(,"finish_reason":null}])");
}
std::string stop(std::string_view reason, std::string_view usage = "null") {
  return chunk(R"([{"index":0,"delta":{},"finish_reason":")" + std::string(reason) + R"("}])", usage);
}

TEST(OpenAiChat, UsageInItsOwnChunkAndNullBehindIt) {
  ModelCall call = read_everywhere(streamed(
      {said(R"({"role":"assistant","content":"","refusal":null})"), said(R"({"content":"Hel"})"),
       said(R"({"content":"lo"})"), stop("stop"),
       chunk(
           "[]",
           R"({"prompt_tokens":1000,"completion_tokens":50,"total_tokens":1050,"prompt_tokens_details":{)"
           R"("cached_tokens":600,"cache_write_tokens":100,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":30,)"
           R"("accepted_prediction_tokens":4}})"),
       R"({"id":"chatcmpl-1","choices":[],"moderation":{"flagged":false},"usage":null})"}));
  expect_totals(call, {.input = 1000,
                       .fresh = 300,
                       .cache_read = 600,
                       .cache_write = 100,
                       .write_5m = 100,
                       .output = 50,
                       .reasoning = 30});
  EXPECT_EQ(call.text.text, "Hello");
  EXPECT_EQ(call.model_served, "gpt-z-2026-01-01");
  EXPECT_EQ(call.finish, Finish::stop);
  EXPECT_FALSE(call.partial);
  EXPECT_TRUE(call.hidden_reasoning());
}

TEST(OpenAiChat, WithoutUsageNothingIsMadeUp) {
  ModelCall call = read_everywhere(streamed({said(R"({"content":"x"})"), stop("length")}));
  expect_totals(call, {});
  EXPECT_EQ(call.finish, Finish::length);
}

TEST(OpenAiChat, ParallelToolCallsOfTwoChoices) {
  auto tool = [](int choice, int index, std::string_view rest) {
    return chunk(R"([{"index":)" + std::to_string(choice) + R"(,"delta":{"tool_calls":[{"index":)" +
                 std::to_string(index) + ',' + std::string(rest) + R"(}]},"finish_reason":null}])");
  };
  ModelCall call = read_everywhere(streamed(
      {tool(0, 0, R"("id":"call_a","type":"function","function":{"name":"read","arguments":""})"),
       tool(1, 0, R"("id":"call_c","type":"function","function":{"name":"read","arguments":"{}"})"),
       tool(0, 0, R"("function":{"arguments":"{\"p\":"})"),
       tool(0, 1, R"("id":"call_b","type":"custom","custom":{"name":"sh","input":"ls"})"),
       tool(0, 0, R"("function":{"arguments":"1}"})"), tool(0, 1, R"("custom":{"input":" -l"})"),
       stop("tool_calls"), chunk("[]", R"({"prompt_tokens":7,"completion_tokens":9,"total_tokens":16})")}));
  expect_totals(call, {.input = 7, .fresh = 7, .output = 9});
  ASSERT_EQ(call.tool_calls.size(), 3u);
  EXPECT_EQ(call.tool_calls[0].call_id, "call_a");
  EXPECT_EQ(call.tool_calls[0].arguments.text, R"({"p":1})");
  EXPECT_EQ(call.tool_calls[1].call_id, "call_c");
  EXPECT_EQ(call.tool_calls[1].arguments.text, "{}");
  EXPECT_EQ(call.tool_calls[2].name, "sh");
  EXPECT_EQ(call.tool_calls[2].arguments.text, "ls -l");
  EXPECT_EQ(call.finish, Finish::tool_call);
}

TEST(OpenAiChat, ToolCallsWithoutNumbers) {
  ModelCall call = read_everywhere(streamed(
      {said(R"({"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}}]})"),
       said(R"({"tool_calls":[{"id":"b","function":{"name":"g","arguments":{"x":1}}}]})"), stop("stop")}));
  ASSERT_EQ(call.tool_calls.size(), 2u);
  EXPECT_EQ(call.tool_calls[1].arguments.text, R"({"x":1})");
  EXPECT_EQ(call.finish, Finish::tool_call);  // whatever the host says
}

TEST(OpenAiChat, TheLegacyFunctionCall) {
  ModelCall call =
      read_everywhere(streamed({said(R"({"function_call":{"name":"f","arguments":"{\"a\""}})"),
                                said(R"({"function_call":{"arguments":":2}"}})"), stop("function_call")}));
  ASSERT_EQ(call.tool_calls.size(), 1u);
  EXPECT_EQ(call.tool_calls[0].name, "f");
  EXPECT_EQ(call.tool_calls[0].arguments.text, R"({"a":2})");
  EXPECT_EQ(call.tool_calls[0].arguments_valid, true);
}

TEST(OpenAiChat, AzureBeginsWithAnEmptyChunk) {
  ModelExchange exchange = streamed(
      {R"({"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0}]})",
       said(R"({"content":"ok"})"),
       stop("stop", R"({"prompt_tokens":3,"completion_tokens":1,"total_tokens":4})")});
  exchange.response_fields = {{"apim-request-id", "az-1"}, {"x-ratelimit-remaining-tokens", "99"}};
  ModelCall call = read_everywhere(exchange);
  expect_totals(call, {.input = 3, .fresh = 3, .output = 1});
  EXPECT_EQ(call.model_served, "gpt-z-2026-01-01");
  EXPECT_EQ(call.message_id, "chatcmpl-1");
  EXPECT_EQ(call.request_id, "az-1");
}

TEST(OpenAiChat, OpenRouterWithCommentsCostAndReasoning) {
  ModelExchange exchange = streamed(
      {said(
           R"({"content":"","reasoning":"hmm","reasoning_details":[{"type":"reasoning.text","text":"hmm"}]})"),
       said(R"({"content":"42"})"),
       stop(
           "stop",
           R"({"prompt_tokens":10,"completion_tokens":10,"total_tokens":20,"cost":0.00125,)"
           R"("completion_tokens_details":{"reasoning_tokens":11},"cost_details":{"upstream_inference_cost":null}})")});
  exchange.response = ": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n" + exchange.response;
  ModelCall call = read_everywhere(exchange);
  expect_totals(call, {.input = 10, .fresh = 10, .output = 10, .reasoning = 11});
  EXPECT_EQ(call.usage.cost_usd, 0.00125);
  EXPECT_EQ(call.thinking.text, "hmm");
  EXPECT_EQ(call.text.text, "42");
}

TEST(OpenAiChat, OpenRouterFailsWithinAChunkAndGoesOn) {
  ModelCall call = read_everywhere(streamed(
      {said(R"({"content":"a"})"),
       R"({"id":"gen-1","model":"m","error":{"code":502,"message":"provider gone"},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]})",
       chunk("[]", R"({"prompt_tokens":5,"completion_tokens":2,"total_tokens":7})")}));
  expect_totals(call, {.input = 5, .fresh = 5, .output = 2});
  EXPECT_EQ(call.finish, Finish::error);
  EXPECT_EQ(call.error_type, "502");
  EXPECT_EQ(call.error_message, "provider gone");
}

TEST(OpenAiChat, GroqSaysUsageAsideAndErrorsByName) {
  ModelCall call = read_everywhere(streamed(
      {said(R"({"content":"a"})"),
       R"({"id":"chatcmpl-1","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"x_groq":{"id":"req_1","usage":{"queue_time":0.1,"prompt_tokens":20,"completion_tokens":6,"total_tokens":26,"completion_time":0.5}}})"}));
  expect_totals(call, {.input = 20, .fresh = 20, .output = 6});
  EXPECT_EQ(call.timing.generation, std::chrono::milliseconds(500));
  ModelExchange failing = streamed({said(R"({"content":"a"})")}, false);
  failing.response +=
      "event: error\ndata: {\"error\":{\"message\":\"tool_use failed\",\"type\":\"invalid_request_error\","
      "\"code\":\"tool_use_failed\",\"status_code\":400}}\n\n";
  call = read_everywhere(failing);
  EXPECT_EQ(call.finish, Finish::error);
  EXPECT_EQ(call.error_type, "invalid_request_error");
  EXPECT_EQ(call.error_code, "tool_use_failed");
  EXPECT_FALSE(call.partial);
}

TEST(OpenAiChat, DeepSeekKeepsAliveWithEmptyLines) {
  ModelCall call = read_everywhere(answered(
      "\n\n\n"
      R"({"id":"1","model":"deepseek-x","choices":[{"index":0,"message":{"role":"assistant","content":"Yes","reasoning_content":"why not"},"finish_reason":"stop"}],)"
      R"("usage":{"prompt_tokens":100,"completion_tokens":40,"total_tokens":140,"prompt_cache_hit_tokens":64,"prompt_cache_miss_tokens":36,"completion_tokens_details":{"reasoning_tokens":32}}})"));
  expect_totals(call, {.input = 100, .fresh = 36, .cache_read = 64, .output = 40, .reasoning = 32});
  EXPECT_EQ(call.thinking.text, "why not");
  EXPECT_FALSE(call.stream);
}

TEST(OpenAiChat, MistralThinksInParts) {
  ModelCall call = read_everywhere(streamed(
      {said(
           R"({"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm "},{"type":"text","text":"so"}]}]})"),
       said(R"({"content":[{"type":"text","text":"Six"}],"p":"abcdef"})"),
       stop("stop", R"({"prompt_tokens":8,"total_tokens":20,"completion_tokens":12})")}));
  expect_totals(call, {.input = 8, .fresh = 8, .output = 12});
  EXPECT_EQ(call.thinking.text, "hm so");
  EXPECT_EQ(call.text.text, "Six");
}

TEST(OpenAiChat, XaiLeavesReasoningOut) {
  ModelCall call = read_everywhere(streamed(
      {said(R"({"content":"x"})"),
       stop(
           "stop",
           R"({"prompt_tokens":30,"completion_tokens":10,"total_tokens":140,"completion_tokens_details":{"reasoning_tokens":100},"cost_in_usd_ticks":25000000})")}));
  expect_totals(call, {.input = 30, .fresh = 30, .output = 110, .reasoning = 100});  // 30 + 10 + 100 = 140
  EXPECT_DOUBLE_EQ(*call.usage.cost_usd, 0.0025);
}

TEST(OpenAiChat, CumulativeUsageOnEveryChunk) {
  ModelCall call = read_everywhere(
      streamed({chunk(R"([{"index":0,"delta":{"content":"a"}}])",
                      R"({"prompt_tokens":5,"completion_tokens":1,"total_tokens":6})"),
                chunk(R"([{"index":0,"delta":{"content":"b"}}])",
                      R"({"prompt_tokens":5,"completion_tokens":2,"total_tokens":7})"),
                stop("stop", R"({"prompt_tokens":5,"completion_tokens":3,"total_tokens":8})")}));
  expect_totals(call, {.input = 5, .fresh = 5, .output = 3});
}

TEST(OpenAiChat, ABrokenStreamAndOneWithoutItsLastWord) {
  ModelExchange exchange = streamed({said(R"({"content":"a"})")}, false);
  EXPECT_TRUE(read_everywhere(exchange).partial);
  exchange = streamed({said(R"({"content":"a"})"), stop("stop")}, false);
  EXPECT_FALSE(read_everywhere(exchange).partial);
  exchange.complete = false;
  EXPECT_TRUE(read_everywhere(exchange).partial);
}

TEST(OpenAiChat, AnAnswerInOnePieceWithTools) {
  ModelCall call = read_everywhere(answered(
      R"({"id":"chatcmpl-2","object":"chat.completion","model":"gpt-z","service_tier":"default","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[)"
      R"({"id":"a","type":"function","function":{"name":"f","arguments":"{\"n\":1}"}},{"id":"b","type":"function","function":{"name":"g","arguments":"{"}}],"refusal":null},"finish_reason":"tool_calls"}],)"
      R"("usage":{"prompt_tokens":11,"completion_tokens":22,"total_tokens":33}})"));
  expect_totals(call, {.input = 11, .fresh = 11, .output = 22});
  ASSERT_EQ(call.tool_calls.size(), 2u);
  EXPECT_EQ(call.tool_calls[0].arguments_valid, true);
  EXPECT_EQ(call.tool_calls[1].arguments_valid, false);
  EXPECT_EQ(call.service_tier, "default");
}

TEST(OpenAiChat, ARefusalAndErrors) {
  ModelCall call = read_everywhere(answered(
      R"({"id":"1","model":"m","choices":[{"index":0,"message":{"content":null,"refusal":"No."},"finish_reason":"content_filter"}]})"));
  EXPECT_EQ(call.refusal.text, "No.");
  EXPECT_EQ(call.finish, Finish::content_filter);
  call = read_everywhere(answered(
      R"({"error":{"message":"no money","type":"insufficient_quota","param":null,"code":"insufficient_quota"}})",
      Protocol::openai_chat, 429));
  EXPECT_EQ(call.error_type, "insufficient_quota");
  for (auto [body, message] : {std::pair{R"({"error":"plain"})", "plain"},
                               {R"({"message":"top"})", "top"},
                               {R"({"detail":"fast"})", "fast"},
                               {R"({"errors":[{"message":"first"},{"message":"second"}]})", "first"}})
    EXPECT_EQ(read_everywhere(answered(body, Protocol::openai_chat, 400)).error_message, message) << body;
}

TEST(OpenAiChat, LegacyCompletionsAndEmbeddings) {
  ModelExchange completion = streamed(
      {R"({"id":"cmpl-1","model":"m","choices":[{"text":"ab","index":0,"finish_reason":null}]})",
       R"({"id":"cmpl-1","model":"m","choices":[{"text":"c","index":0,"finish_reason":"stop"}],"usage":{"prompt_tokens":2,"completion_tokens":3,"total_tokens":5}})"});
  completion.protocol = Protocol::openai_completions;
  ModelCall call = read_everywhere(completion);
  expect_totals(call, {.input = 2, .fresh = 2, .output = 3});
  EXPECT_EQ(call.text.text, "abc");
  call = read_everywhere(answered(
      R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1,-2e-3]}],"model":"embed-1","usage":{"prompt_tokens":8,"total_tokens":8}})",
      Protocol::openai_embeddings));
  expect_totals(call, {.input = 8, .fresh = 8});
  EXPECT_EQ(call.finish, Finish::stop);
  EXPECT_EQ(call.model_served, "embed-1");
}

TEST(OpenAiChat, ARequest) {
  ModelCall call = replay(
      {.protocol = Protocol::openai_chat,
       .request =
           R"({"messages":[{"role":"developer","content":"Be brief."},{"role":"user","content":"a"},)"
           R"({"role":"assistant","tool_calls":[]},{"role":"tool","tool_call_id":"old","content":"x"},{"role":"assistant"},)"
           R"({"role":"tool","tool_call_id":"call_a","content":"done"},{"role":"tool","content":[{"type":"text","text":"p"}],"tool_call_id":"call_b"},)"
           R"({"role":"user","content":[{"type":"text","text":"next"},{"type":"image_url","image_url":{"url":"data:x"}}]}],)"
           R"("model":"gpt-z","stream":true,"max_completion_tokens":9,"max_tokens":5,"prompt_cache_key":"conv","user":"me",)"
           R"("tools":[{"type":"function","function":{"name":"f","parameters":{"name":"no"}}},{"type":"custom","custom":{"name":"sh"}}]})"},
      {});
  EXPECT_EQ(call.model_asked, "gpt-z");
  EXPECT_EQ(call.max_output_tokens, 9);
  EXPECT_EQ(call.system_prompt.text, "Be brief.");
  EXPECT_EQ(call.user_text.text, "next");
  EXPECT_EQ(call.conversation_id, "conv");
  EXPECT_EQ(call.messages_count, 8u);
  ASSERT_EQ(call.tools_offered.size(), 2u);
  EXPECT_EQ(call.tools_offered[0].name, "f");
  EXPECT_EQ(call.tools_offered[1].name, "sh");
  ASSERT_EQ(call.tool_results.size(), 2u);
  EXPECT_EQ(call.tool_results[0].call_id, "call_a");
  EXPECT_EQ(call.tool_results[1].content.text, "p");
}

}  // namespace
}  // namespace weir::llm
