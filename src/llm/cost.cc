#include "llm/cost.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/ascii.h"

namespace weir::llm {
namespace {

struct ProviderId {
  std::string_view ours;
  std::string_view tables;
};

constexpr ProviderId kIds[] = {
    {"aws-bedrock", "aws"},
    {"azure-openai", "azure"},
    {"azure-inference", "azure"},
    {"google-gemini", "google"},
    {"google-vertex", "google"},
    {"google-code-assist", "google"},
    {"xai", "x-ai"},
    {"zai", "zhipuai"},
    {"moonshot", "moonshotai"},
    {"voyage", "voyageai"},
};

/// Whoever made the protocol, where nobody knows who bills: behind a gateway, on a host of its own.
std::string_view maker_of(Protocol protocol) {
  switch (protocol) {
    case Protocol::anthropic_messages: return "anthropic";
    case Protocol::openai_chat:
    case Protocol::openai_completions:
    case Protocol::openai_responses:
    case Protocol::openai_realtime:
    case Protocol::openai_embeddings: return "openai";
    case Protocol::gemini_generate:
    case Protocol::gemini_embed: return "google";
    case Protocol::bedrock_converse:
    case Protocol::bedrock_invoke: return "aws";
    case Protocol::cohere_v1:
    case Protocol::cohere_v2: return "cohere";
    default: return {};
  }
}

constexpr std::string_view kGateways[] = {"", "github-copilot", "github-models", "vercel-gateway",
                                          "cloudflare-gateway"};

std::int64_t count(const std::optional<std::int64_t>& tokens) {
  // Counts come from anybody; no bill has more.
  return std::clamp<std::int64_t>(tokens.value_or(0), 0, std::int64_t{1} << 40);
}

std::int64_t detail(const Usage& usage, std::initializer_list<std::string_view> keys) {
  for (std::string_view key : keys)
    for (const auto& [known, value] : usage.details)
      if (known == key) return count(value);
  return 0;
}

/// A part cannot be more than what it is part of.
std::int64_t take(std::int64_t part, std::int64_t& whole) {
  part = std::min(part, whole);
  whole -= part;
  return part;
}

/// The price of a unit, or of the more general one that it is part of; free where nothing is asked for
/// either.
PicoUsd price_or(const Prices& prices, std::int64_t total, std::initializer_list<Unit> units) {
  for (Unit unit : units)
    if (auto price = prices.of(unit, total)) return *price;
  return 0;
}

PicoUsd capped(__int128 sum) { return sum > INT64_MAX ? INT64_MAX : static_cast<PicoUsd>(sum); }

enum class Tier : std::uint8_t { standard, half, other };
Tier tier_of(std::string_view tier) {
  if (iequals(tier, "batch") || iequals(tier, "flex") || iequals(tier, "ON_DEMAND_FLEX")) return Tier::half;
  if (tier.empty() || iequals(tier, "standard") || iequals(tier, "default") || iequals(tier, "auto") ||
      iequals(tier, "on_demand") || iequals(tier, "reserved"))
    return Tier::standard;
  return Tier::other;
}

/// What is published of tiers, speeds and places. Of others only that the list price is not theirs is known.
Rate rate_of(std::string_view provider, std::string_view model, const ModelCall& call) {
  Rate rate;
  bool anthropic = provider == "anthropic";
  if (Tier tier = tier_of(call.service_tier); tier != Tier::standard) {
    rate.listed = false;
    if (tier == Tier::half && (anthropic || provider == "openai" || provider == "google")) rate.over *= 2;
  }
  if (!call.speed.empty() && call.speed != "standard") {
    rate.listed = false;
    if (anthropic && call.speed == "fast" && model == "claude-opus-5") rate.times *= 2;
  }
  if (!call.place.empty() && call.place != "global" && call.place != "not_available") {
    rate.listed = false;
    if (anthropic && call.place == "us") rate.times *= 11, rate.over *= 10;
  }
  return rate;
}

CostSource both(CostSource one, CostSource other) {
  if (one == other || other == CostSource::none) return one;
  if (one == CostSource::none) return other;
  bool estimated = one == CostSource::estimated || other == CostSource::estimated;
  return estimated ? CostSource::estimated : CostSource::table;
}

void add(Cost& sum, const Cost& step) {
  sum.amount = capped(static_cast<__int128>(sum.amount.value_or(0)) + *step.amount);
  sum.source = both(sum.source, step.source);
  sum.model = step.model;
  sum.assumed.biller |= step.assumed.biller;
  sum.assumed.version |= step.assumed.version;
  sum.assumed.rate |= step.assumed.rate;
  sum.assumed.unfinished |= step.assumed.unfinished;
}

Cost unpriced(Unpriced reason) { return {.amount = {}, .reason = reason, .model = {}}; }

}  // namespace

std::string_view name(CostSource source) {
  constexpr std::string_view kNames[] = {"", "provider", "own", "table", "estimated", "local"};
  return kNames[static_cast<std::size_t>(source)];
}

std::string_view name(Unpriced reason) {
  constexpr std::string_view kNames[] = {"", "no_usage", "no_model", "unknown_provider", "unknown_model"};
  return kNames[static_cast<std::size_t>(reason)];
}

Billable Billable::of(const Usage& usage) {
  Billable parts;
  parts.cache_read = count(usage.cache_read);
  parts.cache_write_1h = count(usage.cache_write_1h);
  std::int64_t writes =
      std::max(count(usage.cache_write), parts.cache_write_1h + count(usage.cache_write_5m));
  parts.cache_write_5m = writes - parts.cache_write_1h;
  std::int64_t cached = parts.cache_read + writes;
  parts.fresh =
      usage.input_fresh ? count(usage.input_fresh) : std::max<std::int64_t>(count(usage.input) - cached, 0);
  parts.output = usage.output ? count(usage.output) : count(usage.output_visible) + count(usage.reasoning);
  std::int64_t audio = detail(usage, {"prompt_tokens_details.audio_tokens",
                                      "input_tokens_details.audio_tokens", "promptTokensDetails.AUDIO"});
  std::int64_t cached_audio = detail(usage, {"input_tokens_details.cached_tokens_details.audio_tokens"});
  parts.input_audio = take(std::max<std::int64_t>(audio - cached_audio, 0), parts.fresh);
  parts.output_audio =
      take(detail(usage, {"completion_tokens_details.audio_tokens", "output_tokens_details.audio_tokens",
                          "candidatesTokensDetails.AUDIO"}),
           parts.output);
  parts.reasoning = take(count(usage.reasoning), parts.output);
  parts.web_searches = detail(usage, {"server_tool_use.web_search_requests", "web_search_calls"});
  return parts;
}

std::int64_t Billable::total_input() const {
  return fresh + cache_read + cache_write_5m + cache_write_1h + input_audio;
}

PicoUsd amount_of(const Prices& prices, const Billable& parts, Rate rate) {
  std::int64_t total = parts.total_input();
  __int128 sum = 0;
  auto add = [&](std::int64_t tokens, std::initializer_list<Unit> units) {
    sum += static_cast<__int128>(tokens) * price_or(prices, total, units);
  };
  add(parts.fresh, {Unit::input});
  add(parts.cache_read, {Unit::cache_read, Unit::input});
  add(parts.cache_write_5m, {Unit::cache_write, Unit::input});
  add(parts.cache_write_1h, {Unit::cache_write_1h, Unit::cache_write, Unit::input});
  add(parts.input_audio, {Unit::input_audio, Unit::input});
  add(parts.output, {Unit::output});
  add(parts.reasoning, {Unit::reasoning, Unit::output});
  add(parts.output_audio, {Unit::output_audio, Unit::output});
  sum = (sum * rate.times + rate.over / 2) / rate.over;
  add(parts.web_searches, {Unit::web_search});
  add(1, {Unit::request});
  return capped(sum);
}

std::string_view Pricing::table_provider(std::string_view provider, Protocol protocol, bool& guessed) {
  guessed = std::ranges::find(kGateways, provider) != std::end(kGateways);
  if (guessed) return maker_of(protocol);
  auto known = std::ranges::find(kIds, provider, &ProviderId::ours);
  return known == std::end(kIds) ? provider : known->tables;
}

const OwnPrice* Pricing::own_price(std::string_view provider, Names names) const {
  if (own_.empty()) return nullptr;
  for (std::string_view model : {names.served, names.asked})
    for (const std::string& spelled : model_spellings(model).names)
      for (const OwnPrice& own : own_)
        if ((own.provider.empty() || own.provider == provider) && matches_pattern(lower(own.model), spelled))
          return &own;
  return nullptr;
}

// Bedrock's prices are those of a region, or of all: only the name that was asked for says which.
PriceTable::Found Pricing::found(std::string_view provider, Names names) const {
  bool asked_first = provider == "aws";
  if (auto first = table_.find(provider, asked_first ? names.asked : names.served)) return first;
  return table_.find(provider, asked_first ? names.served : names.asked);
}

Cost Pricing::price_of(const ModelCall& call, Names names, const Billable& parts) const {
  if (const OwnPrice* own = own_price(call.provider, names))
    return {amount_of(own->prices, parts), CostSource::own, {}, own->model};
  if (call.provider == "local" || call.provider == "ollama")
    return {0, CostSource::local, {}, std::string(names.served)};
  if (names.served.empty() && names.asked.empty()) return unpriced(Unpriced::no_model);
  Assumptions assumed;
  std::string_view provider = table_provider(call.provider, call.protocol, assumed.biller);
  if (!table_.provider(provider)) return unpriced(Unpriced::unknown_provider);
  auto model = found(provider, names);
  if (!model) return unpriced(assumed.biller ? Unpriced::unknown_provider : Unpriced::unknown_model);
  Rate rate = rate_of(provider, model.model->id, call);
  assumed.version = model.approximate;
  assumed.rate = !rate.listed;
  assumed.unfinished = call.partial || !call.error_type.empty();
  return {.amount = amount_of(model.model->at(call.started), parts, rate),
          .source = assumed.any() ? CostSource::estimated : CostSource::table,
          .model = model.model->id,
          .assumed = assumed};
}

Cost Pricing::price_steps(const ModelCall& call, const Usage& usage) const {
  Cost sum;
  std::int64_t searches = Billable::of(usage).web_searches;  // of the whole call
  for (const UsageStep& step : call.steps) {
    Billable parts = Billable::of(step.usage);
    parts.web_searches = std::exchange(searches, 0);
    Names names{call.model_served, call.model_asked};
    if (!step.model.empty()) names = {step.model, step.model};
    Cost cost = price_of(call, names, parts);
    if (!cost.amount) return cost;
    add(sum, cost);
  }
  return sum;
}

Cost Pricing::price(const ModelCall& call, const Usage& usage) const {
  if (auto stated = usage.cost_usd; stated && *stated >= 0 && *stated < 1e6)
    return {std::llround(*stated * static_cast<double>(kPicoPerUsd)),
            CostSource::provider,
            {},
            call.model_served};
  if (!call.steps.empty()) return price_steps(call, usage);
  if (usage.empty()) return unpriced(Unpriced::no_usage);
  return price_of(call, {call.model_served, call.model_asked}, Billable::of(usage));
}

std::string dollars(PicoUsd amount) {
  constexpr PicoUsd kMicro = 1'000'000, kLittle = 10 * kMicro;
  PicoUsd whole = std::max<PicoUsd>(amount, 0);
  if (whole > 0 && whole < kLittle) {
    std::string text = fmt::format("$0.{:012}", whole);
    return text.substr(0, text.find_last_not_of('0') + 1);
  }
  PicoUsd micros = whole / kMicro + (whole % kMicro >= kMicro / 2);
  return fmt::format("${}.{:06}", micros / 1'000'000, micros % 1'000'000);
}

}  // namespace weir::llm
