// Conversations with OpenAI's Responses API; totals worked out by hand.
#include "llm/openai_responses_reader.h"

#include "tests/support/model_exchange.h"

namespace weir::llm {
namespace {

using testing::as_sse, testing::expect_totals, testing::ModelExchange, testing::read_everywhere,
    testing::replay;

ModelExchange streamed(const std::vector<std::string>& events, bool named = true) {
  return {.protocol = Protocol::openai_responses, .response = as_sse(events, named)};
}
ModelExchange answered(std::string body, std::uint16_t status = 200) {
  return {.protocol = Protocol::openai_responses,
          .response = std::move(body),
          .content_type = "application/json",
          .status = status};
}

constexpr const char* kCreated =
    R"({"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","status":"in_progress","instructions":"Be brief.","model":"gpt-z-1","output":[],"tools":[{"type":"function","name":"f"}],"usage":null}})";

std::string ended(std::string_view how, std::string_view rest) {
  return R"({"type":"response.)" + std::string(how) +
         R"(","sequence_number":99,"response":{"id":"resp_1","status":")" + std::string(how) +
         R"(","model":"gpt-z-1",)" + std::string(rest) + "}}";
}
constexpr const char* kUsage =
    R"("usage":{"input_tokens":500,"input_tokens_details":{"cached_tokens":400,"cache_write_tokens":20},"output_tokens":60,"output_tokens_details":{"reasoning_tokens":40},"total_tokens":560})";
constexpr testing::Totals kTotals{.input = 500,
                                  .fresh = 80,
                                  .cache_read = 400,
                                  .cache_write = 20,
                                  .write_5m = 20,
                                  .output = 60,
                                  .reasoning = 40};

std::string text_delta(std::string_view text) {
  return R"({"type":"response.output_text.delta","item_id":"msg_1","output_index":1,"content_index":0,"delta":")" +
         std::string(text) + R"(","obfuscation":"x"})";
}

TEST(OpenAiResponses, TextAndReasoningSummary) {
  std::vector<std::string> events = {
      kCreated,
      R"({"type":"response.in_progress","response":{"id":"resp_1","status":"in_progress"}})",
      R"({"type":"response.output_item.added","output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[]}})",
      R"({"type":"response.reasoning_summary_text.delta","output_index":0,"delta":"thin"})",
      R"({"type":"response.reasoning_summary_text.delta","output_index":0,"delta":"king"})",
      R"({"type":"response.output_item.done","output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"thinking"}],"encrypted_content":"QUFB"}})",
      text_delta("Hel"),
      text_delta("lo"),
      R"({"type":"response.output_text.done","output_index":1,"text":"Hello"})",
      R"({"type":"response.output_item.done","output_index":1,"item":{"id":"msg_1","type":"message","content":[{"type":"output_text","text":"Hello"}]}})",
      ended(
          "completed",
          R"("output":[{"id":"msg_1","type":"message","content":[{"type":"output_text","text":"Hello"}]}],"service_tier":"flex",)" +
              std::string(kUsage))};
  for (bool named : {true, false}) {  // the event's name is not sent everywhere
    ModelCall call = read_everywhere(streamed(events, named));
    expect_totals(call, kTotals);
    EXPECT_EQ(call.text.text, "Hello");
    EXPECT_EQ(call.thinking.text, "thinking");
    EXPECT_EQ(call.message_id, "resp_1");
    EXPECT_EQ(call.model_served, "gpt-z-1");
    EXPECT_EQ(call.service_tier, "flex");
    EXPECT_EQ(call.finish, Finish::stop);
    EXPECT_FALSE(call.partial);
  }
}

TEST(OpenAiResponses, FunctionAndCustomCalls) {
  ModelCall call = read_everywhere(streamed(
      {kCreated,
       R"({"type":"response.output_item.added","output_index":0,"item":{"id":"fc_1","type":"function_call","call_id":"call_a","name":"read","arguments":""}})",
       R"({"type":"response.output_item.added","output_index":1,"item":{"id":"ct_1","type":"custom_tool_call","call_id":"call_b","name":"patch","input":""}})",
       R"({"type":"response.function_call_arguments.delta","output_index":0,"delta":"{\"p\""})",
       R"({"type":"response.custom_tool_call_input.delta","output_index":1,"delta":"*** Begin"})",
       R"({"type":"response.function_call_arguments.delta","output_index":0,"delta":":1}"})",
       R"({"type":"response.output_item.done","output_index":0,"item":{"id":"fc_1","type":"function_call","call_id":"call_a","name":"read","arguments":"{\"p\":1}"}})",
       R"({"type":"response.output_item.done","output_index":1,"item":{"id":"ct_1","type":"custom_tool_call","call_id":"call_b","name":"patch","input":"*** Begin"}})",
       ended("completed", kUsage)}));
  expect_totals(call, kTotals);
  ASSERT_EQ(call.tool_calls.size(), 2u);
  EXPECT_EQ(call.tool_calls[0].call_id, "call_a");  // not the item's id
  EXPECT_EQ(call.tool_calls[0].arguments.text, R"({"p":1})");
  EXPECT_EQ(call.tool_calls[1].name, "patch");
  EXPECT_EQ(call.tool_calls[1].arguments.text, "*** Begin");
  EXPECT_EQ(call.finish, Finish::tool_call);
}

TEST(OpenAiResponses, ItemsThatComeOnlyWhole) {
  ModelCall call = read_everywhere(streamed(
      {kCreated,
       R"({"type":"response.output_item.done","output_index":0,"item":{"id":"ws_1","type":"web_search_call","action":{"type":"search","query":"q"}}})",
       R"({"type":"response.output_item.done","output_index":1,"item":{"id":"mcp_1","type":"mcp_call","name":"ask","server_label":"wiki","arguments":"{}","output":"a page","error":null}})",
       R"({"type":"response.output_item.done","output_index":2,"item":{"id":"sh_1","type":"local_shell_call","call_id":"call_s","action":{"command":["ls"]}}})",
       ended("completed", kUsage)}));
  expect_totals(call, kTotals);
  ASSERT_EQ(call.tool_calls.size(), 3u);
  EXPECT_EQ(call.tool_calls[0].name, "web_search");
  EXPECT_EQ(call.tool_calls[0].origin, ToolOrigin::server);
  EXPECT_EQ(call.tool_calls[1].origin, ToolOrigin::mcp);
  EXPECT_EQ(call.tool_calls[1].server, "wiki");
  EXPECT_EQ(call.tool_calls[2].arguments.text, R"({"command":["ls"]})");
  ASSERT_EQ(call.tool_results.size(), 1u);
  EXPECT_EQ(call.tool_results[0].content.text, "a page");
  EXPECT_EQ(call.finish, Finish::tool_call);
}

TEST(OpenAiResponses, IncompleteAndFailed) {
  ModelCall call = read_everywhere(
      streamed({kCreated, text_delta("ab"),
                ended("incomplete",
                      R"("incomplete_details":{"reason":"max_output_tokens"},)" + std::string(kUsage))}));
  expect_totals(call, kTotals);
  EXPECT_EQ(call.finish, Finish::length);
  EXPECT_EQ(call.stop_reason, "max_output_tokens");
  call = read_everywhere(streamed(
      {kCreated, ended("failed", R"("error":{"code":"server_error","message":"oh"},"usage":null)")}));
  expect_totals(call, {});
  EXPECT_EQ(call.finish, Finish::error);
  EXPECT_EQ(call.error_type, "server_error");
  EXPECT_FALSE(call.partial);
}

TEST(OpenAiResponses, ErrorsNestedAndFlat) {
  ModelCall call = read_everywhere(streamed(
      {kCreated,
       R"({"type":"error","sequence_number":3,"error":{"type":"invalid_request_error","code":"context_length_exceeded","message":"too long","param":"input"}})",
       ended("failed", R"("error":{"code":"context_length_exceeded","message":"too long"},"usage":null)")}));
  EXPECT_EQ(call.finish, Finish::error);
  EXPECT_EQ(call.error_code, "context_length_exceeded");
  call = read_everywhere(streamed(
      {kCreated,
       R"({"type":"error","code":"rate_limit_exceeded","message":"slow","param":null,"sequence_number":3})"}));
  EXPECT_EQ(call.error_type, "rate_limit_exceeded");
  EXPECT_EQ(call.error_message, "slow");
}

TEST(OpenAiResponses, ABrokenStreamHasNoUsage) {
  ModelExchange exchange = streamed({kCreated, text_delta("so f")});
  exchange.complete = false;
  ModelCall call = read_everywhere(exchange);
  expect_totals(call, {});
  EXPECT_TRUE(call.partial);
  EXPECT_EQ(call.text.text, "so f");
  EXPECT_EQ(call.model_served, "gpt-z-1");
}

TEST(OpenAiResponses, AnAnswerInOnePiece) {
  ModelCall call = read_everywhere(answered(
      R"({"id":"resp_2","object":"response","status":"completed","error":null,"incomplete_details":null,"model":"gpt-z-1","output":[)"
      R"({"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}]},{"type":"message","content":[{"type":"output_text","text":"One"}]},)"
      R"({"type":"message","content":[{"type":"output_text","text":" two"},{"type":"refusal","refusal":"No"}]},{"type":"function_call","id":"fc","call_id":"c","name":"f","arguments":"{}"}],)" +
      std::string(kUsage) + "}"));
  expect_totals(call, kTotals);
  EXPECT_EQ(call.text.text, "One two");
  EXPECT_EQ(call.thinking.text, "hm");
  EXPECT_EQ(call.refusal.text, "No");
  ASSERT_EQ(call.tool_calls.size(), 1u);
  EXPECT_EQ(call.finish, Finish::tool_call);
}

TEST(OpenAiResponses, InTheBackground) {
  ModelCall call = read_everywhere(
      answered(R"({"id":"resp_3","status":"queued","model":"gpt-z-1","output":[],"usage":null})"));
  expect_totals(call, {});
  EXPECT_EQ(call.finish, Finish::none);
  EXPECT_EQ(call.message_id, "resp_3");
}

TEST(OpenAiResponses, OverAWebSocket) {
  CallReader reader(Protocol::openai_responses, TimePoint{});
  reader.request_body(
      R"({"type":"response.create","model":"gpt-z","input":"hi","previous_response_id":"resp_0"})", false);
  reader.message(kCreated, {});
  reader.message(text_delta("ok"), {});
  reader.message(ended("completed", kUsage), {});
  ModelCall call = reader.finish(true, {});
  expect_totals(call, kTotals);
  EXPECT_EQ(call.text.text, "ok");
  EXPECT_EQ(call.previous_id, "resp_0");
  EXPECT_TRUE(call.websocket);
  EXPECT_FALSE(call.partial);
}

TEST(OpenAiResponses, ARequest) {
  ModelCall call = replay(
      {.protocol = Protocol::openai_responses,
       .request =
           R"({"model":"gpt-z","instructions":"Be brief.","stream":true,"prompt_cache_key":"conv","max_output_tokens":77,)"
           R"("input":[{"role":"developer","content":[{"type":"input_text","text":" More."}]},{"role":"user","content":"a"},)"
           R"({"type":"function_call","call_id":"old","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"old","output":"x"},)"
           R"({"type":"reasoning","encrypted_content":"AA"},{"type":"function_call","call_id":"c1","name":"f","arguments":"{}"},)"
           R"({"type":"function_call","call_id":"c2","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c1","output":"one"},)"
           R"({"type":"custom_tool_call_output","call_id":"c2","output":[{"type":"input_text","text":"two"}]},{"type":"message","role":"user","content":[{"type":"input_text","text":"next"}]}],)"
           R"("tools":[{"type":"function","name":"f","parameters":{}},{"type":"web_search"},{"type":"mcp","server_label":"wiki"}]})"},
      {});
  EXPECT_EQ(call.system_prompt.text, "Be brief. More.");
  EXPECT_EQ(call.user_text.text, "next");
  EXPECT_EQ(call.conversation_id, "conv");
  EXPECT_EQ(call.max_output_tokens, 77);
  ASSERT_EQ(call.tools_offered.size(), 3u);
  EXPECT_EQ(call.tools_offered[1].name, "web_search");
  EXPECT_EQ(call.tools_offered[2].name, "wiki");
  ASSERT_EQ(call.tool_results.size(), 2u);
  EXPECT_EQ(call.tool_results[0].call_id, "c1");
  EXPECT_EQ(call.tool_results[0].content.text, "one");
  EXPECT_EQ(call.tool_results[1].content.text, "two");
}

}  // namespace
}  // namespace weir::llm
