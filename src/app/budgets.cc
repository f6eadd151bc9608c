#include "app/budgets.h"

#include <fmt/format.h>
#include <sys/random.h>
#include <time.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "app/decoded_body.h"
#include "base/ascii.h"
#include "base/log.h"
#include "base/thread_name.h"
#include "flow/text.h"
#include "http/content/decoder.h"
#include "llm/refusal.h"
#include "policy/canonical.h"
#include "store/budget_ledger.h"

namespace weir::app {
namespace {

using policy::BudgetAccount;
using policy::BudgetAccounts;
using policy::BudgetBook;
using policy::Spending;
using proxy::BudgetQuery;
using proxy::BudgetVerdict;

constexpr std::uint64_t kMostDecoded = 32 << 20;
constexpr std::size_t kMostKey = 256, kMostModel = 64;
constexpr Duration kSettling = std::chrono::seconds(1);
constexpr std::int64_t kBytesPerToken = 3;

// Ids of sessions are for people: two could be the same.
std::string random_hex() {
  std::uint64_t bits = 0;
  if (::getrandom(&bits, sizeof bits, 0) != sizeof bits) std::abort();
  return fmt::format("{:016x}", bits);
}

// A path as a server may read it that takes no account of how it is spelled.
std::string plain_path(std::string_view target) {
  std::string_view path = target.substr(0, policy::path_length(target));
  std::string out = policy::resolve_segments(policy::canonical_escapes(path));
  for (std::size_t at = 0; (at = out.find(';', at)) != out.npos;)
    out.erase(at, std::min(out.find('/', at), out.size()) - at);
  for (std::string_view end : {"%3F", "%3f", "%23"})
    if (std::size_t at = out.find(end); at != out.npos) out.resize(at);
  while (out.size() > 1 && out.ends_with('/')) out.pop_back();
  return out;
}

// Somebody wrote it: of the log, the ledger and an answer.
std::string shown_model(std::string_view model) { return flow::fitted(flow::printable(model), kMostModel); }

// As much of it as can be undone, and whether that is all.
std::pair<std::string, bool> decoded(const BudgetQuery& query) {
  std::string_view coding = query.head.fields.get("content-encoding").value_or(coding_of(*query.body));
  if (coding.empty()) return {*query.body, !query.body_cut};
  auto decoder = http::content::Decoder::make(coding, kMostDecoded);
  if (!decoder) return {"", false};
  std::string out;
  decoder->feed(*query.body);
  for (auto part = decoder->next(); !part.empty(); part = decoder->next()) out += part;
  bool whole =
      !query.body_cut && out.size() < kMostDecoded && decoder->ending() != http::content::Ending::corrupt;
  return {std::move(out), whole};
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

/// A request, as budgets see it.
struct Budgets::Question {
  policy::Spender spender;
  std::string spelling;  ///< of the path, where it was recognised by another than its own
  std::optional<llm::CallTarget> target;
  Spending spending;
  llm::Estimate estimate;
  std::string model;
  std::vector<const BudgetAccount*> approved;
  std::vector<std::string> notes;  ///< for the log
};

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

// Views point into `spelling` where the head's own path is not the one that was recognised.
std::optional<llm::CallTarget> Budgets::recognise(const http::RequestHead& head,
                                                  std::string& spelling) const {
  std::string_view method = head.method;
  if (method == "PUT" || method == "PATCH") method = "POST";
  auto target = options_.recogniser.recognise(method, head.origin.place, head.target, head.upgrade);
  if (target) return target;
  spelling = plain_path(head.target);
  target = options_.recogniser.recognise(method, head.origin.place, spelling, head.upgrade);
  if (target) return target;
  spelling = lower(spelling);
  return options_.recogniser.recognise(method, head.origin.place, spelling, head.upgrade);
}

Budgets::Need Budgets::need(const flow::Flow& flow) const {
  const http::RequestHead& head = flow.request;
  policy::Spender spender{.session = options_.session, .host = head.origin.place};
  std::string spelling;
  auto target = recognise(head, spelling);
  spender.call = target.has_value();
  auto need = book_.need(spender);
  return {need.any, need.process, need.body && !target->websocket, need.upload};
}

void Budgets::fill(Question& out, const BudgetQuery& query) const {
  const http::RequestHead& head = query.head;
  out.spender = {.session = options_.session, .host = head.origin.place, .process = query.process};
  if (auto target = recognise(head, out.spelling)) {
    out.target.emplace(*target);
    out.spender.call = true;
    out.spending.calls_follow = target->websocket;
    out.spender.unread = !target->websocket && !book_.need(out.spender).body;
  }
  out.spending.upload =
      static_cast<std::int64_t>(std::min<std::uint64_t>(query.length.value_or(0), INT64_MAX));
  for (const auto& account : query.approved)
    out.approved.push_back(static_cast<const BudgetAccount*>(account.get()));
}

// What a call may come to. A body that is none of its protocol's is no call.
void Budgets::read_body(const BudgetQuery& query, Question& question) {
  auto [body, whole] = decoded(query);
  llm::Estimate& estimate = question.estimate;
  estimate = llm::estimate(*question.target, query.head, body, !whole);
  question.spender.call = estimate.call;
  if (!estimate.call) return;
  question.model = shown_model(options_.redactor ? options_.redactor->text(estimate.model) : estimate.model);
  question.spender.model = question.model;
  if (!whole) {
    // Of what nobody has read, each three bytes may be a token.
    std::uint64_t size = std::max<std::uint64_t>(query.length.value_or(0), query.body->size());
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
  Question question;
  fill(question, *query);
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
BudgetVerdict Budgets::told(const BudgetQuery& query, const Question& question, BudgetVerdict verdict) const {
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
BudgetVerdict Budgets::take(const BudgetQuery& query, Question& question) {
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

BudgetVerdict Budgets::verdict_of(const Question& question, const BudgetBook::Judgement& judgement) const {
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
  if (judgement.wanted == 0) return out;
  if (budget.measure <= policy::Measure::tokens)
    return out + fmt::format("; this call may take up to {}, with all the output that it allows",
                             text(judgement.wanted));
  if (budget.measure == policy::Measure::upload)
    out += fmt::format("; this one is {}", text(judgement.wanted));
  return out;
}

BudgetVerdict Budgets::judge_by_ledger(const BudgetQuery& query, Question& question) {
  fill(question, query);
  if (question.target && !question.spending.calls_follow && book_.need(question.spender).body)
    read_body(query, question);
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

BudgetVerdict Budgets::judge_once(const BudgetQuery& query, Question& question) {
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
      (static_cast<std::int64_t>(bill.call.request_bytes) + kBytesPerToken - 1) / kBytesPerToken;
  Spending spent = spending_of(bill.call, estimate, bill.end);
  const std::string& asked = bill.call.model_asked;
  std::string model = shown_model(options_.redactor ? options_.redactor->text(asked) : asked);
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

// Nothing but what a price depends on is copied: texts are long.
Spending Budgets::spending_of(const llm::ModelCall& call, const llm::Estimate& estimate,
                              const llm::CallEnd& end) const {
  llm::ModelCall billed;
  billed.usage = llm::used(call, estimate, end);
  if (billed.usage.empty()) return {.usd = 0};
  billed.provider = call.provider;
  billed.protocol = call.protocol;
  billed.model_asked = call.model_asked;
  billed.model_served = call.model_served;
  billed.service_tier = call.service_tier;
  billed.speed = call.speed;
  billed.started = call.started;
  return {.usd = prices_.pricing().price(billed).amount,
          .tokens = billed.usage.input.value_or(0) + billed.usage.output.value_or(0)};
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
      wake_.wait_until(lock, next_flush, [this] { return stop_ || flush_now_ || !work_.empty(); });
      std::swap(come, work_);
      last = stop_;
      if (std::exchange(flush_now_, false)) next_flush = {};
    }
    for (Work& work : come) {
      Question question;
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
