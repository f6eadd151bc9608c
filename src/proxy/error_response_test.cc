#include "proxy/error_response.h"

#include <gtest/gtest.h>

namespace weir::proxy {
namespace {

constexpr std::string_view kHostile = "a\"b<script>&'\\\r\nSet-Cookie: x\x1b[2J\xff";

ErrorResponse answer(std::string_view accept, Error error = Error(Code::connect_refused, "a.test:443")) {
  http::RequestHead request;
  if (!accept.empty()) request.fields.add("Accept", accept);
  return error_response(error, request, 7);
}

std::string_view type_of(const ErrorResponse& response) {
  return response.head.fields.get("content-type").value_or("");
}

TEST(ErrorResponse, speaks_the_form_the_client_reads) {
  constexpr std::string_view kText = "text/plain; charset=utf-8";
  constexpr std::string_view kHtml = "text/html; charset=utf-8";
  constexpr std::string_view kJson = "application/json";
  for (auto [accept, type] : {std::pair<std::string_view, std::string_view>("", kText),
                              {"*/*", kText},
                              {"text/plain", kText},
                              {"image/png", kText},
                              {"application/json", kJson},
                              {"Application/JSON; charset=utf-8", kJson},
                              {"application/problem+json", kJson},
                              {"text/html,application/xhtml+xml,*/*;q=0.8", kHtml},
                              {"application/json;q=0, text/html;q=0.5", kHtml},
                              {"*/*, application/json", kJson},
                              {" , ,,text/html", kHtml}})
    EXPECT_EQ(type_of(answer(accept)), type) << accept;
}

TEST(ErrorResponse, tells_grpc_clients_in_their_own_words) {
  for (auto [code, status] : {std::pair(Code::blocked, "7"),
                              {Code::upstream_timeout, "4"},
                              {Code::connect_refused, "14"},
                              {Code::flood, "8"}}) {
    http::RequestHead request;
    request.fields.add("Content-Type", "application/grpc+proto");
    request.fields.add("Accept", "application/json");
    ErrorResponse got = error_response(Error(code, "a\n100%"), request, 7);
    EXPECT_EQ(got.head.status, 200);
    EXPECT_EQ(type_of(got), "application/grpc");
    EXPECT_EQ(got.head.fields.get("grpc-status"), status) << info(code).name;
    EXPECT_TRUE(got.head.fields.get("grpc-message").value_or("").ends_with(": a%0A100%25"));
    EXPECT_EQ(got.head.fields.get("x-weir-error"), info(code).name);
    EXPECT_EQ(got.body, "");
  }
}

TEST(ErrorResponse, says_what_happened_to_what_and_what_to_do) {
  const CodeInfo& about = info(Code::connect_refused);
  for (std::string_view accept : {"*/*", "text/html", "application/json"}) {
    SCOPED_TRACE(accept);
    ErrorResponse made = answer(accept);
    EXPECT_EQ(made.head.status, about.status);
    EXPECT_EQ(made.head.reason, http::reason_phrase(about.status));
    EXPECT_EQ(made.head.fields.get("x-weir-error"), "connect_refused");
    EXPECT_EQ(made.head.fields.get("x-weir-flow"), "7");
    EXPECT_EQ(made.head.fields.get("cache-control"), "no-store");
    for (std::string_view part : {about.title, std::string_view("a.test:443"), about.name})
      EXPECT_TRUE(made.body.contains(part)) << part << " is missing in\n" << made.body;
  }
}

TEST(ErrorResponse, gives_a_gateway_s_status_where_the_code_has_none) {
  for (Code code : {Code::cancelled, Code::client_closed})
    EXPECT_EQ(answer("", Error(code)).head.status, 502) << info(code).name;
}

TEST(ErrorResponse, lets_nothing_from_outside_out_of_its_place_in_html) {
  std::string body = answer("text/html", Error(Code::dns_not_found, std::string(kHostile))).body;
  EXPECT_TRUE(body.contains("a&quot;b&lt;script&gt;&amp;&#39;\\")) << body;
  EXPECT_FALSE(body.contains("<script"));
  EXPECT_FALSE(body.contains('\x1b'));
}

TEST(ErrorResponse, lets_nothing_from_outside_out_of_its_place_in_json) {
  std::string body = answer("application/json", Error(Code::dns_not_found, std::string(kHostile))).body;
  EXPECT_TRUE(body.contains(R"("detail": "a\"b<script>&'\\\r\nSet-Cookie: x\u001b[2J)")) << body;
  EXPECT_FALSE(body.contains('\xff')) << "what is no UTF-8 is no JSON";
}

TEST(ErrorResponse, lets_nothing_from_outside_drive_a_terminal) {
  std::string body = answer("", Error(Code::dns_not_found, std::string(kHostile))).body;
  EXPECT_TRUE(body.contains(R"(a"b<script>&'\\r\nSet-Cookie: x\x1b[2J)")) << body;
  EXPECT_FALSE(body.contains('\x1b'));
}

TEST(ErrorResponse, answers_a_request_that_could_not_be_read) {
  ErrorResponse made = error_response(Error(Code::bad_request, "no method"), {}, 0);
  EXPECT_EQ(made.head.status, 400);
  EXPECT_EQ(type_of(made), "text/plain; charset=utf-8");
}

}  // namespace
}  // namespace weir::proxy
