// Calls over one WebSocket: many of them, one after another and at once, and what ends them.
#include "llm/socket_calls.h"

#include <gtest/gtest.h>

#include <chrono>

#include "llm/cost.h"

namespace weir::llm {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kOpened{1h};

std::string created(std::string_view id) {
  return R"({"type":"response.created","response":{"id":")" + std::string(id) +
         R"(","status":"in_progress","model":"gpt-z-1","usage":null}})";
}
std::string delta(std::string_view text) {
  return R"({"type":"response.output_text.delta","output_index":0,"delta":")" + std::string(text) + "\"}";
}
std::string completed(std::string_view id, int input, int output) {
  return R"({"type":"response.completed","response":{"id":")" + std::string(id) +
         R"(","status":"completed","model":"gpt-z-1","usage":{"input_tokens":)" + std::to_string(input) +
         R"(,"output_tokens":)" + std::to_string(output) + "}}}";
}
std::string create(std::string_view input, std::string_view previous = {}) {
  return R"({"type":"response.create","model":"gpt-z","previous_response_id":")" + std::string(previous) +
         R"(","input":")" + std::string(input) + "\"}";
}

class SocketCallsTest : public ::testing::Test {
 protected:
  SocketCalls& open(Protocol protocol = Protocol::openai_responses, std::string model = {}) {
    http::RequestHead head;
    head.method = "GET";
    head.target = "/v1/responses";
    head.upgrade = "websocket";
    head.fields.add("User-Agent", "codex_cli_rs/1.2");
    calls_.emplace(protocol, head, std::move(model), SocketCalls::Begun{1'000'000'000, kOpened},
                   [this](ModelCall call) { told.push_back(std::move(call)); });
    return *calls_;
  }
  void client(std::string_view text, Duration after = 0s, bool cut = false) {
    std::vector<char> copy(text.begin(), text.end());
    calls_->from_client({{copy.data(), copy.size()}, cut, kOpened + after});
  }
  void upstream(std::string_view text, Duration after = 0s, bool cut = false) {
    std::vector<char> copy(text.begin(), text.end());
    calls_->from_upstream({{copy.data(), copy.size()}, cut, kOpened + after});
  }
  void finish() { calls_->finish(kOpened + 1h); }

  std::vector<ModelCall> told;
  std::optional<SocketCalls> calls_;
};

TEST_F(SocketCallsTest, OneAfterAnother) {
  open();
  client(create("one"), 10s);
  upstream(created("resp_1"), 11s);
  upstream(delta("ei"), 12s);
  upstream(delta("ns"), 13s);
  EXPECT_TRUE(told.empty());
  upstream(completed("resp_1", 10, 2), 14s);
  ASSERT_EQ(told.size(), 1u) << "at once, not at the end of the WebSocket";
  client(create("two", "resp_1"), 2h);
  upstream(created("resp_2"), 2h);
  upstream(completed("resp_2", 20, 3), 2h + 1s);
  finish();
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[0].text.text, "eins");
  EXPECT_EQ(told[0].user_text.text, "one");
  EXPECT_EQ(told[0].message_id, "resp_1");
  EXPECT_EQ(told[0].usage.input, 10);
  EXPECT_EQ(told[0].status, 200);
  EXPECT_EQ(told[0].started, 11'000'000'000) << "when it was asked for";
  EXPECT_EQ(told[0].timing.head, 1s);
  EXPECT_EQ(told[0].timing.first_token, 2s);
  EXPECT_EQ(told[0].timing.duration, 4s);
  EXPECT_EQ(told[0].client, "codex_cli_rs");
  EXPECT_EQ(told[1].previous_id, "resp_1");
  EXPECT_EQ(told[1].usage.output, 3);
  EXPECT_EQ(told[1].text.text, "");
  for (const ModelCall& call : told) {
    EXPECT_TRUE(call.websocket);
    EXPECT_TRUE(call.stream);
    EXPECT_FALSE(call.partial);
    EXPECT_EQ(call.model_asked, "gpt-z");
    EXPECT_EQ(call.model_served, "gpt-z-1");
    EXPECT_EQ(call.parse_error, "");
  }
}

TEST_F(SocketCallsTest, TheEndOfTheSocketLeavesACallPartial) {
  open();
  client(create("one"));
  upstream(created("resp_1"));
  upstream(delta("ei"), 1s);
  client(create("two"), 2s);
  calls_->finish(kOpened + 3s);
  ASSERT_EQ(told.size(), 2u);
  EXPECT_TRUE(told[0].partial);
  EXPECT_EQ(told[0].text.text, "ei");
  EXPECT_EQ(told[0].timing.duration, 3s);
  EXPECT_TRUE(told[1].partial);
  EXPECT_EQ(told[1].status, 0) << "nothing has come of it";
}

TEST_F(SocketCallsTest, ARefusalEndsItsCall) {
  open();
  client(create("one"));
  upstream(
      R"({"type":"error","status":429,"error":{"type":"usage_limit_reached","message":"The usage limit has been reached"}})",
      2s);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].status, 429);
  EXPECT_EQ(told[0].error_type, "usage_limit_reached");
  EXPECT_EQ(told[0].finish, Finish::error);
  EXPECT_EQ(told[0].timing.duration, 2s);
}

TEST_F(SocketCallsTest, AFailureIsToldOnceHoweverManyMessagesSayIt) {
  open();
  client(create("one"));
  upstream(created("resp_1"));
  upstream(R"({"type":"error","error":{"type":"server_error","message":"Oh."}})", 1s);
  EXPECT_TRUE(told.empty()) << "its last event may follow";
  upstream(
      R"({"type":"response.failed","response":{"id":"resp_1","status":"failed","error":{"code":"server_error","message":"Oh."}}})",
      5s);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].timing.duration, 1s);
  client(create("two"), 6s);
  upstream(created("resp_2"), 6s);
  upstream(R"({"type":"error","error":{"type":"server_error","message":"Oh."}})", 7s);
  client(create("three"), 1h);
  ASSERT_EQ(told.size(), 2u) << "none follows";
  EXPECT_EQ(told[1].timing.duration, 1s);
  EXPECT_FALSE(told[1].partial);
}

TEST_F(SocketCallsTest, SeveralAtOnce) {
  open();
  client(create("one"));
  client(create("two"));
  upstream(created("resp_1"));
  upstream(created("resp_2"));
  upstream(R"({"type":"response.output_text.delta","response_id":"resp_2","delta":"zwei"})");
  upstream(R"({"type":"response.output_text.delta","response_id":"resp_1","delta":"eins"})");
  upstream(completed("resp_2", 2, 2));
  upstream(completed("resp_1", 1, 1));
  upstream(completed("resp_1", 1, 1));
  upstream(delta("nobody's"));
  finish();
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[0].text.text, "zwei");
  EXPECT_EQ(told[0].user_text.text, "two");
  EXPECT_EQ(told[1].text.text, "eins");
}

TEST_F(SocketCallsTest, LimitsAreThoseOfTheFirst) {
  http::ResponseHead head;
  head.status = 101;
  head.fields.add("x-codex-primary-used-percent", "12");
  head.fields.add("x-request-id", "req_1");
  open().response_head(head, kOpened);
  for (int i = 0; i < 2; ++i) client(create("one")), upstream(created("r")), upstream(completed("r", 1, 1));
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[0].rate_limits, (RateLimits{{"x-codex-primary-used-percent", "12"}}));
  EXPECT_TRUE(told[1].rate_limits.empty());
  EXPECT_EQ(told[1].request_id, "req_1");
  EXPECT_EQ(told[1].status, 200);
}

TEST_F(SocketCallsTest, WhatIsMissingIsSaid) {
  open();
  client(create("one"));
  upstream(created("resp_1"));
  calls_->left_out("too much");
  upstream(completed("resp_1", 1, 1));
  client(create("a long one").substr(0, 80), 0s, true);
  upstream(created("resp_2"));
  upstream(completed("resp_2", 7, 7));
  client(create("one"));
  upstream(created("resp_3"));
  upstream(completed("resp_3", 7, 7).substr(0, 100), 0s, true);
  ASSERT_EQ(told.size(), 3u);
  EXPECT_EQ(told[0].parse_error, "too much");
  EXPECT_EQ(told[1].usage.input, 7);
  EXPECT_EQ(told[1].parse_error, "request was kept only in part");
  EXPECT_NE(told[2].parse_error, "");
  EXPECT_FALSE(told[2].usage.input);
}

TEST_F(SocketCallsTest, OtherMessagesAreNoCalls) {
  open();
  for (std::string_view text : {"", "hello", "[]", "{", R"({"type":"response.processed"})", R"({"type":7})"})
    client(text), upstream(text);
  upstream(R"({"type":"codex.rate_limits"})");
  upstream(R"({"type":"error","error":{"message":"?"}})");
  upstream(completed("resp_0", 1, 1));
  finish();
  EXPECT_TRUE(told.empty());
}

TEST_F(SocketCallsTest, AreBounded) {
  open();
  for (std::size_t i = 0; i < 3 * SocketCalls::kMostOpen; ++i) client(create("more"));
  EXPECT_EQ(told.size(), 2 * SocketCalls::kMostOpen);
  EXPECT_TRUE(told[0].partial);
}

TEST_F(SocketCallsTest, ARequestMayBeInside) {
  open();
  client(R"({"type":"response.create","response":{"model":"gpt-y","input":"hi"}})");
  finish();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].model_asked, "gpt-y");
  EXPECT_EQ(told[0].user_text.text, "hi");
}

constexpr std::string_view kRealtimeUsage =
    R"("usage":{"total_tokens":330,"input_tokens":230,"output_tokens":100,"input_token_details":{"cached_tokens":128,"text_tokens":150,"audio_tokens":80,"cached_tokens_details":{"text_tokens":64,"audio_tokens":64}},"output_token_details":{"text_tokens":30,"audio_tokens":70}})";

std::string done(std::string_view id, std::string_view status = "completed", std::string_view more = {}) {
  return R"({"type":"response.done","response":{"id":")" + std::string(id) + R"(","status":")" +
         std::string(status) + "\"," + std::string(more) + std::string(kRealtimeUsage) + "}}";
}

TEST_F(SocketCallsTest, Realtime) {
  open(Protocol::openai_realtime, "gpt-realtime");
  upstream(
      R"({"type":"session.created","session":{"model":"gpt-realtime-2025-08-28","instructions":"Help."}})");
  client(
      R"({"type":"session.update","session":{"type":"realtime","instructions":"Be kind.","tools":[{"type":"function","name":"weather"}]}})");
  client(
      R"({"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_text","text":"Rain?"}]}})");
  client(R"({"type":"response.create","event_id":"e1"})", 1s);
  upstream(R"({"type":"response.created","response":{"id":"resp_1","status":"in_progress"}})", 2s);
  upstream(
      R"({"type":"response.output_audio_transcript.delta","response_id":"resp_1","output_index":0,"delta":"No."})",
      3s);
  upstream(R"({"type":"response.output_audio.delta","response_id":"resp_1","output_index":0,"delta":"AAAA"})",
           4s);
  upstream(
      R"({"type":"response.output_item.added","response_id":"resp_1","output_index":1,"item":{"type":"function_call","call_id":"c1","name":"weather"}})",
      4s);
  upstream(
      R"({"type":"response.function_call_arguments.delta","response_id":"resp_1","output_index":1,"delta":"{\"city\":\"Bonn\"}"})",
      5s);
  upstream(done("resp_1"), 6s);
  client(
      R"({"type":"conversation.item.create","item":{"type":"function_call_output","call_id":"c1","output":"dry"}})");
  client(R"({"type":"response.create","response":{"instructions":"Shout."}})", 7s);
  upstream(R"({"type":"response.created","response":{"id":"resp_2"}})", 7s);
  upstream(done("resp_2", "incomplete", R"("status_details":{"reason":"max_output_tokens"},)"), 8s);
  ASSERT_EQ(told.size(), 2u);
  const ModelCall& first = told[0];
  EXPECT_EQ(first.protocol, Protocol::openai_realtime);
  EXPECT_EQ(first.model_asked, "gpt-realtime");
  EXPECT_EQ(first.model_served, "gpt-realtime-2025-08-28");
  EXPECT_EQ(first.system_prompt.text, "Be kind.");
  EXPECT_EQ(first.user_text.text, "Rain?");
  EXPECT_EQ(first.tools_count, 1u);
  EXPECT_EQ(first.text.text, "No.");
  EXPECT_EQ(first.timing.content_events, 3u);
  EXPECT_EQ(first.finish, Finish::tool_call);
  ASSERT_EQ(first.tool_calls.size(), 1u);
  EXPECT_EQ(first.tool_calls[0].arguments.text, R"({"city":"Bonn"})");
  EXPECT_EQ(first.usage.input, 230);
  EXPECT_EQ(first.usage.input_fresh, 102);
  EXPECT_EQ(first.usage.cache_read, 128);
  EXPECT_EQ(first.usage.output, 100);
  Billable parts = Billable::of(first.usage);
  EXPECT_EQ(parts.fresh, 86) << "text that no cache had";
  EXPECT_EQ(parts.input_audio, 16);
  EXPECT_EQ(parts.output, 30);
  EXPECT_EQ(parts.output_audio, 70);
  EXPECT_EQ(told[1].system_prompt.text, "Shout.");
  EXPECT_EQ(told[1].tools_count, 1u);
  EXPECT_EQ(told[1].finish, Finish::length);
  EXPECT_EQ(told[1].stop_reason, "max_output_tokens");
  ASSERT_EQ(told[1].tool_results.size(), 1u);
  EXPECT_EQ(told[1].tool_results[0].call_id, "c1");
  EXPECT_EQ(told[1].tool_results[0].content.text, "dry");
}

TEST_F(SocketCallsTest, RealtimeAnswersSpeechByItself) {
  open(Protocol::openai_realtime, "gpt-realtime");
  upstream(R"({"type":"response.created","response":{"id":"resp_1"}})", 1s);
  upstream(
      R"({"type":"response.output_item.done","response_id":"resp_1","output_index":0,"item":{"type":"message","content":[{"type":"output_audio","transcript":"Yes?"}]}})",
      2s);
  upstream(R"({"type":"error","error":{"type":"invalid_request_error","message":"no such item"}})", 2s);
  upstream(done("resp_1", "cancelled", R"("status_details":{"reason":"turn_detected"},)"), 3s);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].text.text, "Yes?");
  EXPECT_EQ(told[0].stop_reason, "cancelled");
  EXPECT_EQ(told[0].error_type, "") << "the error was about something else";
  EXPECT_FALSE(told[0].partial);
  EXPECT_EQ(told[0].usage.total, 330);
}

TEST_F(SocketCallsTest, RealtimeErrorsNameTheirEvent) {
  open(Protocol::openai_realtime);
  client(R"({"type":"response.create","event_id":"e1"})");
  client(R"({"type":"response.create","event_id":"e2"})");
  upstream(
      R"({"type":"error","error":{"type":"invalid_request_error","code":"conversation_already_has_active_response","message":"Busy.","event_id":"e2"}})");
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].error_code, "conversation_already_has_active_response");
  upstream(R"({"type":"response.created","response":{"id":"resp_1"}})");
  upstream(done("resp_1", "failed", R"("status_details":{"error":{"type":"server_error","code":"oops"}},)"));
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[1].error_type, "server_error");
  EXPECT_EQ(told[1].finish, Finish::error);
}

TEST(RealtimeState, RequestsAreJson) {
  RealtimeState state;
  EXPECT_EQ(state.request({}), R"({"input":[]})");
  EXPECT_EQ(state.request("{}"), R"({"input":[]})");
  EXPECT_EQ(state.request("{ }"), R"({"input":[]})");
  EXPECT_EQ(state.request(R"({"input":[1]})"), R"({"input":[1]})");
  EXPECT_EQ(state.request(R"({"a":)"), R"({"input":[]})");
  state.item(R"({"n":1})");
  state.item(R"({"n":2})");
  state.item(R"({"n":)");
  state.item("\"" + std::string(RealtimeState::kMostItem, 'x') + "\"");
  state.session(R"({"instructions":"a","tools":[]})");
  EXPECT_EQ(state.request(R"({"b":2})"),
            R"({"instructions":"a","tools":[],"input":[{"n":1},{"n":2}],"b":2})");
  EXPECT_EQ(state.request(R"({"tools":[3],"input":[]})"), R"({"instructions":"a","tools":[3],"input":[]})");
}

}  // namespace
}  // namespace weir::llm
