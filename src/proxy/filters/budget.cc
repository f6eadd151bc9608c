#include "proxy/filters/budget.h"

#include "async/signal.h"
#include "async/task_group.h"
#include "proxy/petition.h"
#include "proxy/read_ahead.h"

namespace weir::proxy {
namespace {

/// Shared with who judges: the verdict may come when nobody waits any more.
struct Pending {
  explicit Pending(async::Loop& loop) : told(loop) {}
  async::Signal told;
  std::optional<BudgetVerdict> verdict;
};

std::shared_ptr<BudgetQuery> query_of(Exchange& exchange) {
  auto out = std::make_shared<BudgetQuery>();
  flow::Flow& flow = exchange.flow();
  out->flow = flow.id;
  out->head = flow.request;
  out->process = flow.process;
  out->length = exchange.body().length();
  if (exchange.body().finished()) out->length = 0;
  return out;
}

Inquiry inquiry_of(const BudgetQuery& query, const BudgetVerdict& verdict) {
  return {.origin = query.head.origin,
          .method = query.head.method,
          .target = query.head.target,
          .fields = telling_fields(query.head.fields),
          .asker = verdict.asker,
          .why = verdict.why,
          .once = true};
}

}  // namespace

async::Task<Result<std::optional<Answer>>> BudgetFilter::on_request(Exchange& exchange) {
  Budgeting::Need need = budgeting_.need(exchange.flow());
  if (!need.any) co_return std::nullopt;
  if (need.process) co_await exchange.recording().recorder().senders().name_when_known(exchange.flow());
  auto query = query_of(exchange);
  if (need.body && !exchange.body().finished()) {
    auto read = co_await read_body(exchange, *query);
    if (!read) co_return pass(read);
  }
  for (;;) {
    BudgetVerdict verdict = co_await judged(query);
    switch (verdict.answer) {
      case BudgetVerdict::Answer::block: co_return refused(exchange, std::move(verdict));
      case BudgetVerdict::Answer::ask: {
        auto asked = co_await this->asked(exchange, query, std::move(verdict));
        if (!asked || *asked) co_return asked;
        continue;
      }
      case BudgetVerdict::Answer::pass: break;
    }
    if (verdict.warned) exchange.recording().mark("over_budget");
    exchange.allow(std::move(verdict.allowance), need.upload && !query->length);
    co_return std::nullopt;
  }
}

async::Task<Result<void>> BudgetFilter::read_body(Exchange& exchange, BudgetQuery& query) {
  auto read = co_await read_ahead(loop_, exchange, "a budget needs it to say what the call may cost");
  if (!read) co_return pass(read);
  query.body = std::move(read->body);
  query.body_cut = read->cut;
  co_return Result<void>();
}

async::Task<BudgetVerdict> BudgetFilter::judged(std::shared_ptr<const BudgetQuery> query) {
  auto pending = std::make_shared<Pending>(loop_);
  auto verdict = budgeting_.judge(std::move(query), [pending, &loop = loop_](BudgetVerdict made) {
    loop.post([pending, made = std::move(made)]() mutable {
      pending->verdict = std::move(made);
      pending->told.notify();
    });
  });
  if (verdict) co_return std::move(*verdict);
  while (!pending->verdict) co_await pending->told.wait();
  co_return std::move(*pending->verdict);
}

// Nothing: a person has said yes, and the budgets are to be asked again.
async::Task<Result<std::optional<Answer>>> BudgetFilter::asked(Exchange& exchange,
                                                               std::shared_ptr<BudgetQuery>& query,
                                                               BudgetVerdict verdict) {
  wire::Incoming& incoming = exchange.incoming();
  OnGone on_gone = [&incoming](std::move_only_function<void()> call) {
    incoming.on_client_gone(std::move(call));
  };
  Inquiry inquiry = inquiry_of(*query, verdict);
  auto [decision, patience] = co_await ask_person(loop_, questions_, inquiry, on_gone);
  std::string why = explain(decision, patience);
  if (decision.by == Decision::By::client) {
    exchange.client_gone = true;
    co_return fail(Code::client_closed, why);
  }
  log_unanswered(inquiry.question(), why);
  if (decision.action != policy::Action::allow) {
    verdict.why += "; " + why;
    co_return refused(exchange, std::move(verdict));
  }
  exchange.recording().mark("budget_granted");
  auto again = std::make_shared<BudgetQuery>(std::move(*query));
  again->approved.push_back(verdict.account);
  query = std::move(again);
  co_return std::nullopt;
}

Result<std::optional<Answer>> BudgetFilter::refused(Exchange& exchange, BudgetVerdict verdict) {
  if (!verdict.head) return fail(verdict.code, std::move(verdict.why));
  exchange.recording().fail(Code::budget_exceeded, std::move(verdict.why));
  verdict.head->fields.add("Cache-Control", "no-store");
  verdict.head->fields.add("X-Weir-Error", info(Code::budget_exceeded).name);
  verdict.head->fields.add("X-Weir-Flow", std::to_string(exchange.flow().id));
  return Answer{std::move(*verdict.head), std::make_unique<wire::TextBody>(std::move(verdict.body))};
}

}  // namespace weir::proxy
