#include "app/budgets.h"

#include <fmt/format.h>
#include <sys/random.h>
#include <time.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/log.h"
#include "base/thread_name.h"
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

constexpr Duration kSettling = std::chrono::seconds(1);

// Ids of sessions are for people: two could be the same.
std::string random_hex() {
  std::uint64_t bits = 0;
  if (::getrandom(&bits, sizeof bits, 0) != sizeof bits) std::abort();
  return fmt::format("{:016x}", bits);
}

// What never changes of it.
store::LedgerRow key_of(const BudgetBook& book, const BudgetAccount& account) {
  return {.budget = book.budget_of(account).account, .key = account.key, .window = account.window};
}

store::LedgerRow row_of(const BudgetBook& book, const BudgetAccount& account) {
  store::LedgerRow out = key_of(book, account);
  out.spent = account.spent;
  out.held = account.held;
  return out;
}

BudgetVerdict pass_free() { return {}; }

}  // namespace

std::int64_t local_utc_offset(WallNanos now) {
  time_t seconds = now / 1'000'000'000;
  tm local{};
  return localtime_r(&seconds, &local) != nullptr ? local.tm_gmtoff : 0;
}

/// What a request has taken. Lives no longer than the server's workers, and so than the budgets.
class Budgets::Taken final : public proxy::Allowance {
 public:
  Taken(Budgets& budgets, flow::FlowId flow, BudgetAccounts accounts, std::uint64_t announced, bool held)
      : budgets_(budgets), flow_(flow), accounts_(std::move(accounts)), announced_(announced), held_(held) {}
  ~Taken() override { held_ ? budgets_.ended(flow_, sent_) : budgets_.left(flow_); }
  bool upload(std::uint64_t bytes) override { return budgets_.upload(accounts_, bytes); }
  void leave_to_onlooker() override { held_ = false; }
  void ended(std::uint64_t uploaded, bool sent) override {
    sent_ = sent;
    if (announced_ > uploaded) budgets_.give_back(accounts_, announced_ - uploaded);
  }

 private:
  Budgets& budgets_;
  const flow::FlowId flow_;
  const BudgetAccounts accounts_;
  const std::uint64_t announced_;
  bool held_, sent_ = false;
};

Result<std::unique_ptr<Budgets>> Budgets::open(Options options, PriceBook& prices) {
  auto book = BudgetBook::make(std::move(options.budgets));
  if (!book) return pass(book);
  if (auto written = store::open_ledger(options.catalog); !written)
    return fail(written.error().code(),
                written.error().context() + "; budgets are kept there: make it writable, or leave them out");
  return std::unique_ptr<Budgets>(new Budgets(std::move(options), std::move(*book), prices));
}

Budgets::Budgets(Options options, BudgetBook book, PriceBook& prices)
    : options_(std::move(options)),
      reader_(options_.session, options_.recogniser, options_.redactor.get()),
      ledger_session_(options_.session + "-" + random_hex()),
      prices_(prices),
      book_(std::move(book)),
      thread_([this] { run(); }) {}

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
  std::string spelling;
  auto target = reader_.recognise(head, spelling);
  spender.call = target.has_value();
  auto need = book_.need(spender);
  return {need.any, need.process, need.body && !target->websocket, need.upload};
}

std::optional<BudgetVerdict> Budgets::judge(std::shared_ptr<const BudgetQuery> query, Reply reply) {
  BudgetQuestion question;
  reader_.read_head(question, *query, book_);
  std::optional<BudgetVerdict> verdict;
  {
    std::lock_guard lock(mutex_);
    // With nothing to read, and of accounts that are known, it can be said at once.
    if (closed_) {
      verdict = closing();
    } else if (!failing_ && (question.spending.calls_follow || !book_.need(question.spender).body)) {
      WallNanos now = wall_now();
      auto accounts = book_.accounts(question.spender, now, local_utc_offset(now));
      if (std::ranges::all_of(accounts, [](const auto& one) { return one->known; }))
        verdict = take(*query, question);
    }
    if (!verdict) work_.push_back({std::move(query), std::move(reply)});
  }
  if (verdict) return told(*query, question, std::move(*verdict));
  wake_.notify_one();
  return std::nullopt;
}

// Without the lock: what is logged may have to wait.
BudgetVerdict Budgets::told(const BudgetQuery& query, const BudgetQuestion& question,
                            BudgetVerdict verdict) const {
  for (const std::string& note : question.notes) log::warn("{}", note);
  if (verdict.answer == BudgetVerdict::Answer::block)
    log::warn("BUDGET: {} {} is refused: {}", query.head.method, query.head.origin.place.str(), verdict.why);
  return verdict;
}

BudgetVerdict Budgets::closing() {
  BudgetVerdict out;
  out.answer = BudgetVerdict::Answer::block;
  out.code = Code::shutting_down;
  out.why = "Weir ends";
  return out;
}

void Budgets::close() {
  std::deque<Work> open;
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    std::swap(open, work_);
  }
  for (Work& work : open) work.reply(closing());
}

// With the lock.
BudgetVerdict Budgets::take(const BudgetQuery& query, BudgetQuestion& question) {
  WallNanos now = wall_now();
  auto accounts = book_.accounts(question.spender, now, local_utc_offset(now));
  if (accounts.empty()) return pass_free();
  auto judgement = book_.take(accounts, question.spending, question.approved);
  for (const auto& account : judgement.warnings) question.notes.push_back(note_of(*account));
  BudgetVerdict out = verdict_of(question, judgement);
  if (out.answer != BudgetVerdict::Answer::pass) return out;
  bool held = question.spender.call && question.estimate.call;
  if (held) holds_[query.flow] = {accounts, question.spending, std::move(question.estimate)};
  out.allowance =
      std::make_unique<Taken>(*this, query.flow, std::move(accounts), query.length.value_or(0), held);
  return out;
}

BudgetVerdict Budgets::verdict_of(const BudgetQuestion& question,
                                  const BudgetBook::Judgement& judgement) const {
  using Answer = BudgetBook::Answer;
  BudgetVerdict out;
  out.warned = !judgement.warnings.empty();
  if (judgement.answer == Answer::pass) return out;
  out = refuse(question, explain(judgement));
  out.account = judgement.account;
  if (judgement.answer == Answer::block) return out;
  const policy::Budget& budget = book_.budget_of(*judgement.account);
  out.answer = BudgetVerdict::Answer::ask;
  out.asker.basis = policy::Basis::rule;
  out.asker.layer = budget.layer;
  out.asker.pattern = "budget " + budget.name;
  out.asker.source = budget.source;
  return out;
}

// With the lock.
std::string Budgets::note_of(const BudgetAccount& account) const {
  const policy::Budget& budget = book_.budget_of(account);
  return fmt::format("BUDGET: {} used of \"{}\"{} ({})", policy::amount_text(budget.measure, account.used()),
                     budget.name, account.key.empty() ? "" : " by " + account.key, budget.source);
}

BudgetVerdict Budgets::refuse(const BudgetQuestion& question, std::string why) const {
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

// Whose account it is, where that is not plain.
std::string Budgets::whose(const BudgetAccount& account) const {
  return account.key.empty() || account.key == options_.session ? "" : " (" + account.key + ")";
}

std::int64_t Budgets::left_of(const BudgetAccount& account) const {
  return std::max<std::int64_t>(book_.budget_of(account).limit + account.granted - account.used(), 0);
}

std::string Budgets::explain(const BudgetBook::Judgement& judgement) const {
  const BudgetAccount& account = *judgement.account;
  const policy::Budget& budget = book_.budget_of(account);
  auto text = [&](std::int64_t amount) { return policy::amount_text(budget.measure, amount); };
  std::string out = fmt::format("the budget \"{}\"{}", budget.name, whose(account));
  if (judgement.unpriced) return out + " is in dollars, and nobody knows the price of this model";
  out += fmt::format(" has {} left of {}", text(left_of(account)), text(budget.limit));
  if (account.held > 0) out += fmt::format(", {} of it held for calls under way", text(account.held));
  if (judgement.wanted == 0) return out;
  if (budget.measure <= policy::Measure::tokens)
    return out + fmt::format("; this call may take up to {}, with all the output that it allows",
                             text(judgement.wanted));
  if (budget.measure == policy::Measure::upload)
    out += fmt::format("; this one is {}", text(judgement.wanted));
  return out;
}

BudgetVerdict Budgets::judge_by_ledger(const BudgetQuery& query, BudgetQuestion& question) {
  reader_.read_head(question, query, book_);
  if (question.target && !question.spending.calls_follow && book_.need(question.spender).body)
    reader_.read_body(question, query, prices_.pricing());
  BudgetVerdict out = judge_once(query, question);
  if (out.answer == BudgetVerdict::Answer::pass || !out.account) return out;
  {
    // What calls that are over did not need may be enough: a client that asks for one after another is not to
    // be refused for the last one's reservation.
    std::unique_lock lock(mutex_);
    if (!any_ending(out.account.get())) return out;
    settled_.wait_for(lock, kSettling, [&] { return closed_ || !any_ending(out.account.get()); });
  }
  return judge_once(query, question);
}

BudgetVerdict Budgets::judge_once(const BudgetQuery& query, BudgetQuestion& question) {
  BudgetAccounts accounts;
  {
    std::lock_guard lock(mutex_);
    if (closed_) return closing();
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
  // Why not is in the log; whoever asks may come again.
  out = {};
  out.answer = BudgetVerdict::Answer::block;
  out.code = Code::overloaded;
  out.why = "what is left of the budgets cannot be said: their ledger cannot be written";
  return out;
}

// `between` is called with the lock, when it is known what others have; what it changes is written.
Result<> Budgets::write(const BudgetAccounts& accounts, const std::function<void()>& between) {
  std::vector<store::LedgerRow> asked;
  for (const auto& account : accounts) asked.push_back(key_of(book_, *account));
  auto decide = [&](std::span<const store::LedgerEntry> written) {
    std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < accounts.size(); ++i) {
      accounts[i]->others = written[i].others;
      // An account that was forgotten since its window seemed to be over: the clock was set back.
      if (!std::exchange(accounts[i]->known, true)) accounts[i]->spent += written[i].own;
    }
    between();
    std::vector<store::LedgerRow> rows;
    for (const auto& account : accounts) {
      rows.push_back(row_of(book_, *account));
      account->changed = false;
    }
    return rows;
  };
  auto written = store::settle_ledger(options_.catalog, ledger_session_, asked, decide);
  if (!written) {
    std::lock_guard lock(mutex_);
    for (const auto& account : accounts) account->changed = true;
  }
  return written;
}

void Budgets::note(const Result<>& written) {
  {
    std::lock_guard lock(mutex_);
    if (written.has_value() != failing_) return;
    failing_ = !written;
  }
  if (written)
    log::info("the ledger of budgets can be written again");
  else
    log::error("{}: what is spent cannot be written down; budgets that ask or block let nothing pass",
               written.error().context());
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

// Nobody has looked on, or it was no call as far as who did could see: what was reserved is what it cost.
void Budgets::ended(flow::FlowId flow, bool sent) {
  Spending spent{.usd = 0};
  {
    std::lock_guard lock(mutex_);
    auto found = holds_.find(flow);
    if (found == holds_.end()) return;
    if (sent) spent = found->second.spending;
  }
  settle(flow, spent);
}

void Budgets::ended(const WatchedBill& bill) {
  llm::Estimate estimate;
  bool held = false;
  {
    std::lock_guard lock(mutex_);
    auto found = holds_.find(bill.flow);
    held = found != holds_.end();
    if (held) estimate = found->second.estimate;
  }
  if (!held) return charge(bill, true);
  settle(bill.flow, spending_of(bill.call, estimate, bill.end));
}

void Budgets::spent(const WatchedBill& bill) { charge(bill, false); }

// What nothing was reserved for: calls over WebSockets, and those of budgets that only warn.
void Budgets::charge(const WatchedBill& bill, bool only_later) {
  llm::Estimate estimate;
  estimate.asked.usage.input =
      (static_cast<std::int64_t>(bill.call.request_bytes) + llm::kBytesPerToken - 1) / llm::kBytesPerToken;
  Spending spent = spending_of(bill.call, estimate, bill.end);
  std::string model = reader_.model_key(bill.call.model_asked);
  policy::Spender spender{
      .session = options_.session, .host = bill.place, .process = bill.process, .model = model, .call = true};
  std::vector<std::string> notes;
  {
    std::lock_guard lock(mutex_);
    WallNanos now = wall_now();
    auto accounts = book_.accounts(spender, now, local_utc_offset(now));
    if (only_later)
      std::erase_if(accounts, [this](const auto& one) { return !book_.budget_of(*one).charged_later(); });
    if (accounts.empty()) return;
    for (const auto& account : book_.charge(accounts, spent)) notes.push_back(note_of(*account));
    flush_now_ = true;
  }
  wake_.notify_one();
  for (const std::string& note : notes) log::warn("{}", note);
}

Spending Budgets::spending_of(const llm::ModelCall& call, const llm::Estimate& estimate,
                              const llm::CallEnd& end) const {
  llm::Usage usage = llm::used(call, estimate, end);
  if (usage.empty()) return {.usd = 0};
  return {.usd = prices_.pricing().price(call, usage).amount,
          .tokens = usage.input.value_or(0) + usage.output.value_or(0)};
}

void Budgets::settle(flow::FlowId flow, const Spending& spent) {
  {
    std::lock_guard lock(mutex_);
    auto found = holds_.find(flow);
    if (found == holds_.end()) return;
    book_.settle(found->second.accounts, found->second.spending, spent);
    holds_.erase(found);
    flush_now_ = true;
  }
  wake_.notify_one();
  settled_.notify_all();
}

void Budgets::left(flow::FlowId flow) {
  std::lock_guard lock(mutex_);
  if (auto found = holds_.find(flow); found != holds_.end()) found->second.ending = true;
}

// With the lock.
bool Budgets::any_ending(const void* account) const {
  return std::ranges::any_of(holds_, [&](const auto& each) {
    const Hold& hold = each.second;
    return hold.ending &&
           std::ranges::any_of(hold.accounts, [&](const auto& one) { return one.get() == account; });
  });
}

void Budgets::give_back(const BudgetAccounts& accounts, std::uint64_t bytes) {
  std::lock_guard lock(mutex_);
  book_.give_back(accounts, static_cast<std::int64_t>(std::min<std::uint64_t>(bytes, INT64_MAX)));
}

std::vector<std::string> Budgets::report() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> out;
  for (const auto& account : book_.all()) {
    const policy::Budget& budget = book_.budget_of(*account);
    if (account->spent + account->held == 0) continue;
    auto text = [&](std::int64_t amount) { return policy::amount_text(budget.measure, amount); };
    out.push_back(fmt::format("{} used of {}{}, {} left", text(account->used()), budget.name, whose(*account),
                              text(left_of(*account))));
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
      wake_.wait_until(lock, next_flush, [this] { return stop_ || flush_now_ || !work_.empty(); });
      std::swap(come, work_);
      last = stop_;
      if (std::exchange(flush_now_, false)) next_flush = {};
    }
    for (Work& work : come) {
      BudgetQuestion question;
      BudgetVerdict verdict = judge_by_ledger(*work.query, question);
      work.reply(told(*work.query, question, std::move(verdict)));
    }
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
