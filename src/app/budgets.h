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

#include "app/budget_question.h"
#include "app/price_book.h"
#include "flow/redactor.h"
#include "policy/budget.h"

namespace weir::app {

/// The local time's, in seconds: what budgets' days go by.
std::int64_t local_utc_offset(WallNanos now);

/// A call that has ended, as far as it is paid for. Views its parts.
struct WatchedBill {
  flow::FlowId flow;
  const HostPort& place;
  std::string_view process;
  const llm::ModelCall& call;
  llm::CallEnd end;
};

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
    std::shared_ptr<const flow::Redactor> redactor;  ///< may be null
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

  /// Who waits for a verdict gets a no, and so does everybody from now on: the server ends. Any thread.
  void close();
  /// A line for each account that this session has used: "$1.23 used of $5.00 a day, $3.77 left".
  std::vector<std::string> report() const;

  /// A call over a WebSocket: for those nothing is reserved, they are charged when they have ended. Any
  /// thread.
  void spent(const WatchedBill& bill);
  /// What became of a call that was let pass. Any thread.
  void ended(const WatchedBill& bill);
  /// The same of one that nobody could read: what was reserved is spent, if it was sent at all.
  void ended(flow::FlowId flow, bool sent);

 private:
  class Taken;
  /// What a call of a model may cost at most, and what it has reserved.
  struct Hold {
    policy::BudgetAccounts accounts;
    policy::Spending spending;
    llm::Estimate estimate;
    bool ending = false;  ///< the exchange is over; what it came to will be told soon
  };
  struct Work {
    std::shared_ptr<const proxy::BudgetQuery> query;
    Reply reply;
  };

  Budgets(Options options, policy::BudgetBook book, PriceBook& prices);
  proxy::BudgetVerdict judge_by_ledger(const proxy::BudgetQuery& query, BudgetQuestion& question);
  proxy::BudgetVerdict told(const proxy::BudgetQuery& query, const BudgetQuestion& question,
                            proxy::BudgetVerdict verdict) const;
  static proxy::BudgetVerdict closing();
  proxy::BudgetVerdict judge_once(const proxy::BudgetQuery& query, BudgetQuestion& question);
  proxy::BudgetVerdict verdict_of(const BudgetQuestion& question,
                                  const policy::BudgetBook::Judgement& judgement) const;
  proxy::BudgetVerdict refuse(const BudgetQuestion& question, std::string why) const;
  proxy::BudgetVerdict take(const proxy::BudgetQuery& query, BudgetQuestion& question);
  std::string explain(const policy::BudgetBook::Judgement& judgement) const;
  policy::Spending spending_of(const llm::ModelCall& call, const llm::Estimate& estimate,
                               const llm::CallEnd& end) const;
  std::string note_of(const policy::BudgetAccount& account) const;
  std::string whose(const policy::BudgetAccount& account) const;
  std::int64_t left_of(const policy::BudgetAccount& account) const;
  void charge(const WatchedBill& bill, bool only_later);
  void settle(flow::FlowId flow, const policy::Spending& spent);
  void left(flow::FlowId flow);
  bool any_ending(const void* account) const;
  void give_back(const policy::BudgetAccounts& accounts, std::uint64_t bytes);
  bool upload(const policy::BudgetAccounts& accounts, std::uint64_t bytes);
  Result<> write(const policy::BudgetAccounts& accounts, const std::function<void()>& between = [] {});
  Result<> flush();
  void note(const Result<>& written);
  void run();

  const Options options_;
  const BudgetReader reader_;
  const std::string ledger_session_;
  PriceBook& prices_;
  mutable std::mutex mutex_;
  std::condition_variable wake_, settled_;
  policy::BudgetBook book_;  // guarded by mutex_, as all below; its budgets never change
  std::unordered_map<flow::FlowId, Hold> holds_;
  std::deque<Work> work_;
  bool stop_ = false, closed_ = false;
  bool failing_ = false;
  bool flush_now_ = false;
  std::thread thread_;
};

}  // namespace weir::app
