// BudgetFilter: nothing goes on that would cost more than is left (mission D9, L8). After policy.
#pragma once

#include "proxy/budgeting.h"
#include "proxy/filter.h"
#include "proxy/questions.h"

namespace weir::proxy {

/// Ends an exchange with `budget_exceeded`, in the words of the API that was called; where a budget asks, it
/// waits for a person's word first. Only for calls of models that a budget of dollars or tokens is about, the
/// body is read before it goes on: at most ReadAhead::kMostBody, for ReadAhead::kPatience.
class BudgetFilter final : public Filter {
 public:
  /// Both outlive the filter; `questions` may be null: then a question is a no.
  BudgetFilter(async::Loop& loop, Budgeting& budgeting, Questions* questions)
      : loop_(loop), budgeting_(budgeting), questions_(questions) {}

  async::Task<Result<std::optional<Answer>>> on_request(Exchange& exchange) override;
  Moments moments() const override { return {.request = true}; }

 private:
  async::Task<Result<void>> read_body(Exchange& exchange, BudgetQuery& query);
  async::Task<BudgetVerdict> judged(std::shared_ptr<const BudgetQuery> query);
  async::Task<Result<std::optional<Answer>>> asked(Exchange& exchange, std::shared_ptr<BudgetQuery>& query,
                                                   BudgetVerdict verdict);
  Result<std::optional<Answer>> refused(Exchange& exchange, BudgetVerdict verdict);

  async::Loop& loop_;
  Budgeting& budgeting_;
  Questions* questions_;
};

}  // namespace weir::proxy
