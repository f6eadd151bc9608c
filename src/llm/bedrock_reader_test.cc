// Conversations with Bedrock: Converse and InvokeModel, streamed and not; totals worked out by hand.
#include "llm/bedrock_converse_reader.h"
#include "llm/bedrock_invoke_reader.h"
#include "tests/support/aws_frames.h"
#include "tests/support/model_exchange.h"

namespace weir::llm {
namespace {

using testing::expect_totals, testing::ModelExchange, testing::read_everywhere, testing::show;
using weir::testing::aws_chunk, weir::testing::aws_frame;

ModelExchange frames(Protocol protocol, std::string response) {
  return {.protocol = protocol,
          .response = std::move(response),
          .content_type = "application/vnd.amazon.eventstream",
          .path = "/model/us.anthropic.claude-z-v1%3A0/converse-stream"};
}

TEST(BedrockConverse, Stream) {
  ModelCall call = read_everywhere(frames(
      Protocol::bedrock_converse,
      aws_frame("event", "messageStart", R"({"p":"ab","role":"assistant"})") +
          aws_frame("event", "contentBlockDelta",
                    R"({"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"hm"}},"p":"abc"})") +
          aws_frame("event", "contentBlockDelta", R"({"contentBlockIndex":1,"delta":{"text":"Hello"}})") +
          aws_frame("event", "contentBlockStop", R"({"contentBlockIndex":1})") +
          aws_frame("event", "contentBlockStart",
                    R"({"contentBlockIndex":2,"start":{"toolUse":{"name":"f","toolUseId":"t1"}}})") +
          aws_frame("event", "contentBlockDelta",
                    R"({"contentBlockIndex":2,"delta":{"toolUse":{"input":"{\"a\":"}}})") +
          aws_frame("event", "contentBlockDelta",
                    R"({"contentBlockIndex":2,"delta":{"toolUse":{"input":"1}"}}})") +
          aws_frame("event", "messageStop", R"({"stopReason":"tool_use"})") +
          aws_frame(
              "event", "metadata",
              R"({"metrics":{"latencyMs":1500},"usage":{"inputTokens":10,"outputTokens":20,"totalTokens":1330,)"
              R"("cacheReadInputTokens":1000,"cacheWriteInputTokens":300,"cacheDetails":[{"ttl":"1h","inputTokens":100},{"ttl":"5m","inputTokens":200}]}})")));
  expect_totals(call, {.input = 1310,
                       .fresh = 10,
                       .cache_read = 1000,
                       .cache_write = 300,
                       .write_5m = 200,
                       .write_1h = 100,
                       .output = 20});
  EXPECT_EQ(call.text.text, "Hello");
  EXPECT_EQ(call.thinking.text, "hm");
  EXPECT_EQ(call.finish, Finish::tool_call);
  EXPECT_FALSE(call.partial);
  EXPECT_EQ(call.timing.generation, std::chrono::milliseconds(1500));
  ASSERT_EQ(call.tool_calls.size(), 1u);
  EXPECT_EQ(call.tool_calls[0].call_id, "t1");
  EXPECT_EQ(call.tool_calls[0].arguments.text, R"({"a":1})");
  EXPECT_EQ(call.tool_calls[0].arguments_valid, true);
}

TEST(BedrockConverse, InOnePiece) {
  ModelExchange exchange{
      .protocol = Protocol::bedrock_converse,
      .request =
          R"({"system":[{"text":"S"}],"messages":[{"role":"user","content":[{"text":"a"}]},{"role":"assistant","content":[{"toolUse":{}}]},{"role":"user","content":[{"toolResult":{"toolUseId":"t0","status":"error","content":[{"text":"no"}]}}]}],"inferenceConfig":{"maxTokens":99},"toolConfig":{"tools":[{"toolSpec":{"name":"f"}},{"cachePoint":{"type":"default"}}]}})",
      .response =
          R"({"metrics":{"latencyMs":7},"output":{"message":{"role":"assistant","content":[{"text":"Hi"},{"toolUse":{"toolUseId":"t1","name":"f","input":{"x":2}}}]}},"stopReason":"tool_use","usage":{"inputTokens":5,"outputTokens":6,"totalTokens":11}})",
      .content_type = "application/json",
      .path = "/model/amazon.nova-pro-v1%3A0/converse"};
  ModelCall call = read_everywhere(exchange);
  expect_totals(call, {.input = 5, .fresh = 5, .output = 6});
  EXPECT_EQ(call.model_asked, "amazon.nova-pro-v1:0");
  EXPECT_EQ(call.system_prompt.text, "S");
  EXPECT_EQ(call.tools_count, 1u);
  EXPECT_EQ(call.max_output_tokens, 99);
  ASSERT_EQ(call.tool_results.size(), 1u);
  EXPECT_TRUE(call.tool_results[0].is_error);
  EXPECT_EQ(call.tool_results[0].content.text, "no");
  ASSERT_EQ(call.tool_calls.size(), 1u);
  EXPECT_EQ(call.tool_calls[0].arguments.text, R"({"x":2})");
}

TEST(BedrockConverse, ExceptionWithinAndStreamThatBreaksOff) {
  ModelCall throttled = read_everywhere(
      frames(Protocol::bedrock_converse,
             aws_frame("event", "contentBlockDelta", R"({"contentBlockIndex":0,"delta":{"text":"a"}})") +
                 aws_frame("exception", "throttlingException", R"({"message":"Too many"})")));
  EXPECT_EQ(throttled.error_type, "throttlingException");
  EXPECT_EQ(throttled.error_message, "Too many");
  EXPECT_EQ(throttled.finish, Finish::error);
  ModelExchange cut =
      frames(Protocol::bedrock_converse, aws_frame("event", "messageStop", R"({"stopReason":"end_turn"})"));
  cut.complete = false;
  EXPECT_TRUE(read_everywhere(cut).partial);
}

TEST(BedrockInvoke, ClaudeInFrames) {
  ModelExchange exchange = frames(
      Protocol::bedrock_invoke,
      aws_chunk(
          R"({"type":"message_start","message":{"id":"msg_bdrk_1","type":"message","role":"assistant","model":"claude-z","content":[],"usage":{"input_tokens":30,"cache_read_input_tokens":500,"cache_creation_input_tokens":0,"output_tokens":1}}})") +
          aws_chunk(R"({"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}})") +
          aws_chunk(
              R"({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}})") +
          aws_chunk(R"({"type":"content_block_stop","index":0})") +
          aws_chunk(
              R"({"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":12}})") +
          aws_chunk(
              R"({"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":30,"outputTokenCount":12,"invocationLatency":900,"firstByteLatency":200,"cacheReadInputTokenCount":500}})"));
  exchange.path = "/model/us.anthropic.claude-z-v1%3A0/invoke-with-response-stream";
  exchange.request =
      R"({"anthropic_version":"bedrock-2023-05-31","max_tokens":100,"messages":[{"role":"user","content":"Hi"}]})";
  ModelCall call = read_everywhere(exchange);
  EXPECT_EQ(show(call.usage.input), "530");
  EXPECT_EQ(show(call.usage.input_fresh), "30");
  EXPECT_EQ(show(call.usage.cache_read), "500");
  EXPECT_EQ(show(call.usage.output), "12");
  EXPECT_EQ(call.model_asked, "us.anthropic.claude-z-v1:0");
  EXPECT_EQ(call.model_served, "claude-z");
  EXPECT_EQ(call.message_id, "msg_bdrk_1");
  EXPECT_EQ(call.text.text, "Hello");
  EXPECT_EQ(call.finish, Finish::stop);
  EXPECT_EQ(call.max_output_tokens, 100);
  EXPECT_EQ(call.timing.generation, std::chrono::milliseconds(900));
  EXPECT_FALSE(call.partial);
}

TEST(BedrockInvoke, NovaAndLlamaInFrames) {
  ModelExchange nova = frames(
      Protocol::bedrock_invoke,
      aws_chunk(R"({"messageStart":{"role":"assistant"}})") +
          aws_chunk(R"({"contentBlockDelta":{"delta":{"text":"N"},"contentBlockIndex":0}})") +
          aws_chunk(R"({"messageStop":{"stopReason":"end_turn"}})") +
          aws_chunk(
              R"({"metadata":{"usage":{"inputTokens":4,"outputTokens":2}},"amazon-bedrock-invocationMetrics":{"inputTokenCount":4,"outputTokenCount":2}})"));
  nova.path = "/model/amazon.nova-lite-v1:0/invoke-with-response-stream";
  nova.request = R"({"messages":[{"role":"user","content":[{"text":"x"}]}]})";
  ModelCall said = read_everywhere(nova);
  expect_totals(said, {.input = 4, .fresh = 4, .output = 2});
  EXPECT_EQ(said.text.text, "N");
  EXPECT_EQ(said.finish, Finish::stop);

  ModelExchange llama = frames(
      Protocol::bedrock_invoke,
      aws_chunk(
          R"({"generation":"L","prompt_token_count":8,"generation_token_count":1,"stop_reason":null})") +
          aws_chunk(
              R"({"generation":"","stop_reason":"length","amazon-bedrock-invocationMetrics":{"inputTokenCount":8,"outputTokenCount":3}})"));
  llama.path = "/model/meta.llama3-8b-instruct-v1:0/invoke-with-response-stream";
  llama.request = R"({"prompt":"x"})";
  said = read_everywhere(llama);
  expect_totals(said, {.input = 8, .fresh = 8, .output = 3});
  EXPECT_EQ(said.text.text, "L");
  EXPECT_EQ(said.finish, Finish::length);
}

TEST(BedrockInvoke, CountsInHeaders) {
  ModelExchange titan{
      .protocol = Protocol::bedrock_invoke,
      .request = R"({"inputText":"x"})",
      .response = R"({"inputTextTokenCount":3,"results":[{"outputText":"T","completionReason":"FINISH"}]})",
      .content_type = "application/json",
      .response_fields = {{"x-amzn-bedrock-input-token-count", "3"},
                          {"X-Amzn-Bedrock-Output-Token-Count", "9"},
                          {"x-amzn-bedrock-cache-read-input-token-count", "x"}},
      .path = "/model/amazon.titan-text-v1/invoke"};
  ModelCall call = read_everywhere(titan);
  expect_totals(call, {.input = 3, .fresh = 3, .output = 9});
  EXPECT_EQ(call.text.text, "T");
  EXPECT_EQ(call.finish, Finish::stop);
}

TEST(BedrockInvoke, PayloadThatIsNone) {
  ModelCall call =
      read_everywhere(frames(Protocol::bedrock_invoke, aws_frame("event", "chunk", R"({"bytes":"%%%"})") +
                                                           aws_frame("event", "chunk", "[]")));
  EXPECT_NE(call.parse_error, "");
}

}  // namespace
}  // namespace weir::llm
