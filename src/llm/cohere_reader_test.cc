// Conversations with Cohere, versions 2 and 1; totals worked out by hand.
#include "llm/cohere_reader.h"

#include "tests/support/model_exchange.h"

namespace weir::llm {
namespace {

using testing::as_sse, testing::expect_totals, testing::ModelExchange, testing::read_everywhere;

TEST(Cohere, StreamBillsLessThanWasUsed) {
  ModelExchange exchange{
      .protocol = Protocol::cohere_v2,
      .request =
          R"({"model":"command-z","stream":true,"messages":[{"role":"user","content":"Hi"}],"tools":[{"type":"function","function":{"name":"f"}}]})",
      .response = as_sse(
          {R"({"id":"c1","type":"message-start","delta":{"message":{"role":"assistant","content":[],"tool_plan":"","tool_calls":[]}}})",
           R"({"type":"tool-plan-delta","delta":{"message":{"tool_plan":"I will"}}})",
           R"({"type":"content-start","index":0,"delta":{"message":{"content":{"type":"text","text":""}}}})",
           R"({"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"Hello"}}}})",
           R"({"type":"content-end","index":0})",
           R"({"type":"tool-call-start","index":1,"delta":{"message":{"tool_calls":{"id":"f_1","type":"function","function":{"name":"f","arguments":""}}}}})",
           R"({"type":"tool-call-delta","index":1,"delta":{"message":{"tool_calls":{"function":{"arguments":"{\"a\":"}}}}})",
           R"({"type":"tool-call-delta","index":1,"delta":{"message":{"tool_calls":{"function":{"arguments":"1}"}}}}})",
           R"({"type":"tool-call-end","index":1})",
           R"({"type":"message-end","delta":{"finish_reason":"TOOL_CALL","usage":{"billed_units":{"input_tokens":62,"output_tokens":20},"tokens":{"input_tokens":968,"output_tokens":57},"cached_tokens":900}}})",
           "[DONE]"},
          true)};
  ModelCall call = read_everywhere(exchange);
  expect_totals(call, {.input = 62, .fresh = 0, .cache_read = 62, .output = 20});
  EXPECT_EQ(call.text.text, "Hello");
  EXPECT_EQ(call.thinking.text, "I will");
  EXPECT_EQ(call.model_served, "command-z");
  EXPECT_EQ(call.message_id, "c1");
  EXPECT_EQ(call.finish, Finish::tool_call);
  EXPECT_FALSE(call.partial);
  EXPECT_EQ(call.tools_count, 1u);
  ASSERT_EQ(call.tool_calls.size(), 1u);
  EXPECT_EQ(call.tool_calls[0].call_id, "f_1");
  EXPECT_EQ(call.tool_calls[0].arguments.text, R"({"a":1})");
}

TEST(Cohere, InOnePiece) {
  ModelCall call = read_everywhere(
      {.protocol = Protocol::cohere_v2,
       .response =
           R"({"id":"c2","message":{"role":"assistant","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"Hi"}],"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}},{"id":"b","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"MAX_TOKENS","usage":{"tokens":{"input_tokens":9,"output_tokens":4}}})",
       .content_type = "application/json"});
  expect_totals(call, {.input = 9, .fresh = 9, .output = 4});
  EXPECT_EQ(call.text.text, "Hi");
  EXPECT_EQ(call.thinking.text, "hm");
  EXPECT_EQ(call.finish, Finish::length);
  EXPECT_EQ(call.tool_calls.size(), 2u);
}

TEST(Cohere, VersionOneInLines) {
  ModelCall call = read_everywhere(
      {.protocol = Protocol::cohere_v1,
       .request = R"({"model":"command-y","message":"Hi","stream":true})",
       .response =
           R"({"is_finished":false,"event_type":"stream-start","generation_id":"g"})"
           "\n"
           R"({"is_finished":false,"event_type":"text-generation","text":"He"})"
           "\n"
           R"({"is_finished":false,"event_type":"text-generation","text":"y"})"
           "\n"
           R"({"is_finished":true,"event_type":"stream-end","finish_reason":"COMPLETE","response":{"text":"Hey","meta":{"billed_units":{"input_tokens":3,"output_tokens":2}},"finish_reason":"COMPLETE"}})"
           "\n",
       .content_type = "application/stream+json"});
  expect_totals(call, {.input = 3, .fresh = 3, .output = 2});
  EXPECT_EQ(call.text.text, "Hey");
  EXPECT_EQ(call.user_text.text, "Hi");
  EXPECT_EQ(call.finish, Finish::stop);
  EXPECT_FALSE(call.partial);
}

TEST(Cohere, Refused) {
  ModelCall call = read_everywhere({.protocol = Protocol::cohere_v2,
                                    .response = R"({"id":"x","message":"invalid api token"})",
                                    .content_type = "application/json",
                                    .status = 401});
  EXPECT_EQ(call.error_message, "invalid api token");
  EXPECT_EQ(call.finish, Finish::error);
}

}  // namespace
}  // namespace weir::llm
