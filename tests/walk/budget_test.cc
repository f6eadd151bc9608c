// What budgets are asked before a request goes on, and what becomes of their answers.
#include "proxy/read_ahead.h"
#include "tests/support/fake_questions.h"
#include "tests/walk/dialogue.h"

namespace weir::testing {
namespace {

using proxy::BudgetVerdict;
using Verdict = BudgetVerdict::Answer;

/// Says what it was told to, at once or when it is let.
class FakeBudgets final : public proxy::Budgeting {
 public:
  Need need(const flow::Flow&) const override { return needs; }
  std::optional<BudgetVerdict> judge(std::shared_ptr<const proxy::BudgetQuery> query, Reply reply) override {
    queries.push_back(std::move(query));
    if (!later) return next();
    waiting.push_back(std::move(reply));
    return std::nullopt;
  }
  BudgetVerdict next() {
    BudgetVerdict out;
    out.answer = !queries.back()->approved.empty() ? Verdict::pass : answer;
    out.account = std::make_shared<int>(1);
    out.why = "there is nothing left";
    if (out.answer == Verdict::pass) {
      out.allowance = std::make_unique<Given>(*this);
    } else if (own_words) {
      out.head.emplace();
      out.head->status = 402;
      out.head->reason = "Payment Required";
      out.head->fields.add("x-should-retry", "false");
      out.body = "{}";
    }
    return out;
  }

  struct Given final : proxy::Allowance {
    explicit Given(FakeBudgets& budgets) : budgets(budgets) {}
    ~Given() override { budgets.heard += left ? " left" : " given back"; }
    bool upload(std::uint64_t bytes) override {
      budgets.heard += " " + std::to_string(bytes);
      budgets.uploads -= static_cast<std::int64_t>(bytes);
      return budgets.uploads >= 0;
    }
    void leave_to_onlooker() override { left = true; }
    void ended(std::uint64_t, bool) override {}
    FakeBudgets& budgets;
    bool left = false;
  };

  Need needs{.any = true};
  Verdict answer = Verdict::pass;
  bool own_words = false, later = false;
  std::int64_t uploads = 1000;
  std::vector<std::shared_ptr<const proxy::BudgetQuery>> queries;
  std::vector<Reply> waiting;
  std::string heard;
};

class Budgeted : public TimedDialogue {
 protected:
  Budgeted() {
    stage.budgeting = &budgets;
    stage.questions = &questions;
  }
  ~Budgeted() override { play.ends(); }

  FakeBudgets budgets;
  FakeQuestions questions;
};

constexpr const char* kPost =
    "POST http://{origin}/a HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 6\r\n\r\n";
constexpr const char* kPosted = "POST /a HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 6\r\n\r\n";

TEST_F(Budgeted, what_is_of_no_budget_is_not_asked_about) {
  budgets.needs = {};
  auto& client = play.client();
  client.sends(kGetSent);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends(kOk);
  client.expects(kOk);
  EXPECT_TRUE(budgets.queries.empty());
  play.records({.status = 200});
}

TEST_F(Budgeted, nothing_leaves_before_the_verdict) {
  budgets.later = true;
  auto& client = play.client();
  client.sends(kGetSent);
  stage.wait(-1, 0);
  EXPECT_EQ(stage.dialled(), "");
  ASSERT_EQ(budgets.waiting.size(), 1u);
  budgets.waiting[0](budgets.next());
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200});
  EXPECT_EQ(budgets.heard, " given back");
}

TEST_F(Budgeted, a_no_is_one_in_the_usual_form) {
  budgets.answer = Verdict::block;
  auto& client = play.client();
  client.sends(kGetSent);
  Answer answer = client.expects_answer();
  EXPECT_EQ(answer.head.status, 403);
  EXPECT_EQ(answer.field("x-weir-error"), "budget_exceeded");
  EXPECT_TRUE(answer.body.contains("there is nothing left"));
  play.no_upstream();
  play.records({.status = 403, .error = Code::budget_exceeded});
}

TEST_F(Budgeted, or_in_that_of_the_api) {
  budgets.answer = Verdict::block;
  budgets.own_words = true;
  auto& client = play.client();
  client.sends(kGetSent);
  Answer answer = client.expects_answer();
  EXPECT_EQ(answer.head.status, 402);
  EXPECT_EQ(answer.field("x-should-retry"), "false");
  EXPECT_EQ(answer.field("x-weir-error"), "budget_exceeded");
  EXPECT_EQ(answer.body, "{}");
  play.no_upstream();
  play.records({.status = 402, .error = Code::budget_exceeded});
}

TEST_F(Budgeted, the_body_is_read_before_where_it_is_wanted_and_goes_on_whole) {
  budgets.needs.body = true;
  auto& client = play.client();
  client.sends(std::string(kPost) + "abc");
  stage.wait(-1, 0);
  EXPECT_EQ(stage.dialled(), "");
  client.sends("def");
  auto& upstream = play.upstream();
  upstream.expects(std::string(kPosted) + "abcdef");
  upstream.sends(kOk);
  client.expects(kOk);
  ASSERT_EQ(budgets.queries.size(), 1u);
  EXPECT_EQ(*budgets.queries[0]->body, "abcdef");
  EXPECT_FALSE(budgets.queries[0]->body_cut);
  play.records({.status = 200, .request_body = "abcdef"});
}

TEST_F(Budgeted, a_chunked_body_stays_chunked) {
  budgets.needs.body = true;
  auto& client = play.client();
  client.sends(
      "POST http://{origin}/a HTTP/1.1\r\nHost: {origin}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  client.sends("0\r\n\r\n");
  auto& upstream = play.upstream();
  upstream.expects(
      "POST /a HTTP/1.1\r\nHost: {origin}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  upstream.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200});
}

TEST_F(Budgeted, who_waits_to_be_told_to_send_his_body_is_told) {
  budgets.needs.body = true;
  auto& client = play.client();
  client.sends(
      "POST http://{origin}/a HTTP/1.1\r\nHost: {origin}\r\nExpect: 100-continue\r\nContent-Length: "
      "3\r\n\r\n");
  client.expects("HTTP/1.1 100 Continue\r\n\r\n");
  client.sends("abc");
  auto& upstream = play.upstream();
  upstream.expects("POST /a HTTP/1.1\r\nHost: {origin}\r\nContent-Length: 3\r\n\r\nabc");
  upstream.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200});
}

TEST_F(Budgeted, a_body_that_does_not_come_is_not_waited_for_without_end) {
  budgets.needs.body = true;
  auto& client = play.client();
  client.sends(std::string(kPost) + "abc");
  stage.wait(-1, 0);
  stage.pass(proxy::ReadAhead::kPatience);
  Answer answer = client.expects_answer();
  EXPECT_EQ(answer.head.status, 408);
  EXPECT_TRUE(answer.body.contains("within 10 s"));
  play.no_upstream();
  play.records({.status = 408, .error = Code::client_timeout});
}

TEST_F(Budgeted, a_client_that_goes_away_meanwhile_ends_it) {
  budgets.needs.body = true;
  auto& client = play.client();
  client.sends(std::string(kPost) + "abc");
  stage.wait(-1, 0);
  client.closes();
  play.no_upstream();
  play.records({.error = Code::body_incomplete});
}

TEST_F(Budgeted, an_upload_is_counted_as_it_comes_and_cut_when_there_is_no_more) {
  budgets.needs.upload = true;
  budgets.uploads = 5;
  auto& client = play.client();
  client.sends(
      "POST http://{origin}/a HTTP/1.1\r\nHost: {origin}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  auto& upstream = play.upstream();
  upstream.expects("POST /a HTTP/1.1\r\nHost: {origin}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  client.sends("3\r\ndef\r\n");
  upstream.expects_end();
  Answer answer = client.expects_answer();
  EXPECT_EQ(answer.field("x-weir-error"), "budget_exceeded");
  play.records({.status = 403, .error = Code::budget_exceeded});
  EXPECT_EQ(budgets.heard, " 3 3 given back");
}

TEST_F(Budgeted, one_whose_length_is_known_is_not_counted_twice) {
  budgets.needs.upload = true;
  auto& client = play.client();
  client.sends(std::string(kPost) + "abcdef");
  auto& upstream = play.upstream();
  upstream.expects(std::string(kPosted) + "abcdef");
  upstream.sends(kOk);
  client.expects(kOk);
  play.records({.status = 200});
  EXPECT_EQ(budgets.queries[0]->length, 6u);
  EXPECT_EQ(budgets.heard, " given back");
}

TEST_F(Budgeted, a_person_may_grant_it) {
  budgets.answer = Verdict::ask;
  auto& client = play.client();
  client.sends(kGetSent);
  stage.wait(-1, 0);
  ASSERT_EQ(questions.waiting.size(), 1u);
  EXPECT_EQ(stage.dialled(), "");
  questions.answer(1, policy::Action::allow);
  auto& upstream = play.upstream();
  upstream.expects(kGetSeen);
  upstream.sends(kOk);
  client.expects(kOk);
  ASSERT_EQ(budgets.queries.size(), 2u);
  EXPECT_EQ(budgets.queries[1]->approved.size(), 1u);
  EXPECT_TRUE(questions.asked[0].once);
  EXPECT_EQ(play.records({.status = 200}).marks, "budget_granted");
}

TEST_F(Budgeted, or_not) {
  budgets.answer = Verdict::ask;
  auto& client = play.client();
  client.sends(kGetSent);
  stage.wait(-1, 0);
  questions.answer(1, policy::Action::block);
  Answer answer = client.expects_answer();
  EXPECT_EQ(answer.field("x-weir-error"), "budget_exceeded");
  EXPECT_TRUE(answer.body.contains("there is nothing left; blocked by user"));
  play.no_upstream();
  play.records({.status = 403, .error = Code::budget_exceeded});
}

}  // namespace
}  // namespace weir::testing
