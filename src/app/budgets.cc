#include "app/budgets.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/thread_name.h"
#include "http/content/decoder.h"
#include "llm/refusal.h"
#include "store/budget_ledger.h"

namespace weir::app {
namespace {

using policy::BudgetAccount;
using policy::BudgetAccounts;
using policy::BudgetBook;
using policy::Spending;
using proxy::BudgetQuery;
using proxy::BudgetVerdict;

constexpr std::uint64_t kMostDecoded = 64 << 20;
constexpr std::size_t kMostKey = 256;
constexpr std::int64_t kBytesPerToken = 3;

// As much of it as can be undone, and whether that is all.
std::pair<std::string, bool> decoded(const BudgetQuery& query) {
  std::string_view coding = query.head.fields.get("content-encoding").value_or("");
  if (coding.empty()) return {query.body, !query.body_cut};
  auto decoder = http::content::Decoder::make(coding, kMostDecoded);
  if (!decoder) return {"", false};
  std::string out;
  decoder->feed(query.body);
  for (auto part = decoder->next(); !part.empty(); part = decoder->next()) out += part;
  bool whole =
      !query.body_cut && out.size() < kMostDecoded && decoder->ending() != http::content::Ending::corrupt;
  return {std::move(out), whole};
}

store::LedgerRow row_of(const BudgetBook& book, const BudgetAccount& account) {
  return {.budget = book.budget_of(account).account,
          .key = account.key,
          .window = account.window,
          .spent = account.spent,
          .held = account.held};
}

BudgetVerdict pass_free() { return {}; }

}  // namespace

std::int64_t local_utc_offset(WallNanos now) {
  time_t seconds = now / 1'000'000'000;
  tm local{};
  return localtime_r(&seconds, &local) != nullptr ? local.tm_gmtoff : 0;
}

/// A request, as budgets see it.
struct Budgets::Question {
  policy::Spender spender;
  std::optional<llm::CallTarget> target;
  Spending spending;
  llm::Estimate estimate;
  std::string model;
  const BudgetAccount* approved = nullptr;
};

/// What a request has taken. Lives no longer than the server's workers, and so than the budgets.
class Budgets::Taken final : public proxy::Allowance {
 public:
  Taken(Budgets& budgets, flow::FlowId flow, BudgetAccounts accounts, bool held)
      : budgets_(budgets), flow_(flow), accounts_(std::move(accounts)), held_(held) {}
  ~Taken() override {
    if (held_) budgets_.settle(flow_, {.usd = 0});
  }
  bool upload(std::uint64_t bytes) override { return budgets_.upload(accounts_, bytes); }
  void leave_to_onlooker() override { held_ = false; }

 private:
  Budgets& budgets_;
  const flow::FlowId flow_;
  const BudgetAccounts accounts_;
  bool held_;
};

Result<std::unique_ptr<Budgets>> Budgets::open(Options options, PriceBook& prices) {
  auto book = BudgetBook::make(std::move(options.budgets));
  if (!book) return pass(book);
  auto nothing = [](std::span<const std::int64_t>) { return std::vector<store::LedgerRow>(); };
  if (auto written = store::settle_ledger(options.catalog, options.session, {}, nothing); !written)
    return fail(written.error().code(),
                written.error().context() + "; budgets are kept there: make it writable, or leave them out");
  return std::unique_ptr<Budgets>(new Budgets(std::move(options), std::move(*book), prices));
}

Budgets::Budgets(Options options, BudgetBook book, PriceBook& prices)
    : options_(std::move(options)), prices_(prices), book_(std::move(book)), thread_([this] { run(); }) {}

Budgets::~Budgets() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

bool Budgets::may_ask() const {
  return std::ranges::any_of(book_.budgets(), [](const policy::Budget& budget) {
    return budget.action == policy::OnBudget::ask ||
           (budget.action == policy::OnBudget::block && budget.measure == policy::Measure::usd);
  });
}

Budgets::Need Budgets::need(const flow::Flow& flow) const {
  const http::RequestHead& head = flow.request;
  policy::Spender spender{.session = options_.session, .host = head.origin.place};
  spender.call =
      options_.recogniser.recognise(head.method, head.origin.place, head.target, head.upgrade).has_value();
  auto need = book_.need(spender);
  return {need.any, need.process, need.body, need.upload};
}

Budgets::Question Budgets::question_of(const BudgetQuery& query) const {
  Question out;
  const http::RequestHead& head = query.head;
  out.spender = {.session = options_.session, .host = head.origin.place, .process = query.process};
  out.target = options_.recogniser.recognise(head.method, head.origin.place, head.target, head.upgrade);
  out.spender.call = out.target.has_value();
  out.spending.upload = static_cast<std::int64_t>(query.length.value_or(0));
  out.approved = static_cast<const BudgetAccount*>(query.approved.get());
  return out;
}

// What a call may come to. A body that is none of its protocol's is no call.
void Budgets::read_body(const BudgetQuery& query, Question& question) {
  auto [body, whole] = decoded(query);
  llm::Estimate& estimate = question.estimate;
  estimate = llm::estimate(*question.target, query.head, body, !whole);
  question.spender.call = estimate.call;
  if (!estimate.call) return;
  question.model = estimate.model.substr(0, kMostKey);
  question.spender.model = question.model;
  if (!whole) {
    // Of what nobody has read, each three bytes may be a token.
    std::uint64_t size = std::max<std::uint64_t>(query.length.value_or(0), query.body.size());
    auto unread = static_cast<std::int64_t>(size > body.size() ? size - body.size() : 0) / kBytesPerToken;
    estimate.asked.usage.input = *estimate.asked.usage.input + unread;
    estimate.asked.usage.input_fresh.reset();
    estimate.asked.usage.settle();
    estimate.tokens += unread;
  }
  estimate.asked.started = wall_now();
  question.spending.tokens = estimate.tokens;
  question.spending.usd = prices_.pricing().price(estimate.asked).amount;
}

std::optional<BudgetVerdict> Budgets::judge(std::shared_ptr<const BudgetQuery> query, Reply reply) {
  Question question = question_of(*query);
  {
    std::lock_guard lock(mutex_);
    // With nothing to read, and of accounts that are known, it can be said at once.
    if (!book_.need(question.spender).body && !failing_) {
      WallNanos now = wall_now();
      auto accounts = book_.accounts(question.spender, now, local_utc_offset(now));
      if (std::ranges::all_of(accounts, [](const auto& one) { return one->known; }))
        return take(*query, question);
    }
    work_.push_back({std::move(query), std::move(reply)});
  }
  wake_.notify_one();
  return std::nullopt;
}

// With the lock.
BudgetVerdict Budgets::take(const BudgetQuery& query, Question& question) {
  WallNanos now = wall_now();
  auto accounts = book_.accounts(question.spender, now, local_utc_offset(now));
  if (accounts.empty()) return pass_free();
  auto judgement = book_.take(accounts, question.spending, question.approved);
  BudgetVerdict out = verdict_of(query, question, judgement);
  if (out.answer != BudgetVerdict::Answer::pass) return out;
  bool held = question.spender.call && question.estimate.call;
  if (held) holds_[query.flow] = {accounts, question.spending, std::move(question.estimate)};
  out.allowance = std::make_unique<Taken>(*this, query.flow, std::move(accounts), held);
  return out;
}

BudgetVerdict Budgets::verdict_of(const BudgetQuery& query, const Question& question,
                                  const BudgetBook::Judgement& judgement) {
  using Answer = BudgetBook::Answer;
  for (const auto& account : judgement.warnings) {
    const policy::Budget& budget = book_.budget_of(*account);
    log::warn("BUDGET: {} used of \"{}\"{} ({})", policy::amount_text(budget.measure, account->used()),
              budget.name, account->key.empty() ? "" : " by " + account->key, budget.source);
  }
  BudgetVerdict out;
  out.warned = !judgement.warnings.empty();
  if (judgement.answer == Answer::pass) return out;
  out = refuse(question, explain(judgement));
  if (judgement.answer == Answer::block) {
    log::warn("BUDGET: {} {} is refused: {}", query.head.method, query.head.origin.place.str(), out.why);
    return out;
  }
  const policy::Budget& budget = book_.budget_of(*judgement.account);
  out.answer = BudgetVerdict::Answer::ask;
  out.account = judgement.account;
  out.asker.basis = policy::Basis::rule;
  out.asker.layer = budget.layer;
  out.asker.pattern = "budget " + budget.name;
  out.asker.source = budget.source;
  return out;
}

BudgetVerdict Budgets::refuse(const Question& question, std::string why) const {
  BudgetVerdict out;
  out.answer = BudgetVerdict::Answer::block;
  out.why = std::move(why);
  if (!question.target || question.target->websocket) return out;
  auto made = llm::refusal(question.target->protocol, "Weir: " + out.why);
  http::ResponseHead& head = out.head.emplace();
  head.status = made.status;
  head.reason = http::reason_phrase(made.status);
  for (auto& [name, value] : made.fields) head.fields.add(name, value);
  out.body = std::move(made.body);
  return out;
}

std::string Budgets::explain(const BudgetBook::Judgement& judgement) const {
  const BudgetAccount& account = *judgement.account;
  const policy::Budget& budget = book_.budget_of(account);
  auto text = [&](std::int64_t amount) { return policy::amount_text(budget.measure, amount); };
  std::string whose = account.key.empty() || account.key == options_.session ? "" : " (" + account.key + ")";
  std::string out = fmt::format("the budget \"{}\"{}", budget.name, whose);
  if (judgement.unpriced) return out + " is in dollars, and nobody knows the price of this model";
  std::int64_t left = std::max<std::int64_t>(budget.limit + account.granted - account.used(), 0);
  out += fmt::format(" has {} left of {}", text(left), text(budget.limit));
  if (account.held > 0) out += fmt::format(", {} of it held for calls under way", text(account.held));
  if (budget.measure <= policy::Measure::tokens)
    return out + fmt::format("; this call may take up to {}, with all the output that it allows",
                             text(judgement.wanted));
  if (budget.measure == policy::Measure::upload)
    out += fmt::format("; this one is {}", text(judgement.wanted));
  return out;
}

BudgetVerdict Budgets::judge_by_ledger(const BudgetQuery& query) {
  Question question = question_of(query);
  if (question.target && book_.need(question.spender).body) read_body(query, question);
  BudgetAccounts accounts;
  {
    std::lock_guard lock(mutex_);
    WallNanos now = wall_now();
    accounts = book_.accounts(question.spender, now, local_utc_offset(now));
  }
  if (accounts.empty()) return pass_free();
  BudgetVerdict out;
  Result<> written = write(accounts, [&] { out = take(query, question); });
  note(written);
  if (written) return out;
  bool warns = std::ranges::all_of(
      accounts, [this](const auto& one) { return book_.budget_of(*one).action == policy::OnBudget::warn; });
  if (warns) {
    std::lock_guard lock(mutex_);
    return out.allowance ? std::move(out) : take(query, question);
  }
  return refuse(question, "the ledger of budgets cannot be written: " + written.error().context());
}

// `between` is called with the lock, when it is known what others have; what it changes is written.
Result<> Budgets::write(const BudgetAccounts& accounts, const std::function<void()>& between) {
  std::vector<store::LedgerRow> asked;
  for (const auto& account : accounts) asked.push_back(row_of(book_, *account));
  auto decide = [&](std::span<const std::int64_t> others) {
    std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < accounts.size(); ++i) {
      accounts[i]->others = others[i];
      accounts[i]->known = true;
    }
    between();
    std::vector<store::LedgerRow> rows;
    for (const auto& account : accounts) {
      rows.push_back(row_of(book_, *account));
      account->changed = false;
    }
    return rows;
  };
  auto written = store::settle_ledger(options_.catalog, options_.session, asked, decide);
  if (!written) {
    std::lock_guard lock(mutex_);
    for (const auto& account : accounts) account->changed = true;
  }
  return written;
}

void Budgets::note(const Result<>& written) {
  std::lock_guard lock(mutex_);
  if (written.has_value() != failing_) return;
  failing_ = !written;
  if (failing_)
    log::error("{}: what is spent cannot be written down; budgets that ask or block let nothing pass",
               written.error().context());
  else
    log::info("the ledger of budgets can be written again");
}

Result<> Budgets::flush() {
  BudgetAccounts changed;
  {
    std::lock_guard lock(mutex_);
    std::ranges::copy_if(book_.all(), std::back_inserter(changed),
                         [](const auto& one) { return one->changed; });
  }
  if (changed.empty()) return {};
  auto written = write(changed);
  note(written);
  return written;
}

void Budgets::ended(flow::FlowId flow, const llm::ModelCall* call) {
  Spending spent{.usd = 0};
  if (call != nullptr) {
    llm::ModelCall billed;
    {
      std::lock_guard lock(mutex_);
      auto found = holds_.find(flow);
      if (found == holds_.end()) return;
      billed.usage = llm::used(*call, found->second.estimate);
    }
    billed.provider = call->provider;
    billed.protocol = call->protocol;
    billed.model_asked = call->model_asked;
    billed.model_served = call->model_served;
    billed.service_tier = call->service_tier;
    billed.speed = call->speed;
    billed.started = call->started;
    if (!billed.usage.empty()) spent = spending_of(billed);
  }
  settle(flow, spent);
}

Spending Budgets::spending_of(const llm::ModelCall& call) const {
  return {.usd = prices_.pricing().price(call).amount,
          .tokens = call.usage.input.value_or(0) + call.usage.output.value_or(0)};
}

void Budgets::settle(flow::FlowId flow, const Spending& spent) {
  {
    std::lock_guard lock(mutex_);
    auto found = holds_.find(flow);
    if (found == holds_.end()) return;
    book_.settle(found->second.accounts, found->second.spending, spent);
    holds_.erase(found);
  }
  wake_.notify_one();
}

std::vector<std::string> Budgets::report() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> out;
  for (const auto& account : book_.all()) {
    const policy::Budget& budget = book_.budget_of(*account);
    if (account->spent + account->held == 0) continue;
    auto text = [&](std::int64_t amount) { return policy::amount_text(budget.measure, amount); };
    std::string whose =
        account->key.empty() || account->key == options_.session ? "" : " (" + account->key + ")";
    std::int64_t left = std::max<std::int64_t>(budget.limit + account->granted - account->used(), 0);
    out.push_back(
        fmt::format("{} used of {}{}, {} left", text(account->used()), budget.name, whose, text(left)));
  }
  return out;
}

bool Budgets::upload(const BudgetAccounts& accounts, std::uint64_t bytes) {
  std::lock_guard lock(mutex_);
  return book_.upload(accounts, static_cast<std::int64_t>(bytes));
}

void Budgets::run() {
  name_thread("weir-budgets");
  TimePoint next_flush = steady_now() + options_.flush_every;
  for (;;) {
    std::deque<Work> come;
    bool last;
    {
      std::unique_lock lock(mutex_);
      wake_.wait_until(lock, next_flush, [this] { return stop_ || !work_.empty(); });
      std::swap(come, work_);
      last = stop_;
    }
    for (Work& work : come) work.reply(judge_by_ledger(*work.query));
    if (!last && steady_now() < next_flush) continue;
    auto flushed = flush();
    next_flush = steady_now() + options_.flush_every;
    if (last) {
      if (!flushed)
        log::error("what was spent last is missing from the ledger: {}", flushed.error().context());
      return;
    }
  }
}

}  // namespace weir::app
