#include "store/remote_batch.h"

#include <gmock/gmock.h>

#include "base/hash.h"
#include "base/json_reader.h"
#include "store/remote_protobuf.h"
#include "store/test_recording.h"

namespace weir::store {
namespace {

const OtlpResource kResource = {{"service.name", "weir"}};

RemoteEntry small_entry() {
  RemoteEntry entry;
  entry.started = 1;
  entry.ended = 2;
  entry.severity = RemoteSeverity::warn;
  entry.line = "text";
  entry.method = "GET";
  entry.status = 404;
  return entry;
}

std::string encoded(void (*write)(ProtobufWriter&)) {
  std::string out;
  ProtobufWriter writer(out);
  write(writer);
  return hex(out);
}

// The bytes are those of the encoding guide of Protocol Buffers.
TEST(ProtobufWriterTest, Forms) {
  EXPECT_EQ(encoded([](auto& out) { out.varint(1, 150); }), "089601");
  EXPECT_EQ(encoded([](auto& out) { out.varint(1, 0); }), "0800");
  EXPECT_EQ(encoded([](auto& out) { out.varint(1, UINT64_MAX); }), "08ffffffffffffffffff01");
  EXPECT_EQ(encoded([](auto& out) { out.text(2, "testing"); }), "120774657374696e67");
  EXPECT_EQ(encoded([](auto& out) { out.fixed64(1, 0x0102030405060708); }), "090807060504030201");
  EXPECT_EQ(encoded([](auto& out) { out.message(3, [](auto& inner) { inner.varint(1, 150); }); }),
            "1a03089601");
  EXPECT_EQ(encoded([](auto& out) { out.varint(16, 1); }), "800101");
}

TEST(RemoteBatchTest, OtlpProtobufByteForByte) {
  std::string batch = otlp_protobuf(std::vector{small_entry()}, kResource, RemoteText::line);
  // As the Python library of Protocol Buffers writes it.
  std::string wanted =
      "0a8e010a180a160a0c736572766963652e6e616d6512060a047765697212720a0c0a0a776569722e70726f7879126209"
      "0100000000000000100d1a045741524e2a060a0474657874321c0a13687474702e726571756573742e6d6574686f6412"
      "050a0347455432200a19687474702e726573706f6e73652e7374617475735f636f646512031894035902000000000000"
      "00";
  EXPECT_EQ(hex(batch), wanted);
}

TEST(RemoteBatchTest, OtlpJson) {
  EXPECT_EQ(
      otlp_json(std::vector{small_entry()}, kResource, RemoteText::line),
      R"({"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"weir"}}]},)"
      R"("scopeLogs":[{"scope":{"name":"weir.proxy"},"logRecords":[)"
      R"({"timeUnixNano":"1","observedTimeUnixNano":"2","severityNumber":13,"severityText":"WARN",)"
      R"("body":{"stringValue":"text"},"attributes":[)"
      R"({"key":"http.request.method","value":{"stringValue":"GET"}},)"
      R"({"key":"http.response.status_code","value":{"intValue":"404"}}]}]}]}]})");
}

TEST(RemoteBatchTest, ABodyIsTheEntryWhereItIsAskedFor) {
  auto entry = remote_entry(sample_flow(1), "20250131-235959-a1b2");
  auto document = JsonDocument::parse(otlp_json(std::vector{entry}, kResource, RemoteText::json));
  ASSERT_TRUE(document);
  auto record = *(*(*document->root()["resourceLogs"].begin())["scopeLogs"].begin())["logRecords"].begin();
  EXPECT_EQ(record["body"]["stringValue"].string(), entry.json);
}

TEST(RemoteBatchTest, JsonLinesAreOneEach) {
  std::vector<RemoteEntry> batch;
  for (flow::FlowId id = 1; id <= 3; ++id) batch.push_back(remote_entry(sample_flow(id), "s"));
  EXPECT_EQ(ndjson_batch(batch), batch[0].json + "\n" + batch[1].json + "\n" + batch[2].json + "\n");
  batch.resize(1);
  batch[0].json.clear();
  EXPECT_EQ(ndjson_batch(batch),
            "{\"ts\":\"2025-10-09T08:53:21.000Z\",\"method\":\"GET\",\"url\":\"https://a.example/1\","
            "\"id\":\"s-1\",\"too_long\":true}\n");
}

TEST(RemoteBatchTest, WhatAReceiverRefuses) {
  struct Row {
    const char* answer;
    std::size_t entries;
    const char* why;
  };
  const Row json[] = {
      {R"({"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"too\nold"}})", 3, "too\\nold"},
      {R"({"partialSuccess":{"rejectedLogRecords":3}})", 3, ""},
      {R"({"partialSuccess":{"rejectedLogRecords":"0","errorMessage":"only a warning"}})", 0, ""},
      {R"({"partialSuccess":{"rejectedLogRecords":-1}})", 0, ""},
      {R"({"partialSuccess":{"rejectedLogRecords":"9223372036854775808"}})", 0, ""},
      {R"({"partialSuccess":{}})", 0, ""},
      {"{}", 0, ""},
      {"", 0, ""},
      {"<html>", 0, ""},
  };
  for (const Row& row : json) {
    auto refusal = otlp_json_refusal(row.answer);
    EXPECT_EQ(refusal.entries, row.entries) << row.answer;
    EXPECT_EQ(refusal.why, row.why) << row.answer;
  }
  std::string answer;
  ProtobufWriter(answer).message(1, [](ProtobufWriter& partial) {
    partial.fixed64(9, 1);  // of another version
    partial.varint(1, 300);
    partial.text(2, "too\nold");
  });
  EXPECT_EQ(otlp_protobuf_refusal(answer).entries, 300u);
  EXPECT_EQ(otlp_protobuf_refusal(answer).why, "too\\nold");
  for (std::size_t size = 0; size < answer.size(); ++size)
    EXPECT_EQ(otlp_protobuf_refusal(std::string_view(answer).substr(0, size)).entries, 0u);
  ProtobufWriter(answer).message(1, [](ProtobufWriter& partial) { partial.varint(1, UINT64_MAX); });
  EXPECT_EQ(otlp_protobuf_refusal(answer).entries, 0u) << "-1 is none";
}

TEST(RemoteBatchTest, WhatIsNoUtf8IsMadeUtf8) {
  flow::Flow flow = sample_flow(1);
  flow.request.target = "/\xff\xfe";
  auto entry = remote_entry(flow, "s");
  EXPECT_EQ(entry.url, "https://a.example/\\xff\\xfe");
}

}  // namespace
}  // namespace weir::store
