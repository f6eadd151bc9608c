// Exchanges of MCP in all its transports, and the calls that are read from them.
#include "llm/mcp_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "llm/json_fingerprint.h"

namespace weir::llm {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

constexpr const char* kInitialize =
    R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18",)"
    R"("capabilities":{},"clientInfo":{"name":"agent","version":"1.2"}}})";
constexpr const char* kInitialized =
    R"({"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-06-18","capabilities":{},)"
    R"("serverInfo":{"name":"docs","version":"3"}}})";
constexpr const char* kCall =
    R"({"method":"tools/call","params":{"name":"search","arguments":{"q":"x"},"_meta":{"progressToken":5}},)"
    R"("jsonrpc":"2.0","id":1})";
constexpr const char* kFound =
    R"({"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"found it"}],"isError":false}})";

std::string event(std::string_view data, std::string_view name = "message") {
  return "event: " + std::string(name) + "\r\ndata: " + std::string(data) + "\r\n\r\n";
}

class McpReaderTest : public ::testing::Test {
 protected:
  http::RequestHead head(const char* method = "POST", const char* target = "/mcp", const char* session = "") {
    http::RequestHead out;
    out.method = method;
    out.origin = {http::Scheme::https, {"docs.example.com", 443}};
    out.target = target;
    if (out.method == "POST") {
      out.fields.add("Content-Type", "application/json");
      out.fields.add("Accept", "application/json, text/event-stream");
    } else {
      out.fields.add("Accept", "text/event-stream");
    }
    if (*session) out.fields.add("Mcp-Session-Id", session);
    return out;
  }
  McpReader reader(const http::RequestHead& from) {
    return McpReader(*sessions, from, recognise_mcp(from), ++exchange, 1'000);
  }
  static http::ResponseHead response(std::uint16_t status, const char* type, const char* session = "") {
    http::ResponseHead out;
    out.status = status;
    if (*type) out.fields.add("Content-Type", type);
    if (*session) out.fields.add("Mcp-Session-Id", session);
    return out;
  }
  static void feed(McpReader& reader, std::string_view body, TimePoint at, std::size_t piece) {
    for (; !body.empty(); body.remove_prefix(std::min(piece, body.size())))
      reader.response_body(body.substr(0, piece), at);
  }
  /// A whole exchange, its answer 10 ms after its request.
  void pass(const http::RequestHead& from, std::string_view request, const http::ResponseHead& answer,
            std::string_view body, std::size_t piece = 1000) {
    McpReader one = reader(from);
    one.request_body(request, false, begun);
    one.response_head(answer, begun + 5ms);
    feed(one, body, begun + 10ms, piece);
    one.finish(true, begun + 20ms);
  }

  const TimePoint begun = steady_now();
  std::vector<McpCall> told;
  std::optional<McpSessions> sessions{std::in_place,
                                      [this](McpCall call) { told.push_back(std::move(call)); }};
  std::uint64_t exchange = 0;
};

TEST_F(McpReaderTest, ACallAndItsAnswer) {
  for (std::size_t piece : {1, 3, 1000}) {
    told.clear();
    pass(head(), kInitialize, response(200, "application/json", "sess-1"), kInitialized, piece);
    pass(
        head("POST", "/mcp", "sess-1"), kCall, response(200, "text/event-stream"),
        ": ping\r\n\r\n" +
            event(
                R"({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":5,"progress":1}})") +
            event(
                R"({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"5","progress":2}})") +
            event(kFound),
        piece);
    ASSERT_THAT(told, SizeIs(2));
    const McpCall& first = told[0];
    EXPECT_EQ(first.method, "initialize");
    EXPECT_EQ(first.session_id, "sess-1") << "given with the answer";
    const McpCall& call = told[1];
    EXPECT_EQ(call.method, "tools/call");
    EXPECT_EQ(call.name, "search");
    EXPECT_EQ(call.id, "1");
    EXPECT_EQ(call.arguments.text, R"({"q":"x"})");
    EXPECT_EQ(call.arguments_fingerprint, json_fingerprint(R"({"q":"x"})"));
    EXPECT_EQ(call.host, "docs.example.com");
    EXPECT_EQ(call.path, "/mcp");
    EXPECT_EQ(call.server, "docs") << "said when the session began";
    EXPECT_EQ(call.server_version, "3");
    EXPECT_EQ(call.client, "agent");
    EXPECT_EQ(call.protocol_version, "2025-06-18");
    EXPECT_TRUE(call.answered);
    EXPECT_FALSE(call.is_error);
    EXPECT_EQ(call.status, 200);
    EXPECT_EQ(call.result.text, "found it");
    EXPECT_THAT(call.kinds,
                ElementsAre(Pair("text", std::string_view(R"({"type":"text","text":"found it"})").size())));
    EXPECT_EQ(call.progress, 1u) << "of its own token: a number is no string";
    EXPECT_EQ(call.duration, 10ms);
    EXPECT_EQ(call.started, 1'000);
  }
}

TEST_F(McpReaderTest, ToolsFailInOneWayAndRequestsInAnother) {
  pass(
      head(), kCall, response(200, "application/json"),
      R"({"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"no"},{"type":"image","data":"aa"}],"structuredContent":{"a":1},"isError":true}})");
  pass(head(), kCall, response(404, "application/json"),
       R"({"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method not found"}})");
  ASSERT_THAT(told, SizeIs(2));
  EXPECT_TRUE(told[0].is_error);
  EXPECT_FALSE(told[0].error_code);
  EXPECT_THAT(told[0].kinds, SizeIs(3));
  EXPECT_TRUE(told[1].is_error);
  EXPECT_EQ(told[1].error_code, -32601);
  EXPECT_EQ(told[1].error_message, "Method not found");
  EXPECT_EQ(told[1].status, 404);
}

TEST_F(McpReaderTest, IdsAreComparedWithTheirType) {
  pass(head(),
       R"([{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}},)"
       R"({"jsonrpc":"2.0","id":"1","method":"tools/call","params":{"name":"b"}},)"
       R"({"jsonrpc":"2.0","method":"notifications/initialized"}])",
       response(200, "application/json"),
       R"([{"jsonrpc":"2.0","id":"1","result":{"content":[{"type":"text","text":"of b"}]}},)"
       R"({"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"of a"}]}}])");
  ASSERT_THAT(told, SizeIs(2));
  EXPECT_EQ(told[0].name, "b");
  EXPECT_EQ(told[0].result.text, "of b");
  EXPECT_EQ(told[1].name, "a");
  EXPECT_EQ(told[1].result.text, "of a");
}

TEST_F(McpReaderTest, TheStatelessTransportSaysEverythingInItsMessages) {
  http::RequestHead from = head();
  from.fields.add("MCP-Protocol-Version", "2026-07-28");
  from.fields.add("Mcp-Method", "tools/list");
  from.fields.add("Mcp-Name", "another");
  pass(
      from,
      R"({"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"search","arguments":{},"_meta":{)"
      R"("io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"agent","version":"9"}}}})",
      response(200, "application/json"),
      R"({"jsonrpc":"2.0","id":"a","result":{"resultType":"input_required","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"docs","version":"4"}}}})");
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_EQ(told[0].method, "tools/call") << "the body is believed, not the headers";
  EXPECT_EQ(told[0].name, "search");
  EXPECT_EQ(told[0].client, "agent");
  EXPECT_EQ(told[0].server, "docs");
  EXPECT_EQ(told[0].protocol_version, "2026-07-28");
  EXPECT_THAT(told[0].kinds, ElementsAre(Pair("input_required", 0)));
}

TEST_F(McpReaderTest, OfABodyTooLongToReadTheHeadersTell) {
  http::RequestHead from = head();
  from.fields.add("Mcp-Method", "tools/call");
  from.fields.add("Mcp-Name", "upload");
  McpReader one = reader(from);
  one.request_body(R"({"params":{"name":"upload","arguments":{"data":"AAAA)", true, begun);
  one.response_head(response(200, "application/json"), begun);
  one.response_body(kFound, begun + 1ms);
  one.finish(true, begun + 1ms);
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_EQ(told[0].name, "upload");
  EXPECT_TRUE(told[0].answered);
}

TEST_F(McpReaderTest, TheOldTransportAnswersOnItsStream) {
  http::RequestHead get = head("GET", "/sse");
  McpReader stream = reader(get);
  stream.request_body("", false, begun);
  stream.response_head(response(200, "text/event-stream"), begun);
  stream.response_body(event("/messages/?session_id=abc", "endpoint"), begun);
  EXPECT_TRUE(stream.may_be_mcp());
  http::RequestHead post = head("POST", "/messages/?session_id=abc");
  post.fields.set("Accept", "*/*");
  for (bool early : {false, true}) {
    told.clear();
    if (early) stream.response_body(event(kFound), begun + 30ms);
    McpReader one = reader(post);
    one.request_body(kCall, false, begun + 1ms);
    one.response_head(response(202, ""), begun + 2ms);
    one.finish(true, begun + 2ms);
    if (!early) stream.response_body(event(kFound), begun + 31ms);
    ASSERT_THAT(told, SizeIs(1)) << early;
    EXPECT_TRUE(told[0].answered);
    EXPECT_TRUE(told[0].old_transport);
    EXPECT_EQ(told[0].session_id, "abc");
    EXPECT_EQ(told[0].path, "/messages/");
    EXPECT_EQ(told[0].exchange, exchange) << "that of the request";
  }
  told.clear();
  McpReader last = reader(post);
  last.request_body(kCall, false, begun);
  last.response_head(response(202, ""), begun);
  last.finish(true, begun);
  EXPECT_THAT(told, IsEmpty()) << "its answer may yet come";
  stream.finish(true, begun + 1s);
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_FALSE(told[0].answered);
}

TEST_F(McpReaderTest, EndpointsInEverySpelling) {
  for (const char* uri : {"https://docs.example.com/a/messages?sessionId=1", "/a/messages?sessionId=1",
                          "messages?sessionId=1"}) {
    McpReader stream = reader(head("GET", "/a/sse"));
    stream.response_head(response(200, "text/event-stream"), begun);
    stream.response_body(event(uri, "endpoint"), begun);
    EXPECT_TRUE(sessions->is_open("docs.example.com:443 /a/messages?sessionId=1")) << uri;
    stream.finish(true, begun);
    EXPECT_FALSE(sessions->is_open("docs.example.com:443 /a/messages?sessionId=1"));
  }
}

TEST_F(McpReaderTest, AStreamTakenUpAgainBringsTheAnswer) {
  http::RequestHead post = head("POST", "/mcp", "s");
  pass(post, kCall, response(200, "text/event-stream"), "id: 1\ndata:\n\nretry: 100\n\n");
  EXPECT_THAT(told, IsEmpty());
  http::RequestHead get = head("GET", "/mcp", "s");
  get.fields.add("Last-Event-ID", "1");
  pass(get, "", response(200, "text/event-stream"), event(kFound));
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_TRUE(told[0].answered);
  EXPECT_EQ(told[0].exchange, 1u);
}

TEST_F(McpReaderTest, ServersAskToo) {
  http::RequestHead post = head("POST", "/mcp", "s");
  McpReader call = reader(post);
  call.request_body(kCall, false, begun);
  call.response_head(response(200, "text/event-stream"), begun);
  call.response_body(
      event(R"({"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{"maxTokens":5}})"), begun);
  pass(post,
       R"({"jsonrpc":"2.0","id":1,"result":{"role":"assistant","content":{"type":"text","text":"hi"}}})",
       response(202, ""), "");
  call.response_body(event(kFound), begun + 1ms);
  call.finish(true, begun + 1ms);
  ASSERT_THAT(told, SizeIs(2));
  EXPECT_EQ(told[0].method, "sampling/createMessage");
  EXPECT_TRUE(told[0].from_server);
  EXPECT_TRUE(told[0].answered);
  EXPECT_EQ(told[1].method, "tools/call");
}

TEST_F(McpReaderTest, AListThatChangesIsSeen) {
  auto list = [&](std::string_view tools) {
    pass(head(), R"({"jsonrpc":"2.0","id":2,"method":"tools/list"})", response(200, "application/json"),
         R"({"jsonrpc":"2.0","id":2,"result":{"tools":[)" + std::string(tools) + "]}}");
    return told.back();
  };
  constexpr const char* kRead =
      R"({"name":"read","description":"reads","annotations":{"title":"Read","readOnlyHint":true}})";
  constexpr const char* kWrite = R"({"name":"write","annotations":{"destructiveHint":true}})";
  McpCall first = list(std::string(kRead) + "," + kWrite);
  EXPECT_FALSE(first.tools_changed);
  ASSERT_THAT(first.tools, SizeIs(2));
  EXPECT_EQ(first.tools[0].title, "Read");
  EXPECT_EQ(first.tools[0].read_only, true);
  EXPECT_EQ(first.tools[0].destructive, std::nullopt) << "it says nothing of that";
  EXPECT_EQ(first.tools[1].destructive, true);
  EXPECT_THAT(first.tools_hash, SizeIs(16));
  EXPECT_FALSE(list(std::string(kWrite) + ", " + kRead).tools_changed) << "in another order";
  EXPECT_TRUE(list(std::string(R"({"name":"read","description":"reads, and sends it off"})") + "," + kWrite)
                  .tools_changed);
}

TEST_F(McpReaderTest, OtherJsonRpcIsNotOurs) {
  http::RequestHead from = head();
  from.fields.set("Accept", "application/json");
  for (
      const char* body :
      {R"({"jsonrpc":"2.0","id":1,"method":"eth_blockNumber","params":[]})",
       R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{"processId":7,"rootUri":null,"capabilities":{}}})",
       R"({"jsonrpc":"2.0","id":1,"method":"ping"})", R"({"jsonrpc":"1.0","id":1,"method":"tools/list"})",
       R"({"id":1,"method":"tools/list"})", R"({"model":"m"})", "", "[]"}) {
    McpReader one = reader(from);
    one.request_body(body, false, begun);
    EXPECT_FALSE(one.may_be_mcp()) << body;
    one.response_head(response(200, "application/json"), begun);
    one.finish(true, begun);
  }
  EXPECT_THAT(told, IsEmpty());
  McpReader one = reader(from);
  one.request_body(R"({"jsonrpc":"2.0","id":1,"method":"tools/list"})", false, begun);
  EXPECT_TRUE(one.may_be_mcp()) << "nobody else has that method";
}

TEST_F(McpReaderTest, OtherStreamsAreNotOurs) {
  McpReader one = reader(head("GET", "/events"));
  one.response_head(response(200, "text/event-stream"), begun);
  one.response_body(event(kFound), begun);
  EXPECT_FALSE(one.may_be_mcp());
}

TEST_F(McpReaderTest, WhatIsNeverAnsweredIsToldAtTheEnd) {
  pass(head(), kCall, response(500, "text/plain"), "oops");
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_FALSE(told[0].answered);
  EXPECT_TRUE(told[0].is_error);
  EXPECT_EQ(told[0].status, 500);
  pass(head("POST", "/mcp", "s"), kCall, response(202, ""), "");
  EXPECT_THAT(told, SizeIs(1));
  sessions.reset();
  EXPECT_THAT(told, SizeIs(2));
}

TEST_F(McpReaderTest, WhatWaitsIsBounded) {
  for (std::size_t i = 0; i < McpSessions::kMostPending + 10; ++i)
    pass(head("POST", "/mcp", "s"), kCall, response(202, ""), "");
  EXPECT_THAT(told, SizeIs(10));
}

TEST(McpRecognise, ByMethodAndHeaders) {
  auto sign = [](const char* method, std::initializer_list<http::Fields::View> fields) {
    http::RequestHead head;
    head.method = method;
    for (auto [name, value] : fields) head.fields.add(name, value);
    return recognise_mcp(head);
  };
  EXPECT_EQ(sign("POST", {{"mcp-protocol-version", "2025-06-18"}}), McpSign::headers);
  EXPECT_EQ(sign("POST", {{"MCP-SESSION-ID", "x"}}), McpSign::headers);
  EXPECT_EQ(sign("GET", {{"Mcp-Method", "x"}}), McpSign::headers);
  EXPECT_EQ(sign("DELETE", {{"Mcp-Session-Id", "x"}}), McpSign::none);
  EXPECT_EQ(sign("POST", {{"Content-Type", "application/json; charset=utf-8"}}), McpSign::body);
  EXPECT_EQ(
      sign("POST", {{"Accept", "text/event-stream, application/json"}, {"Content-Type", "application/json"}}),
      McpSign::both);
  EXPECT_EQ(sign("POST", {{"Accept", "text/event-stream, application/json"}, {"Content-Type", "text/plain"}}),
            McpSign::none);
  EXPECT_EQ(sign("GET", {{"Accept", "text/event-stream"}}), McpSign::stream);
  EXPECT_EQ(sign("GET", {{"Accept", "text/html"}}), McpSign::none);
}

TEST(McpRecognise, BodiesByTheirBeginning) {
  for (const char* body :
       {R"({"jsonrpc":"2.0")", R"( [ { "method" : )", R"({"id":1)", R"({"jso)", "", " ", "{"})
    EXPECT_TRUE(may_be_json_rpc(body)) << body;
  for (const char* body : {R"({"query":"{ a }"})", R"({"model":"m"})", "hello", "{}", R"({"idea":1})", "[1"})
    EXPECT_FALSE(may_be_json_rpc(body)) << body;
}

}  // namespace
}  // namespace weir::llm
