#include "policy/budget.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <limits>
#include <utility>

#include "base/ascii.h"

namespace weir::policy {
namespace {

using namespace std::chrono;

constexpr std::int64_t kPicoPerUsd = 1'000'000'000'000;
constexpr double kMostUsd = 1e6;
constexpr double kMost = 1e15;
// Of one budget: who names hosts or models without end must not fill the memory.
constexpr std::int64_t kMostAccounts = 2048;
constexpr std::string_view kOtherKeys = "(others)";

template <typename Enum, std::size_t N>
std::optional<Enum> from_name(const std::array<std::string_view, N>& names, std::string_view text) {
  for (std::size_t i = 0; i < N; ++i)
    if (iequals(names[i], text)) return static_cast<Enum>(i);
  return std::nullopt;
}

constexpr std::optional<std::int64_t> kSomething = 1;
constexpr std::array<std::string_view, 5> kMeasures = {"usd", "tokens", "calls", "requests", "upload"};
constexpr std::array<std::string_view, 5> kPers = {"all", "session", "process", "host", "model"};
constexpr std::array<std::string_view, 6> kWindows = {"session", "hour", "day", "week", "month", "total"};
constexpr std::array<std::string_view, 3> kActions = {"warn", "ask", "block"};

/// What a unit counts, and how many of it.
struct UnitOf {
  std::string_view word;
  Measure measure;
  double factor;
};
constexpr UnitOf kUnits[] = {
    {"usd", Measure::usd, kPicoPerUsd},  {"$", Measure::usd, kPicoPerUsd},
    {"tokens", Measure::tokens, 1},      {"token", Measure::tokens, 1},
    {"tok", Measure::tokens, 1},         {"ktok", Measure::tokens, 1e3},
    {"mtok", Measure::tokens, 1e6},      {"calls", Measure::calls, 1},
    {"call", Measure::calls, 1},         {"requests", Measure::requests, 1},
    {"request", Measure::requests, 1},   {"b", Measure::upload, 1},
    {"kb", Measure::upload, 1e3},        {"mb", Measure::upload, 1e6},
    {"gb", Measure::upload, 1e9},        {"kib", Measure::upload, 1024.0},
    {"mib", Measure::upload, 1048576.0}, {"gib", Measure::upload, 1073741824.0},
};

// `*` in `pattern` is any run of bytes; letters match in either case.
bool matches_wildcard(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = pattern.npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && to_lower(pattern[p]) == to_lower(text[t])) {
      ++p, ++t;
    } else if (star != pattern.npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == pattern.npos;
}

Failure fail_budget(std::string_view text) {
  return fail(
      Code::bad_config,
      fmt::format("\"{}\" is no budget; wanted is an amount, its unit (usd, tokens, ktok, Mtok, calls, "
                  "requests, KB, MB, GB, KiB, MiB, GiB) and a time (session, hour, day, week, month, "
                  "total), such as \"5usd/day\"",
                  text));
}

bool parse_amount(std::string_view text, Budget& out) {
  if (text.starts_with('$')) {
    auto number = parse_fraction(text.substr(1));
    if (!number || *number > kMostUsd) return false;
    out.measure = Measure::usd;
    out.limit = std::llround(*number * kPicoPerUsd);
    return out.limit > 0;
  }
  std::size_t digits = text.find_first_not_of("0123456789.");
  if (digits == 0 || digits == std::string_view::npos) return false;
  auto number = parse_fraction(text.substr(0, digits));
  std::string_view word = trim_ows(text.substr(digits));
  auto unit = std::ranges::find_if(kUnits, [&](const UnitOf& one) { return iequals(one.word, word); });
  if (!number || unit == std::end(kUnits)) return false;
  if (*number * unit->factor > (unit->measure == Measure::usd ? kMostUsd * kPicoPerUsd : kMost)) return false;
  out.measure = unit->measure;
  out.limit = std::llround(*number * unit->factor);
  return out.limit > 0;
}

std::string grouped(std::int64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3 + (number < 0 ? 1u : 0u);) text.insert(at -= 3, ",");
  return text;
}

std::int64_t plus(std::int64_t a, std::int64_t b) {
  std::int64_t out;
  return __builtin_add_overflow(a, b, &out) ? std::numeric_limits<std::int64_t>::max() : out;
}

}  // namespace

std::string_view name(Measure measure) { return kMeasures[std::to_underlying(measure)]; }
std::string_view name(BudgetPer per) { return kPers[std::to_underlying(per)]; }
std::string_view name(Window window) { return kWindows[std::to_underlying(window)]; }
std::string_view name(OnBudget action) { return kActions[std::to_underlying(action)]; }

WallNanos window_start(Window window, WallNanos now, std::int64_t utc_offset) {
  if (window == Window::session || window == Window::total) return 0;
  seconds offset(utc_offset);
  sys_seconds local{floor<seconds>(nanoseconds(now)) + offset};
  sys_seconds start;
  switch (window) {
    case Window::hour: start = floor<hours>(local); break;
    case Window::week: {
      sys_days day = floor<days>(local);
      start = day - (weekday(day) - Monday);
      break;
    }
    case Window::month: {
      year_month_day day(floor<days>(local));
      start = sys_days(day.year() / day.month() / 1);
      break;
    }
    default: start = floor<days>(local);
  }
  return nanoseconds(start.time_since_epoch()).count();
}

Result<Budget> parse_budget(std::string_view text) {
  Budget out;
  std::string_view rest = trim_ows(text);
  if (std::size_t colon = rest.find(':'); colon != std::string_view::npos) {
    auto action = from_name<OnBudget>(kActions, trim_ows(rest.substr(colon + 1)));
    if (!action)
      return fail(Code::bad_config, fmt::format("\"{}\": what follows ':' is warn, ask or block", text));
    out.action = *action;
    rest = trim_ows(rest.substr(0, colon));
  }
  if (std::size_t slash = rest.find('/'); slash != std::string_view::npos) {
    auto window = from_name<Window>(kWindows, trim_ows(rest.substr(slash + 1)));
    if (!window) return fail_budget(text);
    out.window = *window;
    rest = trim_ows(rest.substr(0, slash));
  }
  if (!parse_amount(rest, out)) return fail_budget(text);
  return out;
}

std::string limit_text(const Budget& budget) {
  std::string amount =
      budget.measure == Measure::usd ? fmt::format("{}usd", static_cast<double>(budget.limit) / kPicoPerUsd)
      : budget.measure == Measure::upload ? fmt::format("{}B", budget.limit)
                                          : fmt::format("{}{}", budget.limit, name(budget.measure));
  return fmt::format("{}/{}", amount, name(budget.window));
}

std::string amount_text(Measure measure, std::int64_t amount) {
  switch (measure) {
    case Measure::usd: {
      std::string text = fmt::format("${:.4f}", static_cast<double>(amount) / kPicoPerUsd);
      std::size_t cents = text.size() - 2;
      text.erase(std::max(text.find_last_not_of('0') + 1, cents));
      return text;
    }
    case Measure::upload:
      if (amount < 1024) return fmt::format("{} byte{}", amount, amount == 1 ? "" : "s");
      if (amount < 1 << 20) return fmt::format("{:.1f} KiB", static_cast<double>(amount) / 1024);
      if (amount < 1 << 30) return fmt::format("{:.1f} MiB", static_cast<double>(amount) / (1 << 20));
      return fmt::format("{:.2f} GiB", static_cast<double>(amount) / (1 << 30));
    default: {
      std::string_view many = name(measure);
      return grouped(amount) + " " + std::string(amount == 1 ? many.substr(0, many.size() - 1) : many);
    }
  }
}

namespace {

// What is counted, and for how long.
std::string scope_text(const Budget& budget) {
  std::string out = budget.window == Window::total  ? " in total"
                    : budget.window == Window::hour ? " an hour"
                                                    : fmt::format(" a {}", name(budget.window));
  if (budget.per != BudgetPer::all && !(budget.per == BudgetPer::session && budget.window == Window::session))
    out += fmt::format(", each {}", name(budget.per));
  for (auto [word, pattern] :
       {std::pair("host", &budget.host), {"model", &budget.model}, {"process", &budget.process}})
    if (!pattern->empty()) out += fmt::format(", {} {}", word, *pattern);
  return out;
}

}  // namespace

std::string describe(const Budget& budget) {
  return amount_text(budget.measure, budget.limit) +
         (budget.measure == Measure::upload ? " of uploads" : "") + scope_text(budget);
}

std::int64_t BudgetAccount::used() const { return plus(plus(spent, held), others); }

Result<BudgetBook> BudgetBook::make(std::vector<Budget> budgets) {
  std::vector<Scope> scopes;
  for (std::size_t i = 0; i < budgets.size(); ++i) {
    Budget& budget = budgets[i];
    Scope& scope = scopes.emplace_back();
    if (!budget.host.empty()) {
      auto pattern = HostPattern::parse(budget.host);
      if (!pattern) return pass(pattern);
      scope.host = std::move(*pattern);
    }
    budget.account = std::string(policy::name(budget.measure)) + scope_text(budget);
    if (!budget.name.empty()) budget.account += ": " + budget.name;
    if (budget.name.empty()) budget.name = describe(budget);
  }
  return BudgetBook(std::move(budgets), std::move(scopes));
}

// As far as that is known from the head of a request.
bool BudgetBook::concerns(std::size_t index, const Spender& spender) const {
  if (budgets_[index].of_model_calls() && !spender.call) return false;
  const auto& host = scopes_[index].host;
  return !host || host->matches(HostSubject(spender.host));
}

bool BudgetBook::fits(const Budget& budget, const Spender& spender) const {
  return (budget.process.empty() || matches_wildcard(budget.process, spender.process)) &&
         (budget.model.empty() || spender.model.empty() || matches_wildcard(budget.model, spender.model));
}

BudgetBook::Need BudgetBook::need(const Spender& spender) const {
  Need out;
  for (std::size_t i = 0; i < budgets_.size(); ++i) {
    if (!concerns(i, spender)) continue;
    const Budget& budget = budgets_[i];
    out.any = true;
    out.process |= budget.per == BudgetPer::process || !budget.process.empty();
    out.body |= spender.call && budget.needs_body() && !budget.charged_later();
    out.upload |= budget.measure == Measure::upload;
  }
  return out;
}

BudgetAccounts BudgetBook::accounts(const Spender& spender, WallNanos now, std::int64_t utc_offset) {
  BudgetAccounts out;
  std::string host = spender.host.host;
  for (std::size_t i = 0; i < budgets_.size(); ++i) {
    const Budget& budget = budgets_[i];
    if (!concerns(i, spender) || !fits(budget, spender)) continue;
    if (spender.unread && budget.charged_later()) continue;
    std::string_view key;
    switch (budget.per) {
      case BudgetPer::all: break;
      case BudgetPer::session: key = spender.session; break;
      case BudgetPer::process: key = spender.process; break;
      case BudgetPer::host: key = host; break;
      case BudgetPer::model: key = spender.model; break;
    }
    // The session's own time is the same as an account of its own.
    if (budget.window == Window::session && budget.per == BudgetPer::all) key = spender.session;
    out.push_back(account(i, key, window_start(budget.window, now, utc_offset)));
  }
  return out;
}

std::shared_ptr<BudgetAccount> BudgetBook::account(std::size_t budget, std::string_view key,
                                                   WallNanos window) {
  std::erase_if(accounts_, [&](const auto& one) {
    return one->budget == budget && one->window < window && one->held == 0 && !one->changed;
  });
  auto find = [&](std::string_view wanted) {
    auto found = std::ranges::find_if(accounts_, [&](const auto& one) {
      return one->budget == budget && one->window == window && one->key == wanted;
    });
    return found == accounts_.end() ? nullptr : *found;
  };
  if (auto known = find(key)) return known;
  if (!key.empty() &&
      std::ranges::count(accounts_, budget, [](const auto& one) { return one->budget; }) >= kMostAccounts) {
    key = kOtherKeys;
    if (auto known = find(key)) return known;
  }
  auto made = std::make_shared<BudgetAccount>();
  made->budget = budget;
  made->key = key;
  made->window = window;
  auto after = std::ranges::upper_bound(accounts_, budget, {}, [](const auto& one) { return one->budget; });
  return *accounts_.insert(after, std::move(made));
}

// Nothing: it cannot be said.
std::optional<std::int64_t> BudgetBook::amount(const Budget& budget, const Spending& spending) const {
  switch (budget.measure) {
    case Measure::usd:
      if (spending.usd || !budget.unknown_price) return spending.usd;
      return spending.tokens > std::numeric_limits<std::int64_t>::max() /
                                   std::max<std::int64_t>(*budget.unknown_price, 1)
                 ? std::numeric_limits<std::int64_t>::max()
                 : spending.tokens * *budget.unknown_price;
    case Measure::tokens: return spending.tokens;
    case Measure::upload: return spending.upload;
    default: return 1;
  }
}

void BudgetBook::grant(BudgetAccount& account, std::int64_t wanted) const {
  std::int64_t limit = budget_of(account).limit;
  std::int64_t missing = plus(account.used(), wanted) - plus(limit, account.granted);
  account.granted += std::max(limit / 5, missing);
}

BudgetBook::Judgement BudgetBook::take(const BudgetAccounts& accounts, const Spending& wanted,
                                       std::span<const BudgetAccount* const> approved) {
  Judgement out;
  auto object = [&](Answer answer, const auto& account, std::int64_t amount, bool unpriced) {
    if (answer <= out.answer) return;
    out = {answer, account, amount, unpriced, {}};
  };
  auto granted = [&](const auto& account) {
    return std::ranges::find(approved, account.get()) != approved.end();
  };
  BudgetAccounts to_grant;
  for (const auto& account : accounts) {
    const Budget& budget = budget_of(*account);
    if (budget.action == OnBudget::warn) continue;
    bool later = wanted.calls_follow && budget.of_model_calls();
    auto amount = later ? kSomething : this->amount(budget, wanted);
    if (!amount) {
      if (!granted(account)) object(Answer::ask, account, 0, true);
      continue;
    }
    if (plus(account->used(), *amount) <= plus(budget.limit, account->granted)) continue;
    if (granted(account)) {
      to_grant.push_back(account);
    } else {
      object(budget.action == OnBudget::ask ? Answer::ask : Answer::block, account, later ? 0 : *amount,
             false);
    }
  }
  if (out.answer != Answer::pass) return out;
  for (const auto& account : to_grant) grant(*account, amount(budget_of(*account), wanted).value_or(0));
  for (const auto& account : accounts) {
    const Budget& budget = budget_of(*account);
    if (wanted.calls_follow && budget.of_model_calls()) continue;
    std::int64_t amount = this->amount(budget, wanted).value_or(0);
    add(budget.measure <= Measure::tokens ? account->held : account->spent, amount, account, out.warnings);
  }
  return out;
}

void BudgetBook::add(std::int64_t& taken, std::int64_t amount, const std::shared_ptr<BudgetAccount>& account,
                     BudgetAccounts& warnings) const {
  taken = plus(taken, amount);
  account->changed = true;
  const Budget& budget = budget_of(*account);
  if (budget.action != OnBudget::warn || account->warned || account->used() <= budget.limit) return;
  account->warned = true;
  warnings.push_back(account);
}

BudgetAccounts BudgetBook::charge(const BudgetAccounts& accounts, const Spending& spent) {
  BudgetAccounts warnings;
  for (const auto& account : accounts)
    if (const Budget& budget = budget_of(*account); budget.of_model_calls())
      add(account->spent, std::max<std::int64_t>(amount(budget, spent).value_or(0), 0), account, warnings);
  return warnings;
}

void BudgetBook::settle(const BudgetAccounts& accounts, const Spending& held, const Spending& spent) {
  for (const auto& account : accounts) {
    const Budget& budget = budget_of(*account);
    if (budget.measure > Measure::tokens) continue;
    account->held -= amount(budget, held).value_or(0);
    account->spent = plus(account->spent, std::max<std::int64_t>(amount(budget, spent).value_or(0), 0));
    account->changed = true;
  }
}

bool BudgetBook::upload(const BudgetAccounts& accounts, std::int64_t bytes) {
  bool within = true;
  for (const auto& account : accounts) {
    const Budget& budget = budget_of(*account);
    if (budget.measure != Measure::upload) continue;
    account->spent = plus(account->spent, bytes);
    account->changed = true;
    // A person who said yes cannot be asked again in the midst of it: a grant has room for an upload.
    within &= budget.action == OnBudget::warn || account->used() <= plus(budget.limit, account->granted);
  }
  return within;
}

void BudgetBook::give_back(const BudgetAccounts& accounts, std::int64_t bytes) {
  for (const auto& account : accounts) {
    if (budget_of(*account).measure != Measure::upload) continue;
    account->spent -= std::clamp<std::int64_t>(bytes, 0, account->spent);
    account->changed = true;
  }
}

}  // namespace weir::policy
