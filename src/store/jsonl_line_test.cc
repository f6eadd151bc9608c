#include "store/jsonl_line.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/json_reader.h"
#include "flow/view.h"
#include "store/test_recording.h"

namespace weir::store {
namespace {

constexpr std::string_view kSession = "20250131-235959-a1b2";

std::string line_of(const flow::Flow& flow) {
  std::string line;
  EXPECT_TRUE(append_jsonl(line, flow, kSession));
  EXPECT_TRUE(line.ends_with('\n'));
  line.pop_back();
  return line;
}

Row row_of(std::string_view line) {
  auto row = read_jsonl(line);
  EXPECT_TRUE(row) << line;
  return row.value_or(Row());
}

flow::Flow full_flow() {
  flow::Flow flow = sample_flow(17);
  flow.started += 123'000'000;
  flow.request.version = http::Version::h2;
  flow.request.target = "/a?b=c#d";
  flow.request.origin.place.port = 8443;
  flow.request.fields.add("Accept", "a");
  flow.request.fields.add("Accept", "b");
  flow.request_body = {.bytes = std::string("\0\xff\n\"", 4), .size = 10, .truncated = true};
  flow.request_trailers.add("X-Sum", "1");
  flow.response.version = http::Version::http10;
  flow.response.status = 502;
  flow.response_trailers.add("X-Sum", "2");
  flow.synthesised = true;
  flow.timing = {.dns = 1, .connect = 0, .wait = 30};
  flow.client_connection = 3;
  flow.upstream_connection = 4;
  flow.upstream_reused = true;
  flow.filter_action = "allow";
  flow.filter_reason = "a rule";
  flow.error = Code::upstream_timeout;
  flow.error_detail = "a.example:443 after 30 s";
  flow.marks = "capture_dropped,host_mismatch";
  flow.request_head_bytes = 100;
  flow.response_head_bytes = 200;
  return flow;
}

TEST(JsonlLine, WhatIsWrittenComesBackWhole) {
  flow::Flow flow = full_flow();
  Row row = row_of(line_of(flow));
  EXPECT_EQ(row.session, kSession);
  EXPECT_EQ(row.id, "a1b2-17");
  EXPECT_EQ(row.flow.id, 17u);
  EXPECT_EQ(row.flow.started, flow.started);
  EXPECT_EQ(row.flow.duration_us, flow.duration_us);
  EXPECT_EQ(row.flow.request.origin, flow.request.origin);
  EXPECT_EQ(row.flow.request.target, flow.request.target);
  EXPECT_EQ(row.flow.request_body.bytes, flow.request_body.bytes);
  EXPECT_EQ(row.flow.request_body.size, 10u);
  EXPECT_EQ(row.flow.response_body.bytes, "hello");
  EXPECT_EQ(row.flow.request.fields.count("accept"), 2u);
  EXPECT_EQ(row.flow.error, Code::upstream_timeout);
  EXPECT_EQ(row.flow.error_detail, flow.error_detail);
  EXPECT_EQ(row.flow.filter_action, "allow");
  EXPECT_EQ(row.flow.filter_reason, "a rule");
  EXPECT_EQ(row.flow.marks, flow.marks);
  EXPECT_EQ(line_of(row.flow), line_of(flow)) << "nothing of the format is lost";
}

TEST(JsonlLine, OtherKindsOfFlowComeBackToo) {
  flow::Flow tunnel = sample_flow(1);
  tunnel.kind = flow::Kind::tunnel;
  tunnel.interception = flow::Interception::passthrough;
  tunnel.request.method = "CONNECT";
  tunnel.request.target = "";
  flow::Flow options = sample_flow(2);
  options.request.method = "OPTIONS";
  options.request.target = "*";
  flow::Flow six = sample_flow(3);
  six.request.origin = {http::Scheme::http, {"2001:db8::1", 8080}};
  six.interception = flow::Interception::plain;
  flow::Flow unreadable;
  unreadable.id = 4;
  unreadable.started = kNoon;
  unreadable.duration_us = 0;
  unreadable.error = Code::bad_request;
  for (const flow::Flow* flow : {&tunnel, &options, &six, &unreadable}) {
    Row row = row_of(line_of(*flow));
    EXPECT_EQ(line_of(row.flow), line_of(*flow));
    EXPECT_EQ(row.flow.request.target, flow->request.target);
    EXPECT_EQ(row.flow.request.origin, flow->request.origin);
    EXPECT_EQ(row.flow.kind, flow->kind);
  }
}

TEST(JsonlLine, NothingForgesALine) {
  std::string hostile = "x\n{\"ts\":\"forged\"}\r\n\x01\x1b[31m\x7f\xc2\x85\xff\xc0\xaf\xed\xa0\x80";
  hostile += '\0';
  flow::Flow flow = full_flow();
  flow.request.method = flow.request.target = flow.request.origin.place.host = hostile;
  flow.response.reason = flow.error_detail = flow.filter_action = flow.filter_reason = flow.marks = hostile;
  for (http::Fields* fields :
       {&flow.request.fields, &flow.request_trailers, &flow.response.fields, &flow.response_trailers})
    fields->add(hostile, hostile);
  flow.request_body.bytes = flow.response_body.bytes = hostile;
  std::string line;
  ASSERT_TRUE(append_jsonl(line, flow, hostile));
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_TRUE(std::ranges::none_of(std::string_view(line).substr(0, line.size() - 1), [](char c) {
    auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  }));
  EXPECT_EQ(line.find("\xc2\x85"), line.npos) << "C1 controls move a terminal as well";
  line.pop_back();
  ASSERT_TRUE(JsonDocument::parse(line)) << "valid JSON, so valid UTF-8";
  EXPECT_EQ(row_of(line).flow.request_body.bytes, hostile) << "bodies lose no byte";
}

TEST(JsonlLine, SecretsAreRedacted) {
  flow::Flow flow = full_flow();
  flow.request.target = "/x?api_key=CANARY&q=1";
  flow.error_detail = "GET https://me:CANARY@a.example/?token=CANARY failed";
  flow.filter_reason = "https://me:CANARY@a.example/";
  for (http::Fields* fields :
       {&flow.request.fields, &flow.request_trailers, &flow.response.fields, &flow.response_trailers}) {
    fields->add("Authorization", "Bearer CANARY");
    fields->add("Cookie", "sid=CANARY");
    fields->add("Set-Cookie", "sid=CANARY; Path=/");
    fields->add("X-Api-Key", "CANARY");
    fields->add("Location", "https://me:CANARY@a.example/?key=CANARY");
  }
  std::string line = line_of(flow);
  EXPECT_EQ(line.find("CANARY"), line.npos) << line;
  EXPECT_NE(line.find("Bearer [REDACTED]"), line.npos);
}

TEST(JsonlLine, ALineThatWouldBeTooLongLosesItsBodies) {
  flow::Flow flow = sample_flow(1);
  flow.response_body.bytes = std::string(kLongestLine, 'x');
  flow.response_body.size = flow.response_body.bytes.size();
  Row row = row_of(line_of(flow));
  EXPECT_EQ(row.flow.marks, "body_too_long");
  EXPECT_TRUE(row.flow.response_body.truncated);
  EXPECT_FALSE(row.flow.request_body.truncated);
  EXPECT_EQ(row.flow.response_body.size, kLongestLine);

  flow.request.fields.add("X", std::string(kLongestLine, 'x'));
  std::string line = "before\n";
  EXPECT_FALSE(append_jsonl(line, flow, kSession));
  EXPECT_EQ(line, "before\n");
}

TEST(JsonlLine, ReadsTheEntriesOfOtherPrograms) {
  Row row = row_of(
      R"({"ts":"2024-01-15T12:30:05.123456789+02:00","method":"POST",)"
      R"("url":"https://api.example.com/users?a=b","req_headers":{"Content-Type":["application/json"]},)"
      R"("req_body":"eyJ1c2VyIjogImpvaG4ifQ==","status":201,"duration_ns":89000000,"error":""})");
  EXPECT_EQ(row.flow.started, 1'705'314'605'123'456'789);
  EXPECT_EQ(row.flow.request.url(), "https://api.example.com/users?a=b");
  EXPECT_EQ(row.flow.request.origin.place, (HostPort{"api.example.com", 443}));
  EXPECT_EQ(row.flow.interception, flow::Interception::intercepted);
  EXPECT_EQ(row.flow.request.fields.get("content-type"), "application/json");
  EXPECT_EQ(row.flow.request_body.bytes, R"({"user": "john"})");
  EXPECT_EQ(row.flow.request_body.size, 16u);
  EXPECT_EQ(row.flow.duration_us, 89'000);
  EXPECT_EQ(row.flow.error, Code::none);
  EXPECT_FALSE(row.incomplete);

  row = row_of(
      R"({"ts":"2024-01-15T10:30:05Z","method":"GET","url":"http://x.example","error":"no response"})");
  EXPECT_TRUE(flow::failed(row.flow));
  EXPECT_EQ(row.flow.error_detail, "no response");
  EXPECT_EQ(row.flow.duration_us, 0) << "not an open one";
  EXPECT_FALSE(row.flow.has_response);
}

TEST(JsonlLine, WrongTypesCountAsMissing) {
  Row row =
      row_of(R"({"ts":"2024-01-15T10:30:05Z","method":1,"url":[],"req_headers":"x","resp_headers":[["a"]],)"
             R"("status":"200","duration_ns":1.5,"req_body":"*","port":99999999,"marks":{},"id":{},)"
             R"("timings_us":[1],"error":7,"error_code":"no_such","req_truncated":"true","kind":null})");
  EXPECT_TRUE(row.flow.request.method.empty());
  EXPECT_TRUE(row.flow.request.fields.empty());
  EXPECT_TRUE(row.flow.response.fields.empty());
  EXPECT_EQ(row.flow.response.status, 0);
  EXPECT_EQ(row.flow.id, 0u);
  EXPECT_EQ(row.flow.error, Code::none);
  EXPECT_EQ(row.flow.timing.dns, -1);
}

TEST(JsonlLine, WhatIsNoEntryIsNone) {
  for (std::string_view line : {"", "{}", "[]", "null", "x", R"({"ts":5})", R"({"ts":""})",
                                R"({"ts":"2024-01-15"})", R"({"ts":"2024-02-30T00:00:00Z"})",
                                R"({"ts":"2024-01-15T10:30:05"})", R"({"ts":"9999-01-15T10:30:05Z"})",
                                R"({"ts":"2024-01-15T10:30:05Zx"})", R"({"ts":"2024-01-15T10:30:05.Z"})",
                                R"({"ts":"2024-13-15T10:30:05Z"})", R"({"ts":"2024-01-15T10:30:05Z")"})
    EXPECT_FALSE(read_jsonl(line)) << line;
}

}  // namespace
}  // namespace weir::store
