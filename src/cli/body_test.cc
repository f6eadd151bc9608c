#include "cli/body.h"

#include <gtest/gtest.h>

#include "tests/support/fake_query.h"

namespace weir::cli {
namespace {

using weir::testing::FakeQuery;
using weir::testing::sample_row;

// "hello" by gzip, stored.
constexpr std::string_view kGzipHello(
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x01\x05\x00\xfa\xffhello\x86\xa6\x10\x36\x05\x00\x00\x00", 28);

struct Exchange {
  FakeQuery query;
  store::Row row = sample_row(1);

  explicit Exchange(std::string body, std::string_view coding = "", std::string_view type = "") {
    row.response_body = 1;
    row.flow.response_body.size = body.size();
    query.bodies[1] = std::move(body);
    if (!coding.empty()) row.flow.response.fields.add("Content-Encoding", coding);
    if (!type.empty()) row.flow.response.fields.add("Content-Type", type);
  }
  std::string preview() { return body_preview(query, row, Part::response).value(); }
};

TEST(BodyPreviewTest, Table) {
  EXPECT_EQ(Exchange("{\"a\": 1}\n").preview(), "{\"a\": 1}\\n");
  EXPECT_EQ(Exchange(std::string(kGzipHello), "gzip").preview(), "hello");
  EXPECT_EQ(Exchange(std::string(100, 'x')).preview(), std::string(77, 'x') + "...");
  EXPECT_EQ(Exchange(std::string("\x89PNG\0\x1a", 6), "", "image/png").preview(), "(binary, image/png, 6 B)");
  EXPECT_EQ(Exchange(std::string("\0\0", 2)).preview(), "(binary, 2 B)");
  EXPECT_EQ(Exchange("\x1b]0;owned\x07").preview(), "(binary, 10 B)");
  EXPECT_EQ(Exchange("plain", "unheard-of").preview(), "plain");
}

TEST(BodyPreviewTest, ABodyThatWasStoredDecodedIsNotDecodedAgain) {
  Exchange exchange(std::string(kGzipHello), "gzip");  // its text happens to be gzip
  exchange.row.flow.response_body.decoded = true;
  EXPECT_EQ(exchange.preview(), "(binary, 28 B)");
}

TEST(BodyPreviewTest, WithoutABody) {
  FakeQuery query;
  store::Row row = sample_row(1);
  EXPECT_EQ(body_preview(query, row, Part::request), "");
  row.flow.request_body.size = 2048;
  EXPECT_EQ(body_preview(query, row, Part::request), "(not kept, 2.0 KiB)");
}

TEST(BodyPreviewTest, ABodyThatCannotBeReadIsAnError) {
  FakeQuery query;
  store::Row row = sample_row(1);
  row.response_body = 9;
  EXPECT_FALSE(body_preview(query, row, Part::response));
}

TEST(LaidOutJsonTest, Table) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {R"({"a":1,"b":[1,2],"c":{}})", "{\n  \"a\": 1,\n  \"b\": [\n    1,\n    2\n  ],\n  \"c\": {}\n}"},
      {R"([])", "[]"},
      {R"([ ])", "[]"},
      {R"({"s":"a,{\"}:\\"})", "{\n  \"s\": \"a,{\\\"}:\\\\\"\n}"},
      {R"({"n":12345678901234567890.10})", "{\n  \"n\": 12345678901234567890.10\n}"},
      {"{ \"a\" :\n true }", "{\n  \"a\": true\n}"},
      {R"({"cut":"sho)", "{\n  \"cut\": \"sho"},
      {R"({"cut":"\)", "{\n  \"cut\": \"\\"},
      {"]", "\n]"},
  };
  for (auto [json, expected] : rows) EXPECT_EQ(laid_out_json(json), expected) << json;
}

TEST(LaidOutJsonTest, DeepNestingStaysBounded) {
  std::string deep(10'000, '[');
  EXPECT_LT(laid_out_json(deep).size(), 10'000u * 130);
}

TEST(ReadableBodyTest, Table) {
  store::Row row = sample_row(1);
  row.flow.response_body.size = 3;
  EXPECT_EQ(readable_body(row, Part::response, "{\"a\":1}"), "{\n  \"a\": 1\n}\n");
  EXPECT_EQ(readable_body(row, Part::response, "a\r\nb\n"), "a\nb\n");
  EXPECT_EQ(readable_body(row, Part::response, std::string_view("\0\1\2", 3)), "(binary, 3 B)\n");
}

}  // namespace
}  // namespace weir::cli
