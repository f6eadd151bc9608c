// What is read of requests for the sake of turns.
#include "llm/reading.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "llm/call_reader.h"

namespace weir::llm {
namespace {

ModelCall request(Protocol protocol, std::string_view body) {
  http::RequestHead head;
  head.method = "POST";
  head.target = "/v1/x";
  head.fields.add("X-Claude-Code-Agent-Id", "agent-1");
  CallReader reader(protocol, {});
  reader.request_head(head);
  reader.request_body(body, false);
  return reader.finish(true, {});
}

TEST(Turns, CallsAndResultsOfOneAnswerMayTakeTurns) {
  ModelCall call = request(
      Protocol::openai_responses,
      R"({"model":"m","input":[{"role":"user","content":"go"},{"type":"function_call_output","call_id":"old","output":"x"},)"
      R"({"type":"reasoning","summary":[]},{"type":"function_call","call_id":"a","name":"f"},)"
      R"({"type":"function_call_output","call_id":"a","output":"1"},{"type":"function_call","call_id":"b","name":"f"},)"
      R"({"type":"function_call_output","call_id":"b","output":"2"}]})");
  ASSERT_EQ(call.tool_results.size(), 2u);
  EXPECT_EQ(call.tool_results[0].call_id, "a");
  EXPECT_EQ(call.tool_results[1].call_id, "b");
  EXPECT_TRUE(call.user_text.empty()) << "said before";
}

TEST(Turns, AConversationIsKnownByItsFirstWords) {
  auto opening = [](std::string_view messages) {
    return request(Protocol::anthropic_messages,
                   R"({"model":"m","max_tokens":1,"messages":[)" + std::string(messages) + "]}")
        .opening;
  };
  std::uint64_t first = opening(
      R"({"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]})");
  EXPECT_NE(first, 0u);
  EXPECT_EQ(first, opening(R"({"role":"user","content":"hi"},{"role":"assistant","content":"yes?"},)"
                           R"({"role":"user","content":"more"})"));
  EXPECT_NE(first, opening(R"({"role":"user","content":"hello"})"));
  EXPECT_EQ(opening(""), 0u);
}

TEST(Turns, BodiesAndAgentsAreKept) {
  ModelCall one = request(Protocol::openai_chat, R"({"model":"m","messages":[]})");
  EXPECT_EQ(one.agent_id, "agent-1");
  EXPECT_NE(one.request_hash, 0u);
  EXPECT_NE(one.request_hash, request(Protocol::openai_chat, R"({"model":"n","messages":[]})").request_hash);
}

}  // namespace
}  // namespace weir::llm
