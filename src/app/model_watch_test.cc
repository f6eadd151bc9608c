// Exchanges as the walk shows them, and the records that come of them.
#include "app/model_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::app {
namespace {

using namespace std::chrono_literals;

constexpr const char* kAsk =
    R"({"model":"claude-sonnet-4-5","max_tokens":100,"stream":true,"messages":[{"role":"user","content":"Hi"}]})";
constexpr const char* kStream =
    "event: message_start\ndata: "
    "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\","
    "\"model\":\"claude-sonnet-4-5-20250929\",\"content\":[],\"usage\":{\"input_tokens\":12,\"output_"
    "tokens\":1}}}\n\n"
    "event: content_block_start\ndata: "
    "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
    "event: content_block_delta\ndata: "
    "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello\"}}"
    "\n\n"
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
    "event: message_delta\ndata: "
    "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":5}}"
    "\n\n"
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

void append_number(std::string& out, std::uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> 8 * i);
}

/// RFC 1952, in one block that is not compressed.
std::string gzip(std::string_view text) {
  std::uint32_t crc = ~0u;
  for (unsigned char byte : text) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (0xEDB88320u & (0u - (crc & 1)));
  }
  auto size = static_cast<std::uint32_t>(text.size());
  std::string out("\x1f\x8b\x08\0\0\0\0\0\0\xff\x01", 11);
  append_number(out, size, 2);
  append_number(out, ~size, 2);
  out.append(text);
  append_number(out, ~crc, 4);
  append_number(out, size, 4);
  return out;
}

flow::Flow flow_to(const char* host, const char* target, const char* method = "POST") {
  flow::Flow flow;
  flow.id = 7;
  flow.started = 1'000;
  flow.process = "agent";
  flow.request.method = method;
  flow.request.target = target;
  flow.request.origin = {http::Scheme::https, {host, 443}};
  return flow;
}

http::ResponseHead stream_head() {
  http::ResponseHead head;
  head.status = 200;
  head.fields.add("Content-Type", "text/event-stream");
  return head;
}

class ModelWatchTest : public ::testing::Test {
 protected:
  void watch(const ModelWatch::Options& options = {}) {
    watch_.emplace(llm::Recogniser(), options,
                   ModelWatch::Told{[this](WatchedCall call) { told.push_back(std::move(call)); },
                                    [this](llm::McpCall call) { told_mcp.push_back(std::move(call)); }});
  }
  ModelWatch& watch_now() {
    if (!watch_) watch();
    return *watch_;
  }
  /// The whole of an exchange, its bodies in pieces of `piece` bytes.
  void pass(const flow::Flow& flow, std::string_view request, const http::ResponseHead& head,
            std::string_view response, std::size_t piece = 1000) {
    auto onlooker = watch_now().look_on(flow, true, begun_);
    ASSERT_TRUE(onlooker);
    for (; !request.empty(); request.remove_prefix(std::min(piece, request.size())))
      onlooker->request_part(request.substr(0, piece));
    onlooker->request_sent(begun_ + 1ms);
    onlooker->response_head(head, begun_ + 11ms);
    for (; !response.empty(); response.remove_prefix(std::min(piece, response.size())))
      onlooker->response_part(response.substr(0, piece), begun_ + 21ms);
    onlooker->ended(flow, begun_ + 101ms);
    watch_now().flush();
  }

  const TimePoint begun_ = steady_now();
  std::vector<WatchedCall> told;
  std::vector<llm::McpCall> told_mcp;
  std::optional<ModelWatch> watch_;
};

const char* const kHost = "api.anthropic.com";

TEST_F(ModelWatchTest, ACallIsRecorded) {
  for (std::size_t piece : {1, 7, 100'000}) {
    told.clear();
    pass(flow_to(kHost, "/v1/messages?beta=true"), kAsk, stream_head(), kStream, piece);
    ASSERT_EQ(told.size(), 1u);
    const llm::ModelCall& call = told[0].call;
    EXPECT_EQ(told[0].flow, 7u);
    EXPECT_EQ(told[0].process, "agent");
    EXPECT_EQ(call.provider, "anthropic");
    EXPECT_EQ(call.model_asked, "claude-sonnet-4-5");
    EXPECT_EQ(call.model_served, "claude-sonnet-4-5-20250929");
    EXPECT_EQ(call.usage.input, 12);
    EXPECT_EQ(call.usage.output, 5);
    EXPECT_EQ(call.text.text, "Hello");
    EXPECT_EQ(call.started, 1'000);
    EXPECT_EQ(call.timing.head, 10ms) << "since the request was sent";
    EXPECT_EQ(call.timing.duration, 100ms);
    EXPECT_FALSE(call.partial);
    EXPECT_EQ(call.parse_error, "");
  }
}

TEST_F(ModelWatchTest, BodiesAreDecoded) {
  flow::Flow flow = flow_to(kHost, "/v1/messages");
  flow.request.fields.add("Content-Encoding", "gzip");
  http::ResponseHead head = stream_head();
  head.fields.add("Content-Encoding", "gzip");
  pass(flow, gzip(kAsk), head, gzip(kStream), 3);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].call.model_asked, "claude-sonnet-4-5");
  EXPECT_EQ(told[0].call.usage.output, 5);
}

TEST_F(ModelWatchTest, ARequestIsDecodedByHowItBegins) {
  for (std::size_t piece : {1, 3, 1000}) {
    told.clear();
    pass(flow_to(kHost, "/v1/messages"), gzip(kAsk), stream_head(), kStream, piece);
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(told[0].call.model_asked, "claude-sonnet-4-5");
  }
  for (std::string_view other : {"\x28", "\x1f\x8b", "(1)"}) {
    pass(flow_to(kHost, "/v1/messages"), other, stream_head(), kStream);
    EXPECT_NE(told.back().call.parse_error, "");
  }
}

TEST_F(ModelWatchTest, WhatCannotBeDecodedIsMarked) {
  http::ResponseHead head = stream_head();
  head.fields.add("Content-Encoding", "gzip");
  pass(flow_to(kHost, "/v1/messages"), kAsk, head, "no gzip at all");
  head.fields.set("Content-Encoding", "rot13");
  pass(flow_to(kHost, "/v1/messages"), kAsk, head, kStream);
  ASSERT_EQ(told.size(), 2u);
  for (const WatchedCall& each : told) {
    EXPECT_NE(each.call.parse_error, "");
    EXPECT_EQ(each.call.model_asked, "claude-sonnet-4-5");
  }
}

TEST_F(ModelWatchTest, OthersAreNotLookedAt) {
  watch();
  EXPECT_FALSE(watch_->look_on(flow_to("example.com", "/"), true, begun_));
  EXPECT_FALSE(watch_->look_on(flow_to(kHost, "/v1/messages/count_tokens"), true, begun_));
  EXPECT_FALSE(watch_->look_on(flow_to(kHost, "/v1/models", "GET"), true, begun_));
}

TEST_F(ModelWatchTest, APathAloneIsNoCall) {
  flow::Flow flow = flow_to("unknown.example", "/v1/chat/completions");
  auto onlooker = watch_now().look_on(flow, true, begun_);
  ASSERT_TRUE(onlooker) << "the body has to tell";
  onlooker->request_part(R"({"game":"chess"})");
  onlooker->request_sent(begun_);
  onlooker->ended(flow, begun_);
  watch_->flush();
  EXPECT_TRUE(told.empty());
}

TEST_F(ModelWatchTest, ABrokenStreamIsPartial) {
  flow::Flow flow = flow_to(kHost, "/v1/messages");
  flow.error = Code::upstream_body_incomplete;
  pass(flow, kAsk, stream_head(), std::string_view(kStream).substr(0, 500));
  ASSERT_EQ(told.size(), 1u);
  EXPECT_TRUE(told[0].call.partial);
  EXPECT_EQ(told[0].call.usage.input, 12);
}

TEST_F(ModelWatchTest, ACallWithoutAnAnswerIsOneTo) {
  flow::Flow flow = flow_to(kHost, "/v1/messages");
  flow.error = Code::connect_refused;
  auto onlooker = watch_now().look_on(flow, true, begun_);
  onlooker->ended(flow, begun_ + 5ms);
  watch_->flush();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].call.status, 0);
}

TEST_F(ModelWatchTest, MoreThanThereIsRoomForIsLeftOutAndSaid) {
  watch({.most_queued = 10});
  pass(flow_to(kHost, "/v1/messages"), kAsk, stream_head(), kStream);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].call.parse_error, "more came at once than could be looked at");
}

TEST_F(ModelWatchTest, ALongRequestIsCut) {
  watch({.most_request = 200});
  std::string ask = std::string(kAsk).insert(1, R"("pad":")" + std::string(5'000, 'x') + R"(",)");
  pass(flow_to(kHost, "/v1/messages"), ask, stream_head(), kStream, 100);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].call.model_served, "claude-sonnet-4-5-20250929");
  EXPECT_LE(told[0].call.request_bytes, 200u);
}

TEST_F(ModelWatchTest, WhatWasQueuedIsReadAtTheEnd) {
  flow::Flow flow = flow_to(kHost, "/v1/messages");
  auto onlooker = watch_now().look_on(flow, true, begun_);
  auto lasting = watch_->look_on(flow, true, begun_);
  onlooker->request_part(kAsk);
  onlooker->request_sent(begun_);
  onlooker->ended(flow, begun_);
  watch_.reset();
  EXPECT_EQ(told.size(), 1u) << "one that has not ended is forgotten";
}

flow::Flow websocket_flow() {
  flow::Flow flow = flow_to("api.openai.com", "/v1/responses", "GET");
  flow.request.upgrade = "websocket";
  flow.process = "";
  return flow;
}

http::ws::Message text(std::string_view bytes) {
  http::ws::Message out;
  out.bytes = bytes;
  out.size = bytes.size();
  return out;
}

const char* const kCreate = R"({"type":"response.create","model":"gpt-5","input":"hi"})";
const char* const kCreated = R"({"type":"response.created","response":{"id":"resp_1","model":"gpt-5-x"}})";
const char* const kCompleted =
    R"({"type":"response.completed","response":{"id":"resp_1","status":"completed","usage":{"input_tokens":3,"output_tokens":4}}})";

TEST_F(ModelWatchTest, CallsOverAWebSocketAreToldAsTheyEnd) {
  flow::Flow flow = websocket_flow();
  auto onlooker = watch_now().look_on(flow, true, begun_);
  ASSERT_TRUE(onlooker);
  onlooker->request_sent(begun_);
  http::ResponseHead head;
  head.status = 101;
  onlooker->response_head(head, begun_);
  onlooker->message(flow, Side::client, text(kCreate), begun_ + 1s);
  flow.process = "agent";  // is known late
  onlooker->message(flow, Side::upstream, text(kCreated), begun_ + 2s);
  onlooker->message(flow, Side::upstream, text(kCompleted), begun_ + 3s);
  watch_->flush();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].flow, 7u);
  EXPECT_EQ(told[0].process, "agent");
  EXPECT_EQ(told[0].place.host, "api.openai.com");
  EXPECT_EQ(told[0].call.provider, "openai");
  EXPECT_EQ(told[0].call.usage.output, 4);
  EXPECT_EQ(told[0].call.started, 1'000 + 1'000'000'000);
  EXPECT_TRUE(told[0].call.websocket);
  http::ws::Message long_one = text(std::string(kCreate).substr(0, 60));
  long_one.truncated = true;
  onlooker->message(flow, Side::client, long_one, begun_ + 4s);
  onlooker->ended(flow, begun_ + 9s);
  watch_->flush();
  ASSERT_EQ(told.size(), 2u);
  EXPECT_TRUE(told[1].call.partial);
  EXPECT_EQ(told[1].call.model_asked, "gpt-5");
  EXPECT_EQ(told[1].call.timing.duration, 5s);
}

TEST_F(ModelWatchTest, AMessageThatThereIsNoRoomForDoesNotHideTheNext) {
  watch({.most_queued = 1000});
  flow::Flow flow = websocket_flow();
  auto onlooker = watch_->look_on(flow, true, begun_);
  auto pass = [&](Side from, std::string_view bytes) {
    onlooker->message(flow, from, text(bytes), begun_);
    watch_->flush();
  };
  pass(Side::client, kCreate);
  pass(Side::upstream, kCreated);
  pass(Side::upstream, std::string(1001, 'x'));
  pass(Side::upstream, kCompleted);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].call.parse_error, "more came at once than could be looked at");
  EXPECT_EQ(told[0].call.usage.input, 3);
  for (std::string_view part : {kCreate, kCreated, kCompleted})
    pass(part == kCreate ? Side::client : Side::upstream, part);
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[1].call.parse_error, "");
}

flow::Flow mcp_flow() {
  flow::Flow flow = flow_to("tools.example.com", "/mcp");
  flow.request.fields.add("Content-Type", "application/json");
  return flow;
}

http::ResponseHead json_head() {
  http::ResponseHead head;
  head.status = 200;
  head.fields.add("Content-Type", "application/json");
  return head;
}

TEST_F(ModelWatchTest, CallsOfMcpServersAreTold) {
  for (std::size_t piece : {1, 1000}) {
    told_mcp.clear();
    pass(mcp_flow(),
         R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search","arguments":{"q":"x"}}})",
         json_head(), R"({"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"found"}]}})",
         piece);
    ASSERT_EQ(told_mcp.size(), 1u);
    EXPECT_EQ(told_mcp[0].exchange, 7u);
    EXPECT_EQ(told_mcp[0].name, "search");
    EXPECT_EQ(told_mcp[0].result.text, "found");
    EXPECT_EQ(told_mcp[0].duration, 20ms);
  }
  EXPECT_TRUE(told.empty());
}

TEST_F(ModelWatchTest, OtherJsonIsNotCopied) {
  watch({.most_queued = 10});
  pass(mcp_flow(), R"({"query":"a query that the queue has no room for"})", json_head(), "{}");
  pass(mcp_flow(), R"({"jsonrpc":"2.0","id":1,"method":"eth_call"})", json_head(), "{}");
  EXPECT_TRUE(told_mcp.empty());
  EXPECT_TRUE(told.empty());
}

}  // namespace
}  // namespace weir::app
