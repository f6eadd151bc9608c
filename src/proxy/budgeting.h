// Budgeting: what the walk asks about money before a request goes on. Who keeps the accounts is behind it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "flow/flow.h"
#include "policy/remembered.h"
#include "proxy/allowance.h"

namespace weir::proxy {

/// A request as budgets need it. A whole copy: another thread may look at it.
struct BudgetQuery {
  flow::FlowId flow = 0;
  http::RequestHead head;
  std::string process;
  /// As received, codings and all; empty when it was not asked for.
  std::shared_ptr<const std::string> body = std::make_shared<const std::string>();
  bool body_cut = false;                              ///< it goes on, longer than anybody reads
  std::optional<std::uint64_t> length;                ///< of the whole body, where it is known
  std::vector<std::shared_ptr<const void>> approved;  ///< BudgetVerdict::account, of each yes of a person
};

struct BudgetVerdict {
  enum class Answer : std::uint8_t { pass, ask, block };
  Answer answer = Answer::pass;
  Code code = Code::budget_exceeded;    ///< of block
  std::string why;                      ///< of ask and block; for people
  policy::Asker asker;                  ///< of ask
  std::shared_ptr<const void> account;  ///< of ask
  std::optional<http::ResponseHead>
      head;  ///< of ask and block: the no in the client's own words; else the usual
  std::string body;
  std::unique_ptr<Allowance> allowance;  ///< of pass
  bool warned = false;                   ///< a budget that only warns is used up
};

/// Thread-safe; outlives the walks.
class Budgeting {
 public:
  virtual ~Budgeting() = default;

  struct Need {
    bool any = false;
    bool process = false;  ///< BudgetQuery::process must be known
    bool body = false;     ///< and the body
    bool upload = false;   ///< Allowance::upload is to be told
  };
  /// Asked for every request: does not wait, and costs little where there is no budget for it.
  virtual Need need(const flow::Flow& flow) const = 0;

  using Reply = std::move_only_function<void(BudgetVerdict)>;
  /// The verdict at once, or nothing: then `reply` is called with it, on another thread.
  virtual std::optional<BudgetVerdict> judge(std::shared_ptr<const BudgetQuery> query, Reply reply) = 0;
};

}  // namespace weir::proxy
