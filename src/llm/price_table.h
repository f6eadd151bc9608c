// PriceTable: what providers ask for their models, and since when.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "llm/model_match.h"

namespace weir::llm {

/// Money is counted in whole picodollars, 10^-12 USD: a price of one microdollar a million tokens is one
/// picodollar a token, so every price that is published is exact, and sums are of integers.
using PicoUsd = std::int64_t;
inline constexpr PicoUsd kPicoPerUsd = 1'000'000'000'000;

enum class Unit : std::uint8_t {
  input,
  cache_read,
  cache_write,
  cache_write_1h,
  output,
  reasoning,
  input_audio,
  output_audio,
  web_search,
  request,
};
std::string_view name(Unit unit);

/// One unit (a token, a search, a request) in a call whose whole input has more than `above` tokens.
struct UnitPrice {
  Unit unit;
  std::int64_t above;  ///< -1: always
  PicoUsd price;
};

/// The prices of one model at one time. Tiers are cliffs: above one, all of the call costs its price.
struct Prices {
  std::vector<UnitPrice> units;  ///< of a unit in the order of `above`

  std::optional<PicoUsd> of(Unit unit, std::int64_t total_input) const;
};

/// Prices that hold from a moment on, or between two times of the day (UTC, seconds), which may wrap
/// midnight.
struct DatedPrices {
  std::optional<WallNanos> from;
  std::optional<std::pair<std::uint32_t, std::uint32_t>> hours;
  Prices prices;

  bool holds(WallNanos at) const;
};

struct PricedModel {
  std::string id;
  ModelMatch match;
  std::vector<DatedPrices> prices;  ///< the last that holds; where none does, the first

  const Prices& at(WallNanos when) const;
};

struct PriceProvider {
  std::string id;
  std::vector<std::string> fallbacks;  ///< providers whose models it serves, too
  std::vector<PricedModel> models;     ///< the first that matches
};

/// Immutable once made; may be read by many threads.
class PriceTable {
 public:
  /// Reads the catalogue in the shape that genai-prices publishes: an array of providers, or an object with
  /// `source`, `date` and `providers`. Fails where it is neither; a model that cannot be understood is
  /// left out and counted.
  static Result<PriceTable> parse(std::string_view json);

  struct Found {
    const PriceProvider* provider = nullptr;
    const PricedModel* model = nullptr;
    bool approximate = false;  ///< found only without its date or version
    explicit operator bool() const { return model; }
  };
  /// `provider` by the table's own id. The name is tried as it is, then without what providers and gateways
  /// put around it (vendor and region prefixes, versions, dates). Names over 512 bytes are unknown.
  Found find(std::string_view provider, std::string_view model) const;
  const PriceProvider* provider(std::string_view id) const;

  std::span<const PriceProvider> providers() const { return providers_; }
  std::string_view source() const { return source_; }  ///< "genai-prices 0.1.8"
  std::string_view date() const { return date_; }      ///< "2026-09-23"
  std::optional<WallNanos> made() const;               ///< the beginning of that day, UTC; where it says one
  std::size_t skipped() const { return skipped_; }     ///< models that could not be understood

 private:
  Found find_exact(const PriceProvider& provider, std::string_view name) const;

  std::vector<PriceProvider> providers_;
  std::string source_, date_;
  std::size_t skipped_ = 0;
};

/// The spellings under which a model may be in a table, the given one first, in lower case; those from
/// `exact` on lack a date or version that it has.
struct ModelSpellings {
  std::vector<std::string> names;
  std::size_t exact = 0;
};
ModelSpellings model_spellings(std::string_view model);

}  // namespace weir::llm
