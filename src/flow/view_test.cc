#include "flow/view.h"

#include <gtest/gtest.h>

namespace weir::flow {
namespace {

constexpr WallNanos kMoment = 1'705'314'605'123'000'000;  // 2024-01-15T10:30:05.123Z

Flow sample() {
  Flow flow;
  flow.id = 7;
  flow.started = kMoment;
  flow.duration_us = 89'000;
  flow.interception = Interception::intercepted;
  flow.request.method = "POST";
  flow.request.origin = {http::Scheme::https, {"api.example.com", 443}};
  flow.request.target = "/users";
  flow.request.fields.add("Content-Type", "application/json");
  flow.request.fields.add("Authorization", "Bearer [REDACTED]");
  flow.request_body.size = 16;
  flow.has_response = true;
  flow.response.status = 201;
  flow.response.reason = "Created";
  flow.response.fields.add("Set-Cookie", "a=[REDACTED]");
  flow.response.fields.add("Content-Type", "application/json");
  flow.response.fields.add("set-cookie", "b=[REDACTED]");
  flow.response_body.size = 11;
  flow.response_body.truncated = true;
  flow.request_head_bytes = 120;
  flow.response_head_bytes = 80;
  flow.timing.connect = 1200;
  flow.timing.wait = 40'000;
  flow.client_connection = 3;
  flow.marks = "host_mismatch, capture_dropped";
  return flow;
}

std::string json_of(const Entry& entry, int indent = 0) {
  std::string out;
  JsonWriter json(out, indent);
  write_entry(json, entry);
  return out;
}

TEST(WriteEntryTest, Golden) {
  Flow flow = sample();
  EXPECT_EQ(json_of({flow, "1f3a-7", "1f3a9c00", false, R"({"user": "john"})", R"({"id": 123})"}, 2),
            R"({
  "ts": "2024-01-15T10:30:05.123Z",
  "method": "POST",
  "url": "https://api.example.com/users",
  "req_headers": {
    "Content-Type": [
      "application/json"
    ],
    "Authorization": [
      "Bearer [REDACTED]"
    ]
  },
  "req_body": "eyJ1c2VyIjogImpvaG4ifQ==",
  "status": 201,
  "resp_headers": {
    "Set-Cookie": [
      "a=[REDACTED]",
      "b=[REDACTED]"
    ],
    "Content-Type": [
      "application/json"
    ]
  },
  "resp_body": "eyJpZCI6IDEyM30=",
  "duration_ns": 89000000,
  "id": "1f3a-7",
  "session": "1f3a9c00",
  "kind": "http",
  "state": "closed",
  "host": "api.example.com",
  "port": 443,
  "interception": "intercepted",
  "http_version": "HTTP/1.1",
  "resp_http_version": "HTTP/1.1",
  "reason": "Created",
  "req_head_bytes": 120,
  "req_body_bytes": 16,
  "resp_head_bytes": 80,
  "resp_body_bytes": 11,
  "resp_truncated": true,
  "timings_us": {
    "connect": 1200,
    "wait": 40000
  },
  "client_connection": 3,
  "marks": [
    "host_mismatch",
    "capture_dropped"
  ]
})");
}

TEST(WriteEntryTest, EmptiesAreLeftOut) {
  Flow flow;
  flow.started = kMoment;
  flow.request.method = "GET";
  flow.request.origin = {http::Scheme::http, {"a.test", 80}};
  flow.request.target = "/";
  EXPECT_EQ(
      json_of({flow, {}, {}}),
      R"({"ts":"2024-01-15T10:30:05.123Z","method":"GET","url":"http://a.test/","kind":"http","state":"open",)"
      R"("host":"a.test","port":80,"interception":"plain","http_version":"HTTP/1.1"})");
}

TEST(WriteEntryTest, AFailureCarriesItsCodeAndABlockItsRule) {
  Flow flow = sample();
  flow.error = Code::dns_not_found;
  flow.error_detail = "nx.example";
  std::string failure = json_of({flow, "1f3a-7", "s"});
  EXPECT_NE(failure.find(R"("error":"the host name does not exist: nx.example")"), std::string::npos);
  EXPECT_NE(failure.find(R"("error_code":"dns_not_found","error_phase":"dns")"), std::string::npos);
  EXPECT_EQ(failure.find("filter_action"), std::string::npos);
  flow.error = Code::blocked;
  flow.filter_action = "block";
  flow.filter_reason = "matched rule: *.blocked.com";
  EXPECT_NE(json_of({flow, "1f3a-7", "s"})
                .find(R"("filter_action":"block","filter_reason":"matched rule: *.blocked.com")"),
            std::string::npos);
}

TEST(WriteEntryTest, AnEntryCutOffByACrashSaysSo) {
  Flow flow = sample();
  flow.duration_us = -1;
  EXPECT_NE(json_of({flow, "1f3a-7", "s", true}).find(R"("state":"incomplete")"), std::string::npos);
}

TEST(WriteEntryTest, HostileBytesStayValidJsonWithoutControls) {
  Flow flow = sample();
  flow.request.target = "/\x1b[2J\"\n\xff\xc2\x9b";
  flow.request.fields.add("X-\"\x07", std::string_view("\0\x1b", 2));
  std::string json = json_of({flow, "1f3a-7", "s"});
  EXPECT_NE(json.find("/\\u001b[2J\\\"\\n\xEF\xBF\xBD\\u009b"), std::string::npos);
  for (char c : json) EXPECT_GE(static_cast<unsigned char>(c), 0x20);
}

std::string json_of(const http::ws::Message& content) {
  std::string out;
  JsonWriter json(out);
  write_message(json, {.flow = 7, .number = 3, .time = kMoment + 5, .from_client = true, .content = content},
                kMoment);
  return out;
}

TEST(WriteMessageTest, Table) {
  using http::ws::Opcode;
  using http::ws::Problem;
  const std::string begin =
      R"({"number":3,"ts":"2024-01-15T10:30:05.123Z","offset_ns":5,"from":"client","opcode":)";
  const std::pair<http::ws::Message, std::string_view> rows[] = {
      {{.size = 2, .bytes = "hi"}, R"("text","bytes":2,"text":"hi"})"},
      {{}, R"("text"})"},
      {{.opcode = Opcode::binary, .size = 2, .bytes = "hi"}, R"("binary","bytes":2,"data":"aGk="})"},
      {{.opcode = Opcode::ping, .size = 2, .bytes = "hi"}, R"("ping","bytes":2,"data":"aGk="})"},
      {{.opcode = Opcode::close, .size = 4, .bytes = "hi", .close_code = 1000},
       R"("close","bytes":4,"close_code":1000,"text":"hi"})"},
      {{.size = 9, .bytes = "hi\xe2\x82", .truncated = true, .compressed = true},
       R"("text","bytes":9,"text":"hi","truncated":true,"compressed":true})"},
      {{.size = 1, .bytes = "\xff", .problem = Problem::invalid_utf8},
       R"("text","bytes":1,"data":"/w==","problem":"invalid_utf8"})"},
      {{.size = 2, .bytes = "hi", .compressed = true, .problem = Problem::not_inflated},
       R"("text","bytes":2,"data":"aGk=","compressed":true,"problem":"not_inflated"})"},
  };
  for (const auto& [content, expected] : rows) EXPECT_EQ(json_of(content), begin + std::string(expected));
}

TEST(FailedTest, PolicyAnswersAreNotFailures) {
  Flow flow = sample();
  EXPECT_FALSE(failed(flow));
  flow.error = Code::blocked;
  EXPECT_FALSE(failed(flow));
  flow.error = Code::upstream_closed;
  EXPECT_TRUE(failed(flow));
}

}  // namespace
}  // namespace weir::flow
