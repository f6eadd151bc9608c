// Conversations with Anthropic's Messages API; the totals are worked out by hand.
#include "llm/anthropic_reader.h"

#include "tests/support/model_exchange.h"

namespace weir::llm {
namespace {

using testing::as_sse, testing::expect_totals, testing::ModelExchange, testing::read_everywhere,
    testing::replay;

ModelExchange streamed(const std::vector<std::string>& events) {
  return {.protocol = Protocol::anthropic_messages, .response = as_sse(events, true)};
}
ModelExchange answered(std::string body, std::uint16_t status = 200) {
  return {.protocol = Protocol::anthropic_messages,
          .response = std::move(body),
          .content_type = "application/json",
          .status = status};
}

constexpr const char* kStop = R"({"type":"message_stop"})";

std::string start(std::string_view usage) {
  return R"({"type":"message_start","message":{"id":"msg_01","type":"message","role":"assistant","model":)"
         R"("claude-x-1","content":[],"stop_reason":null,"stop_sequence":null,"usage":)" +
         std::string(usage) + "}}";
}
std::string text_start(int index) {
  return R"({"type":"content_block_start","index":)" + std::to_string(index) +
         R"(,"content_block":{"type":"text","text":""}})";
}
std::string delta(int index, std::string_view body) {
  return R"({"type":"content_block_delta","index":)" + std::to_string(index) + R"(,"delta":)" +
         std::string(body) + "}";
}
std::string block_stop(int index) {
  return R"({"type":"content_block_stop","index":)" + std::to_string(index) + "     }";
}
std::string end(std::string_view reason, std::string_view usage) {
  return R"({"type":"message_delta","delta":{"stop_reason":")" + std::string(reason) +
         R"(","stop_sequence":null},"usage":)" + std::string(usage) + "}";
}

TEST(Anthropic, TextWithPingAndPadding) {
  ModelCall call = read_everywhere(
      streamed({start(R"({"input_tokens":21,"output_tokens":3})"), text_start(0),
                R"({"type":"ping"          })", delta(0, R"({"type":"text_delta","text":"Hi \u00e9"})"),
                delta(0, R"({"type":"text_delta","text":" \"there\""}          )"), block_stop(0),
                end("end_turn", R"({"output_tokens":9})"), kStop}));
  expect_totals(call, {.input = 21, .fresh = 21, .output = 9});  // 9, not 3 + 9
  EXPECT_EQ(call.text.text, "Hi \xC3\xA9 \"there\"");
  EXPECT_EQ(call.message_id, "msg_01");
  EXPECT_EQ(call.model_served, "claude-x-1");
  EXPECT_EQ(call.stop_reason, "end_turn");
  EXPECT_EQ(call.finish, Finish::stop);
  EXPECT_TRUE(call.stream);
  EXPECT_FALSE(call.partial);
  EXPECT_EQ(call.parse_error, "");
}

TEST(Anthropic, TheLastReportOfEachCountIsTheOne) {
  ModelCall call = read_everywhere(streamed(
      {start(
           R"({"input_tokens":690,"cache_creation_input_tokens":0,"cache_read_input_tokens":55096,"output_tokens":4})"),
       end("end_turn",
           R"({"input_tokens":3042,"cache_creation_input_tokens":null,"cache_read_input_tokens":0,)"
           R"("output_tokens":510,"output_tokens_details":{"thinking_tokens":100},)"
           R"("server_tool_use":{"web_search_requests":2}})"),
       kStop}));
  expect_totals(call, {.input = 3042,
                       .fresh = 3042,
                       .cache_read = 0,
                       .cache_write = 0,
                       .write_5m = 0,
                       .output = 510,
                       .reasoning = 100});
  ASSERT_EQ(call.usage.details.size(), 1u);
  EXPECT_EQ(call.usage.details[0],
            (std::pair<std::string, std::int64_t>("server_tool_use.web_search_requests", 2)));
}

TEST(Anthropic, CacheWritesOfBothKinds) {
  ModelCall call = read_everywhere(streamed(
      {start(
           R"({"input_tokens":10,"cache_creation_input_tokens":700,"cache_read_input_tokens":2000,)"
           R"("cache_creation":{"ephemeral_5m_input_tokens":300,"ephemeral_1h_input_tokens":400},"output_tokens":1,)"
           R"("service_tier":"priority"})"),
       end("end_turn", R"({"output_tokens":50,"cache_creation_input_tokens":750})"), kStop}));
  // 10 + 700 + 50 later + 2000; the 50 that nobody explained were written for 5 minutes.
  expect_totals(call, {.input = 2760,
                       .fresh = 10,
                       .cache_read = 2000,
                       .cache_write = 750,
                       .write_5m = 350,
                       .write_1h = 400,
                       .output = 50});
  EXPECT_EQ(call.service_tier, "priority");
}

TEST(Anthropic, ParallelToolsWhoseDeltasInterleave) {
  ModelCall call = read_everywhere(streamed(
      {start(R"({"input_tokens":100,"output_tokens":2})"),
       R"({"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"toolu_a","name":"read","input":{}}})",
       R"({"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_b","name":"list","input":{}}})",
       delta(1, R"({"type":"input_json_delta","partial_json":""})"),
       delta(2, R"({"type":"input_json_delta","partial_json":"{\"dir\":"})"),
       delta(1, R"({"type":"input_json_delta","partial_json":"{\"path\":\"a\\\"b\"}"})"),
       delta(2, R"({"type":"input_json_delta","partial_json":" \".\"}"})"), block_stop(1), block_stop(2),
       end("tool_use", R"({"output_tokens":77})"), kStop}));
  expect_totals(call, {.input = 100, .fresh = 100, .output = 77});
  ASSERT_EQ(call.tool_calls.size(), 2u);
  EXPECT_EQ(call.tool_calls[0].call_id, "toolu_a");
  EXPECT_EQ(call.tool_calls[0].name, "read");
  EXPECT_EQ(call.tool_calls[0].arguments.text, R"({"path":"a\"b"})");
  EXPECT_EQ(call.tool_calls[1].arguments.text, R"({"dir": "."})");
  EXPECT_EQ(call.tool_calls[1].arguments_valid, true);
  EXPECT_EQ(call.finish, Finish::tool_call);
}

TEST(Anthropic, AToolWithoutArgumentsAndOneCutByTheLimit) {
  ModelCall call = read_everywhere(streamed(
      {start(R"({"input_tokens":5,"output_tokens":1})"),
       R"({"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t1","name":"now","input":{}}})",
       block_stop(0),
       R"({"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t2","name":"write","input":{}}})",
       delta(1, R"({"type":"input_json_delta","partial_json":"{\"text\":\"half"})"), block_stop(1),
       end("max_tokens", R"({"output_tokens":4096})"), kStop}));
  expect_totals(call, {.input = 5, .fresh = 5, .output = 4096});
  ASSERT_EQ(call.tool_calls.size(), 2u);
  EXPECT_EQ(call.tool_calls[0].arguments_valid, true);
  EXPECT_EQ(call.tool_calls[1].arguments_valid, false);
  EXPECT_EQ(call.tool_calls[1].arguments.text, R"({"text":"half)");
  EXPECT_EQ(call.finish, Finish::length);
}

TEST(Anthropic, ThinkingAndItsSignature) {
  ModelCall call = read_everywhere(streamed(
      {start(R"({"input_tokens":40,"output_tokens":1})"),
       R"({"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}})",
       delta(0, R"({"type":"thinking_delta","thinking":"let me see"})"),
       delta(0, R"({"type":"signature_delta","signature":"QUJDREVG"})"), block_stop(0), text_start(1),
       delta(1, R"({"type":"text_delta","text":"Yes."})"), block_stop(1),
       end("end_turn", R"({"output_tokens":60,"output_tokens_details":{"thinking_tokens":52}})"), kStop}));
  expect_totals(call, {.input = 40, .fresh = 40, .output = 60, .reasoning = 52});
  EXPECT_EQ(call.thinking.text, "let me see");
  EXPECT_EQ(call.text.text, "Yes.");
  EXPECT_FALSE(call.hidden_reasoning());
}

TEST(Anthropic, ToolsTheProviderRan) {
  ModelCall call = read_everywhere(streamed(
      {start(R"({"input_tokens":30,"output_tokens":1})"),
       R"({"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{}}})",
       delta(0, R"({"type":"input_json_delta","partial_json":"{\"query\":\"x\"}"})"), block_stop(0),
       R"({"type":"content_block_start","index":1,"content_block":{"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":[{"type":"web_search_result","url":"https://a.test"}]}})",
       block_stop(1),
       R"({"type":"content_block_start","index":2,"content_block":{"type":"mcp_tool_use","id":"mcptoolu_1","name":"ask","server_name":"wiki","input":{"q":1}}})",
       block_stop(2),
       R"({"type":"content_block_start","index":3,"content_block":{"type":"mcp_tool_result","tool_use_id":"mcptoolu_1","is_error":true,"content":[{"type":"text","text":"no page"}]}})",
       block_stop(3), end("pause_turn", R"({"input_tokens":950,"output_tokens":80})"), kStop}));
  expect_totals(call, {.input = 950, .fresh = 950, .output = 80});
  ASSERT_EQ(call.tool_calls.size(), 2u);
  EXPECT_EQ(call.tool_calls[0].origin, ToolOrigin::server);
  EXPECT_EQ(call.tool_calls[1].origin, ToolOrigin::mcp);
  EXPECT_EQ(call.tool_calls[1].server, "wiki");
  EXPECT_EQ(call.tool_calls[1].arguments.text, R"({"q":1})");
  ASSERT_EQ(call.tool_results.size(), 2u);
  EXPECT_TRUE(call.tool_results[0].in_response);
  EXPECT_EQ(call.tool_results[0].content.text, R"({"type":"web_search_result","url":"https://a.test"})");
  EXPECT_EQ(call.tool_results[1].call_id, "mcptoolu_1");
  EXPECT_EQ(call.tool_results[1].content.text, "no page");
  EXPECT_TRUE(call.tool_results[1].is_error);
  EXPECT_EQ(call.finish, Finish::stop);
}

TEST(Anthropic, ARefusal) {
  ModelCall call = read_everywhere(streamed(
      {start(R"({"input_tokens":12,"output_tokens":1})"),
       R"({"type":"message_delta","delta":{"stop_reason":"refusal","stop_details":{"type":"refusal","category":"bio","explanation":"not this"}},"usage":{"output_tokens":1}})",
       kStop}));
  expect_totals(call, {.input = 12, .fresh = 12, .output = 1});
  EXPECT_EQ(call.finish, Finish::content_filter);
  EXPECT_EQ(call.refusal.text, "not this");
}

TEST(Anthropic, AnErrorWithinTheStream) {
  ModelCall call = read_everywhere(streamed(
      {start(R"({"input_tokens":400,"output_tokens":1})"), text_start(0),
       delta(0, R"({"type":"text_delta","text":"Well"})"),
       R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"})"}));
  expect_totals(call, {.input = 400, .fresh = 400, .output = 1});
  EXPECT_EQ(call.finish, Finish::error);
  EXPECT_EQ(call.error_type, "overloaded_error");
  EXPECT_EQ(call.error_message, "Overloaded");
  EXPECT_EQ(call.text.text, "Well");
  EXPECT_FALSE(call.partial);
}

TEST(Anthropic, AStreamThatBrokeOff) {
  ModelExchange exchange =
      streamed({start(R"({"input_tokens":33,"cache_read_input_tokens":7,"output_tokens":2})"), text_start(0),
                delta(0, R"({"type":"text_delta","text":"Once"})")});
  exchange.complete = false;
  ModelCall call = read_everywhere(exchange);
  expect_totals(call, {.input = 40, .fresh = 33, .cache_read = 7, .output = 2});
  EXPECT_TRUE(call.partial);
  EXPECT_EQ(call.text.text, "Once");
  EXPECT_EQ(call.parse_error, "");
  exchange.response.resize(exchange.response.size() - 20);
  call = read_everywhere(exchange);
  EXPECT_TRUE(call.partial);
  EXPECT_EQ(call.parse_error, "event ends within its JSON");
  expect_totals(call, {.input = 40, .fresh = 33, .cache_read = 7, .output = 2});
}

TEST(Anthropic, UnknownEventsBlocksAndDeltasAreSkipped) {
  ModelCall call = read_everywhere(streamed(
      {start(R"({"input_tokens":1,"output_tokens":1})"), R"({"type":"future_event","delta":{"text":"no"}})",
       R"({"type":"content_block_start","index":0,"content_block":{"type":"hologram","text":"no"}})",
       delta(0, R"({"type":"hologram_delta","shape":"cube"})"), end("end_turn", R"({"output_tokens":2})"),
       kStop}));
  expect_totals(call, {.input = 1, .fresh = 1, .output = 2});
  EXPECT_EQ(call.text.text, "");
  EXPECT_EQ(call.parse_error, "");
}

TEST(Anthropic, CompactionAndFallbackAreCountedApart) {
  ModelCall call = read_everywhere(streamed(
      {start(R"({"input_tokens":55,"output_tokens":1})"),
       R"({"type":"content_block_start","index":0,"content_block":{"type":"fallback","from":{"model":"claude-x-1"},"to":{"model":"claude-y-2"}}})",
       end("end_turn",
           R"({"input_tokens":60,"output_tokens":20,"iterations":[{"type":"compaction","input_tokens":9000,)"
           R"("output_tokens":400},{"type":"compaction","input_tokens":1000,"output_tokens":100},)"
           R"({"type":"message","input_tokens":60,"output_tokens":20}]})"),
       kStop}));
  expect_totals(call, {.input = 60, .fresh = 60, .output = 20});
  EXPECT_EQ(call.model_served, "claude-y-2");
  ASSERT_FALSE(call.steps.empty());
  EXPECT_EQ(call.steps[0].kind, "compaction");
  EXPECT_EQ(call.steps[0].usage.input, 9000);
  ASSERT_EQ(call.usage.details.size(), 2u);
  EXPECT_EQ(call.usage.details[0].second, 10000);
  EXPECT_EQ(call.usage.details[1].second, 500);
}

TEST(Anthropic, AnAnswerInOnePiece) {
  ModelCall call = read_everywhere(answered(
      R"({"type":"message","id":"msg_02","role":"assistant","model":"claude-x-1","content":[{"text":"Hello","type":"text"},)"
      R"({"type":"tool_use","id":"toolu_9","name":"sum","input":{"a":[1,2]}}],"stop_reason":"tool_use",)"
      R"("usage":{"input_tokens":17,"cache_creation_input_tokens":100,"cache_read_input_tokens":null,"output_tokens":8}})"));
  expect_totals(call, {.input = 117, .fresh = 17, .cache_write = 100, .write_5m = 100, .output = 8});
  EXPECT_EQ(call.text.text, "Hello");
  ASSERT_EQ(call.tool_calls.size(), 1u);
  EXPECT_EQ(call.tool_calls[0].arguments.text, R"({"a":[1,2]})");
  EXPECT_EQ(call.finish, Finish::tool_call);
  EXPECT_FALSE(call.stream);
  EXPECT_FALSE(call.partial);
}

TEST(Anthropic, AnErrorAnswer) {
  ModelExchange exchange =
      answered(R"({"type":"error","error":{"type":"rate_limit_error","message":"slow down"}})", 429);
  exchange.response_fields = {
      {"request-id", "req_7"}, {"Retry-After", "12"}, {"anthropic-ratelimit-tokens-remaining", "0"}};
  ModelCall call = read_everywhere(exchange);
  expect_totals(call, {});
  EXPECT_EQ(call.error_type, "rate_limit_error");
  EXPECT_EQ(call.error_message, "slow down");
  EXPECT_EQ(call.finish, Finish::error);
  EXPECT_EQ(call.request_id, "req_7");
  EXPECT_EQ(call.rate_limits,
            (RateLimits{{"retry-after", "12"}, {"anthropic-ratelimit-tokens-remaining", "0"}}));
}

TEST(Anthropic, AnErrorPageOfSomethingBetween) {
  ModelExchange exchange = answered("<html>bad gateway</html>", 502);
  exchange.content_type = "text/html";
  ModelCall call = read_everywhere(exchange);
  EXPECT_EQ(call.error_type, "http_502");
  EXPECT_EQ(call.error_message, "<html>bad gateway</html>");
}

constexpr const char* kRequest =
    R"({"model":"claude-x","max_tokens":1024,"stream":true,"metadata":{"user_id":"u1"},)"
    R"("system":[{"type":"text","text":"Be "},{"type":"text","text":"brief.","cache_control":{"type":"ephemeral"}}],)"
    R"("tools":[{"name":"read","input_schema":{"type":"object","name":"no"}},{"type":"web_search_20250305","name":"web_search"}],)"
    R"("messages":[{"role":"user","content":"go"},)"
    R"({"role":"assistant","content":[{"type":"tool_use","id":"old","name":"read","input":{}}]},)"
    R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"old","content":"seen before"}]},)"
    R"({"content":[{"type":"tool_use","id":"t1","name":"read","input":{}}],"role":"assistant"},)"
    R"({"content":[{"type":"tool_result","tool_use_id":"t1","content":[{"type":"text","text":"new"}]},)"
    R"({"type":"tool_result","tool_use_id":"t2","is_error":true,"content":"failed"},)"
    R"({"type":"text","text":"and now?"}],"role":"user"}]})";

TEST(Anthropic, ASystemMessageAmongTheOthersIsNotTheUsers) {
  ModelCall call = replay(
      {.protocol = Protocol::anthropic_messages,
       .request =
           R"({"model":"claude-x","max_tokens":9,"system":"One.","messages":[{"role":"user","content":"go"},)"
           R"({"role":"system","content":"Two."}]})"},
      {});
  EXPECT_EQ(call.user_text.text, "go");
  EXPECT_EQ(call.system_prompt.text, "One.Two.");
}

TEST(Anthropic, ARequest) {
  ModelCall call = replay({.protocol = Protocol::anthropic_messages, .request = kRequest}, {});
  EXPECT_EQ(call.model_asked, "claude-x");
  EXPECT_EQ(call.max_output_tokens, 1024);
  EXPECT_TRUE(call.stream);
  EXPECT_EQ(call.user_id, "u1");
  EXPECT_EQ(call.system_prompt.text, "Be brief.");
  EXPECT_EQ(call.messages_count, 5u);
  EXPECT_EQ(call.user_text.text, "and now?");
  ASSERT_EQ(call.tools_offered.size(), 2u);
  EXPECT_EQ(call.tools_offered[0].name, "read");
  EXPECT_EQ(call.tools_offered[1].kind, "web_search_20250305");
  ASSERT_EQ(call.tool_results.size(), 2u);  // what was told in earlier turns is not told again
  EXPECT_EQ(call.tool_results[0].call_id, "t1");
  EXPECT_EQ(call.tool_results[0].content.text, "new");
  EXPECT_FALSE(call.tool_results[0].is_error);
  EXPECT_EQ(call.tool_results[1].content.text, "failed");
  EXPECT_TRUE(call.tool_results[1].is_error);
}

TEST(Anthropic, ARequestThatWasKeptOnlyInPart) {
  std::string_view request = kRequest;
  for (std::size_t size = 0; size < request.size(); ++size) {
    ModelCall call = replay({.protocol = Protocol::anthropic_messages,
                             .request = std::string(request.substr(0, size)),
                             .request_cut = true},
                            {});
    if (size > 20) EXPECT_EQ(call.model_asked, "claude-x");
    if (size > 0) EXPECT_EQ(call.parse_error, "request was kept only in part");
    EXPECT_TRUE(call.tool_results.empty());
  }
}

TEST(Anthropic, TimesAreThoseOfTheContent) {
  using namespace std::chrono_literals;
  std::string head = as_sse({start(R"({"input_tokens":1,"output_tokens":1})"), text_start(0)}, true);
  std::string first = as_sse({delta(0, R"({"type":"text_delta","text":"a"})")}, true);
  std::string empty = as_sse({delta(0, R"({"type":"text_delta","text":""})"), R"({"type":"ping"})"}, true);
  std::string rest = as_sse(
      {delta(0, R"({"type":"text_delta","text":"b"})"), end("end_turn", R"({"output_tokens":100})"), kStop},
      true);
  ModelCall call = replay({.protocol = Protocol::anthropic_messages},
                          {head, first, empty, empty, empty, empty, empty, rest});
  EXPECT_EQ(call.timing.head, 5ms);
  EXPECT_EQ(call.timing.first_event, 15ms);
  EXPECT_EQ(call.timing.first_token, 25ms);
  EXPECT_EQ(call.timing.last_token, 85ms);
  EXPECT_EQ(call.timing.longest_gap, 60ms);
  EXPECT_EQ(call.timing.content_events, 2u);
  EXPECT_EQ(call.timing.gaps[2], 1u);
  EXPECT_NEAR(*call.timing.tokens_per_second(call.usage), 100 / 0.060, 1);
}

}  // namespace
}  // namespace weir::llm
