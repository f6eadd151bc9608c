#include "llm/refusal.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/json_reader.h"

namespace weir::llm {
namespace {

constexpr std::string_view kWhy = "nothing \"left\"";

bool says_not_to_retry(const Refusal& made) {
  return std::ranges::find(made.fields, std::pair<std::string, std::string>("x-should-retry", "false")) !=
         made.fields.end();
}

TEST(Refusal, is_in_the_words_of_each_protocol) {
  struct Case {
    Protocol protocol;
    std::uint16_t status;
    std::string_view body;
  };
  const Case cases[] = {
      {Protocol::anthropic_messages, 402,
       R"({"type":"error","error":{"type":"billing_error","message":"nothing \"left\""}})"},
      {Protocol::openai_chat, 402,
       R"({"error":{"message":"nothing \"left\"","type":"insufficient_quota","param":null,"code":"insufficient_quota"}})"},
      {Protocol::gemini_generate, 403,
       R"({"error":{"code":403,"message":"nothing \"left\"","status":"PERMISSION_DENIED"}})"},
      {Protocol::bedrock_converse, 400, R"({"message":"nothing \"left\""})"},
      {Protocol::cohere_v2, 402, R"({"message":"nothing \"left\""})"},
      {Protocol::ollama_chat, 402, R"({"error":"nothing \"left\""})"},
  };
  for (const Case& one : cases) {
    Refusal made = refusal(one.protocol, kWhy);
    EXPECT_EQ(made.status, one.status) << name(one.protocol);
    EXPECT_EQ(made.body, one.body);
  }
}

TEST(Refusal, no_status_is_one_that_clients_try_again_on) {
  for (int i = 0; i <= static_cast<int>(Protocol::ollama_generate); ++i) {
    Refusal made = refusal(static_cast<Protocol>(i), kWhy);
    for (int retried : {408, 409, 425, 429}) EXPECT_NE(made.status, retried);
    EXPECT_LT(made.status, 500);
    EXPECT_GE(made.status, 400);
    EXPECT_TRUE(says_not_to_retry(made));
  }
}

}  // namespace
}  // namespace weir::llm
