// Budgets: the accounts of a server's budgets, kept with those of all other sessions in the ledger.
#pragma once

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "app/price_book.h"
#include "llm/estimate.h"
#include "policy/budget.h"
#include "proxy/budgeting.h"

namespace weir::app {

/// The local time's, in seconds: what budgets' days go by.
std::int64_t local_utc_offset(WallNanos now);

/// Calls of models are judged on a thread of its own, in one transaction with what every other session has
/// spent by then; what needs no body and no price is judged where it comes, by what was last heard of the
/// others, a second ago at most. While the ledger cannot be written nothing is let pass by a budget that asks
/// or blocks.
class Budgets final : public proxy::Budgeting {
 public:
  struct Options {
    std::vector<policy::Budget> budgets;
    std::filesystem::path catalog;
    std::string session;
    llm::Recogniser recogniser;
    Duration flush_every = std::chrono::seconds(1);
  };
  /// `prices` outlives it. Errors: bad_config; the ledger cannot be written.
  static Result<std::unique_ptr<Budgets>> open(Options options, PriceBook& prices);
  /// Writes what is left; what is still held counts as spent.
  ~Budgets() override;

  /// Whether any of them may put a question to a person.
  bool may_ask() const;

  Need need(const flow::Flow& flow) const override;
  std::optional<proxy::BudgetVerdict> judge(std::shared_ptr<const proxy::BudgetQuery> query,
                                            Reply reply) override;

  /// A line for each account that this session has used: "$1.23 used of $5.00 a day, $3.77 left".
  std::vector<std::string> report() const;

  /// What became of a flow that was let pass: the call as it ended, or nothing where it was none. Any thread.
  void ended(flow::FlowId flow, const llm::ModelCall* call);

 private:
  class Taken;
  /// What a call of a model may cost at most, and what it has reserved.
  struct Hold {
    policy::BudgetAccounts accounts;
    policy::Spending spending;
    llm::Estimate estimate;
  };
  struct Work {
    std::shared_ptr<const proxy::BudgetQuery> query;
    Reply reply;
  };
  struct Question;

  Budgets(Options options, policy::BudgetBook book, PriceBook& prices);
  Question question_of(const proxy::BudgetQuery& query) const;
  void read_body(const proxy::BudgetQuery& query, Question& question);
  proxy::BudgetVerdict judge_by_ledger(const proxy::BudgetQuery& query);
  proxy::BudgetVerdict verdict_of(const proxy::BudgetQuery& query, const Question& question,
                                  const policy::BudgetBook::Judgement& judgement);
  proxy::BudgetVerdict refuse(const Question& question, std::string why) const;
  proxy::BudgetVerdict take(const proxy::BudgetQuery& query, Question& question);
  std::string explain(const policy::BudgetBook::Judgement& judgement) const;
  policy::Spending spending_of(const llm::ModelCall& call) const;
  void settle(flow::FlowId flow, const policy::Spending& spent);
  bool upload(const policy::BudgetAccounts& accounts, std::uint64_t bytes);
  Result<> write(const policy::BudgetAccounts& accounts, const std::function<void()>& between = [] {});
  Result<> flush();
  void note(const Result<>& written);
  void run();

  const Options options_;
  PriceBook& prices_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  policy::BudgetBook book_;  // guarded by mutex_, as all below; its budgets never change
  std::unordered_map<flow::FlowId, Hold> holds_;
  std::deque<Work> work_;
  bool stop_ = false;
  bool failing_ = false;
  std::thread thread_;
};

}  // namespace weir::app
