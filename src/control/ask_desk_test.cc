#include "control/ask_desk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace weir::control {
namespace {

using policy::Action;
using policy::AnswerScope;
using proxy::Decision;
using By = Decision::By;
using Answered = AskDesk::Answered;
using ::testing::ElementsAre;

proxy::Inquiry inquiry(std::string host, std::string target = "/", policy::Asker asker = {}) {
  return {.origin = {http::Scheme::https, {std::move(host), 443}},
          .method = "GET",
          .target = std::move(target),
          .asker = std::move(asker),
          .why = "why"};
}

class Listener final : public AskDesk::Watcher {
 public:
  void put(std::shared_ptr<const Asked> asked) override { news.push_back("+" + std::to_string(asked->id)); }
  void ended(proxy::QuestionId id, const Decision& decision) override {
    news.push_back("-" + std::to_string(id));
    last = decision;
  }
  std::vector<std::string> news;
  Decision last;
};

class Desk : public ::testing::Test {
 protected:
  Desk() {
    desk.watch(&listener);
    desk.set_monitors(1);
  }
  /// The replies to each question, by its id.
  proxy::Questions::Put put(proxy::Inquiry asked) {
    auto reply = std::make_shared<std::vector<Decision>>();
    auto out = desk.put(std::move(asked), [reply](const Decision& decision) { reply->push_back(decision); });
    replies.resize(std::max<std::size_t>(replies.size(), out.id + 1));
    replies[out.id] = reply;
    return out;
  }
  /// The only reply to a question.
  Decision reply(proxy::QuestionId id) {
    EXPECT_EQ(replies[id]->size(), 1u) << id;
    return replies[id]->empty() ? Decision{By::nobody} : replies[id]->front();
  }

  AskDesk desk{AskDesk::Options()};
  Listener listener;
  std::vector<std::shared_ptr<std::vector<Decision>>> replies;
};

TEST_F(Desk, the_first_answer_counts) {
  EXPECT_EQ(put(inquiry("a.test")).id, 1u);
  EXPECT_EQ(desk.answer(1, Action::allow, {}).answered, Answered::taken);
  EXPECT_EQ(desk.answer(1, Action::block, {}).answered, Answered::late);
  EXPECT_EQ(reply(1).action, Action::allow);
  EXPECT_EQ(reply(1).by, By::person);
  EXPECT_THAT(listener.news, ElementsAre("+1", "-1"));
}

TEST_F(Desk, answers_to_what_was_never_asked_do_nothing) {
  put(inquiry("a.test"));
  EXPECT_EQ(desk.answer(0, Action::allow, {}).answered, Answered::unknown);
  EXPECT_EQ(desk.answer(2, Action::allow, AnswerScope::host).answered, Answered::unknown);
  EXPECT_TRUE(replies[1]->empty());
  EXPECT_EQ(desk.edition(), 0u);
}

TEST_F(Desk, without_a_monitor_it_is_a_no_at_once) {
  desk.set_monitors(0);
  auto out = put(inquiry("a.test"));
  EXPECT_EQ(out.id, 0u);
  EXPECT_EQ(out.decision.by, By::nobody);
  EXPECT_EQ(out.decision.action, Action::block);
}

TEST_F(Desk, a_question_outlives_its_monitors) {
  put(inquiry("a.test"));
  desk.set_monitors(0);
  EXPECT_TRUE(replies[1]->empty());
  desk.set_monitors(1);
  desk.answer(1, Action::allow, {});
  EXPECT_EQ(reply(1).action, Action::allow);
}

TEST_F(Desk, what_is_withdrawn_is_gone) {
  put(inquiry("a.test"));
  EXPECT_TRUE(desk.withdraw(1, By::time));
  EXPECT_FALSE(desk.withdraw(1, By::time));
  EXPECT_EQ(listener.last.by, By::time);
  EXPECT_EQ(desk.answer(1, Action::allow, {}).answered, Answered::late);
  EXPECT_TRUE(replies[1]->empty());
}

TEST_F(Desk, what_is_decided_cannot_be_withdrawn) {
  put(inquiry("a.test"));
  desk.answer(1, Action::allow, {});
  EXPECT_FALSE(desk.withdraw(1, By::time));
  EXPECT_EQ(reply(1).action, Action::allow);
}

TEST_F(Desk, a_remembered_answer_decides_what_waits_and_what_comes) {
  policy::Asker rule;
  rule.basis = policy::Basis::rule;
  rule.pattern = "a.test";
  put(inquiry("a.test", "/1"));
  put(inquiry("a.test", "/2"));
  put(inquiry("b.test", "/3"));
  put(inquiry("a.test", "/4", rule));
  auto receipt = desk.answer(1, Action::block, AnswerScope::host);
  EXPECT_TRUE(receipt.remembered);
  EXPECT_EQ(reply(1).by, By::person);
  EXPECT_EQ(reply(2).by, By::memory);
  EXPECT_EQ(reply(2).action, Action::block);
  EXPECT_TRUE(replies[3]->empty());
  EXPECT_TRUE(replies[4]->empty()) << "another asked it";
  EXPECT_NE(desk.edition(), 0u);
  auto later = put(inquiry("a.test", "/5"));
  EXPECT_EQ(later.id, 0u);
  EXPECT_EQ(later.decision.by, By::memory);
}

TEST_F(Desk, a_wide_answer_leaves_open_what_a_narrow_one_may_block) {
  put(inquiry("a.test", "/admin/1"));
  put(inquiry("a.test", "/admin/..;/2"));
  put(inquiry("a.test", "/3"));
  put(inquiry("a.test", "/4"));
  desk.answer(1, Action::block, AnswerScope::path);
  desk.answer(3, Action::allow, AnswerScope::host);
  EXPECT_EQ(reply(4).action, Action::allow);
  EXPECT_TRUE(replies[2]->empty());
  EXPECT_EQ(put(inquiry("a.test", "/admin/1%2f")).id, 5u);
}

TEST_F(Desk, a_scope_that_the_question_lacks_leaves_it_open) {
  put(inquiry("127.0.0.1"));
  EXPECT_EQ(desk.answer(1, Action::allow, AnswerScope::domain).answered, Answered::no_such_scope);
  EXPECT_TRUE(replies[1]->empty());
  EXPECT_EQ(desk.answer(1, Action::allow, AnswerScope::host).answered, Answered::taken);
}

TEST_F(Desk, an_answer_for_once_is_not_remembered_nor_taken_from_memory) {
  put(inquiry("a.test"));
  EXPECT_TRUE(desk.answer(1, Action::allow, AnswerScope::host).remembered);
  proxy::Inquiry once = inquiry("a.test");
  once.once = true;
  EXPECT_EQ(put(once).id, 2u) << "what was remembered does not count";
  EXPECT_EQ(desk.answer(2, Action::allow, AnswerScope::host).answered, Answered::no_such_scope);
  put(inquiry("a.test", "/", {}));
  EXPECT_EQ(replies[2]->size(), 0u) << "nor does what is remembered meanwhile";
  EXPECT_EQ(desk.answer(2, Action::allow, std::nullopt).answered, Answered::taken);
  EXPECT_EQ(reply(2).by, By::person);
}

TEST_F(Desk, nothing_is_remembered_where_that_is_off) {
  put(inquiry("a.test"));
  desk.answer(1, Action::allow, AnswerScope::host);
  auto before = desk.edition();
  desk.configure({.remember = false});
  EXPECT_NE(desk.edition(), before);
  EXPECT_EQ(desk.remembered(), nullptr);
  put(inquiry("a.test"));
  EXPECT_FALSE(desk.answer(2, Action::allow, AnswerScope::host).remembered);
  EXPECT_EQ(reply(2).action, Action::allow);
  EXPECT_EQ(desk.remembered(), nullptr);
}

TEST_F(Desk, patience_is_that_of_the_moment) {
  EXPECT_EQ(put(inquiry("a.test")).patience, std::chrono::seconds(30));
  desk.configure({.patience = std::chrono::seconds(5)});
  EXPECT_EQ(put(inquiry("b.test")).patience, std::chrono::seconds(5));
}

TEST_F(Desk, the_queue_is_bounded) {
  for (std::size_t i = 0; i < AskDesk::kMostOpen; ++i) ASSERT_NE(put(inquiry("a.test")).id, 0u);
  EXPECT_EQ(put(inquiry("a.test")).decision.by, By::crowd);
}

TEST_F(Desk, closing_is_a_no_to_all) {
  put(inquiry("a.test"));
  put(inquiry("b.test"));
  desk.close();
  EXPECT_EQ(reply(1).by, By::shutdown);
  EXPECT_EQ(reply(2).action, Action::block);
  EXPECT_EQ(put(inquiry("c.test")).decision.by, By::shutdown);
}

TEST_F(Desk, a_new_watcher_hears_of_what_is_open) {
  put(inquiry("a.test"));
  put(inquiry("b.test"));
  desk.answer(1, Action::allow, {});
  Listener other;
  desk.watch(&other);
  EXPECT_THAT(other.news, ElementsAre("+2"));
}

TEST_F(Desk, every_question_of_many_threads_has_one_end) {
  desk.watch(nullptr);
  constexpr int kEach = 500;
  std::atomic<int> ends{0};
  std::atomic<proxy::QuestionId> last{0};
  auto ask = [&](bool patient) {
    for (int i = 0; i < kEach; ++i) {
      auto out = desk.put(inquiry("a.test"), [&](const Decision&) { ++ends; });
      last = out.id;
      if (!patient && desk.withdraw(out.id, By::time)) ++ends;
    }
  };
  std::jthread one([&] { ask(true); });
  std::jthread two([&] { ask(false); });
  std::jthread person([&] {
    while (ends < 2 * kEach)
      for (proxy::QuestionId id = 1; id <= last; ++id) desk.answer(id, Action::allow, {});
  });
  one.join();
  two.join();
  person.join();
  EXPECT_EQ(ends, 2 * kEach);
}

}  // namespace
}  // namespace weir::control
