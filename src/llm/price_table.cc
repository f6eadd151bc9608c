#include "llm/price_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>

#include "base/ascii.h"

namespace weir::llm {
namespace {

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;
constexpr std::uint32_t kSecondsPerDay = 86'400;
constexpr double kDearest = 1e6;  // USD for a million tokens; more is a mistake

struct UnitKey {
  std::string_view key;
  Unit unit;
  double pico_per_dollar;
};

constexpr double kPerMillion = 1e6;  // pUSD for one, where a million cost one USD
constexpr double kPerThousand = 1e9;

constexpr UnitKey kKeys[] = {
    {"input_mtok", Unit::input, kPerMillion},
    {"cache_read_mtok", Unit::cache_read, kPerMillion},
    {"cache_write_mtok", Unit::cache_write, kPerMillion},
    {"cache_write_5m_mtok", Unit::cache_write, kPerMillion},
    {"cache_write_1h_mtok", Unit::cache_write_1h, kPerMillion},
    {"output_mtok", Unit::output, kPerMillion},
    {"output_reasoning_mtok", Unit::reasoning, kPerMillion},
    {"input_audio_mtok", Unit::input_audio, kPerMillion},
    {"output_audio_mtok", Unit::output_audio, kPerMillion},
    {"web_searches_kcount", Unit::web_search, kPerThousand},
    {"requests_kcount", Unit::request, kPerThousand},
};

/// Catalogues write decimals of at most six places, and now and then what a sum of binary fractions left of
/// one: the nearest picodollar is what was meant.
std::optional<PicoUsd> price_of(const JsonValue& value, double pico_per_dollar) {
  auto number = value.number();
  if (!number || !(*number >= 0) || *number > kDearest) return std::nullopt;
  return std::llround(*number * pico_per_dollar);
}

bool add_unit(Prices& prices, const UnitKey& key, const JsonValue& value) {
  auto base = price_of(value.is_object() ? value["base"] : value, key.pico_per_dollar);
  if (!base) return false;
  prices.units.push_back({key.unit, -1, *base});
  std::size_t first_tier = prices.units.size();
  for (JsonValue tier : value["tiers"]) {
    auto start = tier["start"].integer();
    auto price = price_of(tier["price"], key.pico_per_dollar);
    if (!start || *start < 0 || !price) return false;
    prices.units.push_back({key.unit, *start, *price});
  }
  std::ranges::sort(prices.units.begin() + static_cast<std::ptrdiff_t>(first_tier), prices.units.end(), {},
                    &UnitPrice::above);
  return true;
}

/// Units that no call is measured in (images, pages) are passed over.
std::optional<Prices> prices_of(const JsonValue& value) {
  if (!value.is_object()) return std::nullopt;
  Prices prices;
  for (JsonValue each : value) {
    auto key = std::ranges::find(kKeys, each.name(), &UnitKey::key);
    if (key == std::end(kKeys) || each.is_null()) continue;
    if (!add_unit(prices, *key, each)) return std::nullopt;
  }
  return prices;
}

template <std::size_t N>
std::optional<std::array<unsigned, N>> numbers_in(std::string_view text, char separator) {
  std::array<unsigned, N> parts{};
  for (std::size_t i = 0; i < N; ++i) {
    auto part = text.substr(0, i + 1 < N ? text.find(separator) : text.size());
    auto number = parse_decimal(part);
    if (!number || *number > 9999) return std::nullopt;
    parts[i] = static_cast<unsigned>(*number);
    text.remove_prefix(std::min(text.size(), part.size() + 1));
  }
  return parts;
}

/// "2026-03-13", the beginning of that day, UTC.
std::optional<WallNanos> day_of(std::string_view text) {
  auto parts = numbers_in<3>(text.substr(0, 10), '-');
  if (!parts) return std::nullopt;
  std::chrono::year_month_day day(std::chrono::year(static_cast<int>((*parts)[0])),
                                  std::chrono::month((*parts)[1]), std::chrono::day((*parts)[2]));
  if (!day.ok() || (*parts)[0] < 1970 || (*parts)[0] > 2200) return std::nullopt;
  return std::chrono::sys_days(day).time_since_epoch().count() * std::int64_t{kSecondsPerDay} *
         kNanosPerSecond;
}

/// "00:30:00Z"; other zones are not understood.
std::optional<std::uint32_t> time_of_day(std::string_view text) {
  if (text.ends_with('Z')) text.remove_suffix(1);
  auto parts = numbers_in<3>(text, ':');
  if (!parts || (*parts)[0] > 23 || (*parts)[1] > 59 || (*parts)[2] > 59) return std::nullopt;
  return (*parts)[0] * 3600 + (*parts)[1] * 60 + (*parts)[2];
}

bool read_constraint(const JsonValue& constraint, DatedPrices& dated) {
  if (!constraint || constraint.is_null()) return true;
  if (auto start = constraint["start_date"].string()) {
    dated.from = day_of(*start);
    return dated.from.has_value();
  }
  auto from = constraint["start_time"].string(), to = constraint["end_time"].string();
  if (!from || !to) return false;
  auto start = time_of_day(*from), end = time_of_day(*to);
  if (!start || !end) return false;
  dated.hours.emplace(*start, *end);
  return true;
}

bool read_prices(const JsonValue& value, std::vector<DatedPrices>& out) {
  if (!value.is_array()) {
    auto prices = prices_of(value);
    if (prices) out.push_back({{}, {}, std::move(*prices)});
    return prices.has_value();
  }
  for (JsonValue each : value) {
    DatedPrices dated;
    auto prices = prices_of(each["prices"]);
    if (!prices || !read_constraint(each["constraint"], dated)) return false;
    dated.prices = std::move(*prices);
    out.push_back(std::move(dated));
  }
  return !out.empty();
}

std::optional<PricedModel> model_of(const JsonValue& value) {
  PricedModel model;
  auto id = value["id"].string();
  auto match = ModelMatch::parse(value["match"]);
  if (!id || !match || !read_prices(value["prices"], model.prices)) return std::nullopt;
  model.id = *id;
  model.match = std::move(*match);
  return model;
}

void cut_at(std::string_view& text, char c) { text = text.substr(0, text.find(c)); }

bool all_digits(std::string_view text) { return !text.empty() && std::ranges::all_of(text, is_digit); }

/// "x-20250929" as "x-2025-09-29".
std::optional<std::string> with_spelled_date(std::string_view name) {
  if (name.size() < 10 || name[name.size() - 9] != '-' || !all_digits(name.substr(name.size() - 8)))
    return std::nullopt;
  std::string_view date = name.substr(name.size() - 8);
  return fmt::format("{}-{}-{}-{}", name.substr(0, name.size() - 9), date.substr(0, 4), date.substr(4, 2),
                     date.substr(6));
}

/// Takes "-20250929", "-2025-09-29", "-v1" and "-latest" off the end.
std::string_view without_version(std::string_view name) {
  std::size_t dash = name.rfind('-');
  if (dash == name.npos) return name;
  std::string_view last = name.substr(dash + 1);
  if (last == "latest" || (last.size() == 8 && all_digits(last)) ||
      (last.starts_with('v') && all_digits(last.substr(1))))
    return name.substr(0, dash);
  if (name.size() > 11 && matches_pattern("-####-##-##", name.substr(name.size() - 11)))
    return name.substr(0, name.size() - 11);
  return name;
}

/// Bedrock's "us.anthropic.claude-…": the part behind the vendor.
std::string_view without_region_and_vendor(std::string_view name) {
  constexpr std::string_view kVendors[] = {"anthropic.", "amazon.",   "meta.", "mistral.", "cohere.",
                                           "openai.",    "deepseek.", "qwen.", "ai21.",    "moonshotai."};
  for (std::string_view vendor : kVendors)
    if (std::size_t at = name.find(vendor); at != name.npos && (at == 0 || name[at - 1] == '.'))
      return name.substr(at + vendor.size());
  return name;
}

}  // namespace

std::string_view name(Unit unit) {
  constexpr std::string_view kNames[] = {"input",      "cache_read", "cache_write", "cache_write_1h",
                                         "output",     "reasoning",  "input_audio", "output_audio",
                                         "web_search", "request"};
  return kNames[static_cast<std::size_t>(unit)];
}

std::optional<PicoUsd> Prices::of(Unit unit, std::int64_t total_input) const {
  std::optional<PicoUsd> price;
  for (const UnitPrice& each : units)
    if (each.unit == unit && total_input > each.above) price = each.price;
  return price;
}

bool DatedPrices::holds(WallNanos at) const {
  if (from) return at >= *from;
  if (!hours) return true;
  auto second = static_cast<std::uint32_t>((std::max<WallNanos>(at, 0) / kNanosPerSecond) % kSecondsPerDay);
  auto [start, end] = *hours;
  return end < start ? second >= start || second < end : second >= start && second < end;
}

const Prices& PricedModel::at(WallNanos when) const {
  for (auto each = prices.rbegin(); each != prices.rend(); ++each)
    if (each->holds(when)) return each->prices;
  return prices.front().prices;
}

Result<PriceTable> PriceTable::parse(std::string_view json) {
  constexpr JsonDocument::Limits kLimits{.bytes = 16 << 20, .depth = 16, .values = 1 << 19};
  auto document = JsonDocument::parse(json, kLimits);
  if (!document)
    return fail(Code::bad_config,
                fmt::format("price table, byte {}: {}", document.error().offset, document.error().what));
  JsonValue root = document->root();
  JsonValue providers = root.is_array() ? root : root["providers"];
  if (!providers.is_array())
    return fail(Code::bad_config, "price table: there is no list of providers in it");
  PriceTable table;
  table.source_ = root["source"].string().value_or("");
  table.date_ = root["date"].string().value_or("");
  std::size_t models = 0;
  for (JsonValue each : providers) {
    auto id = each["id"].string();
    if (!id) return fail(Code::bad_config, "price table: a provider has no id");
    PriceProvider& provider = table.providers_.emplace_back();
    provider.id = *id;
    for (JsonValue other : each["fallback_model_providers"])
      if (auto text = other.string()) provider.fallbacks.emplace_back(*text);
    for (JsonValue value : each["models"]) {
      if (auto model = model_of(value))
        provider.models.push_back(std::move(*model)), ++models;
      else
        ++table.skipped_;
    }
  }
  if (models == 0) return fail(Code::bad_config, "price table: no model in it has a price");
  return table;
}

std::optional<WallNanos> PriceTable::made() const { return day_of(date_); }

const PriceProvider* PriceTable::provider(std::string_view id) const {
  auto found = std::ranges::find(providers_, id, &PriceProvider::id);
  return found == providers_.end() ? nullptr : &*found;
}

PriceTable::Found PriceTable::find_exact(const PriceProvider& owner, std::string_view spelled) const {
  auto search = [spelled](const PriceProvider& provider) -> Found {
    for (const PricedModel& model : provider.models)
      if (model.match.matches(spelled)) return {&provider, &model};
    return {};
  };
  if (Found found = search(owner)) return found;
  for (const std::string& id : owner.fallbacks)
    if (const PriceProvider* other = provider(id))
      if (Found found = search(*other)) return found;
  return {};
}

PriceTable::Found PriceTable::find(std::string_view provider_id, std::string_view model) const {
  const PriceProvider* owner = provider(provider_id);
  if (!owner) return {};
  ModelSpellings spellings = model_spellings(model);
  for (std::size_t i = 0; i < spellings.names.size(); ++i) {
    Found found = find_exact(*owner, spellings.names[i]);
    found.approximate = i >= spellings.exact;
    if (found) return found;
  }
  return {};
}

ModelSpellings model_spellings(std::string_view model) {
  constexpr std::size_t kLongest = 512;
  ModelSpellings spellings;
  if (model.empty() || model.size() > kLongest) return spellings;
  auto add = [&names = spellings.names](std::string_view spelled) {
    if (!spelled.empty() && std::ranges::find(names, spelled) == names.end()) names.emplace_back(spelled);
  };
  std::string name = lower(model);
  add(name);
  if (auto dated = with_spelled_date(name)) add(*dated);
  std::string_view plain = name;
  if (std::size_t slash = plain.rfind('/'); slash != plain.npos) plain.remove_prefix(slash + 1);
  add(plain);
  // "...-v1:0", "...:free", "...@20250929"
  cut_at(plain, ':');
  cut_at(plain, '@');
  add(plain);
  plain = without_region_and_vendor(plain);
  add(plain);
  spellings.exact = spellings.names.size();
  for (std::string_view shorter = without_version(plain); shorter != plain; shorter = without_version(plain))
    add(plain = shorter);
  return spellings;
}

}  // namespace weir::llm
