// Cost: what one call costs, or why nobody can say.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llm/model_call.h"
#include "llm/price_table.h"

namespace weir::llm {

/// Where the figure comes from. `estimated`: by the table, but something had to be assumed: who bills, what a
/// dated model costs, the factor of a service tier or speed, or usage that broke off.
enum class CostSource : std::uint8_t { none, provider, own, table, estimated, local };
std::string_view name(CostSource source);

/// Why there is no figure.
enum class Unpriced : std::uint8_t { none, no_usage, no_model, unknown_provider, unknown_model };
std::string_view name(Unpriced reason);

/// What an estimated cost assumes.
struct Assumptions {
  bool biller = false;      ///< whoever made the protocol bills
  bool version = false;     ///< the model costs what it does without its date
  bool rate = false;        ///< another tier, speed or place than the list price is of: see Rate
  bool unfinished = false;  ///< nothing came behind what broke off

  bool any() const { return biller || version || rate || unfinished; }
};

struct Cost {
  std::optional<PicoUsd> amount;  ///< nothing is not zero: see `reason`
  CostSource source = CostSource::none;
  Unpriced reason = Unpriced::none;
  std::string model;  ///< the catalogue's name for what was priced
  Assumptions assumed = {};
};

/// A price of the user's own, before all others. A `model` may have `*`; an empty `provider` means any.
struct OwnPrice {
  std::string provider;
  std::string model;
  Prices prices;
};

/// Reads the parts of a call's bill from its settled usage: disjoint, never negative.
struct Billable {
  std::int64_t fresh = 0, cache_read = 0, cache_write_5m = 0, cache_write_1h = 0, input_audio = 0;
  std::int64_t output = 0, reasoning = 0, output_audio = 0;  ///< output is without the two others
  std::int64_t web_searches = 0;

  static Billable of(const Usage& usage);
  std::int64_t total_input() const;
};

/// What a call pays for its tokens of the list price; searches and requests cost the same at any rate.
struct Rate {
  std::int64_t times = 1, over = 1;
  bool listed = true;  ///< it is the list price's own
};

/// What `parts` cost, rounded to nothing at the list price: every price is whole. A unit without a price of
/// its own costs what the more general one does (a cache write what input does). Capped at the largest amount
/// there is.
PicoUsd amount_of(const Prices& prices, const Billable& parts, Rate rate = {});

/// Prices calls. Immutable; may be used by many threads. The table must outlive it.
class Pricing {
 public:
  explicit Pricing(const PriceTable& table, std::vector<OwnPrice> own = {})
      : table_(table), own_(std::move(own)) {}

  /// What the call costs at `call.started`: the provider's own figure where it says one, else by the user's
  /// prices, else by the table, for the model served or, where that has no price, the one asked for. A call
  /// of several steps is the sum of what each costs by its own model; where one has no price, none has.
  Cost price(const ModelCall& call) const { return price(call, call.usage); }
  /// The same had it used what `usage` says, where the call itself does not say all.
  Cost price(const ModelCall& call, const Usage& usage) const;

  /// The table's provider for a call, and whether that is a guess from the protocol. Empty: there is none.
  static std::string_view table_provider(std::string_view provider, Protocol protocol, bool& guessed);

 private:
  struct Names {
    std::string_view served, asked;
  };
  const OwnPrice* own_price(std::string_view provider, Names names) const;
  PriceTable::Found found(std::string_view provider, Names names) const;
  Cost price_of(const ModelCall& call, Names names, const Billable& parts) const;
  Cost price_steps(const ModelCall& call, const Usage& usage) const;

  const PriceTable& table_;
  std::vector<OwnPrice> own_;
};

/// "$0.004512", to the microdollar, halves away from zero; more places for less than ten microdollars.
std::string dollars(PicoUsd amount);

}  // namespace weir::llm
