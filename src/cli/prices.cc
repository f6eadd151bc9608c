// `weir prices show | check | update`: what calls of models are priced by.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "app/model_settings.h"
#include "app/price_file.h"
#include "base/ascii.h"
#include "base/clock.h"
#include "base/json.h"
#include "cli/output.h"
#include "cli/place.h"
#include "cli/price_gaps.h"
#include "cli/problems.h"
#include "cli/time_flag.h"
#include "cli/verbs.h"
#include "config/load.h"
#include "config/paths.h"
#include "flow/text.h"
#include "llm/cost.h"
#include "store/model_query.h"

namespace weir::cli {
namespace {

struct PriceChoice {
  std::string model, file, config;
  Place place;
  std::optional<WallNanos> since, until;
  bool json = false;
};

constexpr WallNanos kDay = 86'400'000'000'000;
constexpr std::int64_t kOldAfterDays = 90;

using llm::Unit;

struct Column {
  std::string_view title;
  Unit unit;
};
constexpr Column kColumns[] = {{"INPUT", Unit::input},
                               {"OUTPUT", Unit::output},
                               {"CACHE READ", Unit::cache_read},
                               {"CACHE WRITE", Unit::cache_write},
                               {"1 HOUR", Unit::cache_write_1h}};

/// USD for a million, without zeros at the end: a picodollar a token is a microdollar a million.
std::string per_million(llm::PicoUsd price) {
  std::string text = fmt::format("{}.{:06}", price / 1'000'000, price % 1'000'000);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

/// "3 (>200000: 6)"
std::string price_text(const llm::Prices& prices, Unit unit) {
  std::string text, tiers;
  for (const llm::UnitPrice& each : prices.units) {
    if (each.unit != unit) continue;
    if (each.above < 0)
      text = per_million(each.price);
    else
      tiers += fmt::format("{}>{}: {}", tiers.empty() ? "" : ", ", each.above, per_million(each.price));
  }
  if (text.empty()) return "-";
  return tiers.empty() ? text : fmt::format("{} ({})", text, tiers);
}

/// The models to show: all that have the words in their names, and what a call that says them is priced by.
bool is_meant(const llm::PriceTable& table, const llm::PriceProvider& provider, const llm::PricedModel& model,
              const std::string& wanted) {
  if (wanted.empty() || icontains(model.id, wanted) || iequals(provider.id, wanted)) return true;
  auto found = table.find(provider.id, wanted);
  return found.provider == &provider && found.model == &model;
}

bool is_meant(const llm::OwnPrice& own, const std::string& wanted) {
  return wanted.empty() || icontains(own.model, wanted) || iequals(own.provider, wanted) ||
         llm::matches_pattern(own.model, lower(wanted));
}

/// What there is to show: the user's own first.
struct PriceList {
  std::vector<llm::OwnPrice> own;
  llm::PriceTable table;
  std::string file;  ///< the user's configuration
};

void write_prices(JsonWriter& json, const llm::Prices& prices) {
  json.key("prices").begin_array();
  for (const llm::UnitPrice& each : prices.units) {
    json.begin_object().field("unit", llm::name(each.unit)).field("pico_usd", each.price);
    if (each.above >= 0) json.field("above_input", each.above);
    json.end_object();
  }
  json.end_array();
}

/// Calls `each(provider, model, prices, own)` for every row that is meant; how many there are.
template <typename Each>
std::size_t each_meant(const PriceList& list, const std::string& wanted, Each&& each) {
  std::size_t count = 0;
  for (const llm::OwnPrice& own : list.own)
    if (is_meant(own, wanted)) each(own.provider, own.model, own.prices, true), ++count;
  for (const llm::PriceProvider& provider : list.table.providers())
    for (const llm::PricedModel& model : provider.models)
      if (is_meant(list.table, provider, model, wanted))
        each(provider.id, model.id, model.at(wall_now()), false), ++count;
  return count;
}

std::size_t write_json(const PriceList& list, const PriceChoice& choice, Output& out) {
  JsonWriter json(out.buffer(), 2);
  json.begin_object().field("source", list.table.source()).field("date", list.table.date());
  json.key("models").begin_array();
  std::size_t count =
      each_meant(list, choice.model, [&](auto& provider, auto& model, auto& prices, bool own) {
        json.begin_object().field("provider", provider).field("model", model);
        if (own) json.field("own", true);
        write_prices(json, prices);
        json.end_object();
      });
  json.end_array();
  json.end_object();
  out.write("\n");
  return count;
}

std::size_t write_table(const PriceList& list, const PriceChoice& choice, Output& out) {
  out.write(fmt::format("USD for a million tokens, now; {}, {}\n", flow::printable(list.table.source()),
                        flow::printable(list.table.date())));
  std::string line = fmt::format("{:<12} {:<36}", "PROVIDER", "MODEL");
  for (const Column& column : kColumns) line += fmt::format(" {:<20}", column.title);
  auto finish = [&] {
    line.erase(line.find_last_not_of(' ') + 1);
    out.write(line + "\n");
    out.flush_if_large();
  };
  finish();
  return each_meant(list, choice.model, [&](auto& provider, auto& model, auto& prices, bool own) {
    line = fmt::format("{:<12} {:<36}", provider.empty() ? "(any)" : flow::printable(provider),
                       flow::printable(model));
    for (const Column& column : kColumns) line += fmt::format(" {:<20}", price_text(prices, column.unit));
    if (own) line += " (your own)";
    finish();
  });
}

/// Says what is wrong and gives the status to exit with where that is so; 0 where `out` is filled.
int read_list(const PriceChoice& choice, PriceList& out) {
  auto loaded = config::load({.file = choice.config, .file_required = !choice.config.empty()});
  if (!loaded) return report(loaded.error());
  report(loaded->warnings);
  auto table = choice.file.empty() ? app::load_prices() : app::read_prices(choice.file);
  if (!table) return report(table.error());
  out = {app::own_prices(loaded->settings.models), std::move(*table), loaded->file};
  if (out.file.empty()) out.file = config::config_file().value_or("your configuration");
  return kExitOk;
}

int show(const PriceChoice& choice) {
  PriceList list;
  if (int status = read_list(choice, list); status != kExitOk) return status;
  Output out(STDOUT_FILENO);
  std::size_t count = choice.json ? write_json(list, choice, out) : write_table(list, choice, out);
  if (auto finished = out.finish(); !finished) return report(finished.error());
  if (count > 0) return kExitOk;
  fmt::print(stderr, "weir: no model in the price table is called \"{}\"\n", flow::printable(choice.model));
  return kExitError;
}

/// By what it says of itself, or since when it is in force.
std::optional<std::int64_t> days_old(const PriceList& list, const PriceChoice& choice) {
  std::optional<WallNanos> made = list.table.made();
  std::error_code error;
  if (auto file = app::price_file(); !made && choice.file.empty() && file) {
    auto written = std::filesystem::last_write_time(*file, error);
    if (!error) {
      auto age = std::filesystem::file_time_type::clock::now() - written;
      return std::chrono::duration_cast<std::chrono::hours>(age).count() / 24;
    }
  }
  if (!made) return std::nullopt;
  return std::max<std::int64_t>((wall_now() - *made) / kDay, 0);
}

std::string heading(const PriceList& list, const std::optional<std::int64_t>& days) {
  std::size_t models = 0;
  for (const llm::PriceProvider& provider : list.table.providers()) models += provider.models.size();
  std::string out = list.table.source().empty() ? "Price table" : flow::printable(list.table.source());
  if (!list.table.date().empty()) out += ", " + flow::printable(list.table.date());
  out += days ? fmt::format(", {} days old", *days) : ", of an unknown date";
  out += fmt::format(": {} models of {} providers", models, list.table.providers().size());
  if (list.table.skipped() > 0) out += fmt::format(", {} not understood", list.table.skipped());
  out += fmt::format("; {} prices of your own\n", list.own.size());
  if (days.value_or(0) > kOldAfterDays)
    out += fmt::format(
        "It is more than {} days old: `weir prices update FILE` takes a newer one (genai-prices' "
        "data.json)\n",
        kOldAfterDays);
  return out;
}

/// Nothing to compare with is no fault of the table, unless it was asked for by name.
Result<> compare(const PriceChoice& choice, PriceGaps& gaps) {
  auto scope = scope_of(choice.place);
  auto done = scope ? store::for_each_model_call(
                          *scope, choice.since.value_or(0), choice.until.value_or(INT64_MAX),
                          [&](const std::string&, const store::ModelRecord& record) { gaps.add(record); })
                    : Result<>(std::unexpected(scope.error()));
  bool named = !choice.place.data.empty() || !choice.place.session.empty();
  if (!done && !named && done.error().code() == Code::not_found) return {};
  return done;
}

int check(const PriceChoice& choice) {
  PriceList list;
  if (int status = read_list(choice, list); status != kExitOk) return status;
  llm::Pricing pricing(list.table, list.own);
  PriceGaps gaps(pricing);
  if (auto done = compare(choice, gaps); !done) return report_no_recordings(choice.place, done.error());
  auto days = days_old(list, choice);
  Output out(STDOUT_FILENO);
  if (choice.json) {
    JsonWriter json(out.buffer(), 2);
    json.begin_object().field("source", list.table.source()).field("date", list.table.date()).key("days_old");
    days ? json.value(*days) : json.null();
    json.field("not_understood", list.table.skipped()).field("own", list.own.size());
    gaps.write(json);
    json.end_object();
    out.write("\n");
  } else {
    out.write(heading(list, days));
    out.write(gaps.calls() == 0 ? "No call of a model was recorded there to compare it with\n"
                                : gaps.text(list.file));
  }
  if (auto finished = out.finish(); !finished) return report(finished.error());
  return gaps.complete() ? kExitOk : kExitError;
}

int update(const PriceChoice& choice) {
  auto table = app::update_prices(choice.file);
  if (!table) return report(table.error());
  std::size_t models = 0;
  for (const llm::PriceProvider& provider : table->providers()) models += provider.models.size();
  fmt::print("{} models of {} providers have prices now", models, table->providers().size());
  if (table->skipped() > 0) fmt::print("; {} could not be understood and were left out", table->skipped());
  fmt::print("\n");
  return kExitOk;
}

}  // namespace

void add_prices(CLI::App& app, int& exit_code) {
  auto choice = std::make_shared<PriceChoice>();
  CLI::App* verb = app.add_subcommand("prices", "What calls of models are priced by");
  verb->require_subcommand(1);
  CLI::App* show_verb = verb->add_subcommand("show", "The prices in force now");
  show_verb->add_option("model", choice->model,
                        "Only models, or a provider, of this name or with it in theirs");
  show_verb->add_option("--config", choice->config, "With the prices of this configuration file")
      ->type_name("FILE");
  show_verb->add_flag("--json", choice->json, "As JSON, in picodollars for one");
  show_verb->callback([choice, &exit_code] { exit_code = show(*choice); });
  CLI::App* check_verb = verb->add_subcommand(
      "check", "Look for recorded calls of models that have no price, and how old the table is");
  check_verb->add_option("file", choice->file, "Check this table, without putting it in force");
  add_place_flags(*check_verb, choice->place);
  add_time_flag(*check_verb, "--since", choice->since, "Calls since then (1h, today, 2025-01-31)");
  add_time_flag(*check_verb, "--until", choice->until, "Calls before then");
  check_verb->add_option("--config", choice->config, "With the prices of this configuration file")
      ->type_name("FILE");
  check_verb->add_flag("--json", choice->json, "As JSON");
  check_verb->callback([choice, &exit_code] { exit_code = check(*choice); });
  CLI::App* update_verb = verb->add_subcommand("update", "Use a newer table in place of the one built in");
  update_verb->add_option("file", choice->file, "genai-prices' data.json, as it is published")->required();
  update_verb->callback([choice, &exit_code] { exit_code = update(*choice); });
}

}  // namespace weir::cli
