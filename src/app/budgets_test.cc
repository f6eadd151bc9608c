#include "app/budgets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <future>

#include "store/budget_ledger.h"

namespace weir::app {
namespace {

using ::testing::HasSubstr;
using Answer = proxy::BudgetVerdict::Answer;

constexpr std::int64_t kUsd = 1'000'000'000'000;
constexpr std::string_view kModel = "claude-sonnet-4-5";  // 3 and 15 dollars for a million tokens

class WithBudgets : public ::testing::Test {
 protected:
  WithBudgets() {
    std::string name = (std::filesystem::temp_directory_path() / "weir-budgets-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~WithBudgets() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path catalog() const { return folder_ / "catalog.db"; }

  std::unique_ptr<Budgets> open(std::string_view limit, const std::string& session = "s1") {
    auto parsed = policy::parse_budget(limit);
    EXPECT_TRUE(parsed);
    parsed->source = "--budget";
    auto made = Budgets::open(
        {.budgets = {*parsed}, .catalog = catalog(), .session = session, .recogniser = {}}, prices_);
    EXPECT_TRUE(made) << made.error().context();
    return std::move(*made);
  }

  static http::RequestHead head_to(std::string_view host, std::string_view target) {
    http::RequestHead head;
    head.method = "POST";
    head.target = target;
    head.origin = {http::Scheme::https, {std::string(host), 443}};
    return head;
  }
  /// A call that may answer with so many tokens.
  static std::shared_ptr<proxy::BudgetQuery> call(flow::FlowId flow, std::int64_t output,
                                                  std::string_view model = kModel) {
    auto out = std::make_shared<proxy::BudgetQuery>();
    out->flow = flow;
    out->head = head_to("api.anthropic.com", "/v1/messages");
    std::string body = "{\"model\":\"" + std::string(model) + "\",\"max_tokens\":" + std::to_string(output) +
                       ",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";
    out->length = body.size();
    out->body = std::make_shared<const std::string>(std::move(body));
    return out;
  }
  static proxy::BudgetVerdict judge(Budgets& budgets, std::shared_ptr<const proxy::BudgetQuery> query) {
    std::promise<proxy::BudgetVerdict> made;
    auto at_once = budgets.judge(std::move(query),
                                 [&](proxy::BudgetVerdict verdict) { made.set_value(std::move(verdict)); });
    return at_once ? std::move(*at_once) : made.get_future().get();
  }
  static llm::ModelCall ended(std::int64_t input, std::int64_t output) {
    llm::ModelCall out;
    out.provider = "anthropic";
    out.protocol = llm::Protocol::anthropic_messages;
    out.model_asked = out.model_served = kModel;
    out.status = 200;
    out.usage.input_fresh = input;
    out.usage.output = output;
    out.usage.settle();
    out.started = wall_now();
    return out;
  }
  static std::shared_ptr<proxy::BudgetQuery> websocket(flow::FlowId flow) {
    auto out = std::make_shared<proxy::BudgetQuery>();
    out->flow = flow;
    out->head = head_to("api.openai.com", "/v1/responses");
    out->head.method = "GET";
    out->head.upgrade = "websocket";
    out->length = 0;
    return out;
  }
  static llm::ModelCall call_of_websocket(std::int64_t input, std::int64_t output) {
    llm::ModelCall out = ended(input, output);
    out.provider = "openai";
    out.protocol = llm::Protocol::openai_responses;
    out.model_asked = out.model_served = "gpt-5";  // 1.25 and 10 dollars
    out.websocket = true;
    return out;
  }
  std::int64_t in_ledger() {
    auto all = store::read_ledger(catalog());
    EXPECT_TRUE(all);
    std::int64_t out = 0;
    for (const auto& one : *all) out += one.row.spent + one.row.held;
    return out;
  }

  std::filesystem::path folder_;
  PriceBook prices_;
};

TEST_F(WithBudgets, a_call_reserves_what_it_may_cost_and_pays_what_it_did) {
  {
    auto budgets = open("1usd");
    auto verdict = judge(*budgets, call(1, 60'000));  // up to $0.90 and a little
    ASSERT_EQ(verdict.answer, Answer::pass);
    EXPECT_GT(in_ledger(), kUsd * 9 / 10) << "written before it goes on";
    EXPECT_EQ(judge(*budgets, call(2, 60'000)).answer, Answer::block);
    verdict.allowance->leave_to_onlooker();
    llm::ModelCall paid = ended(1000, 2000);
    budgets->ended({1, {"api.anthropic.com", 443}, "", paid, {}});
    verdict.allowance.reset();
    EXPECT_EQ(judge(*budgets, call(3, 60'000)).answer, Answer::pass);
  }
  EXPECT_EQ(in_ledger(), 3 * kUsd / 1000 + 30 * kUsd / 1000);
}

TEST_F(WithBudgets, what_was_let_pass_and_never_went_costs_nothing) {
  {
    auto budgets = open("1usd");
    ASSERT_EQ(judge(*budgets, call(1, 60'000)).answer, Answer::pass);  // given back at once
    EXPECT_EQ(judge(*budgets, call(2, 60'000)).answer, Answer::pass);
  }
  EXPECT_EQ(in_ledger(), 0);
}

TEST_F(WithBudgets, what_nobody_could_read_costs_what_was_reserved) {
  auto budgets = open("1usd");
  auto verdict = judge(*budgets, call(1, 60'000));
  verdict.allowance->leave_to_onlooker();
  budgets->ended(1, true);
  EXPECT_EQ(judge(*budgets, call(2, 60'000)).answer, Answer::block);
}

TEST_F(WithBudgets, a_no_is_in_the_words_of_the_api) {
  auto budgets = open("1usd");
  auto verdict = judge(*budgets, call(1, 1'000'000));
  ASSERT_EQ(verdict.answer, Answer::block);
  ASSERT_TRUE(verdict.head);
  EXPECT_EQ(verdict.head->status, 402);
  EXPECT_EQ(verdict.head->fields.get("x-should-retry"), "false");
  EXPECT_THAT(verdict.body, HasSubstr("\"billing_error\""));
  EXPECT_THAT(verdict.why, HasSubstr("has $1.00 left of $1.00"));
  EXPECT_THAT(verdict.why, HasSubstr("up to $15.00"));
}

TEST_F(WithBudgets, sessions_side_by_side_share_what_is_left) {
  auto one = open("1usd/day", "s1");
  auto two = open("1usd/day", "s2");
  auto first = judge(*one, call(1, 60'000));
  EXPECT_EQ(first.answer, Answer::pass);
  EXPECT_EQ(judge(*two, call(1, 60'000)).answer, Answer::block);
  EXPECT_EQ(judge(*two, call(2, 2'000)).answer, Answer::pass);
}

TEST_F(WithBudgets, what_a_session_that_was_killed_had_reserved_counts_as_spent) {
  const store::LedgerRow left{.budget = "usd in total", .held = kUsd};
  ASSERT_TRUE(store::settle_ledger(catalog(), "dead", {&left, 1}, [&](auto) { return std::vector{left}; }));
  auto budgets = open("1usd/total");
  EXPECT_EQ(judge(*budgets, call(1, 10)).answer, Answer::block);
}

TEST_F(WithBudgets, a_model_without_a_price_is_asked_about) {
  auto budgets = open("1usd");
  auto verdict = judge(*budgets, call(1, 10, "claude-from-nowhere"));
  EXPECT_EQ(verdict.answer, Answer::ask);
  EXPECT_THAT(verdict.why, HasSubstr("nobody knows the price"));
  auto granted = call(1, 10, "claude-from-nowhere");
  granted->approved = {verdict.account};
  EXPECT_EQ(judge(*budgets, granted).answer, Answer::pass);
}

TEST_F(WithBudgets, a_websocket_is_refused_when_nothing_is_left_and_its_calls_are_charged) {
  for (std::string_view limit : {"1usd", "2000tokens", "2calls"}) {
    std::int64_t before = in_ledger();
    {
      auto budgets = open(limit);
      ASSERT_EQ(judge(*budgets, websocket(1)).answer, Answer::pass) << limit;
      EXPECT_EQ(in_ledger(), before) << "nothing is reserved";
      EXPECT_EQ(judge(*budgets, websocket(2)).answer, Answer::pass);
      llm::ModelCall half = call_of_websocket(0, limit == "1usd" ? 60'000 : 1000);
      budgets->spent({1, {"api.openai.com", 443}, "agent", half, {}});
      EXPECT_EQ(judge(*budgets, websocket(3)).answer, Answer::pass) << limit;
      budgets->spent({1, {"api.openai.com", 443}, "agent", half, {}});
      auto verdict = judge(*budgets, websocket(4));
      EXPECT_EQ(verdict.answer, Answer::block) << limit;
      EXPECT_THAT(verdict.why, AllOf(HasSubstr("left of"), Not(HasSubstr("up to"))));
      EXPECT_FALSE(verdict.head) << "a handshake has no words of an API";
    }
    EXPECT_GT(in_ledger(), before) << limit;
  }
}

TEST_F(WithBudgets, a_websocket_that_asks_goes_on_after_a_yes) {
  auto budgets = open("1calls:ask");
  llm::ModelCall only = call_of_websocket(1, 1);
  budgets->spent({1, {"api.openai.com", 443}, "agent", only, {}});
  auto verdict = judge(*budgets, websocket(1));
  ASSERT_EQ(verdict.answer, Answer::ask);
  auto granted = websocket(1);
  granted->approved = {verdict.account};
  EXPECT_EQ(judge(*budgets, granted).answer, Answer::pass);
}

TEST_F(WithBudgets, a_call_of_a_websocket_that_was_refused_costs_nothing) {
  auto budgets = open("1tokens");
  llm::ModelCall call = call_of_websocket(1000, 1000);
  call.usage = {};
  call.status = 429;
  budgets->spent({1, {"api.openai.com", 443}, "agent", call, {}});
  EXPECT_EQ(judge(*budgets, websocket(1)).answer, Answer::pass);
  call.status = 200;
  call.partial = true;
  call.request_bytes = 300;
  budgets->spent({1, {"api.openai.com", 443}, "agent", call, {}});
  EXPECT_EQ(judge(*budgets, websocket(2)).answer, Answer::block) << "one that broke off does";
}

TEST_F(WithBudgets, requests_are_judged_at_once_after_the_first) {
  auto budgets = open("2requests");
  auto query = std::make_shared<proxy::BudgetQuery>();
  query->head = head_to("example.com", "/");
  EXPECT_EQ(judge(*budgets, query).answer, Answer::pass);
  auto at_once = budgets->judge(query, [](auto) { FAIL() << "not at once"; });
  ASSERT_TRUE(at_once);
  EXPECT_EQ(at_once->answer, Answer::pass);
  at_once = budgets->judge(query, [](auto) {});
  ASSERT_TRUE(at_once);
  EXPECT_EQ(at_once->answer, Answer::block);
  EXPECT_FALSE(at_once->head) << "no API of a model: the usual form";
}

TEST_F(WithBudgets, a_ledger_that_cannot_be_written_lets_nothing_pass) {
  auto budgets = open("1usd");
  std::filesystem::remove(catalog());
  std::filesystem::create_directory(catalog());
  auto verdict = judge(*budgets, call(1, 10));
  EXPECT_EQ(verdict.answer, Answer::block);
  EXPECT_THAT(verdict.why, HasSubstr("ledger"));
  EXPECT_EQ(verdict.code, Code::overloaded) << "who asks may come again";
  EXPECT_FALSE(verdict.why.contains(folder_.string()));
  std::filesystem::remove(catalog());
  EXPECT_EQ(judge(*budgets, call(2, 10)).answer, Answer::pass) << "once it can be written again";
}

TEST_F(WithBudgets, but_for_those_that_only_warn) {
  auto budgets = open("1usd:warn");
  std::filesystem::remove(catalog());
  std::filesystem::create_directory(catalog());
  EXPECT_EQ(judge(*budgets, call(1, 10)).answer, Answer::pass);
}

TEST_F(WithBudgets, none_without_a_ledger) {
  std::filesystem::create_directory(catalog());
  auto made = Budgets::open(
      {.budgets = {*policy::parse_budget("1usd")}, .catalog = catalog(), .session = "s", .recogniser = {}},
      prices_);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().context(), HasSubstr("budgets are kept there"));
}

TEST_F(WithBudgets, what_has_not_the_shape_of_a_call_is_none) {
  auto budgets = open("1tokens");
  auto query = std::make_shared<proxy::BudgetQuery>();
  query->head = head_to("somewhere.test", "/v1/chat/completions");
  query->body = std::make_shared<const std::string>(R"({"id":1})");
  EXPECT_EQ(judge(*budgets, query).answer, Answer::pass);
  query = std::make_shared<proxy::BudgetQuery>(*query);
  query->body = std::make_shared<const std::string>(R"({"model":"m","messages":[]})");
  EXPECT_EQ(judge(*budgets, query).answer, Answer::block);
}

TEST_F(WithBudgets, a_compressed_body_is_known_by_how_it_begins) {
  auto budgets = open("10usd");
  auto query = call(1, 10);
  // {"model":"claude-sonnet-4-5","max_tokens":1000000,"messages":[]}, not compressed, in one zstd block.
  std::string text = R"({"model":"claude-sonnet-4-5","max_tokens":1000000,"messages":[]})";
  auto packed = std::make_shared<const std::string>(
      "\x28\xb5\x2f\xfd\x20" + std::string(1, static_cast<char>(text.size())) +
      std::string(1, static_cast<char>(text.size() * 8 % 256 + 1)) +
      std::string(1, static_cast<char>(text.size() * 8 / 256)) + std::string(1, '\0') + text);
  query->body = packed;
  query->length = packed->size();
  auto verdict = judge(*budgets, query);
  EXPECT_EQ(verdict.answer, Answer::block);
  EXPECT_THAT(verdict.why, HasSubstr("up to $15.00"));
}

TEST_F(WithBudgets, a_path_counts_however_it_is_spelled) {
  auto budgets = open("1tokens");
  for (std::string_view target : {"/v1/messages", "/v1/mess%61ges", "/v1//messages", "/v1/x/../messages",
                                  "/V1/Messages", "/v1/messages;x=1", "/v1/messages/", "/v1/messages%3Fx"}) {
    auto query = call(1, 10);
    query->head.target = target;
    EXPECT_EQ(judge(*budgets, query).answer, Answer::block) << target;
  }
  auto query = call(1, 10);
  query->head.method = "PUT";
  EXPECT_EQ(judge(*budgets, query).answer, Answer::block);
  query = call(1, 10);
  query->head.target = "/v1/messages/count_tokens";
  EXPECT_EQ(judge(*budgets, query).answer, Answer::pass);
}

TEST_F(WithBudgets, of_a_body_that_nobody_reads_to_its_end_each_three_bytes_may_be_a_token) {
  auto budgets = open("5Mtok");
  auto query = call(1, 10);
  query->body_cut = true;
  query->length = 12'000'000;
  EXPECT_EQ(judge(*budgets, query).answer, Answer::pass);
  query = call(2, 10);
  query->body_cut = true;
  query->length = 18'000'000;
  EXPECT_EQ(judge(*budgets, query).answer, Answer::block);
}

TEST_F(WithBudgets, what_only_warns_waits_for_no_body_and_is_charged_in_the_end) {
  {
    auto budgets = open("1usd:warn");
    flow::Flow flow;
    flow.request = head_to("api.anthropic.com", "/v1/messages");
    EXPECT_TRUE(budgets->need(flow).any);
    EXPECT_FALSE(budgets->need(flow).body);
    auto query = call(1, 60'000);
    query->body = std::make_shared<const std::string>();
    auto verdict = judge(*budgets, query);
    ASSERT_EQ(verdict.answer, Answer::pass);
    llm::ModelCall paid = ended(1000, 2000);
    budgets->ended({1, {"api.anthropic.com", 443}, "", paid, {}});
  }
  EXPECT_EQ(in_ledger(), 33 * kUsd / 1000);
}

TEST_F(WithBudgets, a_call_of_several_steps_costs_what_its_record_says) {
  {
    auto budgets = open("1usd");
    auto verdict = judge(*budgets, call(1, 10'000));
    ASSERT_EQ(verdict.answer, Answer::pass);
    verdict.allowance->leave_to_onlooker();
    llm::ModelCall paid = ended(1000, 2000);
    llm::UsageStep step;
    step.usage.input_fresh = 10'000;
    step.usage.output = 2000;
    step.usage.settle();
    paid.steps = {step, step};
    budgets->ended({1, {"api.anthropic.com", 443}, "", paid, {}});
  }
  EXPECT_EQ(in_ledger(), 2 * (30 + 30) * kUsd / 1000);
}

TEST_F(WithBudgets, when_the_server_ends_nobody_waits) {
  auto budgets = open("1usd");
  budgets->close();
  auto verdict = judge(*budgets, call(1, 10));
  EXPECT_EQ(verdict.answer, Answer::block);
  EXPECT_EQ(verdict.code, Code::shutting_down);
}

TEST_F(WithBudgets, a_compressed_body_that_cannot_be_undone_counts_by_its_size) {
  auto budgets = open("1000tokens");
  auto query = call(1, 10);
  query->head.fields.add("Content-Encoding", "gzip");
  query->body = std::make_shared<const std::string>(std::string(6000, 'x'));
  query->length = 6000;
  EXPECT_EQ(judge(*budgets, query).answer, Answer::block);
}

}  // namespace
}  // namespace weir::app
