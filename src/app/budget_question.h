// BudgetQuestion: a request as budgets see it: who spends, and how much it may come to.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flow/redactor.h"
#include "llm/cost.h"
#include "llm/estimate.h"
#include "policy/budget.h"
#include "proxy/budgeting.h"

namespace weir::app {

/// Views point into the query it was read from, and into itself: it stays where it is.
struct BudgetQuestion {
  BudgetQuestion() = default;
  BudgetQuestion(const BudgetQuestion&) = delete;

  policy::Spender spender;
  std::string spelling;  ///< of the path, where it was recognised by another than its own
  std::optional<llm::CallTarget> target;
  policy::Spending spending;
  llm::Estimate estimate;
  std::string model;
  std::vector<const policy::BudgetAccount*> approved;
  std::vector<std::string> notes;  ///< for the log
};

/// Any thread. What it is given outlives it; `redactor` may be null.
class BudgetReader {
 public:
  BudgetReader(const std::string& session, const llm::Recogniser& recogniser, const flow::Redactor* redactor)
      : session_(session), recogniser_(recogniser), redactor_(redactor) {}

  /// A call of a model, however its path is spelled: servers differ in what they take for the same. Views
  /// point into `spelling` where the head's own path is not the one that was recognised.
  std::optional<llm::CallTarget> recognise(const http::RequestHead& head, std::string& spelling) const;
  /// What is known without the body. Of `book`, only which budgets there are.
  void read_head(BudgetQuestion& out, const proxy::BudgetQuery& query, const policy::BudgetBook& book) const;
  /// What the call may come to. A body that can be read and is none of its protocol's is no call.
  void read_body(BudgetQuestion& out, const proxy::BudgetQuery& query, const llm::Pricing& pricing) const;
  /// A model's name as it stands in the log, the ledger and an answer: somebody wrote it.
  std::string model_key(const std::string& model) const;

 private:
  const std::string& session_;
  const llm::Recogniser& recogniser_;
  const flow::Redactor* const redactor_;
};

}  // namespace weir::app
