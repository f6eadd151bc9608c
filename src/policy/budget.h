// Budgets: how much may be spent, on what, within which time, and what happens when it is (mission D9).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "policy/host_pattern.h"
#include "policy/rule.h"

namespace weir::policy {

/// What is counted. Dollars and tokens are those of models' calls; requests and uploads are anybody's.
enum class Measure : std::uint8_t { usd, tokens, calls, requests, upload };
std::string_view name(Measure measure);  ///< "usd"

/// What has an account of its own.
enum class BudgetPer : std::uint8_t { all, session, process, host, model };
std::string_view name(BudgetPer per);

/// How long is counted before it starts anew: at the full hour, at midnight, on Monday, on the first of the
/// month, by the local time.
enum class Window : std::uint8_t { session, hour, day, week, month, total };
std::string_view name(Window window);
/// Which window `now` is in: when it began, by the local calendar and clock, as nanoseconds from their own
/// 1970, so that neither summer time nor another zone makes two of one day; 0 for `session` and `total`.
/// `utc_offset`: of the local time, in seconds.
WallNanos window_start(Window window, WallNanos now, std::int64_t utc_offset);

enum class OnBudget : std::uint8_t { warn, ask, block };
std::string_view name(OnBudget action);

struct Budget {
  std::string name;  ///< for people; describe() where it is left out
  std::string
      account;  ///< in the ledger: what is counted, whatever the limit, and `name`; BudgetBook sets it
  Measure measure = Measure::usd;
  std::int64_t limit = 0;  ///< picodollars, tokens, calls, requests or bytes
  BudgetPer per = BudgetPer::all;
  Window window = Window::session;
  OnBudget action = OnBudget::block;
  std::string host, model, process;  ///< patterns with `*`, which all must match; empty = any
  /// Picodollars that a token of a model without a price counts; nothing: such calls are asked about.
  std::optional<std::int64_t> unknown_price;
  Layer layer = Layer::user;
  std::string source;  ///< where it was written

  bool of_model_calls() const { return measure <= Measure::calls; }
  /// Nothing needs to be known before: there is no no.
  bool charged_later() const { return action == OnBudget::warn && measure <= Measure::tokens; }
  /// True when nobody can say what a call counts before its body has been read.
  bool needs_body() const {
    return measure <= Measure::tokens ||
           (measure == Measure::calls && (per == BudgetPer::model || !model.empty()));
  }
};

/// "5usd/day", "2000000tokens/hour:warn", "100calls", "1GB/day:ask": amount, unit (usd, tokens or tok, calls,
/// requests, or a size in bytes, with k and M for thousands and millions of tokens), window (the session's
/// where none is said), what to do (block). Error: bad_config with what is accepted.
Result<Budget> parse_budget(std::string_view text);
/// What parse_budget reads back, but for the action: "5usd/day".
std::string limit_text(const Budget& budget);
/// "$5.00", "2,000,000 tokens", "1.5 GiB": an amount of what is counted, for people.
std::string amount_text(Measure measure, std::int64_t amount);
/// "$5.00 per day and model"
std::string describe(const Budget& budget);

/// Who spends: one request.
struct Spender {
  std::string_view session;
  HostPort host;
  std::string_view process;  ///< its executable
  std::string_view model;
  bool call = false;  ///< of a model
  /// Its body was not read, since budgets in dollars or tokens only warn: those are charged when it has
  /// ended.
  bool unread = false;
};

/// What one request counts, at most. Nothing in `usd`: nobody knows the price.
struct Spending {
  std::optional<std::int64_t> usd;
  std::int64_t tokens = 0;
  std::int64_t upload = 0;  ///< known before it comes
  /// Calls of models may follow, and are charged when they have ended: nothing is taken for them, but
  /// something must be left.
  bool calls_follow = false;
};

/// What is counted apart, by one budget, within one window.
struct BudgetAccount {
  std::size_t budget = 0;
  std::string key;                   ///< "" for all, a host, a model ...
  WallNanos window = 0;              ///< when it began
  std::int64_t spent = 0, held = 0;  ///< by this session
  std::int64_t others = 0;           ///< by others, as last heard, with what they hold
  std::int64_t granted = 0;          ///< over the limit, by a person
  bool warned = false;               ///< it was said that the limit is reached
  bool changed = true;               ///< since the ledger was told
  bool known = false;                ///< what others have was heard

  std::int64_t used() const;  ///< all three, at most what fits
};
using BudgetAccounts = std::vector<std::shared_ptr<BudgetAccount>>;

/// All budgets and their accounts. Pure: whoever owns it has the clock, the lock and the ledger.
class BudgetBook {
 public:
  static Result<BudgetBook> make(std::vector<Budget> budgets);

  std::span<const Budget> budgets() const { return budgets_; }
  const Budget& budget_of(const BudgetAccount& account) const { return budgets_[account.budget]; }

  /// Which kinds of budgets concern what happens at a host, whatever the model and the process.
  struct Need {
    bool any = false;
    bool process = false;  ///< who it is matters
    bool body = false;     ///< nobody can say what is spent before the body has been read
    bool upload = false;   ///< the body's bytes count
  };
  Need need(const Spender& spender) const;

  /// The accounts of what `spender` does at `now`, made where they are missing; those of windows that are
  /// over are forgotten. `utc_offset` as window_start.
  BudgetAccounts accounts(const Spender& spender, WallNanos now, std::int64_t utc_offset);

  enum class Answer : std::uint8_t { pass, ask, block };
  struct Judgement {
    Answer answer = Answer::pass;
    std::shared_ptr<BudgetAccount> account;  ///< whose limit it is
    std::int64_t wanted = 0;                 ///< of that account; 0 where calls follow
    bool unpriced = false;                   ///< the reason is that nobody knows the price
    BudgetAccounts warnings;                 ///< whose limit was reached just now
  };
  /// Whether all the amounts fit. If so they are taken: tokens and dollars are held, the rest is spent.
  /// Otherwise nothing is, and of several reasons the severest is told. `approved`: a person has said yes to
  /// those accounts, each of which is granted a fifth of its limit more, or what is missing if that is more.
  Judgement take(const BudgetAccounts& accounts, const Spending& wanted,
                 std::span<const BudgetAccount* const> approved = {});
  /// A call that has ended, for which nothing was taken. Returns those whose limit was reached by it and
  /// that only warn.
  BudgetAccounts charge(const BudgetAccounts& accounts, const Spending& spent);
  /// What was held is spent as it turned out to be.
  void settle(const BudgetAccounts& accounts, const Spending& held, const Spending& spent);
  /// More of an upload. False when the limit was reached before it ends; it is counted all the same.
  bool upload(const BudgetAccounts& accounts, std::int64_t bytes);
  /// So many bytes of an upload that was taken whole were never sent.
  void give_back(const BudgetAccounts& accounts, std::int64_t bytes);

  const BudgetAccounts& all() const { return accounts_; }

 private:
  struct Scope {
    std::optional<HostPattern> host;
  };
  BudgetBook(std::vector<Budget> budgets, std::vector<Scope> scopes)
      : budgets_(std::move(budgets)), scopes_(std::move(scopes)) {}

  bool concerns(std::size_t budget, const Spender& spender) const;
  bool fits(const Budget& budget, const Spender& spender) const;
  std::shared_ptr<BudgetAccount> account(std::size_t budget, std::string_view key, WallNanos window);
  std::optional<std::int64_t> amount(const Budget& budget, const Spending& spending) const;
  /// `amount` more of `account`, in its `spent` or `held`; one that now has to warn is put into `warnings`.
  void add(std::int64_t& taken, std::int64_t amount, const std::shared_ptr<BudgetAccount>& account,
           BudgetAccounts& warnings) const;
  void grant(BudgetAccount& account, std::int64_t wanted) const;

  std::vector<Budget> budgets_;
  std::vector<Scope> scopes_;
  BudgetAccounts accounts_;  // few: in the order of budgets
};

}  // namespace weir::policy
