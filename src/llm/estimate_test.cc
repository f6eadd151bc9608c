#include "llm/estimate.h"

#include <gtest/gtest.h>

namespace weir::llm {
namespace {

CallTarget target(Protocol protocol) {
  CallTarget out;
  out.protocol = protocol;
  out.provider = "openai";
  out.certain = true;
  return out;
}

Estimate of(Protocol protocol, std::string_view body, bool cut = false) {
  http::RequestHead head;
  head.method = "POST";
  return estimate(target(protocol), head, body, cut);
}

TEST(Estimate, what_the_request_allows) {
  Estimate one =
      of(Protocol::anthropic_messages,
         R"({"model":"claude-sonnet-4-5","max_tokens":1000,"messages":[{"role":"user","content":"hi"}]})");
  EXPECT_TRUE(one.call);
  EXPECT_EQ(one.model, "claude-sonnet-4-5");
  EXPECT_EQ(one.asked.usage.output, 1000);
  EXPECT_EQ(one.asked.usage.input, 31);  // 91 bytes
  EXPECT_EQ(one.tokens, 1031);
}

TEST(Estimate, the_models_maximum_where_nothing_is_said) {
  EXPECT_EQ(of(Protocol::openai_chat, R"({"model":"gpt-4o","messages":[]})").asked.usage.output, 16'384);
  EXPECT_EQ(of(Protocol::openai_chat, R"({"model":"who-knows","messages":[]})").asked.usage.output, 32'768);
  EXPECT_EQ(most_output("openai/o3-mini"), 100'000);
  EXPECT_EQ(most_output("us.anthropic.claude-3-5-haiku-20241022-v1:0"), 8'192);
  EXPECT_EQ(most_output("olmo-2"), 32'768) << "not every name with an o is one that reasons";
}

TEST(Estimate, each_answer_costs) {
  EXPECT_EQ(
      of(Protocol::openai_chat, R"({"model":"m","n":3,"max_tokens":10,"messages":[]})").asked.usage.output,
      30);
  EXPECT_EQ(
      of(Protocol::openai_chat, R"({"model":"m","n":-3,"max_tokens":10,"messages":[]})").asked.usage.output,
      10);
}

TEST(Estimate, embeddings_have_no_output) {
  EXPECT_EQ(
      of(Protocol::openai_embeddings, R"({"model":"text-embedding-3-small","input":"x"})").asked.usage.output,
      0);
}

TEST(Estimate, a_picture_is_not_as_much_as_its_bytes) {
  std::string picture(300'000, 'A');
  EXPECT_EQ(estimated_tokens(picture), 2000 + 300'000 / 64);
  EXPECT_EQ(estimated_tokens("\"" + picture + "\""), 1 + 2000 + 300'000 / 64);
  std::string words;
  for (int i = 0; i < 1000; ++i) words += "word ";
  EXPECT_EQ(estimated_tokens(words), 5000 / 3 + 1);
}

TEST(Estimate, what_is_no_call_is_none) {
  CallTarget uncertain = target(Protocol::openai_chat);
  uncertain.certain = false;
  EXPECT_FALSE(estimate(uncertain, {}, R"({"id":1})", false).call);
  EXPECT_TRUE(estimate(uncertain, {}, R"({"model":"m","messages":[]})", false).call);
}

class Used : public ::testing::Test {
 protected:
  Used() {
    call_.status = 200;
    call_.protocol = Protocol::openai_chat;
    estimate_ = of(Protocol::openai_chat, R"({"model":"m","max_tokens":500,"messages":[]})");
  }
  ModelCall call_;
  Estimate estimate_;
};

TEST_F(Used, as_the_provider_says) {
  call_.usage.input = 7;
  call_.usage.output = 9;
  call_.usage.settle();
  EXPECT_EQ(used(call_, estimate_).input, 7);
  EXPECT_EQ(used(call_, estimate_).output, 9);
}

TEST_F(Used, of_one_that_broke_off_what_came_of_it) {
  call_.partial = true;
  call_.usage.input = 7;
  call_.usage.output = 1;  // as the first event said
  call_.text.append("a text of thirty-three bytes, now.", 1000);
  EXPECT_EQ(used(call_, estimate_).output, 12);
}

TEST_F(Used, without_a_count_the_estimate_of_the_input_and_what_came) {
  call_.text.append("abcdef", 1000);
  EXPECT_EQ(used(call_, estimate_).input, estimate_.asked.usage.input);
  EXPECT_EQ(used(call_, estimate_).output, 2);
}

TEST_F(Used, nothing_where_it_was_refused) {
  call_.status = 429;
  EXPECT_TRUE(used(call_, estimate_).empty());
  call_.status = 0;
  EXPECT_TRUE(used(call_, estimate_).empty());
}

}  // namespace
}  // namespace weir::llm
