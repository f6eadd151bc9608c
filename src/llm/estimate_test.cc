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

TEST(Estimate, the_most_of_what_servers_may_take) {
  auto output = [](std::string_view members) {
    return of(Protocol::openai_chat, "{\"model\":\"m\"," + std::string(members) + ",\"messages\":[]}")
        .asked.usage.output;
  };
  EXPECT_EQ(output(R"("max_tokens":1,"max_completion_tokens":64)"), 64);
  EXPECT_EQ(output(R"("max_tokens":64,"max_tokens":1)"), 64);
  EXPECT_EQ(output(R"("max_tokens":1,"max_\u0074okens":64)"), 64);
  EXPECT_EQ(output(R"("max_tokens":"64")"), 64);
  EXPECT_EQ(output(R"("max_tokens":-1)"), 32'768) << "no limit";
  EXPECT_EQ(output(R"("max_tokens":0)"), 32'768);
  EXPECT_EQ(output(R"("max_tokens":null)"), 32'768);
  EXPECT_EQ(output(R"("max_tokens":1e300)"), 1'000'000'000);
  EXPECT_EQ(output(R"("max_tokens":10,"best_of":20,"n":"2")"), 200);
  EXPECT_EQ(of(Protocol::openai_completions, R"({"model":"m","max_tokens":10,"prompt":["a","b","c"]})")
                .asked.usage.output,
            30);
  EXPECT_EQ(of(Protocol::openai_completions, R"({"model":"m","max_tokens":10,"prompt":[1,2,3]})")
                .asked.usage.output,
            10)
      << "tokens of one prompt";
}

TEST(Estimate, a_model_that_is_not_said_plainly_is_none) {
  EXPECT_EQ(of(Protocol::openai_chat, R"({"model":"a","model":"b","messages":[]})").model, "");
  EXPECT_EQ(of(Protocol::openai_chat, R"({"m\u006fdel":" b ","messages":[]})").model, "b");
}

TEST(Estimate, embeddings_have_no_output) {
  EXPECT_EQ(
      of(Protocol::openai_embeddings, R"({"model":"text-embedding-3-small","input":"x"})").asked.usage.output,
      0);
}

TEST(Estimate, a_picture_is_not_as_much_as_its_bytes) {
  std::string picture(300'000, 'A');
  EXPECT_EQ(estimated_tokens("{\"data\":\"" + picture + "\"}"), 4 + 2000 + 300'000 / 64);
  EXPECT_EQ(estimated_tokens("\"data:image/png;base64," + picture), 8 + 2000 + 300'000 / 64);
  EXPECT_EQ(estimated_tokens("{\"text\":\"" + picture), (9 + 300'000 + 2) / 3)
      << "words without spaces are words";
  std::string words;
  for (int i = 0; i < 1000; ++i) words += "word ";
  EXPECT_EQ(estimated_tokens(words), 5000 / 3 + 1);
}

TEST(Estimate, what_is_no_call_is_none) {
  CallTarget uncertain = target(Protocol::openai_chat);
  uncertain.certain = false;
  EXPECT_FALSE(estimate(uncertain, {}, R"({"id":1})", false).call);
  EXPECT_TRUE(estimate(uncertain, {}, R"({"model":"m","messages":[]})", false).call);
  for (std::string_view odd : {R"({"m\u0065ssages":[]})", R"({"Messages":[]})",
                               "\xEF\xBB\xBF{\"messages\":[]}", R"({"messages":[],})", "no json", ""})
    EXPECT_TRUE(estimate(uncertain, {}, odd, false).call) << odd;
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

TEST_F(Used, what_nobody_saw_is_what_was_estimated) {
  call_.usage.input = 7;
  EXPECT_EQ(used(call_, estimate_).output, 500) << "an answer in one piece that says nothing";
  call_.partial = true;
  call_.text.append("abc", 10);
  EXPECT_EQ(used(call_, estimate_).output, 500) << "and one that broke off";
  call_.partial = false;
  EXPECT_EQ(used(call_, estimate_).output, 1);
  EXPECT_EQ(used(call_, estimate_, {.unread = true}).output, 500);
  call_.stream = true;
  estimate_.model = "o3";
  EXPECT_EQ(used(call_, estimate_).output, 500) << "what it thought";
  call_.usage.total = 107;
  EXPECT_EQ(used(call_, estimate_).output, 100);
}

TEST_F(Used, who_leaves_before_there_is_an_answer_pays_for_all_of_it) {
  call_.status = 0;
  EXPECT_EQ(used(call_, estimate_, {.sent = true, .client_left = true}).output, 500);
  EXPECT_TRUE(used(call_, estimate_, {.sent = false, .client_left = true}).empty());
  EXPECT_TRUE(used(call_, estimate_, {.sent = true}).empty()) << "the provider failed";
}

TEST_F(Used, what_a_server_says_is_within_reason) {
  call_.usage.input = -1'000'000;
  call_.usage.output = INT64_MAX;
  EXPECT_EQ(used(call_, estimate_).input, 0);
  EXPECT_EQ(used(call_, estimate_).output, std::int64_t{1} << 40);
}

TEST_F(Used, nothing_where_it_was_refused) {
  call_.status = 429;
  EXPECT_TRUE(used(call_, estimate_).empty());
  call_.status = 0;
  EXPECT_TRUE(used(call_, estimate_).empty());
}

}  // namespace
}  // namespace weir::llm
