// Conversations with the Gemini API, Vertex AI and Code Assist; totals worked out by hand.
#include "llm/gemini_reader.h"

#include "tests/support/model_exchange.h"

namespace weir::llm {
namespace {

using testing::expect_totals, testing::ModelExchange, testing::read_everywhere, testing::replay;

ModelExchange streamed(const std::vector<std::string>& events) {
  std::string body;
  for (const std::string& event : events) body += "data: " + event + "\r\n\r\n";
  return {.protocol = Protocol::gemini_generate, .response = body, .content_type = "text/event-stream"};
}
ModelExchange as_array(const std::vector<std::string>& events) {
  std::string body;
  for (const std::string& event : events) body += (body.empty() ? "[" : "\n,\r\n") + event;
  return {
      .protocol = Protocol::gemini_generate, .response = body + "\n]\n", .content_type = "application/json"};
}
ModelExchange answered(std::string body, std::uint16_t status = 200) {
  return {.protocol = Protocol::gemini_generate,
          .response = std::move(body),
          .content_type = "application/json; charset=UTF-8",
          .status = status};
}
std::string chunk(std::string_view parts, std::string_view usage, std::string_view rest = "") {
  return R"({"candidates":[{"content":{"parts":)" + std::string(parts) + R"(,"role":"model"})" +
         std::string(rest) + R"(,"index":0}],"usageMetadata":)" + std::string(usage) +
         R"(,"modelVersion":"gemini-z-001","responseId":"r1"})";
}
constexpr std::string_view kStop = R"(,"finishReason":"STOP")";

TEST(Gemini, CumulativeUsageIsOverwritten) {
  const std::vector<std::string> events = {
      chunk(R"([{"text":"Thinking","thought":true}])",
            R"({"promptTokenCount":55,"thoughtsTokenCount":20,"totalTokenCount":75})"),
      chunk(R"([{"text":"Hel"}])",
            R"({"promptTokenCount":55,"candidatesTokenCount":2,"thoughtsTokenCount":31})"),
      chunk(
          R"([{"text":"lo","thoughtSignature":"QUJD"}])",
          R"({"promptTokenCount":257,"cachedContentTokenCount":100,"candidatesTokenCount":4,"thoughtsTokenCount":31,)"
          R"("totalTokenCount":292})",
          kStop)};
  for (const ModelExchange& exchange : {streamed(events), as_array(events)}) {
    ModelCall call = read_everywhere(exchange);
    expect_totals(call, {.input = 257, .fresh = 157, .cache_read = 100, .output = 35, .reasoning = 31});
    EXPECT_EQ(call.text.text, "Hello");
    EXPECT_EQ(call.thinking.text, "Thinking");
    EXPECT_EQ(call.model_served, "gemini-z-001");
    EXPECT_EQ(call.finish, Finish::stop);
    EXPECT_TRUE(call.stream);
    EXPECT_FALSE(call.partial);
    EXPECT_EQ(call.parse_error, "");
  }
}

TEST(Gemini, VertexCountsInTheLastEventAlone) {
  ModelCall call = read_everywhere(streamed(
      {chunk(R"([{"text":"a"}])", R"({"trafficType":"ON_DEMAND"})"),
       chunk(
           R"([{"text":"b"}])",
           R"({"promptTokenCount":10,"candidatesTokenCount":5,"totalTokenCount":15,"trafficType":"ON_DEMAND"})",
           R"(,"finishReason":"MAX_TOKENS")")}));
  expect_totals(call, {.input = 10, .fresh = 10, .output = 5});
  EXPECT_EQ(call.finish, Finish::length);
  EXPECT_EQ(call.service_tier, "ON_DEMAND");
}

TEST(Gemini, CallsOfOneFunctionHaveIdsOfTheirOwn) {
  ModelCall call = read_everywhere(streamed(
      {chunk(
           R"([{"functionCall":{"name":"weather","args":{"city":"Oslo"}}},{"functionCall":{"name":"weather","args":{"city":"Rome"}}}])",
           R"({"promptTokenCount":10})"),
       chunk(R"([{"text":""}])", R"({"promptTokenCount":10,"candidatesTokenCount":30})", kStop)}));
  expect_totals(call, {.input = 10, .fresh = 10, .output = 30});
  EXPECT_EQ(call.finish, Finish::tool_call);
  ASSERT_EQ(call.tool_calls.size(), 2u);
  EXPECT_EQ(call.tool_calls[0].call_id, "r1:0:0");
  EXPECT_EQ(call.tool_calls[1].call_id, "r1:0:1");
  EXPECT_EQ(call.tool_calls[1].arguments.text, R"({"city":"Rome"})");
  EXPECT_EQ(call.tool_calls[1].arguments_valid, true);
}

TEST(Gemini, ToolUsePromptIsInput) {
  ModelCall call = read_everywhere(answered(chunk(
      R"([{"text":"x"}])",
      R"({"promptTokenCount":20,"toolUsePromptTokenCount":300,"candidatesTokenCount":7,"thoughtsTokenCount":3,"totalTokenCount":330})",
      kStop)));
  expect_totals(call, {.input = 320, .fresh = 320, .output = 10, .reasoning = 3});
  EXPECT_FALSE(call.stream);
}

TEST(Gemini, BlockedPrompt) {
  ModelCall call = read_everywhere(answered(
      R"({"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":9,"totalTokenCount":9}})"));
  expect_totals(call, {.input = 9, .fresh = 9});
  EXPECT_EQ(call.finish, Finish::content_filter);
  EXPECT_EQ(call.stop_reason, "SAFETY");
}

TEST(Gemini, CodeAssistWrapsBothWays) {
  ModelExchange exchange =
      streamed({R"({"response":)" +
                chunk(R"([{"text":"hi"}])", R"({"promptTokenCount":3,"candidatesTokenCount":1})", kStop) +
                R"(,"traceId":"t"})"});
  exchange.request =
      R"({"model":"gemini-z","project":"p","user_prompt_id":"u","request":{"contents":[{"role":"user","parts":[{"text":"Hey"}]}],)"
      R"("session_id":"s-1","generationConfig":{"maxOutputTokens":64}}})";
  ModelCall call = read_everywhere(exchange);
  expect_totals(call, {.input = 3, .fresh = 3, .output = 1});
  EXPECT_EQ(call.model_asked, "gemini-z");
  EXPECT_EQ(call.session_id, "s-1");
  EXPECT_EQ(call.user_text.text, "Hey");
  EXPECT_EQ(call.max_output_tokens, 64);
  EXPECT_EQ(call.text.text, "hi");
}

TEST(Gemini, Request) {
  ModelExchange exchange = answered("{}");
  exchange.request =
      R"({"system_instruction":{"parts":[{"text":"Be brief."}]},"contents":[{"role":"user","parts":[{"text":"old"}]},)"
      R"({"role":"model","parts":[{"functionCall":{"name":"f","args":{}}}]},)"
      R"({"role":"user","parts":[{"functionResponse":{"name":"f","response":{"error":"no"}}},{"functionResponse":{"id":"i2","name":"g","response":{"output":1}}}]}],)"
      R"("tools":[{"functionDeclarations":[{"name":"f"},{"name":"g"}]},{"googleSearch":{}}]})";
  ModelCall call = replay(exchange, {exchange.response});
  EXPECT_EQ(call.system_prompt.text, "Be brief.");
  EXPECT_EQ(call.messages_count, 3u);
  EXPECT_EQ(call.tools_count, 3u);
  ASSERT_EQ(call.tool_results.size(), 2u);
  EXPECT_EQ(call.tool_results[0].name, "f");
  EXPECT_TRUE(call.tool_results[0].is_error);
  EXPECT_EQ(call.tool_results[1].call_id, "i2");
  EXPECT_FALSE(call.tool_results[1].is_error);
  EXPECT_TRUE(call.user_text.empty());
}

TEST(Gemini, ErrorsBeforeAndWithin) {
  constexpr std::string_view kError =
      R"({"error":{"code":429,"message":"Quota","status":"RESOURCE_EXHAUSTED","details":[]}})";
  ModelCall refused = read_everywhere(answered(std::string(kError), 429));
  EXPECT_EQ(refused.error_type, "RESOURCE_EXHAUSTED");
  EXPECT_EQ(refused.finish, Finish::error);
  const std::vector<std::string> events = {chunk(R"([{"text":"a"}])", R"({"promptTokenCount":3})"),
                                           std::string(kError)};
  for (const ModelExchange& exchange : {streamed(events), as_array(events)}) {
    ModelCall broken = read_everywhere(exchange);
    EXPECT_EQ(broken.error_type, "RESOURCE_EXHAUSTED");
    EXPECT_EQ(broken.finish, Finish::error);
    EXPECT_EQ(broken.text.text, "a");
    expect_totals(broken, {.input = 3, .fresh = 3});
  }
}

TEST(Gemini, BrokenOffStreamIsPartial) {
  ModelExchange exchange = streamed({chunk(R"([{"text":"a"}])", R"({"promptTokenCount":3})")});
  exchange.complete = false;
  EXPECT_TRUE(read_everywhere(exchange).partial);
  exchange.response += R"(data: {"candidates":[{"content":{"parts":[{"te)";
  ModelCall call = read_everywhere(exchange);
  EXPECT_TRUE(call.partial);
  EXPECT_NE(call.parse_error, "");
}

TEST(Gemini, ArgumentsInParts) {
  ModelCall call = read_everywhere(streamed(
      {chunk(
           R"([{"functionCall":{"name":"f","willContinue":true,"partialArgs":[{"jsonPath":"$.a","stringValue":"x"}]}}])",
           "{}"),
       chunk(
           R"([{"functionCall":{"partialArgs":[{"jsonPath":"$.a","stringValue":"y"}],"willContinue":true}}])",
           "{}"),
       chunk(R"([{"functionCall":{}}])", "{}", kStop)}));
  ASSERT_EQ(call.tool_calls.size(), 1u);
  EXPECT_EQ(call.tool_calls[0].name, "f");
  EXPECT_EQ(call.finish, Finish::tool_call);
}

TEST(Gemini, HostileCounts) {
  ModelCall call = read_everywhere(answered(chunk(
      R"([{"text":"x"}])",
      R"({"promptTokenCount":9223372036854775807,"toolUsePromptTokenCount":9223372036854775807,"candidatesTokenCount":"7"})",
      kStop)));
  EXPECT_EQ(call.usage.input, INT64_MAX);
}

}  // namespace
}  // namespace weir::llm
